/**
 * Binning in WGSL: Gaussians are sorted by depth, their (tile, Gaussian) pairs written in that order and sorted by tile,
 * stably. How many pairs there are is known on the device alone: lists have a capacity, and a view that passes it comes out
 * empty, which the program learns with the next news from the device.
 */
import { itemProgram, type WebgpuBackend } from '../../compute/index.ts';
import { LAYOUT_CONSTANTS, TILE, webgpuWorkspace } from '../shared/index.ts';
import { binStarts, prefixSums, radixSort, sortPasses } from '../sort/index.ts';
import type { BinArgs, TileLists } from './binning.ts';

/** Header of a view, uint32: pairs that fit (0 when they do not), pairs, visible Gaussians, most pairs since the last report. */
const HEADER = { listed: 0, wanted: 1, visible: 2, most: 3 } as const;
const HEADER_BYTES = 16;
/** Pairs that a first view is given room for, unless it cannot have as many. */
const FIRST_PAIRS = 1 << 18;
const FIRST_PAIRS_PER_GAUSSIAN = 4;
/** Room beyond the largest view seen so far. */
const HEADROOM = 1.5;
const FULL = 0.8;

/** Depths are positive: their sign is not sorted by. */
const DEPTH_BITS = 31;
/** Depth key of what is not drawn. */
const NOT_DRAWN = 0x7fffffff;

const tileBits = (tiles: number): number => 32 - Math.clz32(Math.max(0, tiles - 1));

const TILES_WGSL = `
// Horizontal tile range [first, last] that an ellipse covers inside the band of rows dy in [d0, d1] around its centre; empty
// when last < first. x(dy) = -(b/a)dy +- sqrt(cutoff/a - det/a^2 dy^2) is concave (convex) in dy, so its extreme inside the
// band is at the ellipse's own extreme point clamped to the band.
fn bandTiles(p: u32, d0: f32, d1: f32) -> vec2i {
  let invA = 1.0 / projected[p + PROJECTED_conicA];
  let slope = projected[p + PROJECTED_conicB] * invA;
  let k0 = projected[p + PROJECTED_cutoff] * invA * 1.02;
  let k1 = projected[p + PROJECTED_conicDet] * invA * invA;
  let extreme = -projected[p + PROJECTED_conicB] / projected[p + PROJECTED_conicC] * projected[p + PROJECTED_extentX];
  let right = min(max(extreme, d0), d1);
  let left = min(max(-extreme, d0), d1);
  let x = projected[p + PROJECTED_x];
  let x1 = x - slope * right + sqrt(max(k0 - k1 * right * right, 0.0));
  let x0 = x - slope * left - sqrt(max(k0 - k1 * left * left, 0.0));
  // Pixel centres at +0.5: pixel i is inside when x0 <= i + 0.5 <= x1.
  let begin = max(ceil(x0 - 0.5), 0.0);
  let end = min(floor(x1 - 0.5), f32(params.width) - 1.0);
  if (!(begin <= end)) { return vec2i(1, 0); }
  return vec2i(i32(begin) / i32(TILE), i32(end) / i32(TILE));
}
struct Box { columns: vec2i, rows: vec2i, plain: bool }
// Tiles of the bounding box; rows (1, 0) when it misses the image. Half a hundredth of a pixel of margin covers the rounding
// of centre and extent.
fn boxOf(p: u32) -> Box {
  let extent = vec2f(projected[p + PROJECTED_extentX], projected[p + PROJECTED_extentY]);
  if (!(extent.x > 0.0)) { return Box(vec2i(1, 0), vec2i(1, 0), true); }
  let centre = vec2f(projected[p + PROJECTED_x], projected[p + PROJECTED_y]) - 0.5;
  let low = max(ceil(centre - (extent + 0.01)), vec2f(0.0));
  let high = min(floor(centre + (extent + 0.01)), vec2f(f32(params.width), f32(params.height)) - 1.0);
  if (!(low.x <= high.x && low.y <= high.y)) { return Box(vec2i(1, 0), vec2i(1, 0), true); }
  let first = vec2i(low) / i32(TILE);
  let last = vec2i(high) / i32(TILE);
  return Box(vec2i(first.x, last.x), vec2i(first.y, last.y), first.x == last.x || first.y == last.y);
}
// Tiles of one row: a box one tile wide or high is touched everywhere, only others need the ellipse.
fn rowTiles(p: u32, box: Box, row: i32) -> vec2i {
  if (box.plain) { return box.columns; }
  let y = projected[p + PROJECTED_y];
  let extent = projected[p + PROJECTED_extentY];
  let d0 = max(f32(row * i32(TILE)) + 0.5 - y, -extent);
  let d1 = min(f32(row * i32(TILE) + i32(TILE)) - 0.5 - y, extent);
  return bandTiles(p, d0, d1);
}
`;

