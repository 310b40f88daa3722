import { type Backend, type DeviceBuffer, GrowingBuffers, type Kernel } from '../../compute/index.ts';
import { TILE } from '../shared/index.ts';
import { binTilesOnWebgpu } from './kernel.wgsl.ts';

/** Bytes per instance record {Gaussian, slot} and per chunk's partial counts; as in kernel.as.ts. */
const INSTANCE_BYTES = 8;
const PARTIAL_BYTES = 64;
/** Gaussians of a chunk. */
const CHUNK = 512;
/** Largest digit of the radix sort; as in kernel.as.ts. */
const MAX_DIGIT_BITS = 11;

/**
 * Which Gaussians each tile blends, in order of camera depth (ties: lower index first).
 * Owns its buffers and grows them as needed; one object is reused for every view.
 */
export class TileLists extends GrowingBuffers {
  /** Of the last view. */
  tilesX = 0;
  tilesY = 0;
  /** (tile, Gaussian) pairs of the last view. On a backend whose device runs behind the program: after {@link settle}. */
  instanceCount = 0;
  /** Pairs that buffers with a row per pair need room for: `instanceCount`, or what the device may fill. */
  instanceCapacity = 0;
  /** Gaussians that touch a tile of the last view. */
  visibleCount = 0;

  /**
   * Views between two reports of the counts, on a backend whose device runs behind the program. A loop that need not know of
   * every view asks seldom, so that it reads nothing back; the report then tells of the largest one since the last. Above 1
   * nobody may wait for a view ({@link settle}).
   */
  reportEvery = 1;
  /** Binned so far. */
  views = 0;

  /** Bins the last view again, with the room that there is now. */
  again: (() => void) | undefined;
  #news: Promise<boolean> = Promise.resolve(true);

  constructor(backend: Backend) {
    super(backend, 'tile lists');
  }

  /**
   * Waits until the counts of the last view are known. False: its lists did not fit and are empty; room has been made, and
   * the view must be binned again. Training need not ask: a step without lists changes nothing.
   */
  settle(): Promise<boolean> {
    if (this.reportEvery > 1) throw new TypeError('these lists do not report every view');
    return this.#news;
  }

  /** @param news what {@link settle} gives for the view that is being binned */
  expect(news: Promise<boolean>): void {
    this.#news = news;
    // Whoever waits is told; a failure of the backend is also thrown by its next call.
    news.catch(() => undefined);
  }

  get tileCount(): number {
    return this.tilesX * this.tilesY;
  }

  /** [N + 1] uint32: slots of Gaussian g are slotStart[g] … slotStart[g + 1] - 1. */
  get slotStart(): DeviceBuffer {
    return this.ensure('slotStart', 0);
  }
  /** [tiles + 1] uint32: instances of tile t are tileStart[t] … tileStart[t + 1] - 1. */
  get tileStart(): DeviceBuffer {
    return this.ensure('tileStart', 0);
  }
  /** [M, 2] uint32: {Gaussian, slot}, by tile, front to back. */
  get instances(): DeviceBuffer {
    return this.ensure('instances', 0);
  }
}

export interface BinArgs {
  /** [N, 16] projected records. */
  readonly projected: DeviceBuffer;
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly lists: TileLists;
}

/** Fills `lists` for one view. A Gaussian is listed in every tile that its alpha >= 1/255 ellipse may touch. */
export const binTiles: Kernel<BinArgs> = {
  name: 'binTiles',
  wasm(backend, { projected, count, width, height, lists }) {
    const { threads } = backend;
    lists.tilesX = Math.ceil(width / TILE);
    lists.tilesY = Math.ceil(height / TILE);
    const tiles = lists.tileCount;
    const slotStart = lists.ensure('slotStart', (count + 1) * 4);
    const rects = lists.ensure('rects', count * 8);
    const chunks = Math.ceil(count / CHUNK);
    const partials = lists.ensure('partials', chunks * PARTIAL_BYTES);
    const view = [backend.counters, backend.address(projected), count, width, height] as const;
    const work = [slotStart, rects, partials].map((buffer) => backend.address(buffer));
    backend.dispatch('binning.measure', ...view, ...work);

    let instances = 0;
    let visible = 0;
    let minKey = 0xffffffff;
    let maxKey = 0;
    const partial = backend.integers(partials);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const at = (chunk * PARTIAL_BYTES) / 4;
      partial[at + 4] = instances;
      partial[at + 5] = visible;
      instances += partial[at]!;
      visible += partial[at + 1]!;
      minKey = Math.min(minKey, partial[at + 2]! >>> 0);
      maxKey = Math.max(maxKey, partial[at + 3]! >>> 0);
    }
    lists.instanceCount = instances;
    lists.instanceCapacity = instances;
    lists.visibleCount = visible;

    const keys = backend.address(lists.ensure('keys', count * 4));
    const ids = backend.address(lists.ensure('ids', count * 4));
    const slotTile = backend.address(lists.ensure('slotTile', instances * 4));
    backend.dispatch('binning.expand', ...view, ...work, slotTile, keys, ids, minKey, instances);

    // Depths of one view share most of their exponent bits: sorting the difference to the nearest needs fewer passes.
    const keyBits = visible === 0 ? 0 : 32 - Math.clz32(maxKey - minKey);
    const passes = Math.ceil(keyBits / MAX_DIGIT_BITS);
    const sorted = passes === 0 ? ids : backend.address(lists.ensure('sorted ids', count * 4));
    if (passes > 0) {
      const room = ['sorted keys', 'other keys', 'other ids'].map((name) =>
        backend.address(lists.ensure(name, count * 4)),
      );
      const histograms = backend.address(lists.ensure('histograms', (threads * 4) << MAX_DIGIT_BITS));
      backend.dispatch(
        'binning.sort',
        ...[keys, ids, visible, keyBits, passes],
        ...[room[0]!, sorted, room[1]!, room[2]!, histograms],
      );
    }

    const counts = backend.address(lists.ensure('tileCounts', threads * tiles * 4));
    const offsets = backend.address(lists.ensure('tileOffsets', threads * tiles * 4));
    const tileStart = backend.address(lists.ensure('tileStart', (tiles + 1) * 4));
    const list = lists.ensure('instances', instances * INSTANCE_BYTES);
    const order = [sorted, visible, backend.address(slotStart), slotTile, tiles, counts] as const;
    backend.dispatch('binning.tileHistogram', ...order);
    backend.dispatch('binning.tileScatter', ...order, offsets, tileStart, backend.address(list));
  },
  webgpu(backend, args) {
    args.lists.again = () => backend.run(binTiles, args);
    binTilesOnWebgpu(backend, args);
  },
};
