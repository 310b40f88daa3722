// Tile binning and depth sort. One stable radix sort of the visible Gaussians by camera depth, then one counting
// pass into tiles in that order: every tile's list comes out sorted, and nothing is sorted per tile.
// Gaussians are measured and listed in chunks, sorted in ranges of depth and scattered in contiguous ranges of depth order per thread:
// where something is written follows from what comes before it alone, so the lists do not depend on the number of threads.

import { PROJECTED_BYTES, TILE } from "../shared/layout.as";
import { rangeStart, takeItem } from "../shared/shares.as";

/** Gaussians of a chunk: what is in view lies together, and threads share it out by taking chunks. */
const CHUNK: i32 = 512;
/** Per chunk {instances, visible, minKey, maxKey}, then where its instances and its visible ones begin. */
const PARTIAL_BYTES: usize = 64;

// Horizontal tile range [first, last] that an ellipse covers inside the band of rows dy in [d0, d1] around its centre.
// Packs first | last << 16; 1 (last < first) when the band misses the image. x(dy) = -(b/a)dy +- sqrt(cutoff/a - det/a^2 dy^2) is
// concave (convex) in dy, so its extreme inside the band is at the ellipse's own extreme point clamped to the band.
// @ts-ignore: decorator
@inline
function bandTiles(p: usize, d0: f32, d1: f32, width: i32): u32 {
  const x = load<f32>(p);
  const invA: f32 = 1.0 / load<f32>(p, 8);
  const slope: f32 = load<f32>(p, 12) * invA;
  const k0: f32 = load<f32>(p, 48) * invA * 1.02;
  const k1: f32 = load<f32>(p, 52) * invA * invA;
  const extremeDy: f32 = -load<f32>(p, 12) / load<f32>(p, 16) * load<f32>(p, 40);
  const right = min(max(extremeDy, d0), d1);
  const left = min(max(-extremeDy, d0), d1);
  const squareRight: f32 = k0 - k1 * right * right;
  const squareLeft: f32 = k0 - k1 * left * left;
  const x1: f32 = x - slope * right + sqrt<f32>(max<f32>(squareRight, 0.0));
  const x0: f32 = x - slope * left - sqrt<f32>(max<f32>(squareLeft, 0.0));
  // Pixel centres at +0.5: pixel i is inside when x0 <= i + 0.5 <= x1.
  const begin: f32 = max<f32>(ceil<f32>(x0 - 0.5), 0.0);
  const end: f32 = min<f32>(floor<f32>(x1 - 0.5), <f32>(width - 1));
  if (!(begin <= end)) return 1;
  return <u32>(<i32>begin / TILE) | (<u32>(<i32>end / TILE) << 16);
}

// Tiles of the bounding box: {firstX | lastX << 16, firstY | lastY << 16} at `rect`. Returns whether it meets the image.
// Half a hundredth of a pixel of margin covers the rounding of centre and extent.
// @ts-ignore: decorator
@inline
function boundingTiles(p: usize, width: i32, height: i32, rect: usize): bool {
  const x = load<f32>(p) - 0.5;
  const y = load<f32>(p, 4) - 0.5;
  const extentX = load<f32>(p, 40) + 0.01;
  const extentY = load<f32>(p, 44) + 0.01;
  const x0: f32 = max<f32>(ceil<f32>(x - extentX), 0.0);
  const y0: f32 = max<f32>(ceil<f32>(y - extentY), 0.0);
  const x1: f32 = min<f32>(floor<f32>(x + extentX), <f32>(width - 1));
  const y1: f32 = min<f32>(floor<f32>(y + extentY), <f32>(height - 1));
  if (!(x0 <= x1 && y0 <= y1)) return false;
  store<u32>(rect, (<u32>x0 / TILE) | ((<u32>x1 / TILE) << 16));
  store<u32>(rect, (<u32>y0 / TILE) | ((<u32>y1 / TILE) << 16), 4);
  return true;
}

