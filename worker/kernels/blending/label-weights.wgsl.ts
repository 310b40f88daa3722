/**
 * Sums of blending weights by label in WGSL: one workgroup per tile. A chunk of Gaussians is walked by pixel, which leaves their
 * weights in workgroup memory, and summed by (Gaussian, label) in the order of the pixels.
 */
import { type DeviceBuffer, program, type WebgpuBackend } from '../../compute/index.ts';
import { LAYOUT_CONSTANTS, TILE } from '../shared/index.ts';
import {
  FRAME_PARAMETERS,
  type Frame,
  frameParameters,
  GAUSSIAN_WGSL,
  lastOfPixel,
  PIXELS,
  tilesOf,
} from './kernel.wgsl.ts';

const CHUNK = 8;

const SUM_BY_LABEL = program({
  name: 'labelWeights',
  params: FRAME_PARAMETERS,
  buffers: {
    ...({ projected: 'read f32', instances: 'read vec2u', tileStart: 'read u32', lastOfPixel: 'read vec2u' } as const),
    ...({ labelOfPixel: 'read u32', labelCounts: 'read u32', offsets: 'read u32', sums: 'write f32' } as const),
  },
  constants: LAYOUT_CONSTANTS,
  workgroup: PIXELS,
  body: `
${GAUSSIAN_WGSL}
var<workgroup> weights: array<f32, ${CHUNK * PIXELS}>;
var<workgroup> labels: array<u32, ${PIXELS}>;
@compute @workgroup_size(${TILE}, ${TILE})
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = group.y * params.tilesX + group.x;
  let pixel = group.xy * TILE + local.xy;
  let centre = vec2f(pixel) + 0.5;
  let begin = tileStart[tile];
  let end = tileStart[tile + 1u];
  let count = labelCounts[tile];
  var own = 0xffffffffu;
  var last = 0u;
  if (pixel.x < params.width && pixel.y < params.height) {
    let at = pixel.y * params.width + pixel.x;
    own = (labelOfPixel[at / 4u] >> (8u * (at % 4u))) & 0xffu;
    last = lastOfPixel[tile * ${PIXELS}u + thread].x;
  }
  labels[thread] = own;
  var transmittance = 1.0;
  for (var first = begin; first < end; first += ${CHUNK}u) {
    let size = min(${CHUNK}u, end - first);
    for (var k = 0u; k < size; k++) {
      var weight = 0.0;
      if (first + k - begin < last) {
        let b = blendedOf(instances[first + k].x);
        let alpha = alphaAt(b, centre - b.mean);
        if (alpha >= ALPHA_MIN) { weight = alpha * transmittance; }
      }
      transmittance -= weight;
      weights[k * ${PIXELS}u + thread] = weight;
    }
    workgroupBarrier();
    for (var i = thread; i < size * count; i += ${PIXELS}u) {
      let k = i / count;
      let label = i % count;
      var sum = 0.0;
      for (var p = 0u; p < ${PIXELS}u; p++) { sum += select(0.0, weights[k * ${PIXELS}u + p], labels[p] == label); }
      sums[offsets[tile] + (first + k - begin) * count + label] = sum;
    }
    workgroupBarrier();
  }
}
`,
});

export function sumByLabelOnWebgpu(
  backend: WebgpuBackend,
  args: Frame & Readonly<Record<'projected' | 'labelOfPixel' | 'labelCounts' | 'offsets' | 'out', DeviceBuffer>>,
): void {
  const { projected, lists, labelOfPixel, labelCounts, offsets, out: sums } = args;
  const { instances, tileStart } = lists;
  backend.launch(SUM_BY_LABEL, {
    params: frameParameters(args),
    buffers: {
      ...{ projected, instances, tileStart, lastOfPixel: lastOfPixel(args) },
      ...{ labelOfPixel, labelCounts, offsets, sums },
    },
    groups: tilesOf(args),
  });
}
