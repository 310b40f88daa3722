/**
 * Backward blending in WGSL without atomics. A chunk of Gaussians is walked back to front twice: by pixel, which leaves
 * g = dL/dsigma and the weight of each (Gaussian, pixel) in workgroup memory, and by Gaussian, which sums them up. All
 * moments of a slot follow from these two numbers, and a chunk costs three or four barriers however many Gaussians it has. Where
 * there are subgroups, one of them sums a Gaussian in registers; elsewhere sixteen invocations do, through workgroup memory.
 */
import { itemProgram, program, type WebgpuBackend } from '../../compute/index.ts';
import { LAYOUT_CONSTANTS, TILE, webgpuWorkspace } from '../shared/index.ts';
import type { BlendBackwardArgs, BlendChannelsBackwardArgs } from './blending.ts';
import {
  CHANNEL_WGSL,
  FRAME_PARAMETERS,
  frameParameters,
  GAUSSIAN_WGSL,
  lastOfPixel,
  PIXELS,
  tilesOf,
} from './kernel.wgsl.ts';

/** Invocations that sum the pixels of one Gaussian. */
const LANES = 16;

interface Plan {
  /** Gaussians of a chunk. */
  readonly chunk: number;
  readonly subgroups: boolean;
}

/** Workgroup memory of a chunk: g and weight, upstream colours, records, and the partial sums of lanes. */
const bytesOf = ({ chunk, subgroups }: Plan): number =>
  chunk * PIXELS * 8 + PIXELS * 16 + chunk * 64 + 256 + (subgroups ? 0 : chunk * LANES * 48);

/** As many Gaussians as the adapter's workgroup memory holds, up to one per row of lanes. */
function planFor({ limits, hasSubgroups: subgroups }: WebgpuBackend): Plan {
  const plans = [16, 8, 4].map((chunk) => ({ chunk, subgroups }));
  return plans.find((plan) => bytesOf(plan) <= limits.maxComputeWorkgroupStorageSize) ?? plans.at(-1)!;
}

/** One lane's share of the pixels of Gaussian `own` of the chunk. */
const laneSumsWgsl = (lanes: string) => `
      var colours = vec4f(0.0);
      var moments = vec4f(0.0);
      var more = vec2f(0.0);
      let mean = held[own].blended.mean;
      for (var other = lane; other < ${PIXELS}u; other += ${lanes}) {
        let slope = slopes[own * ${PIXELS}u + other];
        let d = corner + vec2f(f32(other % TILE), f32(other / TILE)) - mean;
        colours += slope.y * upstreams[other];
        moments += slope.x * vec4f(1.0, d.x, d.y, d.x * d.x);
        more += slope.x * vec2f(d.x * d.y, d.y * d.y);
      }`;

/** Slots of a chunk from its slopes, each Gaussian by one subgroup: whichever is free takes the next. */
const SUMS_OF_SUBGROUPS = `
    loop {
      var own = 0u;
      if (subgroupElect()) { own = atomicAdd(&nextOfChunk, 1u); }
      own = subgroupBroadcastFirst(own);
      if (own >= size) { break; }${laneSumsWgsl('lanes')}
      colours = subgroupAdd(colours);
      moments = subgroupAdd(moments);
      more = subgroupAdd(more);
      if (subgroupElect()) {
        let at = 3u * held[own].slot;
        slots[at] = colours;
        slots[at + 1u] = moments;
        slots[at + 2u] = vec4f(more, 0.0, 0.0);
      }
    }`;

const SUMS_OF_LANES = `
    let own = thread / LANES;
    let lane = thread % LANES;
    if (own < size) {${laneSumsWgsl('LANES')}
      partial[thread * 3u] = colours;
      partial[thread * 3u + 1u] = moments;
      partial[thread * 3u + 2u] = vec4f(more, 0.0, 0.0);
    }
    workgroupBarrier();
    if (thread < 3u * size) {
      let which = thread / 3u;
      let part = thread % 3u;
      var sum = vec4f(0.0);
      for (var l = 0u; l < LANES; l++) { sum += partial[(which * LANES + l) * 3u + part]; }
      slots[3u * held[which].slot + part] = sum;
    }`;

interface Variant {
  /** What a pixel knows beside the colour's upstream. */
  readonly declarations: string;
  /** dL/d(transmittance behind everything), given `up`. */
  readonly behind: string;
  /** Further terms of q = sum over channels of value times upstream, given `gaussian` and `at`. */
  readonly further: string;
  /** Upstream of depth of the pixel. */
  readonly depth: string;
  /** After the sums of a chunk, given `size` and `first`; or of instances beyond the last, given `i`. */
  readonly features: string;
  readonly noFeatures: string;
}

