/** The photos on the device, as 8-bit planar images at the resolutions that training asks for. */
import type { TrainingFrame } from '../../contract/index.ts';
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import { boxDownscale, loadImage, type PlanarImage } from '../images/index.ts';
import type { PinholeView } from '../kernels/index.ts';

export interface Target {
  /** [3, H, W] uint8 */
  readonly image: DeviceBuffer;
  readonly view: PinholeView;
}

/** Photos decoded at once: what they hold beside the one that is waited for, and how many. */
const AHEAD_BYTES = 2 ** 26;
const AHEAD_PHOTOS = 7;

/**
 * Keeps as many photos as `cacheBytes` allows; further ones are decoded again each time they are shown, so that a
 * capture larger than memory trains, only slower.
 */
export class Targets {
  readonly #backend: Backend;
  readonly #frames: readonly TrainingFrame[];
  readonly #cacheBytes: number;
  /** Least recently used first. */
  readonly #cache = new Map<string, Target>();
  #usedBytes = 0;

  constructor(backend: Backend, frames: readonly TrainingFrame[], cacheBytes: number) {
    this.#backend = backend;
    this.#frames = frames;
    this.#cacheBytes = cacheBytes;
  }

  /**
   * @param level the image is reduced 2^level times
   * @param next photos that are wanted after this one: where this one must be waited for, they are decoded beside it
   * @throws ImageFileError, OutOfMemoryError
   */
  async get(index: number, level: number, next: readonly number[] = []): Promise<Target> {
    const cached = this.cached(index, level);
    if (cached !== undefined) return cached;
    const [target] = await Promise.all([index, ...this.#ahead(index, level, next)].map((i) => this.#load(i, level)));
    return target!;
  }

  /** Those of `next` that are not there and for which there is room. */
  #ahead(index: number, level: number, next: readonly number[]): number[] {
    const missing = new Set(next.filter((i) => i !== index && !this.#cache.has(`${i}/${level}`)));
    const bytes = Math.max(...[index, ...missing].map((i) => 3 * this.#frames[i]!.width * this.#frames[i]!.height));
    const room = Math.min(AHEAD_BYTES, (this.#cacheBytes - this.#usedBytes) / 2 - bytes);
    return [...missing].slice(0, Math.min(AHEAD_PHOTOS, Math.max(0, Math.floor(room / bytes))));
  }

  /** Without waiting, when the photo is there. */
  cached(index: number, level: number): Target | undefined {
    const key = `${index}/${level}`;
    const entry = this.#cache.get(key);
    if (entry === undefined) return undefined;
    this.#cache.delete(key);
    this.#cache.set(key, entry);
    return entry;
  }

  async #load(index: number, level: number): Promise<Target> {
    const photo = await this.#photo(index, level);
    const image = boxDownscale(photo, 2 ** level);
    for (const [key, entry] of this.#cache) {
      if (this.#usedBytes + image.data.byteLength <= this.#cacheBytes) break;
      this.#backend.destroyBuffer(entry.image);
      this.#usedBytes -= entry.image.sizeBytes;
      this.#cache.delete(key);
    }
    return this.#keep(index, level, image);
  }

  /** At its full size. Where there is room it stays: the finer levels of later iterations need not decode it again. */
  async #photo(index: number, level: number): Promise<PlanarImage> {
    const frame = this.#frames[index]!;
    const full = this.cached(index, 0);
    if (full !== undefined) {
      const data = new Uint8Array(await this.#backend.read(full.image));
      return { width: frame.width, height: frame.height, data };
    }
    const photo = await loadImage(frame.imagePath, { expected: frame });
    const needed = photo.data.byteLength * (1 + 1 / 4 ** level);
    if (level > 0 && this.#usedBytes + needed <= this.#cacheBytes) this.#keep(index, 0, photo);
    return photo;
  }

  #keep(index: number, level: number, { data }: PlanarImage): Target {
    const image = this.#backend.createBuffer(`photo ${this.#frames[index]!.name}`, data.byteLength);
    this.#backend.write(image, data);
    this.#usedBytes += image.sizeBytes;
    const target = { image, view: viewOf(this.#frames[index]!, level) };
    this.#cache.set(`${index}/${level}`, target);
    return target;
  }

  dispose(): void {
    for (const entry of this.#cache.values()) this.#backend.destroyBuffer(entry.image);
    this.#cache.clear();
    this.#usedBytes = 0;
  }
}

/** The frame's camera for an image that `boxDownscale` reduced 2^level times. */
export function viewOf(frame: Omit<TrainingFrame, 'name' | 'imagePath' | 'role'>, level = 0): PinholeView {
  const factor = 2 ** level;
  const [w, x, y, z] = normalised(frame.cameraFromWorld.quaternion);
  const [tx, ty, tz] = frame.cameraFromWorld.translation;
  return {
    widthPixels: Math.floor(frame.width / factor),
    heightPixels: Math.floor(frame.height / factor),
    fx: frame.fx / factor,
    fy: frame.fy / factor,
    cx: frame.cx / factor,
    cy: frame.cy / factor,
    // biome-ignore format: one row of the matrix per line
    cameraFromWorld: [
      1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y), tx,
      2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x), ty,
      2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y), tz,
    ],
  };
}

function normalised(quaternion: readonly [number, number, number, number]): [number, number, number, number] {
  const length = Math.hypot(...quaternion);
  return quaternion.map((value) => value / length) as [number, number, number, number];
}
