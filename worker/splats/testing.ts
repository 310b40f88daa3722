/** A capture for tests: photos of a few known Gaussians, rendered by our own renderer, with a sparse cloud beside them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type SparsePoints,
  type TrainingEvent,
  type TrainingFrame,
  type TrainingParameters,
  type TrainingRequest,
  trainingRequestSchema,
} from '../../contract/index.ts';
import { WasmBackend } from '../compute/index.ts';
import { writeImage } from '../images/index.ts';
import type { SplatArrays } from './file.ts';
import { SplatModel } from './model.ts';
import { randomFor } from './random.ts';
import { SplatRenderer } from './render.ts';
import { viewOf } from './targets.ts';

/** Degree-0 coefficient of a colour in [0, 1]. */
const coefficientOf = (colour: number): number => (colour - 0.5) / 0.28209479177387814;

/** `count` opaque coloured blobs in a ball of radius 1 around the origin. */
function knownSplats(count: number, seed = 5): SplatArrays {
  const random = randomFor(seed, 'initial points', 0);
  const between = (low: number, high: number) => low + (high - low) * random();
  const array = (length: number, draw: (i: number) => number) => Float32Array.from({ length }, (_, i) => draw(i));
  return {
    count,
    shDegree: 0,
    means: array(3 * count, () => between(-0.8, 0.8)),
    quaternions: array(4 * count, (i) => (i % 4 === 0 ? 1 : between(-0.7, 0.7))),
    logScales: array(3 * count, () => Math.log(between(0.08, 0.22))),
    logitOpacities: array(count, () => between(1, 4)),
    sh: array(3 * count, () => coefficientOf(between(0.05, 0.95))),
  };
}

/** A camera on a circle of radius 3 that looks at the origin. */
export function frameAt(
  angle: number,
  image: { readonly name: string; readonly imagePath: string; readonly width: number; readonly height: number },
): TrainingFrame {
  const { width, height } = image;
  return {
    ...image,
    ...{ fx: width, fy: width, cx: width / 2, cy: height / 2, role: 'train' },
    cameraFromWorld: { quaternion: [Math.cos(angle / 2), 0, Math.sin(angle / 2), 0], translation: [0, 0, 3] },
  };
}

export interface SmallCapture {
  readonly directory: string;
  /** The last one is held out. */
  readonly frames: readonly TrainingFrame[];
  readonly points: SparsePoints;
  readonly truth: SplatArrays;
}

/** Seven photos of `width` x `height` and a cloud of points near the true positions, in `directory`. */
export async function makeSmallCapture(
  directory: string,
  { width = 72, height = 64, gaussians = 60 } = {},
): Promise<SmallCapture> {
  await mkdir(directory, { recursive: true });
  const truth = knownSplats(gaussians);
  const frames = Array.from({ length: 7 }, (_, i) => {
    const name = `${i}.png`;
    // The held-out camera stands between two others.
    const angle = (i === 6 ? 2.5 : i) * 0.35 - 0.9;
    return { ...frameAt(angle, { name, imagePath: join(directory, name), width, height }), role: roleOf(i) };
  });
  const backend = await WasmBackend.create({ threads: 1 });
  const model = new SplatModel(backend, truth.count, 0, { trainable: false });
  model.upload(truth);
  const renderer = new SplatRenderer(backend, model);
  for (const frame of frames) await writeImage(frame.imagePath, await renderer.colour(viewOf(frame)));
  await backend.dispose();
  const random = randomFor(9, 'initial points', 1);
  const count = 3 * gaussians;
  const positions = Float32Array.from({ length: 3 * count }, (_, i) => {
    const source = 3 * (Math.floor(i / 3) % gaussians) + (i % 3);
    return truth.means[source]! + 0.12 * (random() - 0.5);
  });
  const path = join(directory, 'points.bin');
  await writePoints(path, positions);
  return { directory, frames, points: { path, count }, truth };
}

const roleOf = (index: number): TrainingFrame['role'] => (index === 6 ? 'holdout' : 'train');

/** Grey sparse points. */
export async function writePoints(path: string, positions: Float32Array): Promise<void> {
  const colours = new Uint8Array(positions.length).fill(128);
  await writeFile(path, Buffer.concat([new Uint8Array(positions.buffer, 0, positions.byteLength), colours]));
}

/** Everything that training does, in a few iterations: densification, coarse to fine, rising degree. */
const SMALL_TRAINING: Partial<TrainingParameters> = {
  ...{ iterations: 140, maxGaussians: 230, seed: 3, shDegree: 1, shDegreeEvery: 60, downscales: 1, downscaleEvery: 40 },
  ...{ densifyFrom: 40, densifyEvery: 20, densifyUntil: 0.8, growth: 0.08 },
  ...{ positionRate: 2e-3, positionRateEnd: 2e-4, shRate: 2e-2, scaleRate: 1e-2, noiseRate: 5e4 },
};

/** One thread unless told otherwise. @param run names the folder of checkpoints and the output of this training. */
export function requestOf(
  capture: SmallCapture,
  run: string,
  parameters: Partial<TrainingParameters> = {},
  options: Partial<TrainingRequest> = {},
): TrainingRequest {
  return trainingRequestSchema.parse({
    ...{ frames: capture.frames, points: capture.points, backend: 'wasm', threads: 1 },
    ...{ checkpointDir: join(capture.directory, run), outputPath: join(capture.directory, `${run}.splats`) },
    ...{ checkpointEvery: 0, evaluateEvery: 0 },
    parameters: { ...SMALL_TRAINING, ...parameters },
    ...options,
  });
}

/** Where the events of a training go, and a way to cancel it at one of them. */
export function recorder(cancelAt: (event: TrainingEvent) => boolean = () => false) {
  const controller = new AbortController();
  const events: TrainingEvent[] = [];
  return {
    events,
    signal: controller.signal,
    emit(event: TrainingEvent) {
      events.push(event);
      if (cancelAt(event)) controller.abort();
    },
    of<T extends TrainingEvent['type']>(type: T) {
      return events.filter((event): event is Extract<TrainingEvent, { type: T }> => event.type === type);
    },
  };
}
