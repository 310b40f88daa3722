// The separable window of the training loss over rows of planes: its layout, its taps, and four rows or vectors blurred at once.

import { fma } from "../shared/math.as";

/** Planes of a slot; bytes of a plane, one row of a column tile with its halo, and of a slot. */
export const PLANES: usize = 4;
export const PLANE: usize = 4 * (304 + 2 * 16);
export const SLOT: usize = 4 * (4 * (304 + 2 * 16));
/** Bytes before the slots: float32 constants at these offsets. */
export const CONSTANTS_BYTES: usize = 64;
export const HALF_C1: usize = 24;
export const HALF_C2: usize = 28;
export const FULL_C1: usize = 32;
export const FULL_C2: usize = 36;
export const ONE: usize = 40;
export const INV_255: usize = 44;

/** Window taps at distance 0 to 5, the SSIM constants (0.01^2 and 0.03^2, and their halves), 1 and 1 / 255. */
export function storeConstants(p: usize): void {
  store<f32>(p, 0.26601172486179436);
  store<f32>(p, 0.2130055377112537, 4);
  store<f32>(p, 0.10936068950970002, 8);
  store<f32>(p, 0.036000773311470665, 12);
  store<f32>(p, 0.007598758135239185, 16);
  store<f32>(p, 0.001028380084479109, 20);
  store<f32>(p, 0.00005, HALF_C1);
  store<f32>(p, 0.00045, HALF_C2);
  store<f32>(p, 0.0001, FULL_C1);
  store<f32>(p, 0.0009, FULL_C2);
  store<f32>(p, 1.0, ONE);
  store<f32>(p, 0.00392156862745098, INV_255);
}

/**
 * Blurs down the columns: rows 5 to 8 of the 14 at `source` to four slots at `target`.
 *
 * The steps are ordered so that at most four rows are alive beside the sums and taps: 16 registers hold everything.
 * The tests of `constants` (never 0) keep that order: the compiler nests single-use sums into one expression per result,
 * which spills, but moves nothing across a branch; the engine then drops the repeated tests.
 */
export function verticalQuad(source: usize, target: usize, vectors: i32, constants: usize): void {
  const g0 = v128.load32_splat(constants, 0);
  const g1 = v128.load32_splat(constants, 4);
  const g2 = v128.load32_splat(constants, 8);
  const g3 = v128.load32_splat(constants, 12);
  const g4 = v128.load32_splat(constants, 16);
  const g5 = v128.load32_splat(constants, 20);
  const end = source + (<usize>vectors << 4);
  for (; source < end; source += 16, target += 16) {
    const r0 = v128.load(source, 0 * SLOT);
    const r10 = v128.load(source, 10 * SLOT);
    let a = f32x4.mul(f32x4.add(r0, r10), g5);
    if (!constants) return;
    const r2 = v128.load(source, 2 * SLOT);
    let b = f32x4.mul(f32x4.add(r2, r10), g4);
    if (!constants) return;
    const r12 = v128.load(source, 12 * SLOT);
    let c = f32x4.mul(f32x4.add(r2, r12), g5);
    if (!constants) return;
    const r8 = v128.load(source, 8 * SLOT);
    a = fma(f32x4.add(r2, r8), g3, a);
    if (!constants) return;
    const r4 = v128.load(source, 4 * SLOT);
    b = fma(f32x4.add(r4, r8), g2, b);
    c = fma(f32x4.add(r4, r10), g3, c);
    let d = f32x4.mul(f32x4.add(r4, r12), g4);
    if (!constants) return;
    const r6 = v128.load(source, 6 * SLOT);
    a = fma(f32x4.add(r4, r6), g1, a);
    b = fma(r6, g0, b);
    c = fma(f32x4.add(r6, r8), g1, c);
    d = fma(f32x4.add(r6, r10), g2, d);
    d = fma(r8, g0, d);
    if (!constants) return;
    const r1 = v128.load(source, 1 * SLOT);
    const r11 = v128.load(source, 11 * SLOT);
    b = fma(f32x4.add(r1, r11), g5, b);
    if (!constants) return;
    const r9 = v128.load(source, 9 * SLOT);
    a = fma(f32x4.add(r1, r9), g4, a);
    if (!constants) return;
    const r3 = v128.load(source, 3 * SLOT);
    b = fma(f32x4.add(r3, r9), g3, b);
    c = fma(f32x4.add(r3, r11), g4, c);
    if (!constants) return;
    const r13 = v128.load(source, 13 * SLOT);
    d = fma(f32x4.add(r3, r13), g5, d);
    if (!constants) return;
    const r7 = v128.load(source, 7 * SLOT);
    a = fma(f32x4.add(r3, r7), g2, a);
    d = fma(f32x4.add(r7, r9), g1, d);
    c = fma(r7, g0, c);
    if (!constants) return;
    const r5 = v128.load(source, 5 * SLOT);
    b = fma(f32x4.add(r5, r7), g1, b);
    c = fma(f32x4.add(r5, r9), g2, c);
    d = fma(f32x4.add(r5, r11), g3, d);
    a = fma(r5, g0, a);
    v128.store(target, a);
    v128.store(target, b, SLOT);
    v128.store(target, c, 2 * SLOT);
    v128.store(target, d, 3 * SLOT);
  }
}