const bodyOf = ({ chunk, subgroups }: Plan, v: Variant) => `
${GAUSSIAN_WGSL}
${v.declarations}
const CHUNK = ${chunk}u;
const LANES = ${LANES}u;
struct Held { blended: Blended, colour: vec4f, gaussian: u32, slot: u32 }
var<workgroup> held: array<Held, CHUNK>;
var<workgroup> slopes: array<vec2f, ${chunk * PIXELS}>;
var<workgroup> upstreams: array<vec4f, ${PIXELS}>;
${subgroups ? 'var<workgroup> nextOfChunk: atomic<u32>;' : `var<workgroup> partial: array<vec4f, ${chunk * LANES * 3}>;`}
var<workgroup> lastOfTile: atomic<u32>;
@compute @workgroup_size(${TILE}, ${TILE})
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
  ${subgroups ? '@builtin(subgroup_size) lanes: u32, @builtin(subgroup_invocation_id) lane: u32,' : ''}
) {
  let tile = group.y * params.tilesX + group.x;
  let corner = vec2f(group.xy * TILE) + 0.5;
  let pixel = group.xy * TILE + local.xy;
  let centre = vec2f(pixel) + 0.5;
  let inside = pixel.x < params.width && pixel.y < params.height;
  let plane = params.width * params.height;
  let at = pixel.y * params.width + pixel.x;
  let begin = tileStart[tile];
  let end = tileStart[tile + 1u];
  let state = lastOfPixel[tile * ${PIXELS}u + thread];
  let last = select(0u, state.x, inside);
  var transmittance = bitcast<f32>(state.y);
  var up = vec4f(0.0);
  if (inside) { up = vec4f(upstream[at], upstream[plane + at], upstream[2u * plane + at], ${v.depth}); }
  upstreams[thread] = up;
  var behind = 0.0;
  if (inside) {
    let background = dot(up.xyz, vec3f(params.backgroundR, params.backgroundG, params.backgroundB));
    behind = transmittance * (${v.behind});
  }
  atomicMax(&lastOfTile, last);
  var remaining = workgroupUniformLoad(&lastOfTile);
  for (var i = begin + remaining + thread; i < end; i += ${PIXELS}u) {
    let slot = instances[i].y;
    slots[3u * slot] = vec4f(0.0);
    slots[3u * slot + 1u] = vec4f(0.0);
    slots[3u * slot + 2u] = vec4f(0.0);
    ${v.noFeatures}
  }
  while (remaining > 0u) {
    let size = min(CHUNK, remaining);
    let first = remaining - size;
    ${subgroups ? 'if (thread == 0u) { atomicStore(&nextOfChunk, 0u); }' : ''}
    if (thread < size) {
      let instance = instances[begin + first + thread];
      let p = instance.x * PROJECTED_FLOATS;
      let colour = vec4f(
        projected[p + PROJECTED_red], projected[p + PROJECTED_green], projected[p + PROJECTED_blue],
        projected[p + PROJECTED_depth],
      );
      held[thread] = Held(blendedOf(instance.x), colour, instance.x, instance.y);
    }
    workgroupBarrier();
    for (var k = size; k > 0u; k--) {
      let j = k - 1u;
      var slope = vec2f(0.0);
      if (first + j < last) {
        let b = held[j].blended;
        let alpha = alphaAt(b, centre - b.mean);
        if (alpha >= ALPHA_MIN) {
          let inverse = 1.0 / (1.0 - alpha);
          transmittance *= inverse;
          let weight = transmittance * alpha;
          let gaussian = held[j].gaussian;
          let q = dot(held[j].colour, up)${v.further};
          // No gradient flows at the cap.
          let g = select(0.0, alpha * (behind * inverse - transmittance * q), alpha < ALPHA_MAX);
          behind += weight * q;
          slope = vec2f(g, weight);
        }
      }
      slopes[j * ${PIXELS}u + thread] = slope;
    }
    workgroupBarrier();
    ${subgroups ? SUMS_OF_SUBGROUPS : SUMS_OF_LANES}
    ${v.features}
    workgroupBarrier();
    remaining = first;
  }
}
`;

const COMMON_BUFFERS = {
  ...({ projected: 'read f32', instances: 'read vec2u', tileStart: 'read u32' } as const),
  ...({ lastOfPixel: 'read vec2u', upstream: 'read f32', slots: 'write vec4f' } as const),
} as const;

const colourProgram = (plan: Plan) =>
  program({
    name: 'blendBackward',
    params: FRAME_PARAMETERS,
    buffers: COMMON_BUFFERS,
    constants: LAYOUT_CONSTANTS,
    workgroup: PIXELS,
    subgroups: plan.subgroups,
    body: bodyOf(plan, {
      ...{ declarations: '', behind: 'background', further: '', depth: '0.0', features: '', noFeatures: '' },
    }),
  });

