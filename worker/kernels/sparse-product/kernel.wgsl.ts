/** Sparse products in WGSL: one invocation per element of the result, so sums have one order and need no atomics. */
import { type DeviceBuffer, itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import { webgpuWorkspace } from '../shared/index.ts';
import { binStarts, radixSort } from '../sort/index.ts';
import type { SparseMatrix, SparseProductArgs } from './sparse-product.ts';

const PRODUCT = itemProgram({
  name: 'sparseProduct',
  params: { channels: 'u32', accumulate: 'u32' },
  buffers: {
    ...({ rowStart: 'read u32', columns: 'read u32', weights: 'read f32' } as const),
    ...({ values: 'read f32', output: 'write f32' } as const),
  },
  body: `
fn item(i: u32) {
  let row = i / params.channels;
  let channel = i % params.channels;
  var sum = 0.0;
  if (params.accumulate == 1u) { sum = output[i]; }
  let end = rowStart[row + 1u];
  for (var e = rowStart[row]; e < end; e++) { sum += weights[e] * values[columns[e] * params.channels + channel]; }
  output[i] = sum;
}
`,
});

export function sparseProductOnWebgpu(backend: WebgpuBackend, args: SparseProductArgs): void {
  const { matrix, input, output, channels, accumulate = false } = args;
  const { rowStart, columns, weights } = matrix;
  backend.launch(PRODUCT, {
    params: { channels, accumulate: accumulate ? 1 : 0, items: matrix.rowCount * channels },
    buffers: { rowStart, columns, weights, values: input, output },
  });
}

const ENTRIES = itemProgram({
  name: 'transposeSparse (entries)',
  params: {},
  buffers: {
    ...({ rowStart: 'read u32', columns: 'read u32' } as const),
    ...({ rowOf: 'write u32', keys: 'write u32', entries: 'write u32' } as const),
  },
  body: `
fn item(row: u32) {
  let end = rowStart[row + 1u];
  for (var e = rowStart[row]; e < end; e++) {
    rowOf[e] = row;
    keys[e] = columns[e];
    entries[e] = e;
  }
}
`,
});

const GATHER = itemProgram({
  name: 'transposeSparse (gather)',
  params: {},
  buffers: {
    ...({ entries: 'read u32', rowOf: 'read u32', weights: 'read f32' } as const),
    ...({ columnsOut: 'write u32', weightsOut: 'write f32' } as const),
  },
  body: `
fn item(i: u32) {
  let e = entries[i];
  columnsOut[i] = rowOf[e];
  weightsOut[i] = weights[e];
}
`,
});

/** A stable sort by column keeps the rows of a column in order. */
export function transposeOnWebgpu(
  backend: WebgpuBackend,
  { matrix, columnCount, out }: { matrix: SparseMatrix; columnCount: number; out: SparseMatrix },
): void {
  const { entryCount, rowCount, rowStart, columns, weights } = matrix;
  const workspace = webgpuWorkspace(backend);
  const created: DeviceBuffer[] = [];
  const words = (name: string) => {
    const buffer = backend.createBuffer(`sparse matrix: ${name}`, entryCount * 4);
    created.push(buffer);
    return buffer;
  };
  try {
    const rowOf = words('row of entry');
    const sort = {
      keys: words('keys'),
      values: words('entries'),
      otherKeys: words('keys2'),
      otherValues: words('entries2'),
    };
    const marked = { rowStart, columns, rowOf, keys: sort.keys, entries: sort.values };
    backend.launch(ENTRIES, { params: { items: rowCount }, buffers: marked });
    const bits = 32 - Math.clz32(Math.max(0, columnCount - 1));
    const sorted = radixSort(backend, workspace, sort, { most: entryCount }, bits);
    backend.launch(GATHER, {
      params: { items: entryCount },
      buffers: { entries: sorted.values, rowOf, weights, columnsOut: out.columns, weightsOut: out.weights },
    });
    binStarts(backend, workspace, sorted.keys, { most: entryCount }, out.rowStart, columnCount);
  } finally {
    for (const buffer of created) backend.destroyBuffer(buffer);
  }
}
