import { LiftscopeError, OBSERVATION_FLAGS, preparedCaptureSchema, type StudioRecord } from '../../contract/index.ts';
import { openProject } from './project.ts';

/** Index into `OBSERVATION_STATES`. */
const STATE = { visible: 0, occluded: 1, outOfView: 2 } as const;
/** Observations written in one transaction: bounds memory and lets the caller stop. */
const BATCH = 100_000;
/** Most tracks of one object. */
const MAX_PIECES = 5;
const [WIDTH, HEIGHT] = [64, 48];

export interface SyntheticOptions {
  readonly frames?: number;
  readonly objects?: number;
  /** In total, spread evenly over the objects. */
  readonly observations?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface SyntheticProject {
  readonly captureId: number;
  readonly tracks: number;
  readonly observations: number;
  readonly seconds: number;
}

/**
 * Makes a project of a size that is hard to come by otherwise, for measuring the studio: a camera that walks a circle, one
 * tiny photo for all frames, objects that come and go with tracks that break where they are occluded. The same seed gives the
 * same records. Defaults are the size that the studio is built for.
 *
 * @throws LiftscopeError `bad-input` when more observations are asked for than objects have frames
 */
export async function createSyntheticProject(
  folder: string,
  options: SyntheticOptions = {},
): Promise<SyntheticProject> {
  const { frames = 10_000, objects = 1000, observations = 1_000_000, seed = 0 } = options;
  if (observations > frames * objects || Math.min(frames, objects) < 1) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${objects} objects in ${frames} frames cannot have ${observations} observations.`,
    });
  }
  const start = performance.now();
  using project = await openProject(folder, { create: true });
  const photo = await project.artifacts.put(await tinyPhoto(), 'png');
  const captureId = project.captures.add(circleWalk(frames, project.artifacts.path(photo)), undefined, {
    synthetic: seed,
  });

  const random = randomOf(seed);
  const records: StudioRecord[] = [];
  const firstObject = project.newIds('object', objects);
  const firstTrack = project.newIds('track', objects * MAX_PIECES);
  let batch = emptyBatch();
  let written = 0;
  let tracks = 0;
  const flush = (): void => {
    options.signal?.throwIfAborted();
    project.jobRecords.write({ put: records.splice(0) });
    written += project.jobRecords.writeObservations(captureId, batch, { provenance: 'model' }).written;
    batch = emptyBatch();
    options.onProgress?.(written, observations);
  };
  for (let index = 0; index < objects; index++) {
    const objectId = firstObject + index;
    const className = `class ${index % 20}`;
    records.push({
      ...{ type: 'object', id: objectId, captureId, name: `${className} ${index}`, className, colour: index },
      ...{ hidden: false, locked: false, provenance: 'model' },
    });
    const share = Math.floor(((index + 1) * observations) / objects) - Math.floor((index * observations) / objects);
    for (const { first, length, states } of lanesOf(share, frames, random)) {
      const trackId = firstTrack + tracks++;
      records.push({
        ...{ type: 'track', id: trackId, captureId, objectId, sourceId: `tracker:${trackId}` },
        ...{ locked: false, provenance: 'model' },
      });
      for (let i = 0; i < length; i++) {
        batch.trackId.push(trackId);
        batch.position.push(first + i);
        batch.state.push(states(i));
        batch.disagreement.push(random() < 0.1 ? Number.NaN : random() ** 3);
        batch.flags.push(i === 0 && first > 0 && random() < 0.2 ? OBSERVATION_FLAGS.idSwitch : 0);
      }
    }
    if (batch.trackId.length >= BATCH) {
      flush();
      // Lets timers and the caller's abort through.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  flush();
  return { captureId, tracks, observations: written, seconds: (performance.now() - start) / 1000 };
}

interface Segment {
  readonly first: number;
  readonly length: number;
  /** State code of the i-th observation. */
  readonly states: (i: number) => number;
}

/** Cuts `count` observations of one object into tracks that do not overlap, with gaps between them. */
function lanesOf(count: number, frames: number, random: () => number): Segment[] {
  const pieces = Math.max(1, Math.min(count, 2 + Math.floor(random() * (MAX_PIECES - 1))));
  const segments: Segment[] = [];
  let left = count;
  let free = frames - count;
  let at = 0;
  for (let piece = 0; piece < pieces && left > 0; piece++) {
    const gap = Math.floor(random() * (free / (pieces - piece)) * 2);
    const skipped = Math.min(gap, free);
    const length = piece === pieces - 1 ? left : Math.max(1, Math.floor((left / (pieces - piece)) * (0.5 + random())));
    const taken = Math.min(length, left);
    at += skipped;
    free -= skipped;
    // A track ends in what ended it: out of view, or hidden.
    const end = random() < 0.5 ? STATE.outOfView : STATE.occluded;
    const blink = 20 + Math.floor(random() * 60);
    segments.push({
      first: at,
      length: taken,
      states: (i) => (i > taken * 0.85 ? end : i % blink > blink * 0.8 ? STATE.occluded : STATE.visible),
    });
    at += taken;
    left -= taken;
  }
  return segments;
}

function emptyBatch(): {
  trackId: number[];
  position: number[];
  state: number[];
  disagreement: number[];
  flags: number[];
} {
  return { trackId: [], position: [], state: [], disagreement: [], flags: [] };
}

function circleWalk(frames: number, imagePath: string): ReturnType<typeof preparedCaptureSchema.parse> {
  const radius = 3;
  return preparedCaptureSchema.parse({
    name: 'synthetic',
    sourcePath: '/synthetic',
    imagesPath: '/synthetic/images',
    format: 'nerfstudio',
    cameras: [
      {
        id: 1,
        model: 'PINHOLE',
        width: WIDTH,
        height: HEIGHT,
        params: { fx: 60, fy: 60, cx: WIDTH / 2, cy: HEIGHT / 2 },
      },
    ],
    frames: Array.from({ length: frames }, (_, index) => {
      const half = (index / frames) * Math.PI;
      return {
        id: `frame-${index}`,
        name: `${String(index).padStart(6, '0')}.png`,
        imagePath,
        cameraId: 1,
        // Turned about y, looking at the origin from `radius` away.
        cameraFromWorld: { quaternion: [Math.cos(half), 0, Math.sin(half), 0], translation: [0, 0, radius] },
        width: WIDTH,
        height: HEIGHT,
        timestampSeconds: index / 30,
        role: index % 8 === 0 ? 'holdout' : 'train',
      };
    }),
    points: { count: 0 },
    cameraSpan: { centre: [0, 0, 0], radius },
    bounds: { min: [-radius, -1, -radius], max: [radius, 1, radius] },
    warnings: [],
    warningCounts: {},
    fingerprint: `sha256:${'0'.repeat(64)}`,
  });
}

async function tinyPhoto(): Promise<Uint8Array> {
  // Only here: whoever opens a project need not load it.
  const { default: sharp } = await import('sharp');
  const pixels = new Uint8Array(WIDTH * HEIGHT * 3);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) pixels.set([x * 4, y * 5, (x ^ y) & 8 ? 160 : 60], (y * WIDTH + x) * 3);
  }
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .png()
    .toBuffer();
}

/** Mulberry32 (Tommy Ettinger, 2017): uniform in [0, 1) from a 32-bit state. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
