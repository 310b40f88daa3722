/**
 * A small multilayer perceptron in WGSL, all layers in one launch per direction: a workgroup takes a few rows through the
 * network, and what lies between two layers stays in workgroup memory. What the other direction needs goes to memory once.
 */
import { type BufferSlice, type DeviceBuffer, program, type WebgpuBackend } from '../../compute/index.ts';
import type { MlpParameters } from './mlp.ts';

const THREADS = 128;
/** Rows of a workgroup, in vectors of four: as many as fit. */
const ROWS = [16, 8, 4] as const;
const VECTOR = 4;
/** Slices of a buffer begin on multiples of this many floats. */
const SLICE_FLOATS = 64;

type Layers = MlpParameters['layers'];

/** [rows, width] matrices laid end to end. @param widths floats per row of each */
export function slicesOf(buffer: DeviceBuffer, widths: readonly number[], rows: number): BufferSlice[] {
  let offset = 0;
  return widths.map((width) => {
    const slice = { buffer, offsetBytes: offset * 4, sizeBytes: Math.max(1, rows * width) * 4 };
    offset += paddedFloats(width, rows);
    return slice;
  });
}

export const slicesBytes = (widths: readonly number[], rows: number): number =>
  4 * widths.reduce((sum, width) => sum + paddedFloats(width, rows), 0);

const paddedFloats = (width: number, rows: number): number =>
  Math.ceil((rows * width) / SLICE_FLOATS) * SLICE_FLOATS || SLICE_FLOATS;

/** Where matrix `index` begins, in WGSL. */
const startWgsl = (widths: readonly number[], index: number): string =>
  ['0u', ...widths.slice(0, index).map((width) => `padded(params.count * ${width}u)`)].join(' + ');

/** Floats per row of the values that go into each layer. */
export const inputWidths = (layers: Layers): number[] => layers.map(({ inputs }) => inputs);

const widest = (layers: Layers): number => Math.max(...layers.flatMap(({ inputs, outputs }) => [inputs, outputs]));

/** Rows that a workgroup can take through these layers; undefined: they are too wide for workgroup memory. */
export function fusedRows({ limits }: WebgpuBackend, layers: Layers): number | undefined {
  return ROWS.find((rows) => 2 * 4 * rows * widest(layers) <= limits.maxComputeWorkgroupStorageSize);
}

const commonWgsl = (layers: Layers, rows: number) => `
const Q = ${rows / VECTOR}u;
var<workgroup> front: array<vec4f, ${(widest(layers) * rows) / VECTOR}>;
var<workgroup> back: array<vec4f, ${(widest(layers) * rows) / VECTOR}>;
fn padded(floats: u32) -> u32 {
  return max((floats + ${SLICE_FLOATS - 1}u) / ${SLICE_FLOATS}u * ${SLICE_FLOATS}u, ${SLICE_FLOATS}u);
}
`;
const ENTRY = `@compute @workgroup_size(${THREADS})
fn main(
  @builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
) {
  let first = (group.y * groups.x + group.x) * Q * 4u;`;

/** Four rows of one column of a [rows, width] matrix that begins at `start`; beyond the last row nothing is written. */
const putWgsl = (binding: string, start: string, width: number, column: string) => `
      for (var r = 0u; r < 4u; r++) {
        let row = first + 4u * q + r;
        if (row < params.count) { ${binding}[${start} + row * ${width}u + ${column}] = sum[r]; }
      }`;

function forwardProgram(layers: Layers, rows: number) {
  const widths = inputWidths(layers);
  const stride = widths[0]!;
  const layerWgsl = ({ inputs, outputs, weights, bias }: Layers[number], l: number) => {
    const isLast = l === layers.length - 1;
    const [from, to] = l % 2 === 0 ? ['front', 'back'] : ['back', 'front'];
    return `
  workgroupBarrier();
  {
    let start = ${isLast ? '0u' : startWgsl(widths, l + 1)};
    for (var i = thread; i < ${outputs}u * Q; i += ${THREADS}u) {
      let o = i % ${outputs}u;
      let q = i / ${outputs}u;
      var sum = vec4f(values[${bias}u + o]);
      let panel = ${weights}u + o / 8u * ${inputs * 8}u + o % 8u;
      for (var k = 0u; k < ${inputs}u; k++) { sum += values[panel + k * 8u] * ${from}[k * Q + q]; }
      ${isLast ? '' : `sum = max(sum, vec4f(0.0));\n      ${to}[o * Q + q] = sum;`}
      ${putWgsl(isLast ? 'outputs' : 'activations', 'start', outputs, 'o')}
    }
  }`;
  };
  return program({
    name: 'mlpForward (fused)',
    params: { count: 'u32' },
    buffers: {
      ...({ ids: 'read u32', inputs: 'read f32', values: 'read f32' } as const),
      ...({ activations: 'write f32', outputs: 'write f32' } as const),
    },
    workgroup: THREADS,
    body: `${commonWgsl(layers, rows)}${ENTRY}
  for (var i = thread; i < ${stride}u * Q; i += ${THREADS}u) {
    let k = i % ${stride}u;
    let q = i / ${stride}u;
    var value = vec4f(0.0);
    for (var r = 0u; r < 4u; r++) {
      let row = first + 4u * q + r;
      if (row < params.count) {
        value[r] = inputs[ids[row] * ${stride}u + k];
        activations[row * ${stride}u + k] = value[r];
      }
    }
    front[k * Q + q] = value;
  }
  ${layers.map(layerWgsl).join('\n')}
}
`,
  });
}

