// Rows of four Gaussians to lanes.

import { splat, transpose0, transpose1, transpose2, transpose3 } from "../shared/math.as";
import { PROJECTED_BYTES } from "../shared/layout.as";
import { S_RECORD } from "../shared/view.as";

/** Rows of four Gaussians, `fields` bytes of each (rounded up to 16), to one v128 per float at `target`. */
// @ts-ignore: decorator
@inline
export function loadRows(rows: usize, block: i32, count: i32, rowBytes: usize, target: usize, fields: usize): void {
  const first = block << 2;
  const last = count - 1;
  const row0 = rows + <usize>first * rowBytes;
  const row1 = rows + <usize>min(first + 1, last) * rowBytes;
  const row2 = rows + <usize>min(first + 2, last) * rowBytes;
  const row3 = rows + <usize>min(first + 3, last) * rowBytes;
  for (let offset: usize = 0; offset < fields; offset += 16) {
    const a = v128.load(row0 + offset);
    const b = v128.load(row1 + offset);
    const c = v128.load(row2 + offset);
    const d = v128.load(row3 + offset);
    const out = target + (offset << 2);
    v128.store(out, transpose0(a, b, c, d));
    v128.store(out, transpose1(a, b, c, d), 16);
    v128.store(out, transpose2(a, b, c, d), 32);
    v128.store(out, transpose3(a, b, c, d), 48);
  }
}

/** The first twelve fields of the records of a block to S_RECORD; returns the mask of drawn lanes below `count`. */
// @ts-ignore: decorator
@inline
export function loadRecords(projected: usize, block: i32, count: i32, scratch: usize): v128 {
  loadRows(projected, block, count, PROJECTED_BYTES, scratch + S_RECORD, 48);
  return v128.and(f32x4.ge(v128.load(scratch + S_RECORD, 160), splat(0.0)), lanesBelow(block, count));
}

/** Mask of the lanes of a block that hold a Gaussian. */
// @ts-ignore: decorator
@inline
export function lanesBelow(block: i32, count: i32): v128 {
  return i32x4.lt_s(i32x4.add(i32x4(0, 1, 2, 3), i32x4.splat(block << 2)), i32x4.splat(count));
}
