/** Spatial order of Gaussians along a Z curve (Morton 1966), so that neighbours in space are neighbours in memory. */
import type { SplatArrays } from '../splats/index.ts';

const BITS = 10;
const CELLS = 1 << BITS;
/** Gaussians looked at to find the grid and the usual size. */
const SAMPLES = 20_000;
/** Gaussians wider than this many usual ones are kept in blocks of their own: one of them would keep its block in view. */
const WIDE = 6;
const DIGIT_BITS = 11;
const KEY_BITS = 3 * BITS + 1;

/** Where positions are told apart: beyond it everything falls into the outermost cells. */
export interface Grid {
  readonly origin: readonly [number, number, number];
  /** Cells per scene unit. */
  readonly density: number;
  /** Log scale above which a Gaussian is wide. */
  readonly wideLogScale: number;
  /** Box of the middle 98 % of the means. */
  readonly min: readonly [number, number, number];
  readonly max: readonly [number, number, number];
}

export function gridOf({ count, means, logScales }: SplatArrays): Grid {
  const step = Math.max(1, Math.floor(count / SAMPLES));
  const axis = (values: Float32Array, k: number) => {
    const sample: number[] = [];
    for (let i = 0; i < count; i += step) sample.push(values[3 * i + k]!);
    return sample.length === 0 ? [0] : sample.sort((a, b) => a - b);
  };
  const quantile = (sorted: readonly number[], q: number) => sorted[Math.round(q * (sorted.length - 1))]!;
  const axes = [axis(means, 0), axis(means, 1), axis(means, 2)] as const;
  const min = axes.map((values) => quantile(values, 0.01)) as [number, number, number];
  const max = axes.map((values) => quantile(values, 0.99)) as [number, number, number];
  const side = Math.max(...max.map((value, k) => value - min[k]!), 1e-6);
  const sizes = [0, 1, 2].map((k) => quantile(axis(logScales, k), 0.5));
  return {
    ...{ min, max, density: CELLS / (1.2 * side) },
    origin: [min[0] - 0.1 * side, min[1] - 0.1 * side, min[2] - 0.1 * side],
    wideLogScale: Math.max(...sizes) + Math.log(WIDE),
  };
}

/** Indices of the Gaussians whose logit opacity is above `invisible`, along the curve; wide ones after all others. */
export function mortonOrder(splats: SplatArrays, grid: Grid, invisible: number): Int32Array {
  const { count, means, logScales, logitOpacities } = splats;
  const [x, y, z] = grid.origin;
  let keys = new Uint32Array(count);
  let ids = new Int32Array(count);
  let drawn = 0;
  for (let i = 0; i < count; i++) {
    if (!(logitOpacities[i]! > invisible)) continue;
    const cell =
      spread(means[3 * i]! - x, grid.density) |
      (spread(means[3 * i + 1]! - y, grid.density) << 1) |
      (spread(means[3 * i + 2]! - z, grid.density) << 2);
    const widest = Math.max(logScales[3 * i]!, logScales[3 * i + 1]!, logScales[3 * i + 2]!);
    keys[drawn] = widest > grid.wideLogScale ? cell | (1 << (KEY_BITS - 1)) : cell;
    ids[drawn] = i;
    drawn += 1;
  }
  keys = keys.subarray(0, drawn);
  ids = ids.subarray(0, drawn);
  let otherKeys = new Uint32Array(drawn);
  let otherIds = new Int32Array(drawn);
  const starts = new Uint32Array(1 << DIGIT_BITS);
  const mask = starts.length - 1;
  for (let shift = 0; shift < KEY_BITS; shift += DIGIT_BITS) {
    starts.fill(0);
    for (let i = 0; i < drawn; i++) starts[(keys[i]! >>> shift) & mask]!++;
    for (let digit = 0, sum = 0; digit < starts.length; digit++) {
      const here = starts[digit]!;
      starts[digit] = sum;
      sum += here;
    }
    for (let i = 0; i < drawn; i++) {
      const target = starts[(keys[i]! >>> shift) & mask]!++;
      otherKeys[target] = keys[i]!;
      otherIds[target] = ids[i]!;
    }
    [keys, otherKeys] = [otherKeys, keys];
    [ids, otherIds] = [otherIds, ids];
  }
  return ids;
}

/** Cell number along an axis with two zero bits between its bits. */
function spread(distance: number, density: number): number {
  let v = Math.min(CELLS - 1, Math.max(0, Math.floor(distance * density)));
  v = (v | (v << 16)) & 0x030000ff;
  v = (v | (v << 8)) & 0x0300f00f;
  v = (v | (v << 4)) & 0x030c30c3;
  return (v | (v << 2)) & 0x09249249;
}
