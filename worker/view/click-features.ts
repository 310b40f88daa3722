/** Features of a lift, however it was made, as clicks and the embedding view compare them. */
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import type { PinholeView } from '../kernels/index.ts';
import { divideByAlpha, type RenderedFeatures, type WeightReader } from '../objects/index.ts';

export interface LiftFeatures {
  readonly path: string;
  readonly gaussians: number;
  readonly dimensions: number;
  /** [N, D] */
  readonly rows: Float32Array;
  /** `cosine` of directions, or `distance`: exp(-d²), the similarity that slow-fast training uses. */
  readonly similarity: 'cosine' | 'distance';
  /** [N] 1 where more foreground than background. */
  readonly foreground: Uint8Array;
  readonly source: 'embedding' | 'votes';
}

/**
 * Directions of objects, and of what is no object, where no embedding was trained: two random ones have a cosine of about
 * 0 ± 0.25. What is mostly background points where background does, however its few votes fell.
 */
const VOTE_DIMENSIONS = 16;

/** @throws LiftscopeError `bad-input` */
async function liftFeatures(path: string): Promise<LiftFeatures> {
  // Pictures alone need none of what lifting loads.
  const { readLift } = await import('../lifting/index.ts');
  const { lifted } = await readLift(path);
  const { readout, gaussians, objects, foregroundShare } = lifted;
  const foreground = Uint8Array.from(lifted.foreground, (share) => (share > foregroundShare ? 1 : 0));
  const shared = { path, gaussians, foreground };
  if (readout.kind === 'embedding') {
    const { dimensions, features: rows, unitLength } = readout;
    return { ...shared, dimensions, rows, similarity: unitLength ? 'cosine' : 'distance', source: 'embedding' };
  }
  const dimensions = VOTE_DIMENSIONS;
  const directions = randomDirections(objects + 1, dimensions);
  const rows = new Float32Array(gaussians * dimensions);
  const add = (gaussian: number, object: number, weight: number): void => {
    for (let d = 0; d < dimensions; d++) {
      rows[gaussian * dimensions + d]! += weight * directions[object * dimensions + d]!;
    }
  };
  for (let i = 0; i < gaussians; i++) {
    if (readout.kind === 'votes') {
      const { start, ids, weights } = readout.shares;
      let rest = 1;
      for (let k = start[i]!; k < start[i + 1]!; k++) {
        add(i, ids[k]!, weights[k]!);
        rest -= weights[k]!;
      }
      add(i, 0, Math.max(0, rest));
      continue;
    }
    const scores = readout.features.subarray(i * objects, (i + 1) * objects);
    const most = scores.reduce((best, score) => Math.max(best, score), -Infinity);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - most), 0);
    if (foreground[i] === 0) {
      add(i, 0, 1);
      continue;
    }
    for (const [k, score] of scores.entries()) add(i, k + 1, Math.exp(score - most) / total);
  }
  return { ...shared, dimensions, rows, similarity: 'cosine', source: 'votes' };
}

/** [objects, D] unit vectors, always the same. */
function randomDirections(objects: number, dimensions: number): Float32Array {
  let state = 1;
  const uniform = (): number => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const directions = Float32Array.from({ length: objects * dimensions }, normal);
  for (let at = 0; at < directions.length; at += dimensions) {
    const length = Math.hypot(...directions.subarray(at, at + dimensions));
    for (let d = 0; d < dimensions; d++) directions[at + d]! /= length;
  }
  return directions;
}

const KEPT_LIFTS = 2;
/** Of rendered views: clicks on the same picture are answered without rendering it again. */
const KEPT_VIEW_BYTES = 256 * 2 ** 20;

/** Features of the lifts and views that were clicked on last. */
export class FeatureCache {
  readonly #backend: Backend;
  readonly #lifts = new Map<string, { readonly features: LiftFeatures; buffer: DeviceBuffer | undefined }>();
  readonly #views = new Map<string, RenderedFeatures>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** @throws LiftscopeError `bad-input` naming the file */
  async lift(path: string): Promise<LiftFeatures> {
    const known = this.#lifts.get(path);
    this.#lifts.delete(path);
    const entry = known ?? { features: await liftFeatures(path), buffer: undefined };
    this.#lifts.set(path, entry);
    for (const oldest of [...this.#lifts.keys()].slice(0, -KEPT_LIFTS)) this.#drop(oldest);
    return entry.features;
  }

  /** @returns the features of every pixel, and whether they were there already. @throws OutOfMemoryError */
  async view(
    features: LiftFeatures,
    splatsPath: string,
    reader: WeightReader,
    view: PinholeView,
  ): Promise<{ rendered: RenderedFeatures; warm: boolean }> {
    const key = JSON.stringify([features.path, splatsPath, view]);
    const known = this.#views.get(key);
    this.#views.delete(key);
    const rendered = known ?? (await reader.render(view, this.#onDevice(features), features.dimensions));
    if (known === undefined && features.similarity === 'distance') divideByAlpha(rendered, features.dimensions);
    this.#views.set(key, rendered);
    let bytes = [...this.#views.values()].reduce((sum, kept) => sum + kept.features.byteLength, 0);
    for (const [oldest, kept] of this.#views) {
      if (bytes <= KEPT_VIEW_BYTES || oldest === key) break;
      bytes -= kept.features.byteLength;
      this.#views.delete(oldest);
    }
    return { rendered, warm: known !== undefined };
  }

  /** Values on the device for one answer. @throws OutOfMemoryError */
  upload(values: Float32Array): { readonly buffer: DeviceBuffer; dispose(): void } {
    const buffer = this.#backend.createBuffer('selected Gaussians', Math.max(4, values.byteLength));
    this.#backend.write(buffer, values);
    return { buffer, dispose: () => this.#backend.destroyBuffer(buffer) };
  }

  #onDevice({ path, rows }: LiftFeatures): DeviceBuffer {
    const entry = this.#lifts.get(path)!;
    if (entry.buffer === undefined) {
      entry.buffer = this.#backend.createBuffer('click features', Math.max(4, rows.byteLength));
      this.#backend.write(entry.buffer, rows);
    }
    return entry.buffer;
  }

  #drop(path: string): void {
    const buffer = this.#lifts.get(path)?.buffer;
    if (buffer !== undefined) this.#backend.destroyBuffer(buffer);
    this.#lifts.delete(path);
  }

  dispose(): void {
    for (const path of [...this.#lifts.keys()]) this.#drop(path);
    this.#views.clear();
  }
}
