/** What every recipe of a language field is trained from, made once: segments with embeddings and scales, cached weights, visibility. */
import { type LanguageFrame, languagePixels, WeightCache } from '../fields/index.ts';
import type { PinholeView } from '../kernels/index.ts';
import type { OpenedSplats } from '../lifting/index.ts';
import type { WeightReader } from '../objects/index.ts';
import { SplatRenderer, sceneExtentOf } from '../splats/index.ts';
import type { SegmentEmbedder } from './embeddings.ts';
import { physicalScale } from './physical-scale.ts';
import type { SegmentedFrame } from './segments.ts';

export interface PreparedLanguage {
  readonly frames: readonly LanguageFrame[];
  readonly cache: WeightCache;
  /** [N] see LanguageFile. */
  readonly visibility: Float32Array;
  /** World units. */
  readonly extent: number;
  readonly framesCached: number;
  readonly seconds: Readonly<Record<'embeddings' | 'weights', number>>;
}

export interface PrepareOptions {
  /** Pixels of a view whose weights are kept, at most. */
  readonly pixelsPerView: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (stage: string, done: number, total: number) => void;
}

/** The caller disposes of the cache. @throws LiftscopeError, OutOfMemoryError, the signal's reason */
export async function prepareLanguage(
  { backend, model, reader, splats }: OpenedSplats,
  segmented: readonly SegmentedFrame[],
  embedder: SegmentEmbedder,
  { pixelsPerView, seed, signal, onProgress }: PrepareOptions,
): Promise<PreparedLanguage> {
  const began = performance.now();
  const renderer = new SplatRenderer(backend, model);
  const frames: LanguageFrame[] = [];
  let framesCached = 0;
  try {
    for (const [index, frame] of segmented.entries()) {
      signal?.throwIfAborted();
      onProgress?.('embeddings', index, segmented.length);
      const { rows, fromCache } = await embedder.embed(frame);
      if (fromCache) framesCached++;
      frames.push(await withScales(renderer, frame, rows));
    }
  } finally {
    renderer.dispose();
  }
  const embedded = performance.now();
  const visibility = await segmentVisibility(reader, frames, splats.count, signal);
  const views = frames.map(({ view }) => view);
  const cache = await WeightCache.extract(backend, model, views, {
    pixels: languagePixels(frames, pixelsPerView, seed),
    ...(signal && { signal }),
    onProgress: (done, total) => onProgress?.('weights', done, total),
  });
  const extent = sceneExtentOf(views.map(centreOf));
  const seconds = { embeddings: (embedded - began) / 1000, weights: (performance.now() - embedded) / 1000 };
  return { frames, cache, visibility, extent, framesCached, seconds };
}

async function withScales(renderer: SplatRenderer, frame: SegmentedFrame, rows: Float32Array): Promise<LanguageFrame> {
  const { name, view, segments } = frame;
  const { depth, alpha } = await renderer.channels(view);
  const dimensions = rows.length / Math.max(1, segments.length);
  return {
    ...{ name, view },
    segments: segments.map(({ pixels, confidence }, i) => ({
      ...{ pixels, confidence, scale: physicalScale(view, pixels, depth, alpha) },
      embedding: rows.slice(i * dimensions, (i + 1) * dimensions),
    })),
  };
}

/** A Gaussian that less than this share of its sight shows inside segments is something that nobody segmented. */
const SEGMENT_SHARE = 0.5;
/** Less than this much of a pixel in all views together is no sight. */
const LEAST_SIGHT = 0.05;

/** [N] column sums of W over the pixels inside segments; 0 where most of what was seen of a Gaussian lies outside. */
async function segmentVisibility(
  reader: Pick<WeightReader, 'sums'>,
  frames: readonly LanguageFrame[],
  gaussians: number,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const inside = new Float64Array(gaussians);
  const outside = new Float64Array(gaussians);
  for (const { view, segments } of frames) {
    signal?.throwIfAborted();
    const labels = new Uint8Array(view.widthPixels * view.heightPixels);
    for (const { pixels } of segments) for (const pixel of pixels) labels[pixel] = 1;
    const sums = await reader.sums(view, labels);
    for (const [row, label] of sums.labels.entries()) {
      const into = label === 1 ? inside : outside;
      for (let k = sums.rowStart[row]!; k < sums.rowStart[row + 1]!; k++) into[sums.columns[k]!]! += sums.weights[k]!;
    }
  }
  return Float32Array.from(inside, (sight, i) =>
    sight >= LEAST_SIGHT && sight >= SEGMENT_SHARE * (sight + outside[i]!) ? sight : 0,
  );
}

/** Of a [3, 4] pose cameraFromWorld. */
function centreOf({ cameraFromWorld: pose }: PinholeView): readonly [number, number, number] {
  const along = (axis: number): number =>
    -(pose[axis]! * pose[3]! + pose[4 + axis]! * pose[7]! + pose[8 + axis]! * pose[11]!);
  return [along(0), along(1), along(2)];
}
