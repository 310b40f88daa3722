/** Merging of four neighbouring Gaussians, one lane block, into one (see blocks.ts). */
import { LANES } from '../kernels/index.ts';

export const GROUPS = ['means', 'quaternions', 'logScales', 'logitOpacities', 'sh'] as const;
/** Floats per Gaussian; spherical harmonics of degree 0. */
export const GROUP_FLOATS = { means: 3, quaternions: 4, logScales: 3, logitOpacities: 1, sh: 3 } as const;

/** Gaussians in lane blocks [N / 4][K][4] (kernels: packLanes); N is a multiple of four. */
export type LaneArrays = Readonly<Record<(typeof GROUPS)[number], Float32Array>>;

export function laneArrays(count: number): LaneArrays {
  const create = (group: (typeof GROUPS)[number]) => new Float32Array(count * GROUP_FLOATS[group]);
  return {
    means: create('means'),
    quaternions: create('quaternions'),
    logScales: create('logScales'),
    logitOpacities: create('logitOpacities'),
    sh: create('sh'),
  };
}

/** An opacity above this would be drawn no differently. */
const MAX_OPACITY = 0.995;
/** Smallest scale relative to the largest one: a flat mixture keeps a thickness that float32 can hold. */
const MIN_ASPECT = 1e-4;

/** A quarter as many Gaussians. `spread` [N / 4]: weighted mean square distance of the four from their mean. */
export function mergeFours(from: LaneArrays): { arrays: LaneArrays; spread: Float32Array } {
  const count = from.logitOpacities.length / LANES;
  const to = laneArrays(count);
  const spread = new Float32Array(count);
  const { means, quaternions, logScales, logitOpacities, sh } = from;
  const weights = [0, 0, 0, 0];
  const m = new Float64Array(6);
  const frame = new Float64Array(4);
  for (let slot = 0; slot < count; slot++) {
    const at3 = 3 * LANES * slot;
    const at4 = 4 * LANES * slot;
    let total = 0;
    for (let lane = 0; lane < LANES; lane++) {
      const opacity = 1 / (1 + Math.exp(-logitOpacities[LANES * slot + lane]!));
      const s0 = logScales[at3 + lane]!;
      const s1 = logScales[at3 + 4 + lane]!;
      const s2 = logScales[at3 + 8 + lane]!;
      weights[lane] = opacity * (Math.exp(s0 + s1) + Math.exp(s1 + s2) + Math.exp(s2 + s0));
      total += weights[lane]!;
    }
    const lane = slot % LANES;
    const to3 = 3 * (slot - lane) + lane;
    const to4 = 4 * (slot - lane) + lane;
    if (!(total > 0)) {
      to.logitOpacities[slot] = logitOpacities[LANES * slot]!;
      to.quaternions[to4] = 1;
      for (let k = 0; k < 3; k++) to.means[to3 + LANES * k] = means[at3 + LANES * k]!;
      for (let k = 0; k < 3; k++) to.logScales[to3 + LANES * k] = logScales[at3 + LANES * k]!;
      continue;
    }
    const inverse = 1 / total;
    for (let k = 0; k < 3; k++) {
      let mean = 0;
      let colour = 0;
      for (let l = 0; l < LANES; l++) {
        mean += weights[l]! * means[at3 + LANES * k + l]!;
        colour += weights[l]! * sh[at3 + LANES * k + l]!;
      }
      to.means[to3 + LANES * k] = mean * inverse;
      to.sh[to3 + LANES * k] = colour * inverse;
    }
    m.fill(0);
    let square = 0;
    for (let l = 0; l < LANES; l++) {
      const w = weights[l]! * inverse;
      const x = means[at3 + l]! - to.means[to3]!;
      const y = means[at3 + 4 + l]! - to.means[to3 + 4]!;
      const z = means[at3 + 8 + l]! - to.means[to3 + 8]!;
      square += w * (x * x + y * y + z * z);
      addCovariance(m, w, quaternions, at4 + l, logScales, at3 + l);
      m[0]! += w * x * x;
      m[1]! += w * x * y;
      m[2]! += w * x * z;
      m[3]! += w * y * y;
      m[4]! += w * y * z;
      m[5]! += w * z * z;
    }
    spread[slot] = square;
    diagonalise(m, frame);
    const smallest = MIN_ASPECT * MIN_ASPECT * Math.max(m[0]!, m[3]!, m[5]!, 1e-30);
    const a = 0.5 * Math.log(Math.max(m[0]!, smallest));
    const b = 0.5 * Math.log(Math.max(m[3]!, smallest));
    const c = 0.5 * Math.log(Math.max(m[5]!, smallest));
    to.logScales[to3] = a;
    to.logScales[to3 + 4] = b;
    to.logScales[to3 + 8] = c;
    for (let k = 0; k < 4; k++) to.quaternions[to4 + LANES * k] = frame[k]!;
    const opacity = Math.min(MAX_OPACITY, total / (Math.exp(a + b) + Math.exp(b + c) + Math.exp(c + a)));
    to.logitOpacities[slot] = Math.log(opacity / (1 - opacity));
  }
  return { arrays: to, spread };
}