function backwardProgram(layers: Layers, rows: number, lowest: number) {
  const widths = inputWidths(layers);
  const last = layers.at(-1)!.outputs;
  const passed = layers.map((layer, l) => ({ ...layer, l })).filter(({ l }) => l >= lowest);
  const layerWgsl = ({ inputs, outputs, weights, l }: (typeof passed)[number], step: number) => {
    const [from, to] = step % 2 === 0 ? ['front', 'back'] : ['back', 'front'];
    return `
  workgroupBarrier();
  {
    let start = ${startWgsl(widths, l)};
    for (var i = thread; i < ${inputs}u * Q; i += ${THREADS}u) {
      let k = i % ${inputs}u;
      let q = i / ${inputs}u;
      var sum = vec4f(0.0);
      for (var o = 0u; o < ${outputs}u; o += 4u) {
        let w = values[(${weights}u + (o / 8u * ${inputs}u + k) * 8u + o % 8u) / 4u];
        sum += w.x * ${from}[o * Q + q] + w.y * ${from}[(o + 1u) * Q + q];
        sum += w.z * ${from}[(o + 2u) * Q + q] + w.w * ${from}[(o + 3u) * Q + q];
      }
      ${
        l === 0
          ? ''
          : `for (var r = 0u; r < 4u; r++) {
        let row = first + 4u * q + r;
        if (row >= params.count || !(activations[start + row * ${inputs}u + k] > 0.0)) { sum[r] = 0.0; }
      }`
      }
      ${to}[k * Q + q] = sum;
      ${putWgsl('deltas', 'start', inputs, 'k')}
    }
  }`;
  };
  return program({
    name: 'mlpBackward (fused)',
    params: { count: 'u32' },
    buffers: {
      ...({ upstream: 'read f32', values: 'read vec4f', activations: 'read f32', deltas: 'write f32' } as const),
    },
    workgroup: THREADS,
    body: `${commonWgsl(layers, rows)}${ENTRY}
  for (var i = thread; i < ${last}u * Q; i += ${THREADS}u) {
    let o = i % ${last}u;
    let q = i / ${last}u;
    var value = vec4f(0.0);
    for (var r = 0u; r < 4u; r++) {
      let row = first + 4u * q + r;
      if (row < params.count) { value[r] = upstream[row * ${last}u + o]; }
    }
    front[o * Q + q] = value;
  }
  ${passed.reverse().map(layerWgsl).join('\n')}
}
`,
  });
}

const forwardPrograms = new Map<string, ReturnType<typeof forwardProgram>>();
const backwardPrograms = new Map<string, ReturnType<typeof backwardProgram>>();

function made<Made>(programs: Map<string, Made>, key: object, make: () => Made): Made {
  const name = JSON.stringify(key);
  const known = programs.get(name) ?? make();
  programs.set(name, known);
  return known;
}

/** Outputs; and the inputs of every layer, as matrices laid end to end in `activations`. */
export function fusedForward(
  backend: WebgpuBackend,
  { layers, values }: MlpParameters,
  rows: number,
  count: number,
  buffers: Readonly<Record<'ids' | 'inputs' | 'activations' | 'outputs', DeviceBuffer>>,
): void {
  const forward = made(forwardPrograms, { layers, rows }, () => forwardProgram(layers, rows));
  backend.launch(forward, { params: { count }, buffers: { ...buffers, values }, groups: Math.ceil(count / rows) });
}

/** Gradients by the inputs of every layer from the lowest that a gradient passes, laid out as the activations are. */
export function fusedBackward(
  backend: WebgpuBackend,
  { layers, values }: MlpParameters,
  { rows, lowest, count }: { readonly rows: number; readonly lowest: number; readonly count: number },
  buffers: Readonly<Record<'upstream' | 'activations' | 'deltas', DeviceBuffer>>,
): void {
  const backward = made(backwardPrograms, { layers, rows, lowest }, () => backwardProgram(layers, rows, lowest));
  backend.launch(backward, { params: { count }, buffers: { ...buffers, values }, groups: Math.ceil(count / rows) });
}
