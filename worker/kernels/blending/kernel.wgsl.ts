/**
 * Blending in WGSL: one workgroup per tile, one invocation per pixel; the definition is reference.ts. Gaussians pass through
 * workgroup memory in batches. The forward pass leaves the transmittance and the last Gaussian of every pixel, from which the
 * backward pass walks back.
 */
import { type BufferSlice, type DeviceBuffer, itemProgram, program, type WebgpuBackend } from '../../compute/index.ts';
import type { TileLists } from '../binning/index.ts';
import { LAYOUT_CONSTANTS, PROJECTED, SCREEN_GRADIENT_WGSL, TILE } from '../shared/index.ts';
import type { BlendArgs, BlendChannelsArgs, BlendState, ReduceSlotsArgs } from './blending.ts';

export const PIXELS = TILE * TILE;
/** Channels that one launch of the general forward pass blends. */
const CHANNELS_AT_ONCE = 16;

export const FRAME_PARAMETERS = {
  ...({ width: 'u32', height: 'u32', tilesX: 'u32' } as const),
  ...({ backgroundR: 'f32', backgroundG: 'f32', backgroundB: 'f32' } as const),
} as const;

/** A Gaussian as the inner loops read it, and what it contributes to a pixel at `offset` from its mean. */
export const GAUSSIAN_WGSL = `
struct Blended { mean: vec2f, opacity: f32, conic: vec3f }
fn blendedOf(gaussian: u32) -> Blended {
  let p = gaussian * PROJECTED_FLOATS;
  return Blended(
    vec2f(projected[p + PROJECTED_x], projected[p + PROJECTED_y]),
    projected[p + PROJECTED_opacity],
    vec3f(projected[p + PROJECTED_conicA], projected[p + PROJECTED_conicB], projected[p + PROJECTED_conicC]),
  );
}
fn alphaAt(b: Blended, offset: vec2f) -> f32 {
  let sigma = 0.5 * (b.conic.x * offset.x * offset.x + b.conic.z * offset.y * offset.y) + b.conic.y * offset.x * offset.y;
  return min(ALPHA_MAX, b.opacity * exp(-sigma));
}
`;

interface Walk {
  /** Module scope: workgroup memory and functions. */
  readonly declarations: string;
  /** Per pixel, before the walk. */
  readonly start: string;
  /** Brings `gaussian` of the batch to workgroup memory at `thread`. */
  readonly gather: string;
  /** One contribution: `weight` of entry `i` of the batch. */
  readonly blend: string;
  /** After the walk, inside the image: `transmittance`, pixel `at` of a `plane`. */
  readonly store: string;
}

/** The walk over a tile's list, front to back. */
const walkWgsl = ({ declarations, start, gather, blend, store }: Walk) => `
${GAUSSIAN_WGSL}
var<workgroup> batch: array<Blended, ${PIXELS}>;
var<workgroup> openPixels: atomic<u32>;
${declarations}
@compute @workgroup_size(${TILE}, ${TILE})
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = group.y * params.tilesX + group.x;
  let pixel = group.xy * TILE + local.xy;
  let centre = vec2f(pixel) + 0.5;
  let inside = pixel.x < params.width && pixel.y < params.height;
  let begin = tileStart[tile];
  let end = tileStart[tile + 1u];
  var transmittance = 1.0;
  var last = 0u;
  var open = inside;
  ${start}
  for (var first = begin; first < end; first += ${PIXELS}u) {
    if (thread == 0u) { atomicStore(&openPixels, 0u); }
    workgroupBarrier();
    if (open) { atomicStore(&openPixels, 1u); }
    if (first + thread < end) {
      let gaussian = instances[first + thread].x;
      batch[thread] = blendedOf(gaussian);
      ${gather}
    }
    if (workgroupUniformLoad(&openPixels) == 0u) { break; }
    let size = min(${PIXELS}u, end - first);
    for (var i = 0u; i < size && open; i++) {
      let alpha = alphaAt(batch[i], centre - batch[i].mean);
      if (alpha < ALPHA_MIN) { continue; }
      let after = transmittance * (1.0 - alpha);
      if (after <= STOP_TRANSMITTANCE) {
        open = false;
        break;
      }
      let weight = alpha * transmittance;
      ${blend}
      transmittance = after;
      last = first + i + 1u - begin;
    }
    workgroupBarrier();
  }
  lastOfPixel[tile * ${PIXELS}u + thread] = vec2u(last, bitcast<u32>(transmittance));
  if (!inside) { return; }
  let at = pixel.y * params.width + pixel.x;
  let plane = params.width * params.height;
  ${store}
}
`;

