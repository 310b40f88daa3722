/** Triplane sampling in WGSL: one invocation per vector of four channels; triplaneReference is the definition. */
import { type DeviceBuffer, itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import { webgpuWorkspace } from '../shared/index.ts';
import type { TriplaneGradientsArgs, TriplaneSampleArgs } from './triplane.ts';

const POINTS = { cells: 'read u32', fractions: 'read f32' } as const;
const GRID = { resolution: 'u32', vectors: 'u32' } as const;

const SAMPLES_WGSL = `
fn sampleAt(point: u32, plane: u32, vector: u32) -> vec4f {
  let a = point * 3u + select(0u, 1u, plane == 2u);
  let b = point * 3u + select(2u, 1u, plane == 0u);
  let row = params.resolution * params.vectors;
  let at = (plane * params.resolution + cells[b]) * row + cells[a] * params.vectors + vector;
  let low = mix(planes[at], planes[at + params.vectors], fractions[a]);
  let high = mix(planes[at + row], planes[at + row + params.vectors], fractions[a]);
  return mix(low, high, fractions[b]);
}
`;

const forwardProgram = (name: string, body: string) =>
  itemProgram({
    name: `sampleTriplane (${name})`,
    params: GRID,
    buffers: { ...POINTS, planes: 'read vec4f', output: 'write vec4f' },
    body: `${SAMPLES_WGSL}
fn item(i: u32) {
  let row = i / params.vectors;
  let v = i % params.vectors;
  ${body}
}
`,
  });

const combined = (operator: string) =>
  `output[i] = sampleAt(row, 0u, v) ${operator} sampleAt(row, 1u, v) ${operator} sampleAt(row, 2u, v);`;
const FORWARD = {
  sum: forwardProgram('sum', combined('+')),
  product: forwardProgram('product', combined('*')),
  concatenate: forwardProgram('concatenate', 'output[i] = sampleAt(row / 3u, row % 3u, v);'),
};

export function sampleOnWebgpu(backend: WebgpuBackend, args: TriplaneSampleArgs): void {
  const { points, planes, stride, combination = 'sum', output } = args;
  const vectors = stride / 4;
  const items = points.count * vectors * (combination === 'concatenate' ? 3 : 1);
  const { cells, fractions, resolution } = points;
  backend.launch(FORWARD[combination], {
    params: { resolution, vectors, items },
    buffers: { cells, fractions, planes, output },
  });
}

const PRODUCT_GRADIENTS = itemProgram({
  name: 'triplaneGradients (product)',
  params: GRID,
  buffers: { ...POINTS, planes: 'read vec4f', upstream: 'read vec4f', samples: 'write vec4f' },
  body: `${SAMPLES_WGSL}
fn item(i: u32) {
  let point = i / params.vectors;
  let v = i % params.vectors;
  let u = upstream[i];
  let xy = sampleAt(point, 0u, v);
  let xz = sampleAt(point, 1u, v);
  let yz = sampleAt(point, 2u, v);
  let at = point * 3u * params.vectors + v;
  samples[at] = u * (xz * yz);
  samples[at + params.vectors] = u * (xy * yz);
  samples[at + 2u * params.vectors] = u * (xy * xz);
}
`,
});

/** A texel gathers from the points of the four cells around it, in the order of their lists. */
const BACKWARD = itemProgram({
  name: 'triplaneGradients',
  params: { ...GRID, rowsPerPoint: 'u32' },
  buffers: {
    ...({ cellStart: 'read u32', order: 'read u32', places: 'read vec2f' } as const),
    ...({ upstream: 'read vec4f', gradients: 'write vec4f' } as const),
  },
  body: `
fn gather(first: u32, last: u32, origin: vec2f, slope: vec2f, row: u32, v: u32) -> vec4f {
  var sum = vec4f(0.0);
  for (var e = first; e < last; e++) {
    let w = origin + slope * places[e];
    sum += (w.x * w.y) * upstream[(order[e] * params.rowsPerPoint + row) * params.vectors + v];
  }
  return sum;
}
fn item(i: u32) {
  let texel = i / params.vectors;
  let v = i % params.vectors;
  let side = params.resolution - 1u;
  let x = texel % params.resolution;
  let y = texel / params.resolution % params.resolution;
  let plane = texel / params.resolution / params.resolution;
  let row = select(0u, plane, params.rowsPerPoint == 3u);
  var sum = vec4f(0.0);
  for (var above = 0u; above < 2u; above++) {
    // Cells of the row above this texel, then of the row below.
    if ((above == 0u && y == 0u) || (above == 1u && y == side)) { continue; }
    let cell = (plane * side + y + above - 1u) * side + x;
    let middle = cellStart[cell];
    let originY = select(0.0, 1.0, above == 1u);
    let slopeY = select(1.0, -1.0, above == 1u);
    if (x > 0u) { sum += gather(cellStart[cell - 1u], middle, vec2f(0.0, originY), vec2f(1.0, slopeY), row, v); }
    if (x < side) { sum += gather(middle, cellStart[cell + 1u], vec2f(1.0, originY), vec2f(-1.0, slopeY), row, v); }
  }
  gradients[i] = sum;
}
`,
});

export function gradientsOnWebgpu(backend: WebgpuBackend, args: TriplaneGradientsArgs): void {
  const { points, planes, stride, combination = 'sum', gradients } = args;
  const { count, resolution, cells, fractions } = points;
  const vectors = stride / 4;
  const grid = { resolution, vectors };
  let upstream: DeviceBuffer = args.upstream;
  if (combination === 'product') {
    const samples = webgpuWorkspace(backend).ensure('triplane samples', count * 3 * stride * 4);
    backend.launch(PRODUCT_GRADIENTS, {
      params: { ...grid, items: count * vectors },
      buffers: { cells, fractions, planes, upstream, samples },
    });
    upstream = samples;
  }
  backend.launch(BACKWARD, {
    params: { ...grid, rowsPerPoint: combination === 'sum' ? 1 : 3, items: 3 * resolution * resolution * vectors },
    buffers: { ...points.lists(), upstream, gradients },
  });
}
