/** The Gaussians being trained, with their Adam moments, on a backend. */
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import { laneBytes, PADDING, packLanes, type ShDegree, unpackLanes } from '../kernels/index.ts';
import type { SplatArrays } from './file.ts';

export const GROUPS = ['means', 'quaternions', 'logScales', 'logitOpacities', 'sh'] as const;
export type Group = (typeof GROUPS)[number];
export type GroupBuffers = Readonly<Record<Group, DeviceBuffer>>;

/** Floats per Gaussian of each group. */
function groupComponents(shDegree: number): Record<Group, number> {
  return { means: 3, quaternions: 4, logScales: 3, logitOpacities: 1, sh: 3 * (shDegree + 1) ** 2 };
}

/** Parameters in lane blocks (`packLanes`): room for `capacity` Gaussians, of which the first `count` are in use. */
export class SplatModel {
  readonly capacity: number;
  readonly shDegree: ShDegree;
  count = 0;
  readonly parameters: GroupBuffers;
  /** Adam's moments; absent in a model that is only rendered. */
  readonly moments: { readonly first: GroupBuffers; readonly second: GroupBuffers } | undefined;
  readonly #backend: Backend;
  readonly #owned: DeviceBuffer[] = [];

  /** @throws OutOfMemoryError when the backend's budget does not hold `capacity` Gaussians. */
  constructor(backend: Backend, capacity: number, shDegree: ShDegree, options: { readonly trainable: boolean }) {
    this.#backend = backend;
    this.capacity = capacity;
    this.shDegree = shDegree;
    const components = groupComponents(shDegree);
    const create = (kind: string): GroupBuffers => {
      const buffers = {} as Record<Group, DeviceBuffer>;
      for (const group of GROUPS) {
        buffers[group] = backend.createBuffer(`${kind} ${group}`, laneBytes(capacity, components[group]));
        this.#owned.push(buffers[group]);
      }
      return buffers;
    };
    try {
      this.parameters = create('parameters');
      this.moments = options.trainable
        ? { first: create('first moments'), second: create('second moments') }
        : undefined;
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Replaces the Gaussians; moments become zero. @throws RangeError when they exceed the capacity. */
  upload(splats: SplatArrays): void {
    if (splats.count > this.capacity)
      throw new RangeError(`${splats.count} Gaussians exceed the capacity of ${this.capacity}`);
    const components = groupComponents(this.shDegree);
    for (const group of GROUPS) {
      const values = group === 'sh' ? withShDegree(splats, this.shDegree) : splats[group];
      const blocks = packLanes(values, splats.count, components[group], PADDING[group]);
      const rest = laneBytes(this.capacity, components[group]) - blocks.byteLength;
      this.#backend.write(this.parameters[group], blocks);
      if (rest > 0) {
        const padding = new Float32Array(rest / 4).fill(PADDING[group]);
        this.#backend.write(this.parameters[group], padding, blocks.byteLength);
      }
      if (this.moments !== undefined) {
        const zeros = new Float32Array(laneBytes(this.capacity, components[group]) / 4);
        this.#backend.write(this.moments.first[group], zeros);
        this.#backend.write(this.moments.second[group], zeros);
      }
    }
    this.count = splats.count;
  }

  async download(): Promise<SplatArrays> {
    const components = groupComponents(this.shDegree);
    const arrays = {} as Record<Group, Float32Array>;
    for (const group of GROUPS) {
      const blocks = await this.#backend.read(this.parameters[group], 0, laneBytes(this.count, components[group]));
      arrays[group] = unpackLanes(new Float32Array(blocks), this.count, components[group]);
    }
    return { count: this.count, shDegree: this.shDegree, ...arrays };
  }

  /** Every buffer with its name, in a fixed order: what a checkpoint holds. */
  state(): { readonly name: string; readonly buffer: DeviceBuffer; readonly usedBytes: number }[] {
    const components = groupComponents(this.shDegree);
    const kinds = { parameters: this.parameters, ...this.moments };
    return Object.entries(kinds).flatMap(([kind, buffers]) =>
      GROUPS.map((group) => ({
        name: `${kind}.${group}`,
        buffer: buffers[group],
        usedBytes: laneBytes(this.count, components[group]),
      })),
    );
  }

  dispose(): void {
    for (const buffer of this.#owned.splice(0)) this.#backend.destroyBuffer(buffer);
  }
}

/** Spherical harmonics [N, K, 3] with as many coefficients as `degree` has: further ones are dropped, missing ones zero. */
function withShDegree(splats: SplatArrays, degree: number): Float32Array {
  if (splats.shDegree === degree) return splats.sh;
  const from = 3 * (splats.shDegree + 1) ** 2;
  const to = 3 * (degree + 1) ** 2;
  const sh = new Float32Array(splats.count * to);
  for (let i = 0; i < splats.count; i++) {
    sh.set(splats.sh.subarray(i * from, i * from + Math.min(from, to)), i * to);
  }
  return sh;
}
