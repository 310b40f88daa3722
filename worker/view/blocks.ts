/**
 * A splat model arranged for a moving camera: Gaussians in Morton order, cut into blocks that are culled together, and for
 * every block two coarser stand-ins made by merging four neighbours into one. Colours are those of degree 0.
 *
 * Merging keeps weight, mean and covariance of the mixture (as in the hierarchies of Kerbl et al. 2024, "A Hierarchical 3D
 * Gaussian Representation"): with w_i = opacity_i area_i / sum, mean = sum w_i m_i, covariance = sum w_i (C_i + d_i d_i^T),
 * colour = sum w_i c_i, and the opacity that leaves opacity x area as it was, as far as an opacity can.
 */
import { LANES, PADDING } from '../kernels/index.ts';
import type { SplatArrays } from '../splats/index.ts';
import { GROUPS, type LaneArrays, laneArrays, mergeFours } from './merge.ts';
import { gridOf, mortonOrder } from './morton.ts';

/** Gaussians per block of level 0; level l has 4^l times fewer. */
const BLOCK = 64;
const LEVELS = 3;
/** A box of 3.33 standard deviations holds all that is drawn of a Gaussian (kernels: BOX_SIGMAS). */
const REACH_SIGMAS = 3.33;
/** sigmoid(-5.6) < 1/255: never drawn. */
const INVISIBLE_LOGIT = -5.6;

interface Level {
  /** All blocks one after the other in lane blocks. */
  readonly arrays: LaneArrays;
  /** [blocks] root mean square distance of what was merged from where it is drawn. */
  readonly errors: Float32Array;
}

interface Bounds {
  /** [blocks, 3], [blocks]: a ball that holds the means of a block, in the world. */
  readonly centres: Float32Array;
  readonly radii: Float32Array;
  /** [blocks] how far the Gaussians of a block reach beyond their means. */
  readonly reaches: Float32Array;
}

export class SplatBlocks {
  readonly blocks: number;
  readonly bounds: Bounds;
  /** Index in the file of each Gaussian of level 0; -1 is padding. */
  readonly order: Int32Array;
  /** Gaussians of one block at each level, multiples of four. */
  readonly sizes: readonly number[] = Array.from({ length: LEVELS }, (_, level) => BLOCK >> (2 * level));
  readonly #levels: Level[];

  constructor(order: Int32Array, finest: LaneArrays) {
    this.order = order;
    this.blocks = order.length / BLOCK;
    this.bounds = bound(finest, this.blocks);
    this.#levels = [{ arrays: finest, errors: new Float32Array(this.blocks) }];
  }

