/** Losses over pairs in WGSL, one invocation per anchor; reference.ts holds the definitions. */
import { type DeviceBuffer, itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import { webgpuWorkspace } from '../shared/index.ts';
import type { EmbeddingRows, MarginArgs, SlowFastArgs, VanillaArgs } from './pairwise.ts';

const SHAPE = { dimensions: 'u32', stride: 'u32', partners: 'u32', scale: 'f32' } as const;
const RESULTS = { losses: 'write f32', gradients: 'write f32' } as const;

/** `anchors` and `others` are bindings of rows. */
const distanceWgsl = (anchors: string, others: string) => `
fn squaredDistance(u: u32, v: u32) -> f32 {
  var sum = 0.0;
  for (var d = 0u; d < params.dimensions; d++) {
    let difference = ${anchors}[u * params.stride + d] - ${others}[v * params.stride + d];
    sum += difference * difference;
  }
  return sum;
}
`;

const SLOW_FAST = itemProgram({
  name: 'slowFastLoss',
  params: { ...SHAPE, gamma: 'f32', released: 'u32' },
  buffers: {
    ...({ fast: 'read f32', slow: 'read f32', fastLabels: 'read i32', slowLabels: 'read i32' } as const),
    ...RESULTS,
  },
  // Sums first, then the gradient with each pair evaluated again: no array as long as a row is wide is kept.
  body: `${distanceWgsl('fast', 'slow')}
struct Pair { e: f32, slope: f32 }
fn pairOf(u: u32, v: u32) -> Pair {
  let squared = squaredDistance(u, v);
  if (params.released == 1u) {
    let distance = sqrt(squared);
    let s = exp(-distance);
    return Pair(exp(s), select(-s / distance, 0.0, distance == 0.0));
  }
  let s = exp(-params.gamma * squared);
  return Pair(exp(s), -2.0 * params.gamma * s);
}
fn item(u: u32) {
  var all = 0.0;
  var positives = 0.0;
  for (var v = 0u; v < params.partners; v++) {
    let e = pairOf(u, v).e;
    all += e;
    if (fastLabels[u] == slowLabels[v]) { positives += e; }
  }
  for (var d = 0u; d < params.stride; d++) { gradients[u * params.stride + d] = 0.0; }
  losses[u] = 0.0;
  if (positives == 0.0) { return; }
  losses[u] = log(all) - log(positives);
  for (var v = 0u; v < params.partners; v++) {
    let pair = pairOf(u, v);
    let share = 1.0 / all - select(0.0, 1.0 / positives, fastLabels[u] == slowLabels[v]);
    let factor = params.scale * share * pair.e * pair.slope;
    for (var d = 0u; d < params.dimensions; d++) {
      let at = u * params.stride + d;
      gradients[at] += factor * (fast[at] - slow[v * params.stride + d]);
    }
  }
}
`,
});

const VANILLA_SUMS = itemProgram({
  name: 'vanillaLoss (sums)',
  params: { ...SHAPE, gamma: 'f32' },
  buffers: { features: 'read f32', labels: 'read i32', losses: 'write f32', inverses: 'write vec2f' },
  body: `${distanceWgsl('features', 'features')}
fn item(u: u32) {
  var all = 0.0;
  var positives = 0.0;
  for (var v = 0u; v < params.partners; v++) {
    let e = exp(exp(-params.gamma * squaredDistance(u, v)));
    all += e;
    if (v != u && labels[u] == labels[v]) { positives += e; }
  }
  let counts = positives > 0.0;
  losses[u] = select(0.0, log(all) - log(positives), counts);
  // Of an anchor that does not count nothing is passed on.
  inverses[u] = select(vec2f(0.0), vec2f(1.0 / all, 1.0 / positives), counts);
}
`,
});

const VANILLA_GRADIENTS = itemProgram({
  name: 'vanillaLoss',
  params: { ...SHAPE, gamma: 'f32' },
  buffers: { features: 'read f32', labels: 'read i32', inverses: 'read vec2f', gradients: 'write f32' },
  // Both ends of a pair get a gradient: u as the anchor, and as the partner of anchor v.
  body: `${distanceWgsl('features', 'features')}
fn item(u: u32) {
  for (var d = 0u; d < params.stride; d++) { gradients[u * params.stride + d] = 0.0; }
  for (var v = 0u; v < params.partners; v++) {
    if (v == u) { continue; }
    let s = exp(-params.gamma * squaredDistance(u, v));
    let alike = labels[u] == labels[v];
    let both = inverses[u] + inverses[v];
    let share = both.x - select(0.0, both.y, alike);
    let factor = params.scale * share * exp(s) * s * -2.0 * params.gamma;
    for (var d = 0u; d < params.dimensions; d++) {
      let at = u * params.stride + d;
      gradients[at] += factor * (features[at] - features[v * params.stride + d]);
    }
  }
}
`,
});

const MARGIN = itemProgram({
  name: 'marginLoss',
  params: { ...SHAPE, margin: 'f32' },
  buffers: { features: 'read f32', labels: 'read i32', ...RESULTS },
  body: `${distanceWgsl('features', 'features')}
fn item(u: u32) {
  for (var d = 0u; d < params.stride; d++) { gradients[u * params.stride + d] = 0.0; }
  var loss = 0.0;
  for (var v = 0u; v < params.partners; v++) {
    if (v == u) { continue; }
    let squared = squaredDistance(u, v);
    let alike = labels[u] == labels[v];
    if (!alike && squared >= params.margin) { continue; }
    loss += select(params.margin - squared, squared, alike);
    // Every pair comes in both orders.
    let factor = params.scale * select(-4.0, 4.0, alike);
    for (var d = 0u; d < params.dimensions; d++) {
      let at = u * params.stride + d;
      gradients[at] += factor * (features[at] - features[v * params.stride + d]);
    }
  }
  losses[u] = loss;
}
`,
});

/** The labels of a batch on the device. */
function labelsOf(backend: WebgpuBackend, name: string, { labels }: EmbeddingRows): DeviceBuffer {
  const buffer = webgpuWorkspace(backend).ensure(`pair losses: ${name}`, labels.byteLength);
  backend.write(buffer, labels);
  return buffer;
}

/** @param counted anchors with a positive, for this and the next */
export function slowFastOnWebgpu(backend: WebgpuBackend, args: SlowFastArgs, counted: number): void {
  const { fast, slow, dimensions, stride, gamma, similarity, weight, losses, gradients } = args;
  const fastLabels = labelsOf(backend, 'labels', fast);
  const slowLabels = labelsOf(backend, 'labels of partners', slow);
  const scale = weight / Math.max(1, counted);
  backend.launch(SLOW_FAST, {
    params: {
      ...{ dimensions, stride, partners: slow.labels.length, scale, gamma, items: fast.labels.length },
      released: similarity === 'released' ? 1 : 0,
    },
    buffers: { fast: fast.features, slow: slow.features, fastLabels, slowLabels, losses, gradients },
  });
}

export function vanillaOnWebgpu(backend: WebgpuBackend, args: VanillaArgs, counted: number): void {
  const { pixels, dimensions, stride, gamma, weight, losses, gradients } = args;
  const { features } = pixels;
  const items = pixels.labels.length;
  const labels = labelsOf(backend, 'labels', pixels);
  const inverses = webgpuWorkspace(backend).ensure('pair losses: inverses', items * 8);
  const scale = weight / Math.max(1, counted);
  const params = { dimensions, stride, partners: items, scale, gamma, items };
  backend.launch(VANILLA_SUMS, { params, buffers: { features, labels, losses, inverses } });
  backend.launch(VANILLA_GRADIENTS, { params, buffers: { features, labels, inverses, gradients } });
}

export function marginOnWebgpu(backend: WebgpuBackend, args: MarginArgs): void {
  const { pixels, dimensions, stride, margin, weight, losses, gradients } = args;
  const items = pixels.labels.length;
  const labels = labelsOf(backend, 'labels', pixels);
  const scale = weight / Math.max(1, items * (items - 1));
  backend.launch(MARGIN, {
    params: { dimensions, stride, partners: items, scale, margin, items },
    buffers: { features: pixels.features, labels, losses, gradients },
  });
}
