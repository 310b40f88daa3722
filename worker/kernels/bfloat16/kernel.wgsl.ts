/** bfloat16 to float32 in WGSL, one invocation per two values; widenReference is the definition. */
import { itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import type { WidenArgs } from './bfloat16.ts';

const WIDEN = itemProgram({
  name: 'widenBfloat16',
  params: { count: 'u32' },
  // As integers: a float that is no number need not keep its bits on a device.
  buffers: { input: 'read u32', output: 'write u32' },
  body: `
fn item(i: u32) {
  let pair = input[i];
  output[2u * i] = pair << 16u;
  if (2u * i + 1u < params.count) { output[2u * i + 1u] = pair & 0xffff0000u; }
}`,
});

export function widenOnWebgpu(backend: WebgpuBackend, { input, count, output }: WidenArgs): void {
  backend.launch(WIDEN, { params: { count, items: Math.ceil(count / 2) }, buffers: { input, output } });
}