  /** The coarser levels are made when one is first asked for: a third of a second for a million Gaussians. */
  level(index: number): Level {
    while (this.#levels.length <= index) {
      const { arrays, spread } = mergeFours(this.#levels.at(-1)!.arrays);
      const before = this.#levels.at(-1)!.errors;
      const own = this.sizes[this.#levels.length]!;
      const errors = before.map((error, block) => Math.hypot(error, rootMeanSquare(spread, block * own, own)));
      this.#levels.push({ arrays, errors });
    }
    return this.#levels[index]!;
  }

  /** With all levels, whether they have been made or not. */
  get sizeBytes(): number {
    const finest = GROUPS.reduce((sum, group) => sum + this.#levels[0]!.arrays[group].byteLength, 0);
    const perBlock = 4 * (3 + 1 + 1 + LEVELS + BLOCK);
    return finest * this.sizes.reduce((sum, size) => sum + size / BLOCK, 0) + perBlock * this.blocks;
  }
}

/** Arranges a model. Most of a second for a million Gaussians. */
export function arrange(splats: SplatArrays): SplatBlocks {
  const drawn = mortonOrder(splats, gridOf(splats), INVISIBLE_LOGIT);
  const order = new Int32Array(Math.ceil(drawn.length / BLOCK) * BLOCK).fill(-1);
  order.set(drawn);
  return new SplatBlocks(order, gather(splats, order));
}

/** Degree-0 coefficient of a colour channel: c = 0.5 + SH_C0 dc. */
const SH_C0 = 0.28209479177387814;

/**
 * The same Gaussians, some hidden, the others' colours mixed with given ones.
 * @param hidden [N] 1 = not drawn. @param tints [N, 4] RGB times share, share
 */
export function recolour(blocks: SplatBlocks, hidden?: Uint8Array, tints?: Float32Array): SplatBlocks {
  const { arrays } = blocks.level(0);
  const [logitOpacities, sh] = [arrays.logitOpacities.slice(), arrays.sh.slice()];
  for (let slot = 0; slot < blocks.order.length; slot++) {
    const i = blocks.order[slot]!;
    if (i < 0) continue;
    if (hidden?.[i] === 1) logitOpacities[slot] = PADDING.logitOpacities;
    const share = tints?.[4 * i + 3] ?? 0;
    if (share === 0) continue;
    const at = 3 * (slot - (slot % LANES)) + (slot % LANES);
    for (let k = 0; k < 3; k++) {
      const own = sh[at + LANES * k]!;
      sh[at + LANES * k] = (1 - share) * own + (tints![4 * i + k]! - 0.5 * share) / SH_C0;
    }
  }
  return new SplatBlocks(blocks.order, { ...arrays, logitOpacities, sh });
}

/** Level 0 in lane blocks; what `order` leaves empty is padding that projection culls. */
function gather(splats: SplatArrays, order: Int32Array): LaneArrays {
  const lanes = laneArrays(order.length);
  const { means, quaternions, logScales, logitOpacities, sh } = splats;
  const shFloats = 3 * (splats.shDegree + 1) ** 2;
  for (let slot = 0; slot < order.length; slot++) {
    const i = order[slot]!;
    const lane = slot % LANES;
    const at3 = 3 * (slot - lane) + lane;
    const at4 = 4 * (slot - lane) + lane;
    if (i < 0) {
      lanes.logitOpacities[slot] = PADDING.logitOpacities;
      for (let k = 0; k < 4; k++) lanes.quaternions[at4 + LANES * k] = PADDING.quaternions;
      for (let k = 0; k < 3; k++) lanes.logScales[at3 + LANES * k] = PADDING.logScales;
      continue;
    }
    lanes.logitOpacities[slot] = logitOpacities[i]!;
    for (let k = 0; k < 3; k++) {
      lanes.means[at3 + LANES * k] = means[3 * i + k]!;
      lanes.logScales[at3 + LANES * k] = logScales[3 * i + k]!;
      lanes.sh[at3 + LANES * k] = sh[shFloats * i + k]!;
    }
    for (let k = 0; k < 4; k++) lanes.quaternions[at4 + LANES * k] = quaternions[4 * i + k]!;
  }
  return lanes;
}

/** The ball around the box of each block's means, and its widest Gaussian. */
function bound(lanes: LaneArrays, blocks: number): Bounds {
  const centres = new Float32Array(3 * blocks);
  const radii = new Float32Array(blocks);
  const reaches = new Float32Array(blocks);
  const low = [0, 0, 0];
  const high = [0, 0, 0];
  for (let block = 0; block < blocks; block++) {
    low.fill(Infinity);
    high.fill(-Infinity);
    let widest = -Infinity;
    for (let slot = block * BLOCK; slot < (block + 1) * BLOCK; slot++) {
      if (lanes.logitOpacities[slot]! <= PADDING.logitOpacities) continue;
      const at = 3 * (slot - (slot % LANES)) + (slot % LANES);
      for (let k = 0; k < 3; k++) {
        const value = lanes.means[at + LANES * k]!;
        if (value < low[k]!) low[k] = value;
        if (value > high[k]!) high[k] = value;
        const scale = lanes.logScales[at + LANES * k]!;
        if (scale > widest) widest = scale;
      }
    }
    let square = 0;
    for (let k = 0; k < 3; k++) {
      centres[3 * block + k] = 0.5 * (low[k]! + high[k]!);
      square += (0.5 * (high[k]! - low[k]!)) ** 2;
    }
    // Rounding to float32 must not shrink what the ball and the reach promise.
    radii[block] = Math.sqrt(square) * 1.0001 + 1e-6;
    reaches[block] = REACH_SIGMAS * Math.exp(widest) * 1.0001;
  }
  return { centres, radii, reaches };
}

function rootMeanSquare(squares: Float32Array, from: number, length: number): number {
  let sum = 0;
  for (let i = from; i < from + length; i++) sum += squares[i]!;
  return Math.sqrt(sum / length);
}
