/** Projection and its backward pass in WGSL, one invocation per Gaussian; the definition is reference.ts. */
import { type BufferSlice, itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import {
  type GaussianRange,
  gaussianRanges,
  LANES_WGSL,
  LAYOUT_CONSTANTS,
  PROJECTED_FLOATS,
  SCREEN_GRADIENT_FLOATS,
  SCREEN_GRADIENT_WGSL,
  VIEW_PARAMETERS,
  viewParameters,
  webgpuWorkspace,
} from '../shared/index.ts';
import { type ShDegree, shCoefficientCount, shSumsWgsl, shWgsl } from '../spherical-harmonics/index.ts';
import type { GaussianBuffers, ProjectArgs, ProjectBackwardArgs } from './projection.ts';

/** Rotation and scales of a Gaussian; needs bindings quaternions and logScales, and LANES_WGSL. */
export const SHAPE_WGSL = `
/** Columns of R(q) as a WGSL matrix; q is wxyz and of unit length. */
fn rotationOf(q: vec4f) -> mat3x3f {
  let w = q.x; let x = q.y; let y = q.z; let z = q.w;
  return mat3x3f(
    1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y),
    2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x),
    2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y),
  );
}
fn rawQuaternion(g: u32) -> vec4f {
  return vec4f(
    quaternions[laneIndex(g, 0u, 4u)], quaternions[laneIndex(g, 1u, 4u)],
    quaternions[laneIndex(g, 2u, 4u)], quaternions[laneIndex(g, 3u, 4u)],
  );
}
fn scalesOf(g: u32) -> vec3f {
  return exp(vec3f(logScales[laneIndex(g, 0u, 3u)], logScales[laneIndex(g, 1u, 3u)], logScales[laneIndex(g, 2u, 3u)]));
}
`;

/** Everything that forward and backward need from pose and shape; needs bindings means, quaternions and logScales. */
export const GEOMETRY_WGSL = `
${LANES_WGSL}${SHAPE_WGSL}
struct Geometry {
  /** In the camera; z is 1 and \`front\` false when it is not beyond the near plane. */
  camera: vec3f,
  inverse: f32,
  front: bool,
  slope: vec2f,
  free: vec2<bool>,
  quaternion: vec4f,
  quaternionInverse: f32,
  rotation: mat3x3f,
  scales: vec3f,
  /** Rows of T = J W and of M = T R S. */
  t0: vec3f, t1: vec3f,
  m0: vec3f, m1: vec3f,
}
fn poseX() -> vec3f { return vec3f(params.poseXx, params.poseXy, params.poseXz); }
fn poseY() -> vec3f { return vec3f(params.poseYx, params.poseYy, params.poseYz); }
fn poseZ() -> vec3f { return vec3f(params.poseZx, params.poseZy, params.poseZz); }
fn meanOf(g: u32) -> vec3f {
  return vec3f(means[laneIndex(g, 0u, 3u)], means[laneIndex(g, 1u, 3u)], means[laneIndex(g, 2u, 3u)]);
}
fn geometryOf(g: u32) -> Geometry {
  var at: Geometry;
  let mean = meanOf(g);
  let depth = dot(poseZ(), mean) + params.poseZt;
  at.front = isFinite(depth) && depth > params.near;
  let z = select(1.0, depth, at.front);
  at.camera = vec3f(dot(poseX(), mean) + params.poseXt, dot(poseY(), mean) + params.poseYt, z);
  at.inverse = 1.0 / z;
  let slope = at.camera.xy * at.inverse;
  at.slope = clamp(slope, vec2f(params.minX, params.minY), vec2f(params.maxX, params.maxY));
  at.free = at.slope == slope;
  let raw = rawQuaternion(g);
  at.quaternionInverse = 1.0 / sqrt(dot(raw, raw));
  at.quaternion = raw * at.quaternionInverse;
  at.rotation = rotationOf(at.quaternion);
  at.scales = scalesOf(g);
  at.t0 = params.fx * at.inverse * (poseX() - at.slope.x * poseZ());
  at.t1 = params.fy * at.inverse * (poseY() - at.slope.y * poseZ());
  at.m0 = (at.t0 * at.rotation) * at.scales;
  at.m1 = (at.t1 * at.rotation) * at.scales;
  return at;
}
`;

const forwardPrograms = new Map<ShDegree, ReturnType<typeof forwardProgram>>();

function forwardProgram(degree: ShDegree) {
  return itemProgram({
    name: 'project',
    params: { ...VIEW_PARAMETERS, shStride: 'u32' },
    buffers: {
      ...({ means: 'read f32', quaternions: 'read f32', logScales: 'read f32' } as const),
      ...({ logitOpacities: 'read f32', sh: 'read f32', projected: 'write f32' } as const),
    },
    constants: LAYOUT_CONSTANTS,
    body: `${GEOMETRY_WGSL}${shWgsl(degree)}${shSumsWgsl(degree)}
fn item(g: u32) {
  let at = geometryOf(g);
  let xx = dot(at.m0, at.m0) + LOW_PASS;
  let yy = dot(at.m1, at.m1) + LOW_PASS;
  let xy = dot(at.m0, at.m1);
  // Cauchy-Binet: det M M^T is the squared cross product, free of the cancellation in xx yy - xy^2.
  let area = cross(at.m0, at.m1);
  let determinant = dot(area, area) + LOW_PASS * (xx + yy - LOW_PASS);
  let x = params.fx * at.camera.x * at.inverse + params.cx;
  let y = params.fy * at.camera.y * at.inverse + params.cy;
  let box = ceil(BOX_SIGMAS * sqrt(vec2f(xx, yy)));
  let opacity = 1.0 / (1.0 + exp(-logitOpacities[laneIndex(g, 0u, 1u)]));
  let scaled = opacity / ALPHA_MIN;
  let drawn = at.front && isFinite(opacity) && scaled >= 1.0
    && isFinite(x) && isFinite(y) && isFinite(xx) && isFinite(yy) && isFinite(xy) && isFinite(determinant)
    && x + box.x > 0.0 && x - box.x < params.width && y + box.y > 0.0 && y - box.y < params.height
    && determinant > 0.0;
  let row = g * PROJECTED_FLOATS;
  if (!drawn) {
    for (var k = 0u; k < PROJECTED_FLOATS; k++) { projected[row + k] = 0.0; }
    projected[row + PROJECTED_extentX] = -1.0;
    return;
  }
  let direction = viewDirection(meanOf(g));
  let colour = shColour(g, direction.unit);
  let lit = vec3f(litChannel(colour.x), litChannel(colour.y), litChannel(colour.z));
  let inverse = 1.0 / determinant;
  let cutoff = 2.0 * max(0.0, log(scaled));
  projected[row + PROJECTED_x] = x;
  projected[row + PROJECTED_y] = y;
  projected[row + PROJECTED_conicA] = yy * inverse;
  projected[row + PROJECTED_conicB] = -xy * inverse;
  projected[row + PROJECTED_conicC] = xx * inverse;
  projected[row + PROJECTED_opacity] = opacity;
  projected[row + PROJECTED_red] = lit.x;
  projected[row + PROJECTED_green] = lit.y;
  projected[row + PROJECTED_blue] = lit.z;
  projected[row + PROJECTED_depth] = at.camera.z;
  projected[row + PROJECTED_extentX] = min(box.x, sqrt(cutoff * xx));
  projected[row + PROJECTED_extentY] = min(box.y, sqrt(cutoff * yy));
  projected[row + PROJECTED_cutoff] = cutoff;
  projected[row + PROJECTED_conicDet] = inverse;
  projected[row + 14u] = 0.0;
  projected[row + 15u] = 0.0;
}
/** Without light below 0; a coefficient that is no number gives none either. */
fn litChannel(value: f32) -> f32 {
  return select(0.0, value, isFinite(value) && value > 0.0);
}
`,
  });
}

/** One of a family of programs that differ in their degree, made when it is first wanted. */
export function ofDegree<Made>(made: Map<ShDegree, Made>, degree: ShDegree, make: (degree: ShDegree) => Made): Made {
  let known = made.get(degree);
  if (known === undefined) {
    known = make(degree);
    made.set(degree, known);
  }
  return known;
}

export function projectOnWebgpu(backend: WebgpuBackend, args: ProjectArgs): void {
  requireDegree(args);
  const { parameters, count, shDegree, activeShDegree, view, projected } = args;
  const shStride = shCoefficientCount(shDegree);
  for (const { count: items, slice } of gaussianRanges(backend, count, Math.max(PROJECTED_FLOATS, 3 * shStride))) {
    backend.launch(ofDegree(forwardPrograms, activeShDegree, forwardProgram), {
      params: { ...viewParameters(view), shStride, items },
      buffers: { ...parameterSlices(parameters, shStride, slice), projected: slice(projected, PROJECTED_FLOATS) },
    });
  }
}

type Slice = ReturnType<typeof gaussianRanges>[number]['slice'];

function parameterSlices(buffers: GaussianBuffers, shStride: number, slice: Slice) {
  return {
    means: slice(buffers.means, 3),
    quaternions: slice(buffers.quaternions, 4),
    logScales: slice(buffers.logScales, 3),
    logitOpacities: slice(buffers.logitOpacities, 1),
    sh: slice(buffers.sh, 3 * shStride),
  };
}

export function requireDegree({ activeShDegree, shDegree }: Pick<ProjectArgs, 'activeShDegree' | 'shDegree'>): void {
  if (activeShDegree <= shDegree) return;
  throw new RangeError(`active SH degree ${activeShDegree} is above the stored ${shDegree}`);
}

/**
 * What the backward pass knows of a Gaussian's colour, three vectors: gradient of the mean, direction from the camera, and
 * upstream of the colour where it was not clamped; zeros for what is not drawn.
 */
export const COLOUR_FLOATS = 12;
/** Gradients of the geometry per Gaussian: mean [3], logit opacity, quaternion [4], log scales [3], unused. */
export const GEOMETRY_GRADIENT_FLOATS = 12;

/** What reaches a Gaussian through its colour; needs shWgsl, shSumsWgsl, the binding projected and the layout constants. */
export const COLOUR_GRADIENT_WGSL = `
/** Gradient of the mean, direction from the camera, and upstream of the colour where it was not clamped. */
struct ColourGradient { mean: vec3f, direction: vec3f, up: vec3f }
fn colourGradientOf(g: u32, mean: vec3f, upstream: vec3f) -> ColourGradient {
  let row = g * PROJECTED_FLOATS;
  let up = vec3f(
    select(0.0, upstream.x, projected[row + PROJECTED_red] > 0.0),
    select(0.0, upstream.y, projected[row + PROJECTED_green] > 0.0),
    select(0.0, upstream.z, projected[row + PROJECTED_blue] > 0.0),
  );
  let direction = viewDirection(mean);
  let turned = shGradientOfDirection(g, direction.unit, up);
  // d(v / |v|)/dv = (I - d d^T) / |v|.
  let moved = (turned - dot(turned, direction.unit) * direction.unit) * direction.inverse;
  return ColourGradient(moved, direction.unit, up);
}
`;

const colourPrograms = new Map<ShDegree, ReturnType<typeof colourProgram>>();

function colourProgram(degree: ShDegree) {
  return itemProgram({
    name: 'projectBackward (colour)',
    params: { ...VIEW_PARAMETERS, shStride: 'u32' },
    buffers: {
      ...({ means: 'read f32', sh: 'read f32', projected: 'read f32' } as const),
      ...({ upstream: 'read f32', colours: 'write vec4f' } as const),
    },
    constants: LAYOUT_CONSTANTS,
    body: `${LANES_WGSL}${shWgsl(degree)}${shSumsWgsl(degree)}${COLOUR_GRADIENT_WGSL}
fn item(g: u32) {
  if (projected[g * PROJECTED_FLOATS + PROJECTED_extentX] < 0.0) {
    for (var k = 0u; k < 3u; k++) { colours[3u * g + k] = vec4f(0.0); }
    return;
  }
  let row = g * SCREEN_GRADIENT_FLOATS + SCREEN_GRADIENT_red;
  let mean = vec3f(means[laneIndex(g, 0u, 3u)], means[laneIndex(g, 1u, 3u)], means[laneIndex(g, 2u, 3u)]);
  let found = colourGradientOf(g, mean, vec3f(upstream[row], upstream[row + 1u], upstream[row + 2u]));
  colours[3u * g] = vec4f(found.mean, 0.0);
  colours[3u * g + 1u] = vec4f(found.direction, 0.0);
  colours[3u * g + 2u] = vec4f(found.up, 0.0);
}
`,
  });
}

/** Fills `colours` of one range (see COLOUR_FLOATS) from the parameters as they are. Intermediate results begin with the range. */
export function launchColours(
  backend: WebgpuBackend,
  args: Pick<ProjectArgs, 'view' | 'parameters' | 'projected' | 'shDegree' | 'activeShDegree'>,
  { slice, count: items }: GaussianRange,
  { upstream, colours }: Readonly<Record<'upstream' | 'colours', BufferSlice>>,
): void {
  const shStride = shCoefficientCount(args.shDegree);
  backend.launch(ofDegree(colourPrograms, args.activeShDegree, colourProgram), {
    params: { ...viewParameters(args.view), shStride, items },
    buffers: {
      means: slice(args.parameters.means, 3),
      sh: slice(args.parameters.sh, 3 * shStride),
      projected: slice(args.projected, PROJECTED_FLOATS),
      ...{ upstream, colours },
    },
  });
}

/** One element of a coefficient array in the order of memory: whose it is, and its gradient. Needs `colours`, `shWgsl`. */
export const COEFFICIENT_WGSL = `
struct Element { gaussian: u32, coefficient: u32, channel: u32 }
fn elementOf(i: u32) -> Element {
  let component = (i / 4u) % (3u * params.shStride);
  return Element(i / (12u * params.shStride) * 4u + i % 4u, component / 3u, component % 3u);
}
fn gradientOf(e: Element) -> f32 {
  let direction = colours[3u * e.gaussian + 1u].xyz;
  return shBasis(e.coefficient, direction) * colours[3u * e.gaussian + 2u][e.channel];
}
`;

const coefficientPrograms = new Map<ShDegree, ReturnType<typeof coefficientProgram>>();

function coefficientProgram(degree: ShDegree) {
  return itemProgram({
    name: 'projectBackward (coefficients)',
    params: { ...VIEW_PARAMETERS, shStride: 'u32', count: 'u32' },
    buffers: { colours: 'read vec4f', gradSh: 'write f32' },
    body: `${shWgsl(degree)}${COEFFICIENT_WGSL}
fn item(i: u32) {
  let e = elementOf(i);
  var gradient = 0.0;
  if (e.gaussian < params.count && e.coefficient < SH_COUNT) { gradient = gradientOf(e); }
  gradSh[i] = gradient;
}
`,
  });
}

/** The backward pass of the geometry of one Gaussian that is drawn; needs GEOMETRY_WGSL and the binding projected. */
export const GEOMETRY_GRADIENT_WGSL = `
struct GeometryGradient { mean: vec3f, logit: f32, quaternion: vec4f, scales: vec3f }
fn geometryGradientOf(g: u32, up: ScreenGradient, viaColour: vec3f) -> GeometryGradient {
  let at = geometryOf(g);
  let row = g * PROJECTED_FLOATS;
  let opacity = projected[row + PROJECTED_opacity];
  let a = projected[row + PROJECTED_conicA];
  let b = projected[row + PROJECTED_conicB];
  let c = projected[row + PROJECTED_conicC];
  let ga = up.conic.x;
  let gb = 0.5 * up.conic.y;
  let gc = up.conic.z;
  // Twice dL/dSigma = -2 C G C.
  let p = -2.0 * (a * ga + b * gb);
  let q = -2.0 * (a * gb + b * gc);
  let r = -2.0 * (b * ga + c * gb);
  let s = -2.0 * (b * gb + c * gc);
  let dxx = p * a + q * b;
  let dxy = p * b + q * c;
  let dyy = r * b + s * c;
  // dM, then e = dM S: dL/dR = T^T e and dL/dT = e R^T. The scale gradient is the dot product of columns of dM and M.
  let dm0 = dxx * at.m0 + dxy * at.m1;
  let dm1 = dxy * at.m0 + dyy * at.m1;
  let scaleGradient = dm0 * at.m0 + dm1 * at.m1;
  let e0 = dm0 * at.scales;
  let e1 = dm1 * at.scales;
  let dt0 = at.rotation * e0;
  let dt1 = at.rotation * e1;
  let slopeX = dot(dt0, poseZ());
  let slopeY = dot(dt1, poseZ());
  let scaleX = params.fx * at.inverse;
  let scaleY = params.fy * at.inverse;
  let dScaleX = dot(dt0, poseX()) - at.slope.x * slopeX;
  let dScaleY = dot(dt1, poseY()) - at.slope.y * slopeY;
  let freeX = select(0.0, scaleX * slopeX, at.free.x);
  let freeY = select(0.0, scaleY * slopeY, at.free.y);
  let dx = (params.fx * up.mean.x - freeX) * at.inverse;
  let dy = (params.fy * up.mean.y - freeY) * at.inverse;
  let turned = dx * at.camera.x + dy * at.camera.y;
  let stretched = dScaleX * scaleX + dScaleY * scaleY;
  let dz = up.depth - (turned + stretched) * at.inverse;
  let mean = viaColour + dx * poseX() + dy * poseY() + dz * poseZ();

  // d[row][column] = dL/dR, T^T e.
  let d0 = at.t0.x * e0 + at.t1.x * e1;
  let d1 = at.t0.y * e0 + at.t1.y * e1;
  let d2 = at.t0.z * e0 + at.t1.z * e1;
  let w = at.quaternion.x; let x = at.quaternion.y; let y = at.quaternion.z; let z = at.quaternion.w;
  let anti = vec3f(d2.y - d1.z, d0.z - d2.x, d1.x - d0.y);
  let sym = vec3f(d1.z + d2.y, d0.z + d2.x, d0.y + d1.x);
  let unit = 2.0 * vec4f(
    x * anti.x + y * anti.y + z * anti.z,
    w * anti.x + y * sym.z + z * sym.y - 2.0 * x * (d1.y + d2.z),
    w * anti.y + x * sym.z + z * sym.x - 2.0 * y * (d0.x + d2.z),
    w * anti.z + x * sym.y + y * sym.x - 2.0 * z * (d0.x + d1.y),
  );
  let quaternion = (unit - dot(unit, at.quaternion) * at.quaternion) * at.quaternionInverse;
  let logit = up.opacity * (opacity - opacity * opacity);
  return GeometryGradient(mean, logit, quaternion, scaleGradient);
}
`;

const GEOMETRY_GRADIENT = itemProgram({
  name: 'projectBackward (geometry)',
  params: VIEW_PARAMETERS,
  buffers: {
    ...({ means: 'read f32', quaternions: 'read f32', logScales: 'read f32', projected: 'read f32' } as const),
    ...({ upstream: 'read f32', colours: 'read vec4f', gradients: 'write vec4f' } as const),
  },
  constants: LAYOUT_CONSTANTS,
  body: `${GEOMETRY_WGSL}${SCREEN_GRADIENT_WGSL}${GEOMETRY_GRADIENT_WGSL}
fn item(g: u32) {
  if (projected[g * PROJECTED_FLOATS + PROJECTED_extentX] < 0.0) {
    for (var k = 0u; k < 3u; k++) { gradients[3u * g + k] = vec4f(0.0); }
    return;
  }
  let up = g * SCREEN_GRADIENT_FLOATS;
  let screen = ScreenGradient(
    vec3f(0.0), upstream[up + SCREEN_GRADIENT_depth], upstream[up + SCREEN_GRADIENT_opacity],
    vec2f(upstream[up + SCREEN_GRADIENT_x], upstream[up + SCREEN_GRADIENT_y]),
    vec3f(upstream[up + SCREEN_GRADIENT_conicA], upstream[up + SCREEN_GRADIENT_conicB], upstream[up + SCREEN_GRADIENT_conicC]),
  );
  let found = geometryGradientOf(g, screen, colours[3u * g].xyz);
  gradients[3u * g] = vec4f(found.mean, found.logit);
  gradients[3u * g + 1u] = found.quaternion;
  gradients[3u * g + 2u] = vec4f(found.scales, 0.0);
}
`,
});

/** Gradients of the geometry [N, 12] (see GEOMETRY_GRADIENT_FLOATS) of one range. Intermediate results begin with the range. */
export function launchGeometryGradient(
  backend: WebgpuBackend,
  args: Pick<ProjectArgs, 'view' | 'parameters' | 'projected'>,
  { slice, count: items }: GaussianRange,
  { upstream, colours, gradients }: Readonly<Record<'upstream' | 'colours' | 'gradients', BufferSlice>>,
): void {
  backend.launch(GEOMETRY_GRADIENT, {
    params: { ...viewParameters(args.view), items },
    buffers: {
      means: slice(args.parameters.means, 3),
      quaternions: slice(args.parameters.quaternions, 4),
      logScales: slice(args.parameters.logScales, 3),
      projected: slice(args.projected, PROJECTED_FLOATS),
      ...{ upstream, colours, gradients },
    },
  });
}

const SPREAD = itemProgram({
  name: 'projectBackward (spread)',
  params: { count: 'u32' },
  buffers: {
    ...({ gradients: 'read f32', means: 'write f32', quaternions: 'write f32' } as const),
    ...({ logScales: 'write f32', logitOpacities: 'write f32' } as const),
  },
  body: `${LANES_WGSL}
fn item(g: u32) {
  let inside = g < params.count;
  let row = g * ${GEOMETRY_GRADIENT_FLOATS}u;
  for (var k = 0u; k < 3u; k++) { means[laneIndex(g, k, 3u)] = select(0.0, gradients[row + k], inside); }
  logitOpacities[laneIndex(g, 0u, 1u)] = select(0.0, gradients[row + 3u], inside);
  for (var k = 0u; k < 4u; k++) { quaternions[laneIndex(g, k, 4u)] = select(0.0, gradients[row + 4u + k], inside); }
  for (var k = 0u; k < 3u; k++) { logScales[laneIndex(g, k, 3u)] = select(0.0, gradients[row + 8u + k], inside); }
}
`,
});

export function projectBackwardOnWebgpu(backend: WebgpuBackend, args: ProjectBackwardArgs): void {
  requireDegree(args);
  const { parameters, count, shDegree, activeShDegree, view, projected, upstream, gradients } = args;
  const shStride = shCoefficientCount(shDegree);
  const workspace = webgpuWorkspace(backend);
  for (const range of gaussianRanges(backend, count, Math.max(PROJECTED_FLOATS, 3 * shStride))) {
    const { slice, count: items } = range;
    const made = (name: string, floats: number): BufferSlice => ({
      buffer: workspace.ensure(name, items * floats * 4),
      ...{ offsetBytes: 0, sizeBytes: items * floats * 4 },
    });
    const colours = made('colours', COLOUR_FLOATS);
    const geometry = made('geometry gradients', GEOMETRY_GRADIENT_FLOATS);
    const ofRange = slice(upstream, SCREEN_GRADIENT_FLOATS);
    launchColours(backend, args, range, { upstream: ofRange, colours });
    backend.launch(ofDegree(coefficientPrograms, activeShDegree, coefficientProgram), {
      params: { ...viewParameters(view), shStride, count: items, items: Math.ceil(items / 4) * 12 * shStride },
      buffers: { colours, gradSh: slice(gradients.sh, 3 * shStride) },
    });
    launchGeometryGradient(backend, { view, parameters, projected }, range, {
      ...{ upstream: ofRange, colours, gradients: geometry },
    });
    const { sh: _, ...outputs } = parameterSlices(gradients, shStride, slice);
    backend.launch(SPREAD, {
      params: { count: items, items: Math.ceil(items / 4) * 4 },
      buffers: { gradients: geometry, ...outputs },
    });
  }
}
