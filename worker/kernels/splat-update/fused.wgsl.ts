/**
 * The end of a training step on adapters that bind sixteen storage buffers: slots, backward projection, Adam and noise of a
 * Gaussian's geometry in one launch, whose gradients never leave its registers; and Adam on the coefficients in another.
 */
import { type BufferSlice, itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import { SLOT_SUMS_WGSL } from '../blending/index.ts';
import { COLOUR_GRADIENT_WGSL, GEOMETRY_GRADIENT_WGSL, GEOMETRY_WGSL, ofDegree } from '../projection/index.ts';
import { type GaussianRange, LAYOUT_CONSTANTS, PROJECTED_FLOATS, VIEW_PARAMETERS } from '../shared/index.ts';
import { type ShDegree, shBasisWgsl, shCoefficientCount, shSumsWgsl, shWgsl } from '../spherical-harmonics/index.ts';
import type { SplatUpdateArgs } from './splat-update.ts';
import { ADAM_PARAMETERS, adamWgsl, NOISE_PARAMETERS, NOISE_WGSL, SEEN_WGSL } from './step.wgsl.ts';

/** What {@link fusedUpdate} binds at once. */
export const FUSED_STORAGE_BUFFERS = 16;

const RATES = {
  ...({ rateMeans: 'f32', rateQuaternions: 'f32', rateScales: 'f32', rateOpacities: 'f32' } as const),
  ...({ scaleRegulariser: 'f32', opacityRegulariser: 'f32' } as const),
} as const;

const geometryPrograms = new Map<ShDegree, ReturnType<typeof geometryProgram>>();

function geometryProgram(degree: ShDegree) {
  return itemProgram({
    name: 'splatUpdate (geometry)',
    params: {
      ...{ ...VIEW_PARAMETERS, ...ADAM_PARAMETERS, ...RATES, ...NOISE_PARAMETERS },
      ...({ shStride: 'u32', firstGaussian: 'u32' } as const),
    },
    buffers: {
      ...({ slotStart: 'read u32', slots: 'read vec4f', sh: 'read f32', projected: 'write f32' } as const),
      ...({ means: 'write f32', firstMeans: 'write f32', secondMeans: 'write f32' } as const),
      ...({ quaternions: 'write f32', firstQuaternions: 'write f32', secondQuaternions: 'write f32' } as const),
      ...({ logScales: 'write f32', firstScales: 'write f32', secondScales: 'write f32' } as const),
      ...({ logitOpacities: 'write f32', firstOpacities: 'write f32', secondOpacities: 'write f32' } as const),
    },
    constants: LAYOUT_CONSTANTS,
    binds: FUSED_STORAGE_BUFFERS,
    body: `${GEOMETRY_WGSL}${SLOT_SUMS_WGSL}${GEOMETRY_GRADIENT_WGSL}
${shWgsl(degree)}${shSumsWgsl(degree)}${COLOUR_GRADIENT_WGSL}${SEEN_WGSL}${NOISE_WGSL}
${adamWgsl('Means', 'means')}${adamWgsl('Quaternions', 'quaternions')}
${adamWgsl('Scales', 'logScales')}${adamWgsl('Opacities', 'logitOpacities')}
fn item(g: u32) {
  let seen = isSeen(g);
  if (!seen && params.selective == 1u) { return; }
  var gradient = GeometryGradient(vec3f(0.0), 0.0, vec4f(0.0), vec3f(0.0));
  if (seen) {
    let screen = screenGradientOf(g);
    let colour = colourGradientOf(g, meanOf(g), screen.colour);
    gradient = geometryGradientOf(g, screen, colour.mean);
    // The record has served: what the coefficients need takes its place.
    let row = g * PROJECTED_FLOATS;
    for (var k = 0u; k < 3u; k++) {
      projected[row + k] = colour.direction[k];
      projected[row + 4u + k] = colour.up[k];
    }
  }
  // Of the values before this step, all of them.
  let moved = noiseOf(g, params.firstGaussian + g);
  for (var k = 0u; k < 3u; k++) {
    let i = laneIndex(g, k, 3u);
    adamMeans(i, gradient.mean[k], params.rateMeans);
    means[i] += moved[k];
  }
  for (var k = 0u; k < 4u; k++) {
    adamQuaternions(laneIndex(g, k, 4u), gradient.quaternion[k], params.rateQuaternions);
  }
  for (var k = 0u; k < 3u; k++) {
    let i = laneIndex(g, k, 3u);
    adamScales(i, gradient.scales[k] + params.scaleRegulariser * exp(logScales[i]), params.rateScales);
  }
  let i = laneIndex(g, 0u, 1u);
  let opacity = 1.0 / (1.0 + exp(-logitOpacities[i]));
  adamOpacities(i, gradient.logit + params.opacityRegulariser * opacity * (1.0 - opacity), params.rateOpacities);
}
`,
  });
}

const coefficientPrograms = new Map<ShDegree, ReturnType<typeof coefficientProgram>>();

/** One invocation per element, in the order of memory: four fifths of all parameters pass here. */
function coefficientProgram(degree: ShDegree) {
  return itemProgram({
    name: 'splatUpdate (coefficients)',
    params: { ...ADAM_PARAMETERS, shStride: 'u32', count: 'u32', rateDc: 'f32', rateRest: 'f32' },
    buffers: {
      ...({ records: 'read vec4f', slotStart: 'read u32' } as const),
      ...({ valueSh: 'write f32', firstSh: 'write f32', secondSh: 'write f32' } as const),
    },
    body: `${shBasisWgsl(degree)}${adamWgsl('Sh')}${SEEN_WGSL}
fn item(i: u32) {
  let component = (i / 4u) % (3u * params.shStride);
  let g = i / (12u * params.shStride) * 4u + i % 4u;
  let coefficient = component / 3u;
  if (g >= params.count || coefficient >= SH_COUNT) { return; }
  let seen = isSeen(g);
  if (!seen && params.selective == 1u) { return; }
  var gradient = 0.0;
  if (seen) {
    let row = g * ${PROJECTED_FLOATS / 4}u;
    gradient = shBasis(coefficient, records[row].xyz) * records[row + 1u][component % 3u];
  }
  adamSh(i, gradient, select(params.rateRest, params.rateDc, coefficient == 0u));
}
`,
  });
}

type ParametersOf<Program extends { readonly params: object }> = Readonly<Record<keyof Program['params'], number>>;

/** One range of Gaussians. @param shared the parameters that do not depend on the range */
export function fusedUpdate(
  backend: WebgpuBackend,
  args: SplatUpdateArgs,
  { slice, count: items, first: firstGaussian }: GaussianRange,
  slotStart: BufferSlice,
  shared: Omit<ParametersOf<ReturnType<typeof geometryProgram>>, 'items' | 'firstGaussian'> &
    Pick<ParametersOf<ReturnType<typeof coefficientProgram>>, 'rateDc' | 'rateRest'>,
): void {
  const { parameters, firstMoments, secondMoments, slots, shDegree, activeShDegree } = args;
  const sh = 3 * shCoefficientCount(shDegree);
  const projected = slice(args.projected, PROJECTED_FLOATS);
  backend.launch(ofDegree(geometryPrograms, activeShDegree, geometryProgram), {
    params: { ...shared, firstGaussian, items },
    buffers: {
      ...{ slotStart, slots, sh: slice(parameters.sh, sh), projected },
      means: slice(parameters.means, 3),
      firstMeans: slice(firstMoments.means, 3),
      secondMeans: slice(secondMoments.means, 3),
      quaternions: slice(parameters.quaternions, 4),
      firstQuaternions: slice(firstMoments.quaternions, 4),
      secondQuaternions: slice(secondMoments.quaternions, 4),
      logScales: slice(parameters.logScales, 3),
      firstScales: slice(firstMoments.logScales, 3),
      secondScales: slice(secondMoments.logScales, 3),
      logitOpacities: slice(parameters.logitOpacities, 1),
      firstOpacities: slice(firstMoments.logitOpacities, 1),
      secondOpacities: slice(secondMoments.logitOpacities, 1),
    },
  });
  backend.launch(ofDegree(coefficientPrograms, activeShDegree, coefficientProgram), {
    params: { ...shared, count: items, items: Math.ceil(items / 4) * 4 * sh },
    buffers: {
      ...{ records: projected, slotStart },
      ...{ valueSh: slice(parameters.sh, sh), firstSh: slice(firstMoments.sh, sh) },
      secondSh: slice(secondMoments.sh, sh),
    },
  });
}
