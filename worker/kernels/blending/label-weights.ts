import type { Backend, DeviceBuffer, Kernel } from '../../compute/index.ts';
import type { TileLists } from '../binning/index.ts';
import { TILE } from '../shared/index.ts';
import { type BlendState, completeView, recordedAddresses } from './blending.ts';
import { sumByLabelOnWebgpu } from './label-weights.wgsl.ts';
import { blendingWeights, recordsOf } from './weights.ts';

/** Column sums of W over the pixels of each label: one sparse row over Gaussians per label. */
export interface LabelWeights {
  /** [L] in ascending order. */
  readonly labels: Uint32Array;
  /** [L + 1] */
  readonly rowStart: Uint32Array;
  /** [E] Gaussians; one that several tiles show may come several times in a row. */
  readonly columns: Uint32Array;
  /** [E] above 0 */
  readonly weights: Float32Array;
}

interface RecordedView {
  readonly lists: TileLists;
  readonly state: BlendState;
  readonly width: number;
  readonly height: number;
}

interface SumArgs extends RecordedView {
  readonly labelOfPixel: DeviceBuffer;
  readonly labelCounts: DeviceBuffer;
  readonly offsets: DeviceBuffer;
  readonly out: DeviceBuffer;
}

const sumByLabel: Kernel<SumArgs> = {
  name: 'labelWeights',
  wasm(backend, args) {
    const { tileStart, blended, scratch, scratchBytes } = recordedAddresses(backend, args);
    backend.dispatch(
      'blending.labelWeights',
      ...[tileStart, blended, backend.counters, scratch, scratchBytes],
      ...[args.width, args.height, args.lists.tilesX, args.lists.tileCount],
      ...[args.labelOfPixel, args.labelCounts, args.offsets, args.out].map((buffer) => backend.address(buffer)),
    );
  },
  webgpu: (backend, args) => sumByLabelOnWebgpu(backend, { ...args, projected: recordsOf(args) }),
};

/**
 * Sums of W by label for the view that `state` and `lists` were last recorded for, without the entries of W, which are many
 * times as many: a Gaussian in a tile mostly has one label. The same on any number of threads.
 * @param labels [H·W], any non-negative integers
 * @throws RangeError on a wrong number of labels, OutOfMemoryError
 */
export async function labelWeights(
  backend: Backend,
  view: RecordedView,
  labels: ArrayLike<number>,
): Promise<LabelWeights> {
  const { width, height, lists } = view;
  if (labels.length !== width * height) {
    throw new RangeError(`${labels.length} labels for an image of ${width} x ${height}`);
  }
  await completeView(view);
  const tiles = localLabels(labels, width, height, lists);
  const tileStart = new Uint32Array(await backend.read(lists.tileStart, 0, 4 * (lists.tileCount + 1)));
  const offsets = new Uint32Array(lists.tileCount + 1);
  for (let tile = 0; tile < lists.tileCount; tile++) {
    offsets[tile + 1] = offsets[tile]! + (tileStart[tile + 1]! - tileStart[tile]!) * tiles.counts[tile]!;
  }
  const owned: DeviceBuffer[] = [];
  const create = (name: string, sizeBytes: number): DeviceBuffer => {
    const buffer = backend.createBuffer(`label weights: ${name}`, sizeBytes);
    owned.push(buffer);
    return buffer;
  };
  try {
    const buffers = {
      labelOfPixel: create('label of pixel', tiles.labelOfPixel.byteLength),
      labelCounts: create('labels of tile', tiles.counts.byteLength),
      offsets: create('offsets', offsets.byteLength),
      out: create('sums', 4 * offsets[lists.tileCount]!),
    };
    backend.write(buffers.labelOfPixel, tiles.labelOfPixel);
    backend.write(buffers.labelCounts, tiles.counts);
    backend.write(buffers.offsets, offsets);
    backend.run(sumByLabel, { ...view, ...buffers });
    const [sums, instances] = await Promise.all([
      backend.read(buffers.out),
      backend.read(lists.instances, 0, 8 * lists.instanceCount),
    ]);
    return gathered(tiles, tileStart, offsets, new Float32Array(sums), new Uint32Array(instances));
  } finally {
    for (const buffer of owned) backend.destroyBuffer(buffer);
  }
}

