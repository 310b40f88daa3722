/** How large what a segment shows is in the world: methods section 3, as in N2F2. */
import type { PinholeView } from '../kernels/index.ts';

/** Less coverage than this has no depth worth the name. */
const LEAST_ALPHA = 0.5;

/**
 * Largest eigenvalue of the covariance of the segment's pixels, lifted with the expected depth, in squared world units; the axes of
 * the world do not matter to it, so that it is computed in the camera's. 0 where fewer than two pixels have a depth.
 * @param pixels row-major @param depth [H·W] sum of w z @param alpha [H·W]
 */
export function physicalScale(
  view: Pick<PinholeView, 'widthPixels' | 'fx' | 'fy' | 'cx' | 'cy'>,
  pixels: ArrayLike<number>,
  depth: ArrayLike<number>,
  alpha: ArrayLike<number>,
): number {
  const { widthPixels, fx, fy, cx, cy } = view;
  let count = 0;
  const mean = [0, 0, 0];
  // Of products; the mean is taken off at the end, in float64.
  const sums = [0, 0, 0, 0, 0, 0];
  for (let k = 0; k < pixels.length; k++) {
    const i = pixels[k]!;
    if (!(alpha[i]! >= LEAST_ALPHA)) continue;
    const z = depth[i]! / alpha[i]!;
    const x = ((i % widthPixels) + 0.5 - cx) * (z / fx);
    const y = (Math.floor(i / widthPixels) + 0.5 - cy) * (z / fy);
    count++;
    mean[0]! += x;
    mean[1]! += y;
    mean[2]! += z;
    sums[0]! += x * x;
    sums[1]! += y * y;
    sums[2]! += z * z;
    sums[3]! += x * y;
    sums[4]! += x * z;
    sums[5]! += y * z;
  }
  if (count < 2) return 0;
  const [mx, my, mz] = mean.map((value) => value / count) as [number, number, number];
  const [xx, yy, zz, xy, xz, yz] = sums.map((value) => value / count) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return Math.max(
    0,
    largestEigenvalue(xx - mx * mx, yy - my * my, zz - mz * mz, xy - mx * my, xz - mx * mz, yz - my * mz),
  );
}

/** Of a symmetric 3 x 3 matrix, by the trigonometric form of the roots of its characteristic polynomial (Smith 1961). */
export function largestEigenvalue(xx: number, yy: number, zz: number, xy: number, xz: number, yz: number): number {
  const third = (xx + yy + zz) / 3;
  const off = xy * xy + xz * xz + yz * yz;
  const [a, b, c] = [xx - third, yy - third, zz - third];
  const spread = Math.sqrt((a * a + b * b + c * c + 2 * off) / 6);
  if (!(spread > 0)) return third;
  const determinant = a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz);
  const angle = Math.acos(Math.max(-1, Math.min(1, determinant / (2 * spread ** 3)))) / 3;
  return third + 2 * spread * Math.cos(angle);
}
