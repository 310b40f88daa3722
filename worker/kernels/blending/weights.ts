import type { Backend, DeviceBuffer, Kernel } from '../../compute/index.ts';
import type { TileLists } from '../binning/index.ts';
import { type BlendState, completeView, recordedAddresses } from './blending.ts';
import { countWeightsOnWebgpu, fillWeightsOnWebgpu } from './kernel.wgsl.ts';

/**
 * Sparse matrix W [R, N] of alpha-blending weights: row r (a chosen pixel) has entries rowStart[r] … rowStart[r+1]-1,
 * front to back. For a frozen geometry every rendered quantity is W f.
 */
export interface BlendingWeights {
  readonly rowCount: number;
  readonly entryCount: number;
  /** [R + 1] uint32 */
  readonly rowStart: DeviceBuffer;
  /** [E] uint32 Gaussians */
  readonly columns: DeviceBuffer;
  /** [E] float32 */
  readonly weights: DeviceBuffer;
  dispose(): void;
}

interface ExtractArgs {
  readonly lists: TileLists;
  readonly state: BlendState;
  readonly width: number;
  readonly height: number;
  readonly rowOfPixel: DeviceBuffer;
}

const countWeights: Kernel<ExtractArgs & { readonly counts: DeviceBuffer }> = {
  name: 'countWeights',
  wasm(backend, args) {
    const { tileStart, blended } = recordedAddresses(backend, args);
    const frame = [args.width, args.height, args.lists.tilesX, args.lists.tileCount];
    backend.bytes(args.counts).fill(0);
    const target = [backend.address(args.rowOfPixel), backend.address(args.counts)];
    backend.dispatch('blending.countWeights', tileStart, blended, backend.counters, ...frame, ...target);
  },
  webgpu(backend, args) {
    backend.clear(args.counts);
    countWeightsOnWebgpu(backend, { ...args, projected: recordsOf(args) });
  },
};

const fillWeights: Kernel<
  ExtractArgs & { readonly next: DeviceBuffer; readonly columns: DeviceBuffer; readonly weights: DeviceBuffer }
> = {
  name: 'fillWeights',
  wasm(backend, args) {
    const { instances, tileStart, blended, scratch, scratchBytes } = recordedAddresses(backend, args);
    const frame = [args.width, args.height, args.lists.tilesX, args.lists.tileCount];
    const target = [args.rowOfPixel, args.next, args.columns, args.weights].map((buffer) => backend.address(buffer));
    backend.dispatch(
      'blending.fillWeights',
      instances,
      tileStart,
      blended,
      backend.counters,
      scratch,
      scratchBytes,
      ...frame,
      ...target,
    );
  },
  webgpu: (backend, args) => fillWeightsOnWebgpu(backend, { ...args, projected: recordsOf(args) }),
};

export function recordsOf({ state }: Pick<ExtractArgs, 'state'>): DeviceBuffer {
  if (state.recorded === undefined) throw new RangeError('blending weights: no view has been recorded');
  return state.recorded.projected;
}

/**
 * W of chosen pixels of the view that `state` and `lists` were last recorded for.
 * @param pixels row-major indices y·W + x, each at most once; row r of W is pixels[r].
 * @throws RangeError on a pixel outside the image or given twice.
 */
export async function blendingWeights(
  backend: Backend,
  view: { readonly lists: TileLists; readonly state: BlendState; readonly width: number; readonly height: number },
  pixels: ArrayLike<number>,
): Promise<BlendingWeights> {
  const rows = new Int32Array(view.width * view.height).fill(-1);
  for (let row = 0; row < pixels.length; row++) {
    const pixel = pixels[row];
    if (!(pixel >= 0 && pixel < rows.length))
      throw new RangeError(`pixel ${pixel} lies outside ${view.width} x ${view.height}`);
    if (rows[pixel] >= 0) throw new RangeError(`pixel ${pixel} was chosen twice`);
    rows[pixel] = row;
  }
  await completeView(view);
  const buffers: DeviceBuffer[] = [];
  const create = (label: string, sizeBytes: number) => {
    const buffer = backend.createBuffer(`blending weights: ${label}`, sizeBytes);
    buffers.push(buffer);
    return buffer;
  };
  const release = (buffer: DeviceBuffer) => {
    backend.destroyBuffer(buffer);
    buffers.splice(buffers.indexOf(buffer), 1);
  };
  try {
    const rowOfPixel = create('row of pixel', rows.byteLength);
    backend.write(rowOfPixel, rows);
    const counts = create('counts', pixels.length * 4);
    backend.run(countWeights, { ...view, rowOfPixel, counts });
    const perRow = new Uint32Array(await backend.read(counts));
    const starts = new Uint32Array(pixels.length + 1);
    for (let row = 0; row < perRow.length; row++) starts[row + 1] = starts[row] + perRow[row];
    const entryCount = starts[perRow.length];
    const rowStart = create('row start', starts.byteLength);
    backend.write(rowStart, starts);
    backend.write(counts, starts.subarray(0, perRow.length));
    const columns = create('columns', entryCount * 4);
    const weights = create('weights', entryCount * 4);
    backend.run(fillWeights, { ...view, rowOfPixel, next: counts, columns, weights });
    release(rowOfPixel);
    release(counts);
    return {
      rowCount: pixels.length,
      entryCount,
      rowStart,
      columns,
      weights,
      dispose() {
        for (const buffer of buffers) backend.destroyBuffer(buffer);
      },
    };
  } catch (error) {
    for (const buffer of buffers) backend.destroyBuffer(buffer);
    throw error;
  }
}
