/** What the simulated teachers' output is worth on a written scene: the figures that `scene` prints. */
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import type { TeacherQuality } from '../../contract/index.ts';
import { clear, depthError, hota, identity, type TrackingFrame } from '../metrics/index.ts';
import {
  measureSegmenter,
  panopticFrame,
  SimulatedTracker,
  segmentImage,
  simulateDepth,
  TeacherInputError,
  trackingFrame,
} from './teachers/index.ts';
import type { SceneTruth } from './truth/index.ts';

/**
 * Runs segmenter, tracker and depth teacher over every frame of a scene and scores them against its truth, one frame in
 * memory at a time.
 * @throws SceneTruthError when the truth cannot be read, the signal's reason when aborted
 */
export async function measureTeachers(
  truth: SceneTruth,
  noise: TeacherQuality['noise'],
  seed: number,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<TeacherQuality> {
  const tracker = new SimulatedTracker(truth.objects, noise, seed);
  const segmenter = new Mean();
  const absoluteRelative = new Mean();
  const delta125 = new Mean();
  const tracking: TrackingFrame[] = [];
  const trackIds = new Set<number>();
  for (const [index, { name, heldObject }] of truth.scene.frames.entries()) {
    signal.throwIfAborted();
    const { width, height, instance, depth } = await truth.readFrame(name);
    const { labels } = segmentImage(instance, width, height, name, noise, seed);
    segmenter.add(foregroundPq(instance, labels, width, height));
    const tracked = tracker.track({ name, width, height, instance, heldObject });
    const pairs = trackingFrame(instance, tracked.labels, width, height);
    tracking.push(pairs);
    for (let i = 0; i < pairs.predictedIds.length; i++) trackIds.add(pairs.predictedIds[i]!);
    const disparity = simulateDepth(depth, width, height, name, noise, seed, 'disparity').values;
    const error = depthError(depthFromDisparity(disparity, depth), depth);
    if (error.pixels > 0) {
      absoluteRelative.add(error.absoluteRelative);
      delta125.add(error.deltas[0]);
    }
    onProgress(index + 1, truth.scene.frames.length);
    // A cancellation waits in the event loop.
    await yieldToEvents();
  }
  const sequence = { frames: tracking };
  const { hota: hotaMean, detA, assA } = hota(sequence);
  const { mota, idSwitches } = clear(sequence);
  const anything = tracking.some(({ truthIds }) => truthIds.length > 0);
  return {
    noise,
    segmenter: { pq: segmenter.value, framesScored: segmenter.count },
    tracker: anything
      ? { hota: hotaMean, detA, assA, idf1: identity(sequence).idf1, mota, idSwitches, tracks: trackIds.size }
      : null,
    depth: { absoluteRelative: absoluteRelative.value, delta125: delta125.value },
  };
}

/** PQ of the foreground class in percent; undefined for a frame in which nothing is large enough to be scored. */
function foregroundPq(instance: Uint16Array, labels: Uint16Array, width: number, height: number): number | undefined {
  try {
    return measureSegmenter([panopticFrame(instance, labels, width, height)]).perFramePqThings;
  } catch (error) {
    if (error instanceof TeacherInputError) return undefined;
    throw error;
  }
}

/**
 * Metric depth [H, W] from an affine-invariant disparity by the least-squares fit of scale and shift to the true one, as in
 * Ranftl et al. 2020. Fitted disparities at or below that of the farthest true depth are cut there: it is the depth's range.
 */
export function depthFromDisparity(disparity: Float32Array, trueDepth: Float32Array): Float64Array {
  let [n, sx, sy, sxx, sxy, farthest] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < trueDepth.length; i++) {
    const z = trueDepth[i]!;
    if (z <= 0) continue;
    const [x, y] = [disparity[i]!, 1 / z];
    n++;
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
    farthest = Math.max(farthest, z);
  }
  const spread = n * sxx - sx * sx;
  const scale = spread > 1e-12 * n * sxx ? (n * sxy - sx * sy) / spread : 0;
  const shift = n === 0 ? 0 : (sy - scale * sx) / n;
  return Float64Array.from(trueDepth, (z, i) =>
    z <= 0 ? 0 : 1 / Math.max(1 / farthest, scale * disparity[i]! + shift),
  );
}

class Mean {
  #sum = 0;
  #count = 0;

  add(value: number | undefined): void {
    if (value === undefined) return;
    this.#sum += value;
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  /** Null when nothing was added. */
  get value(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }
}