/** What a pixel knows in one binding, because eight are all that every adapter has: its record, and the upstream of alpha as bits. */
const PIXELS_WITH_ALPHA = itemProgram({
  name: 'blendChannelsBackward (pixels)',
  params: { width: 'u32', height: 'u32', tilesX: 'u32' },
  buffers: { lastOfPixel: 'read vec2u', upstreamAlpha: 'read f32', pixels: 'write vec4u' },
  body: `
fn item(i: u32) {
  let tile = i / ${PIXELS}u;
  let thread = i % ${PIXELS}u;
  let x = tile % params.tilesX * ${TILE}u + thread % ${TILE}u;
  let y = tile / params.tilesX * ${TILE}u + thread / ${TILE}u;
  var alpha = 0.0;
  if (x < params.width && y < params.height) { alpha = upstreamAlpha[y * params.width + x]; }
  pixels[i] = vec4u(lastOfPixel[i], bitcast<u32>(alpha), 0u);
}
`,
});

const channelsProgram = (plan: Plan) =>
  program({
    name: 'blendChannelsBackward',
    params: { ...FRAME_PARAMETERS, featureDim: 'u32' },
    buffers: {
      ...COMMON_BUFFERS,
      ...({ lastOfPixel: 'read vec4u', features: 'read f32', featureSlots: 'write f32' } as const),
    },
    constants: LAYOUT_CONSTANTS,
    workgroup: PIXELS,
    subgroups: plan.subgroups,
    body: bodyOf(plan, {
      declarations: `${CHANNEL_WGSL}
fn furtherOf(gaussian: u32, at: u32, plane: u32) -> f32 {
  var sum = 0.0;
  for (var d = 0u; d < params.featureDim; d++) {
    sum += features[gaussian * params.featureDim + d] * upstream[(4u + d) * plane + at];
  }
  return sum;
}`,
      // Alpha is one minus what is left of the light.
      behind: 'background - bitcast<f32>(state.z)',
      further: ' + furtherOf(gaussian, at, plane)',
      depth: 'upstream[3u * plane + at]',
      features: `
    for (var f = thread; f < size * params.featureDim; f += ${PIXELS}u) {
      let which = f / params.featureDim;
      let d = f % params.featureDim;
      var sum = 0.0;
      for (var other = 0u; other < ${PIXELS}u; other++) {
        let x = group.x * TILE + other % TILE;
        let y = group.y * TILE + other / TILE;
        if (x < params.width && y < params.height) {
          sum += slopes[which * ${PIXELS}u + other].y * upstream[(4u + d) * plane + y * params.width + x];
        }
      }
      featureSlots[held[which].slot * params.featureDim + d] = sum;
    }`,
      noFeatures: 'for (var d = 0u; d < params.featureDim; d++) { featureSlots[slot * params.featureDim + d] = 0.0; }',
    }),
  });

const colourPrograms = new Map<string, ReturnType<typeof colourProgram>>();
const channelsPrograms = new Map<string, ReturnType<typeof channelsProgram>>();

function made<Made>(programs: Map<string, Made>, backend: WebgpuBackend, make: (plan: Plan) => Made): Made {
  const plan = planFor(backend);
  const key = `${plan.chunk}/${plan.subgroups}`;
  const known = programs.get(key) ?? make(plan);
  programs.set(key, known);
  return known;
}

export function blendBackwardOnWebgpu(backend: WebgpuBackend, args: BlendBackwardArgs): void {
  const { projected, lists, upstream, slots } = args;
  const { instances, tileStart } = lists;
  backend.launch(made(colourPrograms, backend, colourProgram), {
    params: frameParameters(args),
    buffers: { projected, instances, tileStart, lastOfPixel: lastOfPixel(args), upstream, slots },
    groups: tilesOf(args),
  });
}

export function blendChannelsBackwardOnWebgpu(backend: WebgpuBackend, args: BlendChannelsBackwardArgs): void {
  const { projected, lists, upstream, upstreamAlpha, slots, featureSlots, features, featureDim, width, height } = args;
  const { instances, tileStart, tilesX } = lists;
  const items = lists.tileCount * PIXELS;
  const pixels = webgpuWorkspace(backend).ensure('pixels with alpha', items * 16);
  backend.launch(PIXELS_WITH_ALPHA, {
    params: { width, height, tilesX, items },
    buffers: { lastOfPixel: lastOfPixel(args), upstreamAlpha, pixels },
  });
  backend.launch(made(channelsPrograms, backend, channelsProgram), {
    params: { ...frameParameters(args), featureDim },
    buffers: {
      ...{ projected, instances, tileStart, lastOfPixel: pixels, upstream, slots },
      ...{ features, featureSlots },
    },
    groups: tilesOf(args),
  });
}