// Tiles that the ellipse touches in tile row ty, packed as in bandTiles.
// @ts-ignore: decorator
@inline
function rowTiles(p: usize, ty: i32, width: i32): u32 {
  const y = load<f32>(p, 4);
  const extentY = load<f32>(p, 44);
  const d0: f32 = max<f32>(<f32>(ty * TILE) + 0.5 - y, -extentY);
  const d1: f32 = min<f32>(<f32>(ty * TILE + TILE) - 0.5 - y, extentY);
  return bandTiles(p, d0, d1, width);
}

// Writes how many tiles each Gaussian touches to slotCount[g], the tiles of its box to rects[g], and per chunk
// {instances, visible, minKey, maxKey}. A box one tile wide or high is touched everywhere; only others need the ellipse.
export function measure(
  thread: i32, threads: i32,
  counters: usize, projected: usize, count: i32, width: i32, height: i32, slotCount: usize, rects: usize, partials: usize,
): void {
  const chunks = (count + CHUNK - 1) / CHUNK;
  for (;;) {
    const chunk = takeItem(counters, thread, threads, chunks);
    if (chunk < 0) return;
    measureChunk(chunk, projected, count, width, height, slotCount, rects, partials + <usize>chunk * PARTIAL_BYTES);
  }
}

// @ts-ignore: decorator
@inline
function measureChunk(
  chunk: i32, projected: usize, count: i32, width: i32, height: i32, slotCount: usize, rects: usize, partial: usize,
): void {
  const begin = chunk * CHUNK;
  const end = min(begin + CHUNK, count);
  let instances: u32 = 0;
  let visible: u32 = 0;
  let minKey: u32 = 0xffffffff;
  let maxKey: u32 = 0;
  for (let g = begin; g < end; g++) {
    const p = projected + <usize>g * PROJECTED_BYTES;
    const rect = rects + (<usize>g << 3);
    let tiles: u32 = 0;
    if (load<f32>(p, 40) > 0.0 && boundingTiles(p, width, height, rect)) {
      const columns = (load<u32>(rect) >> 16) - (load<u32>(rect) & 0xffff) + 1;
      const rows = (load<u32>(rect, 4) >> 16) - (load<u32>(rect, 4) & 0xffff) + 1;
      if (columns == 1 || rows == 1) {
        tiles = columns * rows;
      } else {
        const last = <i32>(load<u32>(rect, 4) >> 16);
        for (let ty = <i32>(load<u32>(rect, 4) & 0xffff); ty <= last; ty++) {
          const row = rowTiles(p, ty, width);
          if ((row >> 16) >= (row & 0xffff)) tiles += (row >> 16) - (row & 0xffff) + 1;
        }
      }
      if (tiles > 0) {
        const key = load<u32>(p, 36);
        minKey = min(minKey, key);
        maxKey = max(maxKey, key);
        visible++;
      }
    }
    store<u32>(slotCount + (<usize>g << 2), tiles);
    instances += tiles;
  }
  store<u32>(partial, instances);
  store<u32>(partial, visible, 4);
  store<u32>(partial, minKey, 8);
  store<u32>(partial, maxKey, 12);
}

// slotStart: counts in, exclusive prefix sums out ([N+1]); slotTile[slot] = tile; (key, id) of the visible ones.
export function expand(
  thread: i32, threads: i32,
  counters: usize, projected: usize, count: i32, width: i32, height: i32, slotStart: usize, rects: usize, partials: usize,
  slotTile: usize, keys: usize, ids: usize, minKey: u32, instances: u32,
): void {
  if (thread == 0) store<u32>(slotStart + (<usize>count << 2), instances);
  const chunks = (count + CHUNK - 1) / CHUNK;
  for (;;) {
    const chunk = takeItem(counters, thread, threads, chunks);
    if (chunk < 0) return;
    const partial = partials + <usize>chunk * PARTIAL_BYTES;
    expandChunk(chunk, projected, count, width, slotStart, rects, partial, slotTile, keys, ids, minKey);
  }
}

