/**
 * The end of a training step in WGSL; reference.ts is the definition. Several passes, because eight storage buffers are all
 * that every adapter binds: slots to screen gradients; what a colour's gradient is made of; Adam on the coefficients, whose
 * gradients never reach memory; gradients of the geometry, then Adam and noise on it.
 */
import { type DeviceBuffer, itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import { screenGradientsOnWebgpu } from '../blending/index.ts';
import {
  COEFFICIENT_WGSL,
  COLOUR_FLOATS,
  type GaussianBuffers,
  GEOMETRY_GRADIENT_FLOATS,
  launchColours,
  launchGeometryGradient,
  ofDegree,
  requireDegree,
  SHAPE_WGSL,
} from '../projection/index.ts';
import {
  type GaussianRange,
  gaussianRanges,
  LANES_WGSL,
  PROJECTED_FLOATS,
  SCREEN_GRADIENT_BYTES,
  VIEW_PARAMETERS,
  viewParameters,
  webgpuWorkspace,
} from '../shared/index.ts';
import { type ShDegree, shCoefficientCount, shWgsl } from '../spherical-harmonics/index.ts';
import { noiseKeys } from './reference.ts';
import type { CopyGaussiansArgs, PermuteLanesArgs, SplatUpdateArgs } from './splat-update.ts';

const ADAM_PARAMETERS = {
  ...({ keep1: 'f32', take1: 'f32', keep2: 'f32', take2: 'f32', epsilon: 'f32', selective: 'u32' } as const),
} as const;

/** One step on element `i` of bindings that end in `suffix`; rate and epsilon carry the bias corrections. */
const adamWgsl = (suffix: string) => `
fn adam${suffix}(i: u32, gradient: f32, rate: f32) {
  let m = params.keep1 * first${suffix}[i] + params.take1 * gradient;
  let v = params.keep2 * second${suffix}[i] + params.take2 * gradient * gradient;
  first${suffix}[i] = m;
  second${suffix}[i] = v;
  value${suffix}[i] -= rate * m / (sqrt(v) + params.epsilon);
}
`;

/** Gaussians without a slot in this view. `slotStart` begins with the range. */
const SEEN_WGSL = `
fn isSeen(g: u32) -> bool { return slotStart[g + 1u] > slotStart[g]; }
`;

const coefficientPrograms = new Map<ShDegree, ReturnType<typeof coefficientProgram>>();

/** One invocation per element, in the order of memory: four fifths of all parameters pass here. */
function coefficientProgram(degree: ShDegree) {
  return itemProgram({
    name: 'splatUpdate (coefficients)',
    params: { ...VIEW_PARAMETERS, ...ADAM_PARAMETERS, shStride: 'u32', count: 'u32', rateDc: 'f32', rateRest: 'f32' },
    buffers: {
      ...({ colours: 'read vec4f', slotStart: 'read u32' } as const),
      ...({ valueSh: 'write f32', firstSh: 'write f32', secondSh: 'write f32' } as const),
    },
    body: `${shWgsl(degree)}${COEFFICIENT_WGSL}${adamWgsl('Sh')}${SEEN_WGSL}
fn item(i: u32) {
  let e = elementOf(i);
  if (e.gaussian >= params.count || e.coefficient >= SH_COUNT) { return; }
  let seen = isSeen(e.gaussian);
  if (!seen && params.selective == 1u) { return; }
  var gradient = 0.0;
  if (seen) { gradient = gradientOf(e); }
  adamSh(i, gradient, select(params.rateRest, params.rateDc, e.coefficient == 0u));
}
`,
  });
}

const MEANS = itemProgram({
  name: 'splatUpdate (means)',
  params: {
    ...ADAM_PARAMETERS,
    ...({ rate: 'f32', noiseScale: 'f32', key0: 'i32', key1: 'i32', firstGaussian: 'u32' } as const),
  },
  buffers: {
    ...({ gradients: 'read f32', slotStart: 'read u32', quaternions: 'read f32', logScales: 'read f32' } as const),
    ...({
      logitOpacities: 'read f32',
      valueMeans: 'write f32',
      firstMeans: 'write f32',
      secondMeans: 'write f32',
    } as const),
  },
  body: `${LANES_WGSL}${adamWgsl('Means')}${SEEN_WGSL}${SHAPE_WGSL}
fn mix32(word: u32) -> u32 {
  var x = word ^ (word >> 16u);
  x *= 0x21f0aaadu;
  x ^= x >> 15u;
  x *= 0x735a2d97u;
  return x ^ (x >> 15u);
}
// Irwin-Hall sum of four 16-bit uniforms of a counter hash: mean 0, variance 1.
fn deviate(gaussian: u32, axis: u32) -> f32 {
  let first = mix32(gaussian * 3u + axis + bitcast<u32>(params.key0));
  let second = mix32(first ^ bitcast<u32>(params.key1));
  let sum = (first & 0xffffu) + (first >> 16u) + (second & 0xffffu) + (second >> 16u);
  return (f32(sum + sum) - 262140.0) * (1.7320508075688772 / 131072.0);
}
fn item(g: u32) {
  if (!isSeen(g) && params.selective == 1u) { return; }
  for (var k = 0u; k < 3u; k++) {
    adamMeans(laneIndex(g, k, 3u), gradients[g * ${GEOMETRY_GRADIENT_FLOATS}u + k], params.rate);
  }
  if (!(params.noiseScale > 0.0)) { return; }
  // 3DGS-MCMC: only what is nearly transparent wanders, sigmoid(-100 (opacity - 0.005)).
  let opacity = 1.0 / (1.0 + exp(-logitOpacities[laneIndex(g, 0u, 1u)]));
  let factor = 1.0 / (1.0 + exp(100.0 * (opacity - 0.005)));
  if (!(factor > 1e-6)) { return; }
  let raw = rawQuaternion(g);
  let rotation = rotationOf(raw / sqrt(dot(raw, raw)));
  let scales = scalesOf(g);
  let id = params.firstGaussian + g;
  let n = vec3f(deviate(id, 0u), deviate(id, 1u), deviate(id, 2u));
  let moved = params.noiseScale * factor * (rotation * (scales * scales * (n * rotation)));
  for (var k = 0u; k < 3u; k++) {
    // A shape without a number must not reach the position.
    if (isFinite(moved[k])) { valueMeans[laneIndex(g, k, 3u)] += moved[k]; }
  }
}
`,
});

const SHAPES = itemProgram({
  name: 'splatUpdate (shapes)',
  params: { ...ADAM_PARAMETERS, rateQuaternions: 'f32', rateScales: 'f32', scaleRegulariser: 'f32' },
  buffers: {
    ...({ gradients: 'read f32', slotStart: 'read u32' } as const),
    ...({ valueQuaternions: 'write f32', firstQuaternions: 'write f32', secondQuaternions: 'write f32' } as const),
    ...({ valueScales: 'write f32', firstScales: 'write f32', secondScales: 'write f32' } as const),
  },
  body: `${LANES_WGSL}${adamWgsl('Quaternions')}${adamWgsl('Scales')}${SEEN_WGSL}
fn item(g: u32) {
  if (!isSeen(g) && params.selective == 1u) { return; }
  let row = g * ${GEOMETRY_GRADIENT_FLOATS}u;
  for (var k = 0u; k < 4u; k++) {
    adamQuaternions(laneIndex(g, k, 4u), gradients[row + 4u + k], params.rateQuaternions);
  }
  for (var k = 0u; k < 3u; k++) {
    let i = laneIndex(g, k, 3u);
    adamScales(i, gradients[row + 8u + k] + params.scaleRegulariser * exp(valueScales[i]), params.rateScales);
  }
}
`,
});

const OPACITIES = itemProgram({
  name: 'splatUpdate (opacities)',
  params: { ...ADAM_PARAMETERS, rate: 'f32', opacityRegulariser: 'f32' },
  buffers: {
    ...({ gradients: 'read f32', slotStart: 'read u32' } as const),
    ...({ valueOpacities: 'write f32', firstOpacities: 'write f32', secondOpacities: 'write f32' } as const),
  },
  body: `${LANES_WGSL}${adamWgsl('Opacities')}${SEEN_WGSL}
fn item(g: u32) {
  if (!isSeen(g) && params.selective == 1u) { return; }
  let i = laneIndex(g, 0u, 1u);
  let opacity = 1.0 / (1.0 + exp(-valueOpacities[i]));
  let regularised = gradients[g * ${GEOMETRY_GRADIENT_FLOATS}u + 3u] + params.opacityRegulariser * opacity * (1.0 - opacity);
  adamOpacities(i, regularised, params.rate);
}
`,
});

const NONE = itemProgram({
  name: 'splatUpdate (unseen)',
  params: {},
  buffers: { slotStart: 'read u32', gradients: 'write vec4f' },
  body: `${SEEN_WGSL}
fn item(g: u32) {
  if (isSeen(g)) { return; }
  for (var k = 0u; k < 3u; k++) { gradients[3u * g + k] = vec4f(0.0); }
}
`,
});

export function splatUpdateOnWebgpu(backend: WebgpuBackend, args: SplatUpdateArgs): void {
  requireDegree(args);
  const { rates, step, beta1, beta2, count, shDegree, activeShDegree, view, projected, slotStart, slots } = args;
  if (!(step >= 1)) throw new RangeError(`the steps of Adam count from 1, got ${step}`);
  if (count === 0) return;
  const root = Math.sqrt(1 - beta2 ** step);
  const scale = root / (1 - beta1 ** step);
  const adam = {
    ...{ keep1: beta1, take1: 1 - beta1, keep2: beta2, take2: 1 - beta2 },
    ...{ epsilon: args.epsilon * root, selective: args.selective ? 1 : 0 },
  };
  const [key0, key1] = noiseKeys(args.seed, args.iteration);
  const shStride = shCoefficientCount(shDegree);
  const workspace = webgpuWorkspace(backend);
  const screen = workspace.ensure('screen gradients', count * SCREEN_GRADIENT_BYTES);
  const colours = workspace.ensure('colours', count * COLOUR_FLOATS * 4);
  const geometry = workspace.ensure('geometry gradients', count * GEOMETRY_GRADIENT_FLOATS * 4);
  screenGradientsOnWebgpu(backend, { projected, slotStart, slots, gradients: screen }, count);
  const { parameters, firstMoments, secondMoments } = args;
  for (const range of gaussianRanges(backend, count, Math.max(PROJECTED_FLOATS, 3 * shStride))) {
    const { slice, count: items, first: firstGaussian } = range;
    const seen = { slotStart: slotStartOf(range, slotStart) };
    const gradients = slice(geometry, GEOMETRY_GRADIENT_FLOATS);
    launchColours(backend, args, range, { upstream: screen, colours });
    backend.launch(ofDegree(coefficientPrograms, activeShDegree, coefficientProgram), {
      params: {
        ...{ ...viewParameters(view), ...adam, shStride, count: items },
        ...{ rateDc: rates.shDc * scale, rateRest: rates.shRest * scale, items: Math.ceil(items / 4) * 12 * shStride },
      },
      buffers: {
        ...{ colours: slice(colours, COLOUR_FLOATS), ...seen },
        valueSh: slice(parameters.sh, 3 * shStride),
        firstSh: slice(firstMoments.sh, 3 * shStride),
        secondSh: slice(secondMoments.sh, 3 * shStride),
      },
    });
    launchGeometryGradient(backend, args, range, { upstream: screen, colours, gradients: geometry });
    if (!args.selective) backend.launch(NONE, { params: { items }, buffers: { ...seen, gradients } });
    backend.launch(MEANS, {
      params: { ...adam, rate: rates.means * scale, noiseScale: args.noiseScale, key0, key1, firstGaussian, items },
      buffers: {
        ...{ gradients, ...seen, quaternions: slice(parameters.quaternions, 4) },
        ...{ logScales: slice(parameters.logScales, 3), logitOpacities: slice(parameters.logitOpacities, 1) },
        valueMeans: slice(parameters.means, 3),
        firstMeans: slice(firstMoments.means, 3),
        secondMeans: slice(secondMoments.means, 3),
      },
    });
    backend.launch(SHAPES, {
      params: {
        ...{ ...adam, rateQuaternions: rates.quaternions * scale, rateScales: rates.logScales * scale },
        ...{ scaleRegulariser: args.scaleRegularisation / (3 * count), items },
      },
      buffers: {
        ...{ gradients, ...seen },
        valueQuaternions: slice(parameters.quaternions, 4),
        firstQuaternions: slice(firstMoments.quaternions, 4),
        secondQuaternions: slice(secondMoments.quaternions, 4),
        valueScales: slice(parameters.logScales, 3),
        firstScales: slice(firstMoments.logScales, 3),
        secondScales: slice(secondMoments.logScales, 3),
      },
    });
    backend.launch(OPACITIES, {
      params: {
        ...{ ...adam, rate: rates.logitOpacities * scale, items },
        opacityRegulariser: args.opacityRegularisation / count,
      },
      buffers: {
        ...{ gradients, ...seen },
        valueOpacities: slice(parameters.logitOpacities, 1),
        firstOpacities: slice(firstMoments.logitOpacities, 1),
        secondOpacities: slice(secondMoments.logitOpacities, 1),
      },
    });
  }
}

/** One more than the range has Gaussians. */
function slotStartOf({ first, count }: GaussianRange, slotStart: DeviceBuffer) {
  return { buffer: slotStart, offsetBytes: first * 4, sizeBytes: (count + 1) * 4 };
}

const COPY = itemProgram({
  name: 'copyGaussians',
  params: { floats: 'u32', replaced: 'u32' },
  buffers: {
    ...({ sources: 'read u32', targets: 'read u32', replacements: 'read f32' } as const),
    ...({ values: 'write f32', firstMoments: 'write f32', secondMoments: 'write f32' } as const),
  },
  // A source that occurs several times is written several times, with the same values.
  body: `${LANES_WGSL}
fn item(i: u32) {
  let copy = i / params.floats;
  let component = i % params.floats;
  let source = laneIndex(sources[copy], component, params.floats);
  let goal = laneIndex(targets[copy], component, params.floats);
  if (params.replaced == 1u) {
    values[source] = replacements[i];
    values[goal] = replacements[i];
  } else {
    values[goal] = values[source];
  }
  firstMoments[source] = 0.0;
  firstMoments[goal] = 0.0;
  secondMoments[source] = 0.0;
  secondMoments[goal] = 0.0;
}
`,
});

export function copyGaussiansOnWebgpu(backend: WebgpuBackend, args: CopyGaussiansArgs): void {
  const { parameters, firstMoments, secondMoments, shDegree, copies, sources, targets } = args;
  const copyGroup = (group: keyof GaussianBuffers, floats: number, replacements?: DeviceBuffer) =>
    backend.launch(COPY, {
      params: { floats, replaced: replacements === undefined ? 0 : 1, items: copies * floats },
      buffers: {
        ...{ sources, targets, replacements: replacements ?? args.newLogScales, values: parameters[group] },
        ...{ firstMoments: firstMoments[group], secondMoments: secondMoments[group] },
      },
    });
  copyGroup('means', 3);
  copyGroup('quaternions', 4);
  copyGroup('logScales', 3, args.newLogScales);
  copyGroup('logitOpacities', 1, args.newLogitOpacities);
  copyGroup('sh', 3 * shCoefficientCount(shDegree));
}

/** Elements of whole lane blocks; \`stride` floats per Gaussian in the array, `components` in the workspace. */
const PERMUTE_PARAMETERS = { stride: 'u32', firstComponent: 'u32', components: 'u32', count: 'u32' } as const;
const PERMUTED_WGSL = `${LANES_WGSL}
struct Place { gaussian: u32, component: u32 }
fn placeOf(i: u32) -> Place {
  return Place(i / (4u * params.components) * 4u + i % 4u, params.firstComponent + (i / 4u) % params.components);
}
`;

const GATHER_LANES = itemProgram({
  name: 'permuteLanes (gather)',
  params: PERMUTE_PARAMETERS,
  buffers: { values: 'read f32', order: 'read u32', workspace: 'write f32' },
  body: `${PERMUTED_WGSL}
fn item(i: u32) {
  let place = placeOf(i);
  var source = place.gaussian;
  if (source < params.count) { source = order[source]; }
  workspace[i] = values[laneIndex(source, place.component, params.stride)];
}
`,
});

const PUT_LANES = itemProgram({
  name: 'permuteLanes (put)',
  params: PERMUTE_PARAMETERS,
  buffers: { workspace: 'read f32', values: 'write f32' },
  body: `${PERMUTED_WGSL}
fn item(i: u32) {
  let place = placeOf(i);
  values[laneIndex(place.gaussian, place.component, params.stride)] = workspace[i];
}
`,
});

export function permuteLanesOnWebgpu(
  backend: WebgpuBackend,
  { array, stride, count, order, workspace }: PermuteLanesArgs,
  atOnce: number,
): void {
  for (let firstComponent = 0; firstComponent < stride; firstComponent += atOnce) {
    const components = Math.min(atOnce, stride - firstComponent);
    const params = { stride, firstComponent, components, count, items: Math.ceil(count / 4) * 4 * components };
    backend.launch(GATHER_LANES, { params, buffers: { values: array, order, workspace } });
    backend.launch(PUT_LANES, { params, buffers: { workspace, values: array } });
  }
}