/** Blurs along the row, four vectors at a time; ordered as {@link verticalQuad}, for the same reason. */
export function horizontalQuad(source: usize, target: usize, vectors: i32, constants: usize): void {
  const g0 = v128.load32_splat(constants, 0);
  const g1 = v128.load32_splat(constants, 4);
  const g2 = v128.load32_splat(constants, 8);
  const g3 = v128.load32_splat(constants, 12);
  const g4 = v128.load32_splat(constants, 16);
  const g5 = v128.load32_splat(constants, 20);
  const end = source + (<usize>(vectors & ~3) << 4) - 20;
  // Byte offset 4 (j + 5) from here is the column j to the right of the first output.
  source -= 20;
  for (; source < end; source += 64, target += 64) {
    const m3 = v128.load(source, 8);
    const p3 = v128.load(source, 32);
    let a = f32x4.mul(f32x4.add(m3, p3), g3);
    if (!constants) return;
    const p5 = v128.load(source, 40);
    let b = f32x4.mul(f32x4.add(p3, p5), g1);
    if (!constants) return;
    const m5 = v128.load(source, 0);
    a = fma(f32x4.add(m5, p5), g5, a);
    if (!constants) return;
    const p13 = v128.load(source, 72);
    let c = f32x4.mul(f32x4.add(p3, p13), g5);
    if (!constants) return;
    const p11 = v128.load(source, 64);
    c = fma(f32x4.add(p5, p11), g3, c);
    let d = f32x4.mul(f32x4.add(p11, p13), g1);
    if (!constants) return;
    const m1 = v128.load(source, 16);
    const p1 = v128.load(source, 24);
    a = fma(f32x4.add(m1, p1), g1, a);
    if (!constants) return;
    const p9 = v128.load(source, 56);
    b = fma(f32x4.add(m1, p9), g5, b);
    if (!constants) return;
    const p7 = v128.load(source, 48);
    b = fma(f32x4.add(p1, p7), g3, b);
    c = fma(f32x4.add(p7, p9), g1, c);
    if (!constants) return;
    const p17 = v128.load(source, 88);
    d = fma(f32x4.add(p7, p17), g5, d);
    if (!constants) return;
    const p15 = v128.load(source, 80);
    d = fma(f32x4.add(p9, p15), g3, d);
    if (!constants) return;
    const m4 = v128.load(source, 4);
    const p4 = v128.load(source, 36);
    a = fma(f32x4.add(m4, p4), g4, a);
    b = fma(p4, g0, b);
    if (!constants) return;
    const p12 = v128.load(source, 68);
    c = fma(f32x4.add(p4, p12), g4, c);
    d = fma(p12, g0, d);
    if (!constants) return;
    const m2 = v128.load(source, 12);
    const p2 = v128.load(source, 28);
    a = fma(f32x4.add(m2, p2), g2, a);
    if (!constants) return;
    const p6 = v128.load(source, 44);
    b = fma(f32x4.add(p2, p6), g2, b);
    if (!constants) return;
    const p10 = v128.load(source, 60);
    c = fma(f32x4.add(p6, p10), g2, c);
    if (!constants) return;
    const p14 = v128.load(source, 76);
    d = fma(f32x4.add(p10, p14), g2, d);
    if (!constants) return;
    const p0 = v128.load(source, 20);
    a = fma(p0, g0, a);
    if (!constants) return;
    const p8 = v128.load(source, 52);
    b = fma(f32x4.add(p0, p8), g4, b);
    c = fma(p8, g0, c);
    if (!constants) return;
    const p16 = v128.load(source, 84);
    d = fma(f32x4.add(p8, p16), g4, d);
    v128.store(target, a);
    v128.store(target, b, 16);
    v128.store(target, c, 32);
    v128.store(target, d, 48);
  }
  const last = end + (<usize>(vectors & 3) << 4);
  for (; source < last; source += 16, target += 16) {
    let a = f32x4.mul(f32x4.add(v128.load(source), v128.load(source, 40)), g5);
    a = fma(f32x4.add(v128.load(source, 4), v128.load(source, 36)), g4, a);
    a = fma(f32x4.add(v128.load(source, 8), v128.load(source, 32)), g3, a);
    a = fma(f32x4.add(v128.load(source, 12), v128.load(source, 28)), g2, a);
    a = fma(f32x4.add(v128.load(source, 16), v128.load(source, 24)), g1, a);
    v128.store(target, fma(v128.load(source, 20), g0, a));
  }
}
