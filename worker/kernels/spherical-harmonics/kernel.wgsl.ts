/** The basis of reference.ts and its partial derivatives in WGSL, generated from one table. */
import { wgslFloat } from '../../compute/index.ts';
import type { ShDegree } from './reference.ts';
import { shCoefficientCount } from './reference.ts';

/**
 * Functions of the camera's `params` (see VIEW_PARAMETERS) for colours of one degree. Straight code without arrays: those that
 * are indexed live in memory on hardware, and a software driver takes half a minute to compile their loops.
 */
export function shWgsl(degree: ShDegree): string {
  return `${shBasisWgsl(degree)}
struct ViewDirection { unit: vec3f, inverse: f32 }
fn viewDirection(mean: vec3f) -> ViewDirection {
  let v = mean - vec3f(params.centreX, params.centreY, params.centreZ);
  let inverse = 1.0 / sqrt(dot(v, v));
  return ViewDirection(v * inverse, inverse);
}
`;
}

/** The part of {@link shWgsl} that needs no camera. */
export function shBasisWgsl(degree: ShDegree): string {
  const count = shCoefficientCount(degree);
  return `
const SH_COUNT = ${count}u;
/** Value of one basis function. */
fn shBasis(k: u32, d: vec3f) -> f32 {
  let x = d.x; let y = d.y; let z = d.z;
  switch (k) {
${BASIS.slice(0, count)
  .map((value, k) => `    case ${k}u: { return ${value}; }`)
  .join('\n')}
    default: { return 0.0; }
  }
}
`;
}

/** Of a binding `sh` of rows of `params.shStride` coefficients: the colour, and what it does to the direction. */
export function shSumsWgsl(degree: ShDegree): string {
  const count = shCoefficientCount(degree);
  const each = (line: (k: number) => string) => Array.from({ length: count }, (_, k) => line(k)).join('\n');
  return `
fn coefficient(g: u32, k: u32) -> vec3f {
  let first = laneIndex(g, 3u * k, 3u * params.shStride);
  return vec3f(sh[first], sh[first + 4u], sh[first + 8u]);
}
fn shColour(g: u32, d: vec3f) -> vec3f {
  let x = d.x; let y = d.y; let z = d.z;
  var colour = vec3f(0.5);
${each((k) => `  colour += (${BASIS[k]}) * coefficient(g, ${k}u);`)}
  return colour;
}
fn shGradientOfDirection(g: u32, d: vec3f, up: vec3f) -> vec3f {
  let x = d.x; let y = d.y; let z = d.z;
  let band = 4.0 * z * z - x * x - y * y;
  var sum = vec3f(0.0);
${each((k) => (k === 0 ? '' : `  sum += dot(up, coefficient(g, ${k}u)) * vec3f(${PARTIALS[k]});`))}
  return sum;
}
`;
}

const C1 = wgslFloat(0.4886025119029199);
const C2_XY = wgslFloat(1.0925484305920792);
const C2_Z = wgslFloat(0.31539156525252005);
const C2_XX = wgslFloat(0.5462742152960396);
const C3_XXX = wgslFloat(0.5900435899266435);
const C3_XYZ = wgslFloat(2.890611442640554);
const C3_XZZ = wgslFloat(0.4570457994644658);
const C3_ZZZ = wgslFloat(0.3731763325901154);
const C3_XXZ = wgslFloat(1.445305721320277);

const BASIS = [
  wgslFloat(0.28209479177387814),
  ...[`-${C1} * y`, `${C1} * z`, `-${C1} * x`],
  ...[`${C2_XY} * x * y`, `-${C2_XY} * y * z`, `${C2_Z} * (2.0 * z * z - x * x - y * y)`],
  ...[`-${C2_XY} * x * z`, `${C2_XX} * (x * x - y * y)`],
  ...[`-${C3_XXX} * y * (3.0 * x * x - y * y)`, `${C3_XYZ} * x * y * z`],
  ...[`-${C3_XZZ} * y * (4.0 * z * z - x * x - y * y)`, `${C3_ZZZ} * z * (2.0 * z * z - 3.0 * x * x - 3.0 * y * y)`],
  ...[`-${C3_XZZ} * x * (4.0 * z * z - x * x - y * y)`, `${C3_XXZ} * z * (x * x - y * y)`],
  `-${C3_XXX} * x * (x * x - 3.0 * y * y)`,
];

const PARTIALS = [
  '0.0, 0.0, 0.0',
  ...[`0.0, -${C1}, 0.0`, `0.0, 0.0, ${C1}`, `-${C1}, 0.0, 0.0`],
  ...[`${C2_XY} * y, ${C2_XY} * x, 0.0`, `0.0, -${C2_XY} * z, -${C2_XY} * y`],
  ...[`-2.0 * ${C2_Z} * x, -2.0 * ${C2_Z} * y, 4.0 * ${C2_Z} * z`, `-${C2_XY} * z, 0.0, -${C2_XY} * x`],
  `2.0 * ${C2_XX} * x, -2.0 * ${C2_XX} * y, 0.0`,
  `-6.0 * ${C3_XXX} * x * y, -3.0 * ${C3_XXX} * (x * x - y * y), 0.0`,
  `${C3_XYZ} * y * z, ${C3_XYZ} * x * z, ${C3_XYZ} * x * y`,
  `2.0 * ${C3_XZZ} * x * y, -${C3_XZZ} * (band - 2.0 * y * y), -8.0 * ${C3_XZZ} * y * z`,
  `-6.0 * ${C3_ZZZ} * x * z, -6.0 * ${C3_ZZZ} * y * z, 3.0 * ${C3_ZZZ} * (2.0 * z * z - x * x - y * y)`,
  `-${C3_XZZ} * (band - 2.0 * x * x), 2.0 * ${C3_XZZ} * x * y, -8.0 * ${C3_XZZ} * x * z`,
  `2.0 * ${C3_XXZ} * x * z, -2.0 * ${C3_XXZ} * y * z, ${C3_XXZ} * (x * x - y * y)`,
  `-3.0 * ${C3_XXX} * (x * x - y * y), 6.0 * ${C3_XXX} * x * y, 0.0`,
];