interface LocalLabels {
  /** Ascending. */
  readonly labels: Uint32Array;
  /** [H·W] index among the labels of the pixel's tile: at most 256 pixels, so it fits. */
  readonly labelOfPixel: Uint8Array;
  /** [tiles] */
  readonly counts: Uint32Array;
  /** By tile: row in `labels` of each of its labels. */
  readonly rows: readonly number[][];
}

function localLabels(labels: ArrayLike<number>, width: number, height: number, lists: TileLists): LocalLabels {
  const all = Uint32Array.from(new Set(Array.from(labels))).sort();
  const rowOf = new Map(Array.from(all, (label, row) => [label, row]));
  const labelOfPixel = new Uint8Array(labels.length);
  const counts = new Uint32Array(lists.tileCount);
  const rows: number[][] = [];
  for (let tile = 0; tile < lists.tileCount; tile++) {
    const [x0, y0] = [(tile % lists.tilesX) * TILE, Math.floor(tile / lists.tilesX) * TILE];
    const own: number[] = [];
    let [lastLabel, lastLocal] = [-1, 0];
    for (let y = y0; y < Math.min(height, y0 + TILE); y++) {
      for (let x = x0; x < Math.min(width, x0 + TILE); x++) {
        const label = labels[y * width + x]!;
        if (label !== lastLabel) {
          const row = rowOf.get(label)!;
          lastLocal = own.indexOf(row);
          if (lastLocal < 0) lastLocal = own.push(row) - 1;
          lastLabel = label;
        }
        labelOfPixel[y * width + x] = lastLocal;
      }
    }
    rows.push(own);
    counts[tile] = own.length;
  }
  return { labels: all, labelOfPixel, counts, rows };
}

/** Non-zero sums, row by row of the labels, by tile and front to back within a row. */
function gathered(
  { labels, rows }: LocalLabels,
  tileStart: Uint32Array,
  offsets: Uint32Array,
  sums: Float32Array,
  instances: Uint32Array,
): LabelWeights {
  const rowStart = new Uint32Array(labels.length + 1);
  const each = (visit: (row: number, gaussian: number, sum: number) => void): void => {
    for (let tile = 0; tile < rows.length; tile++) {
      const own = rows[tile]!;
      let at = offsets[tile]!;
      for (let index = tileStart[tile]!; index < tileStart[tile + 1]!; index++) {
        for (let local = 0; local < own.length; local++, at++) {
          const sum = sums[at]!;
          if (sum > 0) visit(own[local]!, instances[2 * index]!, sum);
        }
      }
    }
  };
  each((row) => {
    rowStart[row + 1]!++;
  });
  for (let row = 0; row < labels.length; row++) rowStart[row + 1]! += rowStart[row]!;
  const next = rowStart.slice(0, labels.length);
  const columns = new Uint32Array(rowStart[labels.length]!);
  const weights = new Float32Array(columns.length);
  each((row, gaussian, sum) => {
    const at = next[row]!++;
    columns[at] = gaussian;
    weights[at] = sum;
  });
  return { labels, rowStart, columns, weights };
}

/** From the entries of W: the definition, for tests. */
export async function fromEntries(
  backend: Backend,
  view: RecordedView,
  labels: ArrayLike<number>,
): Promise<LabelWeights> {
  const order = Uint32Array.from({ length: labels.length }, (_, i) => i).sort(
    (a, b) => labels[a]! - labels[b]! || a - b,
  );
  const matrix = await blendingWeights(backend, view, order);
  try {
    const [starts, columns, weights] = await Promise.all(
      [matrix.rowStart, matrix.columns, matrix.weights].map((buffer) => backend.read(buffer)),
    );
    const pixelStart = new Uint32Array(starts!);
    const own: number[] = [];
    const rowStart: number[] = [];
    for (let r = 0; r < order.length; r++) {
      const label = labels[order[r]!]!;
      if (label === own.at(-1)) continue;
      own.push(label);
      rowStart.push(pixelStart[r]!);
    }
    rowStart.push(pixelStart[order.length]!);
    return {
      labels: Uint32Array.from(own),
      rowStart: Uint32Array.from(rowStart),
      columns: new Uint32Array(columns!),
      weights: new Float32Array(weights!),
    };
  } finally {
    matrix.dispose();
  }
}