const FORWARD = program({
  name: 'blendForward',
  params: FRAME_PARAMETERS,
  buffers: {
    ...({ projected: 'read f32', instances: 'read vec2u', tileStart: 'read u32' } as const),
    ...({ lastOfPixel: 'write vec2u', rgb: 'write f32' } as const),
  },
  constants: LAYOUT_CONSTANTS,
  workgroup: PIXELS,
  body: walkWgsl({
    declarations: `var<workgroup> colours: array<vec3f, ${PIXELS}>;`,
    start: 'var colour = vec3f(0.0);',
    gather: `let p = gaussian * PROJECTED_FLOATS;
      colours[thread] = vec3f(projected[p + PROJECTED_red], projected[p + PROJECTED_green], projected[p + PROJECTED_blue]);`,
    blend: 'colour += weight * colours[i];',
    store: `colour += transmittance * vec3f(params.backgroundR, params.backgroundG, params.backgroundB);
  rgb[at] = colour.x;
  rgb[plane + at] = colour.y;
  rgb[2u * plane + at] = colour.z;`,
  }),
});

/** Value of channel c of a Gaussian: colour, depth, then features. Needs `projected`, `features` and `params.featureDim`. */
export const CHANNEL_WGSL = `
fn channelOf(gaussian: u32, c: u32) -> f32 {
  if (c < 4u) { return projected[gaussian * PROJECTED_FLOATS + ${PROJECTED.red}u + c]; }
  if (c < 4u + params.featureDim) { return features[gaussian * params.featureDim + c - 4u]; }
  return 0.0;
}
fn channelsOf(gaussian: u32, c: u32) -> vec4f {
  return vec4f(channelOf(gaussian, c), channelOf(gaussian, c + 1u), channelOf(gaussian, c + 2u), channelOf(gaussian, c + 3u));
}
`;

const VECTORS = Array.from({ length: CHANNELS_AT_ONCE / 4 }, (_, v) => v);

const FORWARD_CHANNELS = program({
  name: 'blendChannels',
  params: { ...FRAME_PARAMETERS, featureDim: 'u32', firstChannel: 'u32' },
  buffers: {
    ...({ projected: 'read f32', features: 'read f32', instances: 'read vec2u', tileStart: 'read u32' } as const),
    ...({
      lastOfPixel: 'write vec2u',
      output: 'write f32',
      alphaOfPixel: 'write f32',
      contributors: 'write u32',
    } as const),
  },
  constants: LAYOUT_CONSTANTS,
  workgroup: PIXELS,
  body: walkWgsl({
    declarations: `var<workgroup> ids: array<u32, ${PIXELS}>;
${CHANNEL_WGSL}
fn put(at: u32, plane: u32, c: u32, value: f32, transmittance: f32) {
  var shown = value;
  if (c == 0u) { shown += transmittance * params.backgroundR; }
  if (c == 1u) { shown += transmittance * params.backgroundG; }
  if (c == 2u) { shown += transmittance * params.backgroundB; }
  if (c < 4u + params.featureDim) { output[c * plane + at] = shown; }
}`,
    start: `var entries = 0u;\n  ${VECTORS.map((v) => `var sum${v} = vec4f(0.0);`).join(' ')}`,
    gather: 'ids[thread] = gaussian;',
    blend: `entries++;
      ${VECTORS.map((v) => `sum${v} += weight * channelsOf(ids[i], params.firstChannel + ${4 * v}u);`).join('\n      ')}`,
    store: `for (var k = 0u; k < 4u; k++) {
    ${VECTORS.map((v) => `put(at, plane, params.firstChannel + ${4 * v}u + k, sum${v}[k], transmittance);`).join('\n    ')}
  }
  if (params.firstChannel == 0u) {
    alphaOfPixel[at] = 1.0 - transmittance;
    contributors[at] = entries;
  }`,
  }),
});

export interface Frame {
  readonly lists: TileLists;
  readonly state: BlendState;
  readonly width: number;
  readonly height: number;
  readonly background?: readonly [number, number, number];
}

export function frameParameters({ lists, width, height, background = [0, 0, 0] }: Frame) {
  const [backgroundR, backgroundG, backgroundB] = background;
  return { width, height, tilesX: lists.tilesX, backgroundR, backgroundG, backgroundB };
}