const MEASURE = itemProgram({
  name: 'binTiles (measure)',
  params: { width: 'u32', height: 'u32', count: 'u32' },
  buffers: {
    ...({ projected: 'read f32', slotStart: 'write u32', keys: 'write u32', ids: 'write u32' } as const),
  },
  constants: LAYOUT_CONSTANTS,
  body: `${TILES_WGSL}
fn item(g: u32) {
  if (g == params.count) {
    slotStart[g] = 0u;
    return;
  }
  let p = g * PROJECTED_FLOATS;
  let box = boxOf(p);
  var tiles = 0u;
  for (var row = box.rows.x; row <= box.rows.y; row++) {
    let columns = rowTiles(p, box, row);
    tiles += u32(max(0, columns.y - columns.x + 1));
  }
  slotStart[g] = tiles;
  ids[g] = g;
  // Depths are positive, so their bits are in their order; what is not drawn goes last.
  keys[g] = select(${NOT_DRAWN}u, bitcast<u32>(projected[p + PROJECTED_depth]), tiles > 0u);
}
`,
});

const ADMIT = itemProgram({
  name: 'binTiles (admit)',
  params: { count: 'u32', capacity: 'u32' },
  buffers: { slotStart: 'write u32', header: 'write u32' },
  body: `
fn item(i: u32) {
  let wanted = slotStart[params.count];
  header[${HEADER.wanted}] = wanted;
  header[${HEADER.most}] = max(header[${HEADER.most}], wanted);
  header[${HEADER.listed}] = select(0u, wanted, wanted <= params.capacity);
}
`,
});

/** Lists that do not fit are those of a view that shows nothing. */
const DROP = itemProgram({
  name: 'binTiles (drop)',
  params: {},
  buffers: { header: 'read u32', slotStart: 'write u32' },
  body: `
fn item(i: u32) {
  if (header[${HEADER.listed}] != header[${HEADER.wanted}]) { slotStart[i] = 0u; }
}
`,
});

const COUNT_IN_ORDER = itemProgram({
  name: 'binTiles (count)',
  params: {},
  buffers: { keys: 'read u32', ids: 'read u32', slotStart: 'read u32', places: 'write u32', header: 'write u32' },
  body: `
fn item(i: u32) {
  let g = ids[i];
  places[i] = slotStart[g + 1u] - slotStart[g];
  // Where the drawn ones end.
  let drawn = keys[i] != ${NOT_DRAWN}u;
  if (drawn && i + 1u == params.items) { header[${HEADER.visible}] = params.items; }
  if (!drawn && i > 0u) {
    if (keys[i - 1u] != ${NOT_DRAWN}u) { header[${HEADER.visible}] = i; }
  }
}
`,
});

const EXPAND = itemProgram({
  name: 'binTiles (expand)',
  params: { width: 'u32', height: 'u32', tilesX: 'u32' },
  buffers: {
    ...({ projected: 'read f32', ids: 'read u32', slotStart: 'read u32', places: 'read u32' } as const),
    ...({ tileKeys: 'write u32', slotOf: 'write u32', gaussianOfSlot: 'write u32' } as const),
  },
  constants: LAYOUT_CONSTANTS,
  body: `${TILES_WGSL}
fn item(i: u32) {
  let g = ids[i];
  var slot = slotStart[g];
  // Never beyond what was measured, should the two programs round differently.
  let end = slotStart[g + 1u];
  if (slot == end) { return; }
  let p = g * PROJECTED_FLOATS;
  let box = boxOf(p);
  var place = places[i];
  for (var row = box.rows.x; row <= box.rows.y; row++) {
    let columns = rowTiles(p, box, row);
    for (var column = columns.x; column <= columns.y && slot < end; column++) {
      tileKeys[place] = u32(row) * params.tilesX + u32(column);
      slotOf[place] = slot;
      gaussianOfSlot[slot] = g;
      place++;
      slot++;
    }
  }
}
`,
});

const LIST = itemProgram({
  name: 'binTiles (list)',
  params: {},
  buffers: { header: 'read u32', slotOf: 'read u32', gaussianOfSlot: 'read u32', instances: 'write vec2u' },
  body: `
fn item(i: u32) {
  if (i >= header[${HEADER.listed}]) { return; }
  let slot = slotOf[i];
  instances[i] = vec2u(gaussianOfSlot[slot], slot);
}
`,
});

