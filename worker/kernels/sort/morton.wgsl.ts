/** The order of Gaussians along a Morton curve, on the device: nothing is read back. */
import { type DeviceBuffer, type GrowingBuffers, itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import { LANES_WGSL } from '../shared/index.ts';
import { radixSort } from './kernel.wgsl.ts';

/** How an axis becomes a number of `bits` bits: asinh((x - centre) · inverse), which `reach` and beyond are the ends of. */
export interface MortonFrame {
  readonly centre: readonly [number, number, number];
  readonly inverse: readonly [number, number, number];
  readonly reach: number;
  readonly bits: number;
}

const KEYS = itemProgram({
  name: 'mortonOrder (keys)',
  params: {
    ...({ centreX: 'f32', centreY: 'f32', centreZ: 'f32', inverseX: 'f32', inverseY: 'f32', inverseZ: 'f32' } as const),
    ...({ reach: 'f32', largest: 'f32' } as const),
  },
  buffers: { means: 'read f32', keys: 'write u32', order: 'write u32' },
  body: `${LANES_WGSL}
// The lowest ten bits, two zeros between each.
fn spread(value: u32) -> u32 {
  var x = value & 0x3ffu;
  x = (x | (x << 16u)) & 0x030000ffu;
  x = (x | (x << 8u)) & 0x0300f00fu;
  x = (x | (x << 4u)) & 0x030c30c3u;
  return (x | (x << 2u)) & 0x09249249u;
}
fn axisOf(mean: f32, centre: f32, inverse: f32) -> u32 {
  if (!isFinite(mean)) { return 0u; }
  let x = (mean - centre) * inverse;
  // asinh by its definition: the built-in one may lose negative numbers to cancellation.
  let warped = sign(x) * log(abs(x) + sqrt(x * x + 1.0));
  return spread(u32(clamp((warped + params.reach) * params.largest / (2.0 * params.reach), 0.0, params.largest)));
}
fn item(g: u32) {
  keys[g] = axisOf(means[laneIndex(g, 0u, 3u)], params.centreX, params.inverseX)
    | (axisOf(means[laneIndex(g, 1u, 3u)], params.centreY, params.inverseY) << 1u)
    | (axisOf(means[laneIndex(g, 2u, 3u)], params.centreZ, params.inverseZ) << 2u);
  order[g] = g;
}
`,
});

/** [count] uint32 the Gaussian that comes to place i; equal codes keep their order. The buffer is working memory of `workspace`. */
export function mortonOrder(
  backend: WebgpuBackend,
  workspace: GrowingBuffers,
  means: DeviceBuffer,
  count: number,
  { centre, inverse, reach, bits }: MortonFrame,
): DeviceBuffer {
  const [keys, values, otherKeys, otherValues] = ['keys', 'order', 'keys2', 'order2'].map((name) =>
    workspace.ensure(`morton ${name}`, count * 4),
  ) as [DeviceBuffer, DeviceBuffer, DeviceBuffer, DeviceBuffer];
  const [centreX, centreY, centreZ] = centre;
  const [inverseX, inverseY, inverseZ] = inverse;
  backend.launch(KEYS, {
    params: {
      ...{ centreX, centreY, centreZ, inverseX, inverseY, inverseZ },
      ...{ reach, largest: 2 ** bits - 1, items: count },
    },
    buffers: { means, keys, order: values },
  });
  return radixSort(backend, workspace, { keys, values, otherKeys, otherValues }, { most: count }, 3 * bits).values;
}
