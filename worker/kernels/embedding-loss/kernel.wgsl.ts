/** Nested embeddings and their loss in WGSL: one invocation per element, sums in one order. */
import { itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import type { EmbeddingLossArgs, NestedProjectionArgs, NestedProjectionGradientsArgs } from './embedding-loss.ts';
import { COSINE_EPSILON } from './reference.ts';

const MASK = itemProgram({
  name: 'nestedProjection (mask)',
  params: { stride: 'u32' },
  buffers: { used: 'read u32', rows: 'write f32' },
  body: 'fn item(i: u32) { if (i % params.stride >= used[i / params.stride]) { rows[i] = 0.0; } }',
});

const PROJECT = itemProgram({
  name: 'nestedProjection',
  params: { stride: 'u32', outputs: 'u32' },
  buffers: { used: 'read u32', rows: 'read f32', projection: 'read f32', embeddings: 'write f32' },
  body: `
fn item(i: u32) {
  let row = i / params.outputs;
  let output = i % params.outputs;
  var sum = 0.0;
  for (var d = 0u; d < used[row]; d++) { sum += projection[output * params.stride + d] * rows[row * params.stride + d]; }
  embeddings[i] = sum;
}
`,
});

export function projectOnWebgpu(backend: WebgpuBackend, args: NestedProjectionArgs): void {
  const { rows, used, count, stride, projection, outputs, embeddings } = args;
  backend.launch(MASK, { params: { stride, items: count * stride }, buffers: { used, rows } });
  const params = { stride, outputs, items: count * outputs };
  backend.launch(PROJECT, { params, buffers: { used, rows, projection, embeddings } });
}

const ROW_GRADIENTS = itemProgram({
  name: 'nestedProjectionGradients (rows)',
  params: { stride: 'u32', outputs: 'u32' },
  buffers: { used: 'read u32', projection: 'read f32', upstream: 'read f32', gradients: 'write f32' },
  body: `
fn item(i: u32) {
  let row = i / params.stride;
  let d = i % params.stride;
  var sum = 0.0;
  if (d < used[row]) {
    for (var e = 0u; e < params.outputs; e++) { sum += upstream[row * params.outputs + e] * projection[e * params.stride + d]; }
  }
  gradients[i] = sum;
}
`,
});

const PROJECTION_GRADIENTS = itemProgram({
  name: 'nestedProjectionGradients (projection)',
  params: { stride: 'u32', outputs: 'u32', rowCount: 'u32' },
  buffers: { rows: 'read f32', upstream: 'read f32', gradients: 'write f32' },
  // Rows are 0 beyond the dimensions in use.
  body: `
fn item(i: u32) {
  let output = i / params.stride;
  let d = i % params.stride;
  var sum = 0.0;
  for (var r = 0u; r < params.rowCount; r++) { sum += upstream[r * params.outputs + output] * rows[r * params.stride + d]; }
  gradients[i] += sum;
}
`,
});

export function projectionGradientsOnWebgpu(backend: WebgpuBackend, args: NestedProjectionGradientsArgs): void {
  const { rows, used, count, stride, projection, outputs, upstream, rowGradients, projectionGradients } = args;
  backend.launch(ROW_GRADIENTS, {
    params: { stride, outputs, items: count * stride },
    buffers: { used, projection, upstream, gradients: rowGradients },
  });
  backend.launch(PROJECTION_GRADIENTS, {
    params: { stride, outputs, rowCount: count, items: outputs * stride },
    buffers: { rows, upstream, gradients: projectionGradients },
  });
}

const LOSS = itemProgram({
  name: 'embeddingLoss',
  params: { stride: 'u32', squared: 'f32', cosine: 'f32', epsilon: 'f32' },
  buffers: {
    ...({ rows: 'read f32', targets: 'read f32', ids: 'read u32', weights: 'read f32' } as const),
    ...({ losses: 'write f32', gradients: 'write f32' } as const),
  },
  body: `
fn item(r: u32) {
  let row = r * params.stride;
  let goal = ids[r] * params.stride;
  var distance = 0.0;
  var product = 0.0;
  var own = params.epsilon;
  var other = params.epsilon;
  for (var c = 0u; c < params.stride; c++) {
    let x = rows[row + c];
    let t = targets[goal + c];
    distance += (x - t) * (x - t);
    product += x * t;
    own += x * x;
    other += t * t;
  }
  let lengths = sqrt(own) * sqrt(other);
  losses[r] = weights[r] * (params.squared * distance + params.cosine * (1.0 - product / lengths));
  let turn = weights[r] * params.cosine / lengths;
  let pull = 2.0 * weights[r] * params.squared;
  for (var c = 0u; c < params.stride; c++) {
    gradients[row + c] = (pull + turn * product / own) * rows[row + c] - (pull + turn) * targets[goal + c];
  }
}
`,
});

export function lossOnWebgpu(backend: WebgpuBackend, args: EmbeddingLossArgs): void {
  const { rows, count, stride, targets, ids, weights, squared, cosine, losses, gradients } = args;
  backend.launch(LOSS, {
    params: { stride, squared, cosine, epsilon: COSINE_EPSILON, items: count },
    buffers: { rows, targets, ids, weights, losses, gradients },
  });
}
