/**
 * Training of feature tables in WGSL; featureStepReference is the definition. The rows of a batch add to the rows of the
 * table that they name with float additions made of compare-and-exchange: the one kernel whose sums have no fixed order.
 */
import { type DeviceBuffer, itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import { softmaxWgsl } from '../logits/index.ts';
import { webgpuWorkspace } from '../shared/index.ts';
import type { BatchRows, FeatureTable, GatherArgs, ScatterArgs, UpdateFeaturesArgs } from './feature-table.ts';

const BATCH = { rowStart: 'read u32', columns: 'read u32', weights: 'read f32', rows: 'read u32' } as const;

function batchBuffers({ matrix, rows }: BatchRows) {
  const { rowStart, columns, weights } = matrix;
  return { rowStart, columns, weights, rows };
}

const ACTIVATE = itemProgram({
  name: 'activateFeatures',
  params: { channels: 'u32', stride: 'u32' },
  buffers: { features: 'read f32', activated: 'write f32' },
  body: `${softmaxWgsl('features', 'activated')}
fn item(g: u32) { softmaxRow(g, params.channels, params.stride); }`,
});

export function activateOnWebgpu(backend: WebgpuBackend, table: FeatureTable, activated: DeviceBuffer): void {
  const { channels, stride, count: items } = table;
  backend.launch(ACTIVATE, { params: { channels, stride, items }, buffers: { features: table.table, activated } });
}

const GATHER = itemProgram({
  name: 'gatherFeatures',
  params: { stride: 'u32' },
  buffers: { ...BATCH, features: 'read f32', output: 'write f32' },
  body: `
fn item(i: u32) {
  let row = rows[i / params.stride];
  let channel = i % params.stride;
  let end = rowStart[row + 1u];
  var sum = 0.0;
  for (var e = rowStart[row]; e < end; e++) { sum += weights[e] * features[columns[e] * params.stride + channel]; }
  output[i] = sum;
}
`,
});

const DECAY_WGSL = `
/** What is left of the difference between slow and fast row since the fast one last changed. */
fn kept(g: u32) -> f32 { return decayPowers[min(u32(params.step - lastStep[g]), params.decayLast)]; }
`;
const DECAY_PARAMETERS = { stride: 'u32', step: 'i32', decayLast: 'u32' } as const;

const SLOW_ROWS = itemProgram({
  name: 'gatherFeatures (slow rows)',
  params: DECAY_PARAMETERS,
  buffers: {
    ...({ features: 'read f32', slow: 'read f32', lastStep: 'read i32' } as const),
    ...({ decayPowers: 'read f32', now: 'write f32' } as const),
  },
  body: `${DECAY_WGSL}
fn item(i: u32) { now[i] = features[i] + kept(i / params.stride) * (slow[i] - features[i]); }`,
});

export function gatherOnWebgpu(backend: WebgpuBackend, { table, batch, output, slowAtStep }: GatherArgs): void {
  const { stride, decayLast, decayPowers, lastStep, slow } = table;
  let features = table.activated ?? table.table;
  if (slowAtStep !== undefined && slow !== undefined) {
    const items = table.count * stride;
    const now = webgpuWorkspace(backend).ensure('slow features', items * 4);
    backend.launch(SLOW_ROWS, {
      params: { stride, step: slowAtStep, decayLast, items },
      buffers: { features: table.table, slow, lastStep, decayPowers, now },
    });
    features = now;
  }
  const params = { stride, items: batch.rowCount * stride };
  backend.launch(GATHER, { params, buffers: { ...batchBuffers(batch), features, output } });
}

const TOUCH = itemProgram({
  name: 'scatterGradients (touch)',
  params: { stride: 'u32', step: 'i32' },
  buffers: {
    ...({ rowStart: 'read u32', columns: 'read u32', rows: 'read u32' } as const),
    ...({ stamps: 'write atomic<i32>', gradients: 'write f32' } as const),
  },
  // Whoever finds a row of an earlier step starts it from zero.
  body: `
fn item(b: u32) {
  let end = rowStart[rows[b] + 1u];
  for (var e = rowStart[rows[b]]; e < end; e++) {
    let g = columns[e];
    if (atomicExchange(&stamps[g], params.step) == params.step) { continue; }
    for (var c = 0u; c < params.stride; c++) { gradients[g * params.stride + c] = 0.0; }
  }
}
`,
});

const SCATTER = itemProgram({
  name: 'scatterGradients',
  params: { stride: 'u32' },
  buffers: { ...BATCH, upstream: 'read f32', gradients: 'write atomic<u32>' },
  body: `
fn item(i: u32) {
  let row = rows[i / params.stride];
  let channel = i % params.stride;
  let end = rowStart[row + 1u];
  for (var e = rowStart[row]; e < end; e++) {
    let at = columns[e] * params.stride + channel;
    let term = weights[e] * upstream[i];
    var old = atomicLoad(&gradients[at]);
    loop {
      let result = atomicCompareExchangeWeak(&gradients[at], old, bitcast<u32>(bitcast<f32>(old) + term));
      if (result.exchanged) { break; }
      old = result.old_value;
    }
  }
}
`,
});

export function scatterOnWebgpu(backend: WebgpuBackend, { table, batch, upstream, step }: ScatterArgs): void {
  const { stride, stamps, gradients } = table;
  const { rowStart, columns, weights, rows } = batchBuffers(batch);
  backend.launch(TOUCH, {
    params: { stride, step, items: batch.rowCount },
    buffers: { rowStart, columns, rows, stamps, gradients },
  });
  backend.launch(SCATTER, {
    params: { stride, items: batch.rowCount * stride },
    buffers: { rowStart, columns, weights, rows, upstream, gradients },
  });
}

const FOLLOW = itemProgram({
  name: 'updateFeatures (slow)',
  params: DECAY_PARAMETERS,
  buffers: {
    ...({ features: 'read f32', stamps: 'read i32', decayPowers: 'read f32' } as const),
    ...({ slow: 'write f32', lastStep: 'write i32' } as const),
  },
  body: `${DECAY_WGSL}
fn item(g: u32) {
  if (stamps[g] != params.step) { return; }
  let keep = kept(g);
  lastStep[g] = params.step;
  for (var i = g * params.stride; i < (g + 1u) * params.stride; i++) {
    slow[i] = features[i] + keep * (slow[i] - features[i]);
  }
}
`,
});

const UPDATE_PARAMETERS = {
  ...({ step: 'i32', channels: 'u32', stride: 'u32', correctionLast: 'u32', rate: 'f32' } as const),
  ...({ keep1: 'f32', take1: 'f32', keep2: 'f32', take2: 'f32', epsilon: 'f32' } as const),
} as const;
const UPDATE_BUFFERS = {
  ...({ features: 'write f32', gradients: 'read f32', firstMoments: 'write f32', secondMoments: 'write f32' } as const),
  ...({ updates: 'write i32', corrections: 'read f32', stamps: 'write i32' } as const),
} as const;

/** @param gradient of element i, given `inner` @param before, after the loop over a row */
const updateWgsl = (gradient: string, before: string, after: string) => `
fn item(g: u32) {
  if (stamps[g] != params.step) { return; }
  // Once per step: a second call finds nothing to do.
  stamps[g] = 0;
  let n = updates[g] + 1;
  updates[g] = n;
  let last = min(u32(n), params.correctionLast);
  let rate = params.rate * corrections[last];
  let correction2 = corrections[params.correctionLast + 1u + last];
  ${before}
  for (var i = g * params.stride; i < (g + 1u) * params.stride; i++) {
    let gradient = ${gradient};
    let m = params.keep1 * firstMoments[i] + params.take1 * gradient;
    let v = params.keep2 * secondMoments[i] + params.take2 * (gradient * gradient);
    firstMoments[i] = m;
    secondMoments[i] = v;
    features[i] -= (rate * m) / (sqrt(v * correction2) + params.epsilon);
  }
  ${after}
}
`;

const UPDATE = itemProgram({
  name: 'updateFeatures',
  params: UPDATE_PARAMETERS,
  buffers: UPDATE_BUFFERS,
  body: updateWgsl('gradients[i]', '', ''),
});

const UPDATE_SOFTMAX = itemProgram({
  name: 'updateFeatures (softmax)',
  params: UPDATE_PARAMETERS,
  buffers: { ...UPDATE_BUFFERS, activated: 'write f32' },
  body: `${softmaxWgsl('features', 'activated')}${updateWgsl(
    'activated[i] * (gradients[i] - inner)',
    `var inner = 0.0;
  for (var i = g * params.stride; i < (g + 1u) * params.stride; i++) { inner += gradients[i] * activated[i]; }`,
    'softmaxRow(g, params.channels, params.stride);',
  )}`,
});

export function updateOnWebgpu(backend: WebgpuBackend, { table, step, rate }: UpdateFeaturesArgs): void {
  const { count: items, channels, stride, decayLast, decayPowers, slow, lastStep, stamps, activated } = table;
  const { beta1, beta2, epsilon } = table.options;
  const features = table.table;
  if (slow !== undefined) {
    const buffers = { features, stamps, decayPowers, slow, lastStep };
    backend.launch(FOLLOW, { params: { stride, step, decayLast, items }, buffers });
  }
  const params = {
    ...{ step, channels, stride, correctionLast: table.correctionLast, rate, items },
    ...{ keep1: beta1, take1: 1 - beta1, keep2: beta2, take2: 1 - beta2, epsilon },
  };
  const { gradients, firstMoments, secondMoments, updates, corrections } = table;
  const buffers = { features, gradients, firstMoments, secondMoments, updates, corrections, stamps };
  if (activated === undefined) backend.launch(UPDATE, { params, buffers });
  else backend.launch(UPDATE_SOFTMAX, { params, buffers: { ...buffers, activated } });
}