/** [tiles, 256] {Gaussians of the list up to the last that was blended, transmittance as bits} of the last forward pass. */
export function lastOfPixel({ state, lists }: Pick<Frame, 'state' | 'lists'>): DeviceBuffer {
  return state.ensure('last of pixel', lists.tileCount * PIXELS * 8);
}

export const tilesOf = ({ lists }: Pick<Frame, 'lists'>) => [lists.tilesX, lists.tilesY] as const;

export function blendForwardOnWebgpu(backend: WebgpuBackend, args: BlendArgs): void {
  const { projected, lists, rgb } = args;
  const { instances, tileStart } = lists;
  backend.launch(FORWARD, {
    params: frameParameters(args),
    buffers: { projected, instances, tileStart, lastOfPixel: lastOfPixel(args), rgb },
    groups: tilesOf(args),
  });
}

export function blendChannelsOnWebgpu(backend: WebgpuBackend, args: BlendChannelsArgs): void {
  const { projected, features, featureDim, lists, output, alpha, contributors } = args;
  const { instances, tileStart } = lists;
  for (let firstChannel = 0; firstChannel < 4 + featureDim; firstChannel += CHANNELS_AT_ONCE) {
    backend.launch(FORWARD_CHANNELS, {
      params: { ...frameParameters(args), featureDim, firstChannel },
      buffers: {
        ...{ projected, features, instances, tileStart, lastOfPixel: lastOfPixel(args) },
        ...{ output, alphaOfPixel: alpha, contributors },
      },
      groups: tilesOf(args),
    });
  }
}

/** Gradient of a Gaussian's record, from its slots. Needs bindings projected, slotStart and slots, and the layout constants. */
export const SLOT_SUMS_WGSL = `${SCREEN_GRADIENT_WGSL}
fn screenGradientOf(g: u32) -> ScreenGradient {
  let first = slotStart[g];
  let last = slotStart[g + 1u];
  var colour = vec4f(0.0);
  var moments = vec4f(0.0);
  var more = vec4f(0.0);
  for (var slot = first; slot < last; slot++) {
    colour += slots[3u * slot];
    moments += slots[3u * slot + 1u];
    more += slots[3u * slot + 2u];
  }
  if (last <= first) { return ScreenGradient(vec3f(0.0), 0.0, 0.0, vec2f(0.0), vec3f(0.0)); }
  let p = g * PROJECTED_FLOATS;
  let a = projected[p + PROJECTED_conicA];
  let b = projected[p + PROJECTED_conicB];
  let c = projected[p + PROJECTED_conicC];
  return ScreenGradient(
    colour.xyz, colour.w, -moments.x / projected[p + PROJECTED_opacity],
    vec2f(-(a * moments.y + b * moments.z), -(b * moments.y + c * moments.z)),
    vec3f(0.5 * moments.w, more.x, 0.5 * more.y),
  );
}
`;

const REDUCE_SLOTS = itemProgram({
  name: 'reduceSlots',
  params: {},
  buffers: {
    ...({ projected: 'read f32', slotStart: 'read u32', slots: 'read vec4f', gradients: 'write f32' } as const),
  },
  constants: LAYOUT_CONSTANTS,
  body: `${SLOT_SUMS_WGSL}
fn item(g: u32) {
  let found = screenGradientOf(g);
  let row = g * SCREEN_GRADIENT_FLOATS;
  for (var k = 0u; k < 3u; k++) { gradients[row + SCREEN_GRADIENT_red + k] = found.colour[k]; }
  gradients[row + SCREEN_GRADIENT_depth] = found.depth;
  gradients[row + SCREEN_GRADIENT_opacity] = found.opacity;
  gradients[row + SCREEN_GRADIENT_x] = found.mean.x;
  gradients[row + SCREEN_GRADIENT_y] = found.mean.y;
  for (var k = 0u; k < 3u; k++) { gradients[row + SCREEN_GRADIENT_conicA + k] = found.conic[k]; }
  gradients[row + 10u] = 0.0;
  gradients[row + 11u] = 0.0;
}
`,
});

const REDUCE_FEATURES = itemProgram({
  name: 'reduceSlots (features)',
  params: { featureDim: 'u32' },
  buffers: { slotStart: 'read u32', featureSlots: 'read f32', featureGradients: 'write f32' },
  body: `
fn item(i: u32) {
  let g = i / params.featureDim;
  let d = i % params.featureDim;
  var sum = 0.0;
  for (var slot = slotStart[g]; slot < slotStart[g + 1u]; slot++) { sum += featureSlots[slot * params.featureDim + d]; }
  featureGradients[i] = sum;
}
`,
});