/** m (xx, xy, xz, yy, yz, zz) += w R S S R^T of the Gaussian at lane offsets `q` and `s`. */
function addCovariance(
  m: Float64Array,
  weight: number,
  quaternions: Float32Array,
  q: number,
  logScales: Float32Array,
  s: number,
): void {
  const w = quaternions[q]!;
  const x = quaternions[q + 4]!;
  const y = quaternions[q + 8]!;
  const z = quaternions[q + 12]!;
  const two = 2 / (w * w + x * x + y * y + z * z);
  const a = weight * Math.exp(2 * logScales[s]!);
  const b = weight * Math.exp(2 * logScales[s + 4]!);
  const c = weight * Math.exp(2 * logScales[s + 8]!);
  const r00 = 1 - two * (y * y + z * z);
  const r01 = two * (x * y - w * z);
  const r02 = two * (x * z + w * y);
  const r10 = two * (x * y + w * z);
  const r11 = 1 - two * (x * x + z * z);
  const r12 = two * (y * z - w * x);
  const r20 = two * (x * z - w * y);
  const r21 = two * (y * z + w * x);
  const r22 = 1 - two * (x * x + y * y);
  m[0]! += a * r00 * r00 + b * r01 * r01 + c * r02 * r02;
  m[1]! += a * r00 * r10 + b * r01 * r11 + c * r02 * r12;
  m[2]! += a * r00 * r20 + b * r01 * r21 + c * r02 * r22;
  m[3]! += a * r10 * r10 + b * r11 * r11 + c * r12 * r12;
  m[4]! += a * r10 * r20 + b * r11 * r21 + c * r12 * r22;
  m[5]! += a * r20 * r20 + b * r21 * r21 + c * r22 * r22;
}

/** Off-diagonal entries below this fraction of the trace change no pixel. */
const OFF_DIAGONAL = 1e-9;

/**
 * Cyclic Jacobi rotations: m (xx, xy, xz, yy, yz, zz) becomes diagonal, `quaternion` (wxyz) the rotation whose columns are
 * the eigenvectors.
 */
export function diagonalise(m: Float64Array, quaternion: Float64Array): void {
  quaternion[0] = 1;
  quaternion[1] = 0;
  quaternion[2] = 0;
  quaternion[3] = 0;
  for (let sweep = 0; sweep < 8; sweep++) {
    const trace = Math.abs(m[0]!) + Math.abs(m[3]!) + Math.abs(m[5]!);
    if (!(Math.abs(m[1]!) + Math.abs(m[2]!) + Math.abs(m[4]!) > OFF_DIAGONAL * trace)) return;
    rotate(m, 0, 3, 1, 2, 4, quaternion, 3);
    rotate(m, 0, 5, 2, 1, 4, quaternion, 2);
    rotate(m, 3, 5, 4, 1, 2, quaternion, 1);
  }
}

/** Turns the plane of axes p and q (entries pp, qq, pq) until pq is 0; pr and qr are the entries with the third axis. */
function rotate(
  m: Float64Array,
  pp: number,
  qq: number,
  pq: number,
  pr: number,
  qr: number,
  quaternion: Float64Array,
  axis: number,
): void {
  const off = m[pq]!;
  if (off === 0) return;
  const theta = (m[qq]! - m[pp]!) / (2 * off);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  m[pp]! -= t * off;
  m[qq]! += t * off;
  m[pq] = 0;
  const p = m[pr]!;
  const q = m[qr]!;
  m[pr] = c * p - s * q;
  m[qr] = s * p + c * q;
  // The columns turn by the angle of (c, s) about the third axis: from p towards -q, except that x-z is left-handed.
  const half = Math.sqrt(0.5 * (1 + c));
  const sine = ((axis === 2 ? 1 : -1) * s) / (2 * half);
  const w = quaternion[0]!;
  const x = quaternion[1]!;
  const y = quaternion[2]!;
  const z = quaternion[3]!;
  if (axis === 3) {
    quaternion[0] = w * half - z * sine;
    quaternion[1] = x * half + y * sine;
    quaternion[2] = y * half - x * sine;
    quaternion[3] = z * half + w * sine;
  } else if (axis === 2) {
    quaternion[0] = w * half - y * sine;
    quaternion[1] = x * half - z * sine;
    quaternion[2] = y * half + w * sine;
    quaternion[3] = z * half + x * sine;
  } else {
    quaternion[0] = w * half - x * sine;
    quaternion[1] = x * half + w * sine;
    quaternion[2] = y * half + z * sine;
    quaternion[3] = z * half - y * sine;
  }
}