// @ts-ignore: decorator
@inline
function expandChunk(
  chunk: i32, projected: usize, count: i32, width: i32, slotStart: usize, rects: usize, partial: usize,
  slotTile: usize, keys: usize, ids: usize, minKey: u32,
): void {
  const begin = chunk * CHUNK;
  const end = min(begin + CHUNK, count);
  let slot = load<u32>(partial, 16);
  let order = <usize>load<u32>(partial, 20);
  const tilesX = (width + TILE - 1) / TILE;
  for (let g = begin; g < end; g++) {
    const address = slotStart + (<usize>g << 2);
    const tiles = load<u32>(address);
    store<u32>(address, slot);
    if (tiles == 0) continue;
    const p = projected + <usize>g * PROJECTED_BYTES;
    store<u32>(keys + (order << 2), load<u32>(p, 36) - minKey);
    store<u32>(ids + (order << 2), g);
    order++;
    const rect = rects + (<usize>g << 3);
    const columns = load<u32>(rect);
    const rows = load<u32>(rect, 4);
    const plain = columns >> 16 == (columns & 0xffff) || rows >> 16 == (rows & 0xffff);
    for (let ty = <i32>(rows & 0xffff); ty <= <i32>(rows >> 16); ty++) {
      const row = plain ? columns : rowTiles(p, ty, width);
      for (let tx = <i32>(row & 0xffff); tx <= <i32>(row >> 16); tx++) {
        store<u32>(slotTile + (<usize>slot << 2), ty * tilesX + tx);
        slot++;
      }
    }
  }
}

/** Largest digit of the radix sort: its counters, 2^11, stay inside the first-level cache. */
const MAX_DIGIT_BITS: i32 = 11;

// Sorts (key, id) by key, stable, into keysA and idsA in `passes` passes; keysB and idsB are room. Every thread finds the keys of a
// range of its own and sorts those by itself: threads that write between each other's keys wait for each other's cache lines.
export function sort(
  thread: i32, threads: i32, keys: usize, ids: usize, count: i32, keyBits: i32, passes: i32,
  keysA: usize, idsA: usize, keysB: usize, idsB: usize, histograms: usize,
): void {
  const histogram = histograms + ((<usize>thread << MAX_DIGIT_BITS) << 2);
  // The last pass ends in A.
  let toA = (passes & 1) != 0;
  let own = count;
  let fromKeys = keys;
  let fromIds = ids;
  let begin: usize = 0;
  if (threads > 1) {
    const bits = min(keyBits, MAX_DIGIT_BITS);
    const shift = keyBits - bits;
    countDigits(keys, count, shift, bits, histogram);
    const first = shareStart(histogram, bits, count, thread, threads);
    const last = shareStart(histogram, bits, count, thread + 1, threads);
    own = <i32>(<u32>last - <u32>first);
    begin = <usize><u32>first << 2;
    fromKeys = (toA ? keysB : keysA) + begin;
    fromIds = (toA ? idsB : idsA) + begin;
    gather(keys, ids, shift, <u32>(first >> 32), <u32>(last >> 32), fromKeys, fromIds, own);
  }
  for (let pass = 0, shift = 0; pass < passes; pass++, toA = !toA) {
    const bits = (keyBits - shift + passes - pass - 1) / (passes - pass);
    const toKeys = (toA ? keysA : keysB) + begin;
    const toIds = (toA ? idsA : idsB) + begin;
    countDigits(fromKeys, own, shift, bits, histogram);
    scatter(fromKeys, fromIds, own, shift, bits, histogram, toKeys, toIds);
    fromKeys = toKeys;
    fromIds = toIds;
    shift += bits;
  }
}
function countDigits(keys: usize, count: i32, shift: i32, bits: i32, histogram: usize): void {
  const digits = <usize>1 << bits;
  const mask = <u32>(digits - 1);
  memory.fill(histogram, 0, digits << 2);
  const end = keys + (<usize>count << 2);
  for (let p = keys; p < end; p += 4) {
    const cell = histogram + (<usize>((load<u32>(p) >> shift) & mask) << 2);
    store<u32>(cell, load<u32>(cell) + 1);
  }
}

// The first digit before which at least the share of the threads before lies, and, in the low half, how many keys that is.
function shareStart(histogram: usize, bits: i32, count: i32, thread: i32, threads: i32): u64 {
  const wanted = <u32>rangeStart(thread, threads, count);
  const digits = <u32>1 << bits;
  let before: u32 = 0;
  let digit: u32 = 0;
  for (; digit < digits && before < wanted; digit++) before += load<u32>(histogram + (<usize>digit << 2));
  return (<u64>digit << 32) | <u64>before;
}

