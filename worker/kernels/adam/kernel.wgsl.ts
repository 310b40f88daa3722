/** Adam in WGSL, one invocation per float; adamReference is the definition. */
import { itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import type { AdamArgs } from './adam.ts';

const SETTINGS = {
  ...({ rate: 'f32', keep1: 'f32', take1: 'f32', keep2: 'f32', take2: 'f32' } as const),
  ...({ correction2: 'f32', epsilon: 'f32' } as const),
} as const;
const ARRAYS = {
  ...({
    parameters: 'write f32',
    gradients: 'read f32',
    firstMoments: 'write f32',
    secondMoments: 'write f32',
  } as const),
} as const;
const STEP_WGSL = `
fn adamStep(i: u32) {
  let gradient = gradients[i];
  let m = params.keep1 * firstMoments[i] + params.take1 * gradient;
  let v = params.keep2 * secondMoments[i] + params.take2 * (gradient * gradient);
  firstMoments[i] = m;
  secondMoments[i] = v;
  parameters[i] -= (params.rate * m) / (sqrt(v * params.correction2) + params.epsilon);
}
`;

const ALL = itemProgram({
  ...{ name: 'adam', params: SETTINGS, buffers: ARRAYS },
  body: `${STEP_WGSL}fn item(i: u32) { adamStep(i); }`,
});

const VISIBLE = itemProgram({
  name: 'adam (visible)',
  params: { ...SETTINGS, components: 'u32' },
  buffers: { ...ARRAYS, mask: 'read u32' },
  // Four rows are a word of the mask and a lane block of the arrays.
  body: `${STEP_WGSL}
fn item(i: u32) {
  if (((mask[i / (4u * params.components)] >> (8u * (i % 4u))) & 0xffu) != 0u) { adamStep(i); }
}`,
});

export function adamOnWebgpu(backend: WebgpuBackend, args: AdamArgs): void {
  const { count, rate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-15, step, visible } = args;
  const { parameters, gradients, firstMoments, secondMoments } = args;
  const params = {
    ...{ rate: rate / (1 - beta1 ** step), keep1: beta1, take1: 1 - beta1, keep2: beta2, take2: 1 - beta2 },
    ...{ correction2: 1 / (1 - beta2 ** step), epsilon, items: count },
  };
  const buffers = { parameters, gradients, firstMoments, secondMoments };
  if (visible === undefined) backend.launch(ALL, { params, buffers });
  else {
    const { mask, components } = visible;
    backend.launch(VISIBLE, { params: { ...params, components }, buffers: { ...buffers, mask } });
  }
}
