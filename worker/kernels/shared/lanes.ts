import { LANES } from './layout.ts';

/** Blocks of four that hold `count` Gaussians. */
export function laneBlocks(count: number): number {
  return Math.ceil(count / LANES);
}

/** Bytes of a parameter with `components` floats per Gaussian in lane blocks, padding included. */
export function laneBytes(count: number, components: number): number {
  return laneBlocks(count) * components * LANES * 4;
}

/**
 * Rows [count, components] to lane blocks [ceil(count / 4)][components][4]: element (4 b + l, k) goes to (b, k, l), so
 * that one load brings the same component of four Gaussians.
 *
 * @param padding what the lanes beyond `count` hold. Choose a value that the kernels cull (see PADDING).
 * @throws RangeError when `rows` is not [count, components].
 */
export function packLanes(rows: ArrayLike<number>, count: number, components: number, padding = 0): Float32Array {
  if (rows.length !== count * components) {
    throw new RangeError(`packLanes: ${rows.length} values for ${count} rows of ${components}`);
  }
  const blocks = new Float32Array(laneBlocks(count) * components * LANES);
  // Float32Array alone, so that the loop is compiled for it: a million Gaussians are 59 million values.
  const whole = rows instanceof Float32Array ? packWhole(rows, count >> 2, components, blocks) : 0;
  for (let row = whole * LANES; row < count; row++) {
    const base = (row >> 2) * components * LANES + (row & 3);
    for (let k = 0; k < components; k++) blocks[base + k * LANES] = rows[row * components + k];
  }
  for (let row = count; row < laneBlocks(count) * LANES; row++) {
    const base = (row >> 2) * components * LANES + (row & 3);
    for (let k = 0; k < components; k++) blocks[base + k * LANES] = padding;
  }
  return blocks;
}

/** The blocks that hold four rows each. @returns how many */
function packWhole(rows: Float32Array, wholeBlocks: number, components: number, blocks: Float32Array): number {
  let to = 0;
  for (let block = 0; block < wholeBlocks; block++) {
    let from = block * LANES * components;
    for (const end = from + components; from < end; from++, to += LANES) {
      blocks[to] = rows[from]!;
      blocks[to + 1] = rows[from + components]!;
      blocks[to + 2] = rows[from + 2 * components]!;
      blocks[to + 3] = rows[from + 3 * components]!;
    }
  }
  return wholeBlocks;
}

/** Inverse of {@link packLanes}; the padding is dropped. @throws RangeError when `blocks` is too small. */
export function unpackLanes(blocks: ArrayLike<number>, count: number, components: number): Float32Array {
  if (blocks.length < laneBlocks(count) * components * LANES) {
    throw new RangeError(`unpackLanes: ${blocks.length} values for ${count} rows of ${components}`);
  }
  const rows = new Float32Array(count * components);
  for (let row = 0; row < count; row++) {
    const base = (row >> 2) * components * LANES + (row & 3);
    for (let k = 0; k < components; k++) rows[row * components + k] = blocks[base + k * LANES];
  }
  return rows;
}

/**
 * What the lanes beyond N hold per parameter: a Gaussian at the origin of opacity sigmoid(-1e4), which projection
 * culls and whose gradients are zero, without a NaN or a denormal on the way.
 */
export const PADDING = { means: 0, quaternions: 1, logScales: -10, logitOpacities: -1e4, sh: 0 } as const;