export function binTilesOnWebgpu(backend: WebgpuBackend, { projected, count, width, height, lists }: BinArgs): void {
  lists.tilesX = Math.ceil(width / TILE);
  lists.tilesY = Math.ceil(height / TILE);
  const tiles = lists.tileCount;
  const capacity = capacityFor(lists, count, tiles);
  const workspace = webgpuWorkspace(backend);
  const words = (name: string, length: number) => lists.ensure(name, length * 4);
  const slotStart = words('slotStart', count + 1);
  const tileStart = words('tileStart', tiles + 1);
  const instances = words('instances', 2 * capacity);
  const header = lists.ensure('header', HEADER_BYTES);
  const byDepth = {
    ...{ keys: words('keys', count), values: words('ids', count) },
    ...{ otherKeys: words('keys2', count), otherValues: words('ids2', count) },
  };
  const byTile = {
    ...{ keys: words('tile keys', capacity), values: words('slots', capacity) },
    ...{ otherKeys: words('tile keys2', capacity), otherValues: words('slots2', capacity) },
  };
  const gaussianOfSlot = words('gaussian of slot', capacity);

  const isReported = lists.views % lists.reportEvery === 0;
  const isAfterReport = lists.views === 0 || (lists.views - 1) % lists.reportEvery === 0;
  lists.views += 1;
  backend.clear(header, isAfterReport ? HEADER_BYTES : 4 * HEADER.most);
  const size = { width, height };
  const measured = { projected, slotStart, keys: byDepth.keys, ids: byDepth.values };
  backend.launch(MEASURE, { params: { ...size, count, items: count + 1 }, buffers: measured });
  prefixSums(backend, workspace, slotStart, { most: count + 1 });
  backend.launch(ADMIT, { params: { count, capacity, items: 1 }, buffers: { slotStart, header } });
  backend.launch(DROP, { params: { items: count + 1 }, buffers: { header, slotStart } });
  const { keys, values: ids } = radixSort(backend, workspace, byDepth, { most: count }, DEPTH_BITS);
  const places = words('places', count);
  backend.launch(COUNT_IN_ORDER, { params: { items: count }, buffers: { keys, ids, slotStart, places, header } });
  prefixSums(backend, workspace, places, { most: count });
  backend.launch(EXPAND, {
    params: { ...size, tilesX: lists.tilesX, items: count },
    buffers: { projected, ids, slotStart, places, tileKeys: byTile.keys, slotOf: byTile.values, gaussianOfSlot },
  });
  const pairs = { most: capacity, header, index: HEADER.listed };
  const sorted = radixSort(backend, workspace, byTile, pairs, tileBits(tiles));
  backend.launch(LIST, {
    params: { items: capacity },
    buffers: { header, slotOf: sorted.values, gaussianOfSlot, instances },
  });
  binStarts(backend, workspace, sorted.keys, pairs, tileStart, tiles);

  if (!isReported) return;
  lists.expect(
    new Promise((resolve, reject) => {
      backend.readLater(header, HEADER_BYTES, {
        receive: (bytes) => resolve(news(lists, new Uint32Array(bytes))),
        reject,
      });
    }),
  );
}

function capacityFor(lists: TileLists, count: number, tiles: number): number {
  const most = count * tiles;
  const first = Math.max(FIRST_PAIRS, FIRST_PAIRS_PER_GAUSSIAN * count);
  const wanted = Math.max(lists.instanceCapacity, first);
  // Once room has been made it is kept: buffers never shrink.
  lists.instanceCapacity = most <= wanted ? Math.max(most, lists.instanceCapacity) : wanted;
  return lists.instanceCapacity;
}

/** What the device says of a view. @returns whether its lists were complete */
function news(lists: TileLists, header: Uint32Array): boolean {
  const wanted = header[HEADER.wanted]!;
  lists.instanceCount = header[HEADER.listed]!;
  lists.visibleCount = header[HEADER.visible]!;
  const most = header[HEADER.most]!;
  if (most > FULL * lists.instanceCapacity && most > FIRST_PAIRS * FULL) {
    lists.instanceCapacity = Math.max(lists.instanceCapacity, Math.ceil(most * HEADROOM));
  }
  return lists.instanceCount === wanted;
}

/** Bytes that both sorts and what lies between them move: keys once for the histogram, keys and values in and out, in every pass. */
export function deviceSortCost(counts: {
  readonly gaussians: number;
  /** (Gaussian, tile) pairs. */
  readonly instances: number;
  readonly tiles: number;
}): { flops: number; bytes: number } {
  const { gaussians, instances, tiles } = counts;
  const sorted = (elements: number, bits: number) => elements * sortPasses(bits) * (4 + 8 + 8);
  // Records, counts and keys; the pairs; the lists.
  const around = gaussians * (64 + 12 + 16) + instances * (12 + 12);
  return { flops: 0, bytes: sorted(gaussians, DEPTH_BITS) + sorted(instances, tileBits(tiles)) + around };
}
