/** Made-up records for tests and for looking at panels: a ring of cameras around the origin. */
import type {
  CurvePoint,
  FrameColumns,
  FrameMetrics,
  JobView,
  ObjectView,
  ProcedureOutput,
  ProjectState,
  QueryAnswer,
  QueryView,
} from '../../contract/index.ts';
import { objectColor } from '../ui/index.ts';

export function sampleProject(change: Partial<ProjectState> = {}): ProjectState {
  return {
    folder: '/projects/fox.liftscope',
    name: 'fox',
    revision: 12,
    savedAt: 1_790_000_000_000,
    captures: [
      {
        id: 1,
        name: 'fox',
        sourcePath: '/captures/fox',
        format: 'instant-ngp',
        frames: 50,
        trainFrames: 43,
        holdoutFrames: 7,
        points: 0,
        bounds: { min: [-4, -4, -4], max: [4, 4, 4] },
        missing: [],
        missingCount: 0,
        warnings: [],
        warningCounts: {},
        importedAt: 1_790_000_000_000,
      },
    ],
    currentCaptureId: 1,
    splats: [
      {
        id: 1,
        captureId: 1,
        jobId: 2,
        gaussians: 45_000,
        shDegree: 3,
        psnr: 31.52,
        ssim: 0.941,
        createdAt: 1_790_000_000_000,
      },
    ],
    currentSplatsId: 1,
    objects: 3,
    observations: 120,
    undo: null,
    redo: null,
    ...change,
  };
}

export function sampleJob(change: Partial<JobView> = {}): JobView {
  return {
    id: 2,
    kind: 'train-splats',
    title: 'Train fox, 3000 iterations',
    state: 'running',
    priority: 0,
    captureId: 1,
    splatsId: null,
    progress: 0.63,
    detail: '1890 of 3000 iterations, 61 it/s',
    secondsLeft: 18,
    device: 'wasm, 2 threads',
    memoryBytes: 265_000_000,
    failure: null,
    resumable: false,
    preview: 0,
    createdAt: 1_790_000_000_000,
    startedAt: 1_790_000_001_000,
    finishedAt: null,
    ...change,
  };
}

export function sampleAppState(change: Partial<ProcedureOutput<'app.state'>> = {}): ProcedureOutput<'app.state'> {
  return {
    version: '0.1.0',
    platform: 'linux',
    roots: ['/captures', '/projects'],
    recent: [
      { folder: '/projects/fox.liftscope', name: 'fox', openedAt: 1_790_000_000_000, exists: true },
      { folder: '/projects/kitchen.liftscope', name: 'kitchen', openedAt: 1_789_900_000_000, exists: false },
    ],
    project: null,
    jobs: [],
    backend: { name: 'wasm, 2 threads', detail: 'No hardware adapter answered.' },
    ...change,
  };
}

/** Cameras on a circle of radius 4 that look at the origin. */
export function sampleFrames(count = 50): FrameColumns {
  const ids = Array.from({ length: count }, (_, i) => `f${i}`);
  const poses: number[] = [];
  const intrinsics: number[] = [];
  for (let i = 0; i < count; i++) {
    const angle = (i / count) * 2 * Math.PI;
    // A turn about y, then a step back along the camera's own axis.
    poses.push(Math.cos(angle / 2), 0, Math.sin(angle / 2), 0, 0, 0, 4);
    intrinsics.push(132, 236, 160, 160, 66, 118);
  }
  return {
    captureId: 1,
    ids,
    names: ids.map((_, i) => `${String(i + 1).padStart(4, '0')}.jpg`),
    poses,
    intrinsics,
    holdout: ids.map((_, i) => (i % 8 === 0 ? 1 : 0)),
    timestampsSeconds: ids.map(() => null),
  };
}

export function sampleMetrics(count = 50): FrameMetrics {
  return {
    splatsId: 1,
    frames: Array.from({ length: count }, (_, i) => ({
      name: `${String(i + 1).padStart(4, '0')}.jpg`,
      psnr: 31 + 3 * Math.sin(i * 1.7) - (i === 12 ? 8 : 0),
      ssim: 0.94 + 0.03 * Math.sin(i * 1.7),
      holdout: i % 8 === 0,
    })),
  };
}

export function sampleCurve(iterations = 1900): CurvePoint[] {
  return Array.from({ length: Math.floor(iterations / 10) }, (_, i) => ({
    iteration: (i + 1) * 10,
    loss: 0.04 + 0.25 * Math.exp(-i / 30) + 0.006 * Math.sin(i * 3.1),
    gaussians: Math.min(45_000, 5000 + i * 300),
    iterationsPerSecond: 61,
    psnr: (i + 1) % 50 === 0 ? 24 + 8 * (1 - Math.exp(-i / 60)) : null,
    ssim: (i + 1) % 50 === 0 ? 0.9 : null,
  }));
}

export function sampleObjects(count = 3): ObjectView[] {
  const names = ['fox', 'plinth', 'basket', 'mug', 'chair', 'plant'];
  return Array.from({ length: count }, (_, i) => ({
    id: i + 1,
    name: `${names[i % names.length]}${i < names.length ? '' : ` ${i}`}`,
    className: names[i % names.length] ?? '',
    color: objectColor(i),
    hidden: false,
    locked: false,
    provenance: 'lifted',
    frames: 40,
    firstFrame: 0,
    lastFrame: 49,
    centroid: [Math.cos(i), 0, Math.sin(i)],
    confidence: 0.9,
  }));
}

export function sampleQuery(change: Partial<QueryView> = {}): QueryView {
  return {
    id: 1,
    captureId: 1,
    text: 'red mug',
    negatives: ['object', 'things', 'stuff', 'texture'],
    scale: 'auto',
    threshold: 0.5,
    saved: false,
    createdAt: 1_790_000_000_000,
    ...change,
  };
}

export function sampleAnswer(change: Partial<QueryAnswer> = {}): QueryAnswer {
  return {
    fieldId: 1,
    recipe: 'n2f2',
    map: `${'0'.repeat(64)}.relevancy`,
    found: true,
    gate: 0.5,
    maximum: 0.71,
    unknownWords: [],
    notes: [],
    negatives: ['object', 'things', 'stuff', 'texture'],
    scales: Array.from({ length: 8 }, (_, i) => ({
      name: `${8 * (i + 1)} dimensions`,
      maximum: 0.44 + 0.27 * Math.exp(-((i - 4.5) ** 2) / 5),
    })),
    scale: 'composite',
    objects: [
      { id: 2, relevancy: 0.66, maximum: 0.71, share: 0.94 },
      { id: 1, relevancy: 0.49, maximum: 0.55, share: 0.21 },
      { id: 3, relevancy: 0.41, maximum: 0.46, share: 0 },
    ],
    lifted: true,
    stored: false,
    encodeMs: 3.8,
    totalMs: 11.2,
    ...change,
  };
}
