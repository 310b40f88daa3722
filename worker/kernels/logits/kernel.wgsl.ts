/** Softmax, segment sums and cross entropy in WGSL; reference.ts holds the definitions. */
import { itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import type { CrossEntropyArgs, SegmentSumsArgs, SoftmaxArgs } from './logits.ts';

/** Softmax of the first `classes` of a row of `stride` floats from one binding to another (or itself); padding 0. */
export const softmaxWgsl = (source: string, target: string) => `
fn softmaxRow(row: u32, classes: u32, stride: u32) {
  let first = row * stride;
  var largest = ${source}[first];
  for (var c = 1u; c < classes; c++) { largest = max(largest, ${source}[first + c]); }
  var sum = 0.0;
  for (var c = 0u; c < classes; c++) {
    let e = exp(${source}[first + c] - largest);
    ${target}[first + c] = e;
    sum += e;
  }
  for (var c = 0u; c < classes; c++) { ${target}[first + c] /= sum; }
  for (var c = classes; c < stride; c++) { ${target}[first + c] = 0.0; }
}
`;

const SOFTMAX = itemProgram({
  name: 'softmaxLogits',
  params: { classes: 'u32', stride: 'u32' },
  buffers: { logits: 'read f32', probabilities: 'write f32' },
  body: `${softmaxWgsl('logits', 'probabilities')}
fn item(row: u32) { softmaxRow(row, params.classes, params.stride); }`,
});

export function softmaxOnWebgpu(backend: WebgpuBackend, args: SoftmaxArgs): void {
  const { count: items, classes, stride, logits, probabilities } = args;
  backend.launch(SOFTMAX, { params: { classes, stride, items }, buffers: { logits, probabilities } });
}

const SEGMENT_SUMS = itemProgram({
  name: 'segmentSums',
  params: { count: 'u32', stride: 'u32' },
  buffers: { rows: 'read f32', segmentOf: 'read u32', sums: 'write f32' },
  body: `
fn item(i: u32) {
  let segment = i / params.stride;
  let c = i % params.stride;
  var sum = 0.0;
  for (var u = 0u; u < params.count; u++) {
    if (segmentOf[u] == segment) { sum += rows[u * params.stride + c]; }
  }
  sums[i] = sum;
}
`,
});

export function segmentSumsOnWebgpu(backend: WebgpuBackend, args: SegmentSumsArgs): void {
  const { count, stride, rows, segmentOf, segments, sums } = args;
  backend.launch(SEGMENT_SUMS, {
    params: { count, stride, items: segments * stride },
    buffers: { rows, segmentOf, sums },
  });
}

/** @param source where the probabilities are: gradients may take their place, and one binding is then both. */
const crossEntropyBody = (source: string) => `
fn item(u: u32) {
  let weight = weights[u];
  let first = u * params.stride;
  // The floor is the least normal number: its logarithm is finite.
  losses[u] = -weight * log(max(${source}[first + targets[u]], 1.1754944e-38));
  for (var c = 0u; c < params.stride; c++) {
    gradients[first + c] = weight * (${source}[first + c] - select(0.0, 1.0, c == targets[u]));
  }
}
`;
const ROW_BUFFERS = { targets: 'read u32', weights: 'read f32', losses: 'write f32', gradients: 'write f32' } as const;

const CROSS_ENTROPY = itemProgram({
  name: 'crossEntropyLogits',
  params: { stride: 'u32' },
  buffers: { ...ROW_BUFFERS, probabilities: 'read f32' },
  body: crossEntropyBody('probabilities'),
});
const CROSS_ENTROPY_IN_PLACE = itemProgram({
  name: 'crossEntropyLogits (in place)',
  params: { stride: 'u32' },
  buffers: ROW_BUFFERS,
  body: crossEntropyBody('gradients'),
});

export function crossEntropyOnWebgpu(backend: WebgpuBackend, args: CrossEntropyArgs): void {
  const { count: items, stride, probabilities, targets, weights, losses, gradients } = args;
  const buffers = { targets, weights, losses, gradients };
  if (probabilities === gradients) backend.launch(CROSS_ENTROPY_IN_PLACE, { params: { stride, items }, buffers });
  else backend.launch(CROSS_ENTROPY, { params: { stride, items }, buffers: { ...buffers, probabilities } });
}
