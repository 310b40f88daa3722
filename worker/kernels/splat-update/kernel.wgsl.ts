/**
 * The end of a training step in WGSL; reference.ts is the definition. Where the adapter binds sixteen storage buffers it is
 * fused.wgsl.ts; here are the passes for those that bind eight: slots to screen gradients; what a colour's gradient is made of; Adam on the coefficients, whose
 * gradients never reach memory; gradients of the geometry, then Adam and noise on it.
 */
import { type BufferSlice, type DeviceBuffer, itemProgram, type WebgpuBackend } from '../../compute/index.ts';
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
import { FUSED_STORAGE_BUFFERS, fusedUpdate } from './fused.wgsl.ts';
import { noiseKeys } from './reference.ts';
import type { CopyGaussiansArgs, PermuteLanesArgs, SplatUpdateArgs } from './splat-update.ts';
import { ADAM_PARAMETERS, adamWgsl, NOISE_PARAMETERS, NOISE_WGSL, SEEN_WGSL } from './step.wgsl.ts';

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
    ...NOISE_PARAMETERS,
    ...({ rate: 'f32', firstGaussian: 'u32' } as const),
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
  body: `${LANES_WGSL}${adamWgsl('Means')}${SEEN_WGSL}${SHAPE_WGSL}${NOISE_WGSL}
fn item(g: u32) {
  if (!isSeen(g) && params.selective == 1u) { return; }
  for (var k = 0u; k < 3u; k++) {
    adamMeans(laneIndex(g, k, 3u), gradients[g * ${GEOMETRY_GRADIENT_FLOATS}u + k], params.rate);
  }
  let moved = noiseOf(g, params.firstGaussian + g);
  for (var k = 0u; k < 3u; k++) { valueMeans[laneIndex(g, k, 3u)] += moved[k]; }
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
  const { rates, step, beta1, beta2, count, shDegree, view, slotStart } = args;
  if (!(step >= 1)) throw new RangeError(`the steps of Adam count from 1, got ${step}`);
  if (count === 0) return;
  const root = Math.sqrt(1 - beta2 ** step);
  const scale = root / (1 - beta1 ** step);
  const [key0, key1] = noiseKeys(args.seed, args.iteration);
  const shStride = shCoefficientCount(shDegree);
  const settings = {
    ...{ ...viewParameters(view), shStride },
    ...{ keep1: beta1, take1: 1 - beta1, keep2: beta2, take2: 1 - beta2 },
    ...{ epsilon: args.epsilon * root, selective: args.selective ? 1 : 0 },
    ...{ rateMeans: rates.means * scale, rateQuaternions: rates.quaternions * scale },
    ...{ rateScales: rates.logScales * scale, rateOpacities: rates.logitOpacities * scale },
    ...{ rateDc: rates.shDc * scale, rateRest: rates.shRest * scale },
    scaleRegulariser: args.scaleRegularisation / (3 * count),
    opacityRegulariser: args.opacityRegularisation / count,
    ...{ noiseScale: args.noiseScale, key0, key1 },
  };
  const isFused = backend.limits.maxStorageBuffersPerShaderStage >= FUSED_STORAGE_BUFFERS;
  const update = isFused ? fusedUpdate : updateInPasses;
  for (const range of gaussianRanges(backend, count, Math.max(PROJECTED_FLOATS, 3 * shStride))) {
    update(backend, args, range, slotStartOf(range, slotStart), settings);
  }
}

type UpdateParameters = Parameters<typeof fusedUpdate>[4];

function updateInPasses(
  backend: WebgpuBackend,
  args: SplatUpdateArgs,
  range: GaussianRange,
  slotStart: ReturnType<typeof slotStartOf>,
  settings: UpdateParameters,
): void {
  const { parameters, firstMoments, secondMoments, activeShDegree, slots } = args;
  const { slice, count: items, first: firstGaussian } = range;
  const workspace = webgpuWorkspace(backend);
  const made = (name: string, bytes: number): BufferSlice => ({
    buffer: workspace.ensure(name, items * bytes),
    ...{ offsetBytes: 0, sizeBytes: items * bytes },
  });
  const screen = made('screen gradients', SCREEN_GRADIENT_BYTES);
  const colours = made('colours', COLOUR_FLOATS * 4);
  const gradients = made('geometry gradients', GEOMETRY_GRADIENT_FLOATS * 4);
  const sh = 3 * settings.shStride;
  const projected = slice(args.projected, PROJECTED_FLOATS);
  screenGradientsOnWebgpu(backend, { projected, slotStart, slots, gradients: screen }, items);
  launchColours(backend, args, range, { upstream: screen, colours });
  backend.launch(ofDegree(coefficientPrograms, activeShDegree, coefficientProgram), {
    params: { ...settings, count: items, items: Math.ceil(items / 4) * 4 * sh },
    buffers: {
      ...{ colours, slotStart, valueSh: slice(parameters.sh, sh) },
      ...{ firstSh: slice(firstMoments.sh, sh), secondSh: slice(secondMoments.sh, sh) },
    },
  });
  launchGeometryGradient(backend, args, range, { upstream: screen, colours, gradients });
  if (!args.selective) backend.launch(NONE, { params: { items }, buffers: { slotStart, gradients } });
  backend.launch(MEANS, {
    params: { ...settings, rate: settings.rateMeans, firstGaussian, items },
    buffers: {
      ...{ gradients, slotStart, quaternions: slice(parameters.quaternions, 4) },
      ...{ logScales: slice(parameters.logScales, 3), logitOpacities: slice(parameters.logitOpacities, 1) },
      valueMeans: slice(parameters.means, 3),
      firstMeans: slice(firstMoments.means, 3),
      secondMeans: slice(secondMoments.means, 3),
    },
  });
  backend.launch(SHAPES, {
    params: { ...settings, items },
    buffers: {
      ...{ gradients, slotStart },
      valueQuaternions: slice(parameters.quaternions, 4),
      firstQuaternions: slice(firstMoments.quaternions, 4),
      secondQuaternions: slice(secondMoments.quaternions, 4),
      valueScales: slice(parameters.logScales, 3),
      firstScales: slice(firstMoments.logScales, 3),
      secondScales: slice(secondMoments.logScales, 3),
    },
  });
  backend.launch(OPACITIES, {
    params: { ...settings, rate: settings.rateOpacities, items },
    buffers: {
      ...{ gradients, slotStart },
      valueOpacities: slice(parameters.logitOpacities, 1),
      firstOpacities: slice(firstMoments.logitOpacities, 1),
      secondOpacities: slice(secondMoments.logitOpacities, 1),
    },
  });
}

/** One more than the range has Gaussians. */
function slotStartOf({ first, count }: GaussianRange, slotStart: DeviceBuffer): BufferSlice {
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
