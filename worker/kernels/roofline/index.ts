import type { WasmBackend } from '../../compute/index.ts';

export { type DeviceRoofline, measureDeviceRoofline } from './device.ts';

/** The two ceilings of a machine, for `threads` threads together. */
export interface Roofline {
  readonly threads: number;
  /** float32 multiply-adds count as two. */
  readonly flopsPerSecond: number;
  /** Read plus written, data far larger than the caches. */
  readonly bytesPerSecond: number;
}

const CHAINS = 10;
const LANES = 4;
const ROUNDS = 2_000_000;
/** Three arrays of this size: 192 MiB together. */
const ARRAY_BYTES = 64 * 2 ** 20;
const REPETITIONS = 5;

/** Measures both ceilings; the best of five runs, since anything else running only ever slows it down. */
export function measureRoofline(backend: WasmBackend): Roofline {
  const sums = backend.createBuffer('roofline sums', 64 * backend.threads);
  const arrays = ['a', 'b', 'out'].map((name) => backend.createBuffer(`roofline ${name}`, ARRAY_BYTES));
  try {
    for (const array of arrays) backend.floats(array).fill(1);
    const addresses = arrays.map((array) => backend.address(array));
    const compute = best(() => backend.dispatch('roofline.multiplyAdd', ROUNDS, 0.5, backend.address(sums)));
    const stream = best(() => backend.dispatch('roofline.triad', ...addresses, ARRAY_BYTES / 16, 0.5));
    return {
      threads: backend.threads,
      flopsPerSecond: (2 * CHAINS * LANES * ROUNDS * backend.threads) / compute,
      bytesPerSecond: (3 * ARRAY_BYTES) / stream,
    };
  } finally {
    for (const buffer of [sums, ...arrays]) backend.destroyBuffer(buffer);
  }
}

function best(work: () => void): number {
  let seconds = Infinity;
  for (let i = 0; i < REPETITIONS; i++) {
    const start = performance.now();
    work();
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  return seconds;
}