/** [N, 12] gradients of records from slots: the first half of {@link reduceSlotsOnWebgpu}. */
export function screenGradientsOnWebgpu(
  backend: WebgpuBackend,
  buffers: Readonly<Record<'projected' | 'slotStart' | 'slots' | 'gradients', DeviceBuffer | BufferSlice>>,
  count: number,
): void {
  backend.launch(REDUCE_SLOTS, { params: { items: count }, buffers });
}

export function reduceSlotsOnWebgpu(backend: WebgpuBackend, args: ReduceSlotsArgs): void {
  const { projected, count, lists, slots, gradients, featureSlots, featureGradients, featureDim } = args;
  const { slotStart } = lists;
  screenGradientsOnWebgpu(backend, { projected, slotStart, slots, gradients }, count);
  if (featureDim === 0) return;
  const params = { featureDim, items: count * featureDim };
  backend.launch(REDUCE_FEATURES, { params, buffers: { slotStart, featureSlots, featureGradients } });
}

const RECORD_BUFFERS = {
  ...({ projected: 'read f32', instances: 'read vec2u', tileStart: 'read u32' } as const),
  ...({ lastOfPixel: 'read vec2u', rowOfPixel: 'read i32' } as const),
} as const;

/** One pixel walks the list up to its last Gaussian; `visit` sees `gaussian` and `weight`. */
const weightsWgsl = (visit: string, finish: string) => `
${GAUSSIAN_WGSL}
@compute @workgroup_size(${TILE}, ${TILE})
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = group.y * params.tilesX + group.x;
  let pixel = group.xy * TILE + local.xy;
  if (pixel.x >= params.width || pixel.y >= params.height) { return; }
  let row = rowOfPixel[pixel.y * params.width + pixel.x];
  if (row < 0) { return; }
  let centre = vec2f(pixel) + 0.5;
  let begin = tileStart[tile];
  let end = begin + lastOfPixel[tile * ${PIXELS}u + thread].x;
  var transmittance = 1.0;
  var entries = 0u;
  for (var i = begin; i < end; i++) {
    let gaussian = instances[i].x;
    let b = blendedOf(gaussian);
    let alpha = alphaAt(b, centre - b.mean);
    if (alpha < ALPHA_MIN) { continue; }
    let weight = alpha * transmittance;
    ${visit}
    entries++;
    transmittance -= weight;
  }
  ${finish}
}
`;

const COUNT_WEIGHTS = program({
  name: 'countWeights',
  params: FRAME_PARAMETERS,
  buffers: { ...RECORD_BUFFERS, counts: 'write u32' },
  constants: LAYOUT_CONSTANTS,
  workgroup: PIXELS,
  body: weightsWgsl('', 'counts[row] = entries;'),
});

const FILL_WEIGHTS = program({
  name: 'fillWeights',
  params: FRAME_PARAMETERS,
  buffers: { ...RECORD_BUFFERS, starts: 'read u32', columns: 'write u32', weights: 'write f32' },
  constants: LAYOUT_CONSTANTS,
  workgroup: PIXELS,
  body: weightsWgsl(
    `columns[starts[row] + entries] = gaussian;
    weights[starts[row] + entries] = weight;`,
    '',
  ),
});

interface RecordedArgs extends Frame {
  readonly projected: DeviceBuffer;
  readonly rowOfPixel: DeviceBuffer;
}

function recordedBuffers(args: RecordedArgs) {
  const { projected, lists, rowOfPixel } = args;
  const { instances, tileStart } = lists;
  return { projected, instances, tileStart, lastOfPixel: lastOfPixel(args), rowOfPixel };
}

export function countWeightsOnWebgpu(
  backend: WebgpuBackend,
  args: RecordedArgs & { readonly counts: DeviceBuffer },
): void {
  backend.launch(COUNT_WEIGHTS, {
    params: frameParameters(args),
    buffers: { ...recordedBuffers(args), counts: args.counts },
    groups: tilesOf(args),
  });
}

export function fillWeightsOnWebgpu(
  backend: WebgpuBackend,
  args: RecordedArgs & Readonly<Record<'next' | 'columns' | 'weights', DeviceBuffer>>,
): void {
  const { next: starts, columns, weights } = args;
  backend.launch(FILL_WEIGHTS, {
    params: frameParameters(args),
    buffers: { ...recordedBuffers(args), starts, columns, weights },
    groups: tilesOf(args),
  });
}