// The `own` keys whose highest digit is in [first, last), in their order. Each is written before it is known whether it stays:
// which ones do is what a branch predictor cannot guess.
function gather(
  keys: usize, ids: usize, shift: i32, first: u32, last: u32, keysOut: usize, idsOut: usize, own: i32,
): void {
  const end = keysOut + (<usize>own << 2);
  const digits = last - first;
  while (keysOut < end) {
    const key = load<u32>(keys);
    store<u32>(keysOut, key);
    store<u32>(idsOut, load<u32>(ids));
    const stays = <usize>((key >> shift) - first < digits) << 2;
    keysOut += stays;
    idsOut += stays;
    keys += 4;
    ids += 4;
  }
}

// One stable counting pass; the histogram becomes the places.
function scatter(
  keys: usize, ids: usize, count: i32, shift: i32, bits: i32, histogram: usize, keysOut: usize, idsOut: usize,
): void {
  const digits = <usize>1 << bits;
  const mask = <u32>(digits - 1);
  let before: u32 = 0;
  for (let cell = histogram; cell < histogram + (digits << 2); cell += 4) {
    const size = load<u32>(cell);
    store<u32>(cell, before);
    before += size;
  }
  for (let at: usize = 0; at < <usize>count << 2; at += 4) {
    const key = load<u32>(keys + at);
    const cell = histogram + (<usize>((key >> shift) & mask) << 2);
    const target = <usize>load<u32>(cell);
    store<u32>(cell, <u32>target + 1);
    store<u32>(keysOut + (target << 2), key);
    store<u32>(idsOut + (target << 2), load<u32>(ids + at));
  }
}

export function tileHistogram(
  thread: i32, threads: i32, ids: usize, count: i32, slotStart: usize, slotTile: usize, tiles: i32, counts: usize,
): void {
  const own = counts + ((<usize>thread * <usize>tiles) << 2);
  memory.fill(own, 0, <usize>tiles << 2);
  const end = rangeStart(thread + 1, threads, count);
  for (let i = rangeStart(thread, threads, count); i < end; i++) {
    const starts = slotStart + (<usize>load<u32>(ids + (<usize>i << 2)) << 2);
    const last = load<u32>(starts, 4);
    for (let slot = load<u32>(starts); slot < last; slot++) {
      const cell = own + (<usize>load<u32>(slotTile + (<usize>slot << 2)) << 2);
      store<u32>(cell, load<u32>(cell) + 1);
    }
  }
}

// tileStart [tiles+1]; instances[position] = {Gaussian, slot}, by tile, front to back. Every thread adds up all counts[thread][tile]
// for itself, which is less than waiting for one that does.
export function tileScatter(
  thread: i32, threads: i32, ids: usize, count: i32, slotStart: usize, slotTile: usize, tiles: i32, counts: usize,
  offsets: usize, tileStart: usize, instances: usize,
): void {
  const own = offsets + ((<usize>thread * <usize>tiles) << 2);
  let first: u32 = 0;
  for (let tile: usize = 0; tile < <usize>tiles; tile++) {
    if (thread == 0) store<u32>(tileStart + (tile << 2), first);
    for (let t: usize = 0; t < <usize>threads; t++) {
      if (t == <usize>thread) store<u32>(own + (tile << 2), first);
      first += load<u32>(counts + ((t * <usize>tiles + tile) << 2));
    }
  }
  if (thread == 0) store<u32>(tileStart + (<usize>tiles << 2), first);
  const end = rangeStart(thread + 1, threads, count);
  for (let i = rangeStart(thread, threads, count); i < end; i++) {
    const gaussian = load<u32>(ids + (<usize>i << 2));
    const starts = slotStart + (<usize>gaussian << 2);
    const last = load<u32>(starts, 4);
    for (let slot = load<u32>(starts); slot < last; slot++) {
      const cell = own + (<usize>load<u32>(slotTile + (<usize>slot << 2)) << 2);
      const position = <usize>load<u32>(cell);
      store<u32>(cell, <u32>position + 1);
      store<u32>(instances + (position << 3), gaussian);
      store<u32>(instances + (position << 3), slot, 4);
    }
  }
}
