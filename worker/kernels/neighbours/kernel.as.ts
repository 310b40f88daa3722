// Exact nearest-neighbour searches in a tree of bounding balls and boxes (see reference.ts for the definition).
//
// Distances are screened in float32, sixteen points at a time, with a threshold widened by the rounding it can suffer;
// whatever passes is measured again in float64. So the answer is that of float64 arithmetic at the price of float32.
//
// Tree descriptor, uint32 words: 0 dimensions, 1 padded dimensions (multiple of 4), 2 nodes, 3 addresses of the right child
// (0 = leaf; the left child is the next node), 4 first slot, 5 end slot, 6 centres [nodes, padded] float32,
// 7 half widths [nodes, padded] float32 or 0, 8 radii [nodes] float32, 9 blocks [slots / 4, dimensions, 4] float32,
// 10 rows [slots, dimensions] float64, 11 point of slot int32 (-1 = padding, whose coordinates are NaN).
//
// Queries go in groups, those of one leaf together: the tree is walked once per group, and a leaf none of whose points can
// matter to any query of the group is dismissed after measuring its points from the group's centre alone. That is what
// keeps dense groups from being compared one by one with scattered outliers, whose own balls exclude nothing.
//
// Scratch per thread: centre [padded] float32, queries [GROUP, padded] float32, distances [MAX_LEAF] float32,
// stack [STACK] of (node, bound), then per query of the group best float64, threshold and radius float32,
// and what each search adds.

// @ts-ignore: decorator
@inline
const MAX_LEAF: usize = 64;
// @ts-ignore: decorator
@inline
const STACK: usize = 256;
/** Queries in a group; a leaf holds no more. */
// @ts-ignore: decorator
@inline
const GROUP: usize = 64;

// @ts-ignore: decorator
@inline
function word(tree: usize, index: usize): usize {
  return <usize>load<u32>(tree + (index << 2));
}

/** Squared float32 distances from `query` to the slots [start, end), a multiple of 4 of them. */
function leafDistances(blocks: usize, dimensions: usize, query: usize, start: i32, end: i32, out: usize): void {
  const blockBytes = dimensions << 4;
  let block = blocks + <usize>(start >> 2) * blockBytes;
  let left = (end - start) >> 2;
  let target = out;
  while (left >= 4) {
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let p = block;
    const last = query + (dimensions << 2);
    for (let q = query; q < last; q += 4) {
      const value = v128.load32_splat(q);
      const d0 = f32x4.sub(v128.load(p), value);
      const d1 = f32x4.sub(v128.load(p + blockBytes), value);
      const d2 = f32x4.sub(v128.load(p + (blockBytes << 1)), value);
      const d3 = f32x4.sub(v128.load(p + blockBytes * 3), value);
      a0 = f32x4.relaxed_madd(d0, d0, a0);
      a1 = f32x4.relaxed_madd(d1, d1, a1);
      a2 = f32x4.relaxed_madd(d2, d2, a2);
      a3 = f32x4.relaxed_madd(d3, d3, a3);
      p += 16;
    }
    v128.store(target, a0);
    v128.store(target, a1, 16);
    v128.store(target, a2, 32);
    v128.store(target, a3, 48);
    target += 64;
    block += blockBytes << 2;
    left -= 4;
  }
  while (left > 0) {
    let a0 = f32x4.splat(0);
    let p = block;
    const last = query + (dimensions << 2);
    for (let q = query; q < last; q += 4) {
      const d0 = f32x4.sub(v128.load(p), v128.load32_splat(q));
      a0 = f32x4.relaxed_madd(d0, d0, a0);
      p += 16;
    }
    v128.store(target, a0);
    target += 16;
    block += blockBytes;
    left--;
  }
}

// @ts-ignore: decorator
@inline
function sum4(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
  );
}

/** No point of `node` is nearer to the query than this. */
// @ts-ignore: decorator
@inline
function lowerBound(tree: usize, query: usize, node: i32, relative: f32, absolute: f32): f32 {
  const padded = word(tree, 1);
  const centre = word(tree, 6) + ((<usize>node * padded) << 2);
  const halves = word(tree, 7);
  const bytes = padded << 2;
  let bound: f32;
  if (halves != 0) {
    const half = halves + ((<usize>node * padded) << 2);
    let box = f32x4.splat(0);
    let ball = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const difference = f32x4.sub(v128.load(query + i), v128.load(centre + i));
      ball = f32x4.relaxed_madd(difference, difference, ball);
      const outside = f32x4.pmax(f32x4.splat(0), f32x4.sub(f32x4.abs(difference), v128.load(half + i)));
      box = f32x4.relaxed_madd(outside, outside, box);
    }
    bound = max<f32>(
      f32.sqrt(sum4(box)),
      f32.sqrt(sum4(ball)) * relative - load<f32>(word(tree, 8) + (<usize>node << 2)),
    );
  } else {
    let ball = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const difference = f32x4.sub(v128.load(query + i), v128.load(centre + i));
      ball = f32x4.relaxed_madd(difference, difference, ball);
    }
    bound = f32.sqrt(sum4(ball)) * relative - load<f32>(word(tree, 8) + (<usize>node << 2));
  }
  return bound * relative - absolute;
}

function loadQuery(tree: usize, slot: i32, query: usize): void {
  const dimensions = word(tree, 0);
  const padded = word(tree, 1);
  const source = word(tree, 9) + (<usize>(slot >> 2) * dimensions << 4) + (<usize>(slot & 3) << 2);
  for (let i: usize = 0; i < dimensions; i++) store<f32>(query + (i << 2), load<f32>(source + (i << 4)));
  for (let i = dimensions; i < padded; i++) store<f32>(query + (i << 2), 0);
}

/** Squared float64 distance between two slots, summed in the order of the dimensions. */
// @ts-ignore: decorator
@inline
function exactSquared(rows: usize, dimensions: usize, a: i32, b: i32): f64 {
  let p = rows + (<usize>a * dimensions << 3);
  let q = rows + (<usize>b * dimensions << 3);
  const last = p + (dimensions << 3);
  let sum: f64 = 0;
  while (p < last) {
    const difference = load<f64>(p) - load<f64>(q);
    sum += difference * difference;
    p += 8;
    q += 8;
  }
  return sum;
}

/** Squared float32 threshold that no point within `radius` can fail. */
// @ts-ignore: decorator
@inline
function screenThreshold(radius: f64, relative: f32, absolute: f32): f32 {
  const wide = (radius + <f64>absolute) / <f64>relative;
  return <f32>(wide * wide * 1.000001 + 1e-37);
}

/** Whether any of the squared distances is within the threshold; padding, being NaN, is not. */
// @ts-ignore: decorator
@inline
function leafMatters(distances: usize, points: i32, threshold: f32): bool {
  const limit = f32x4.splat(threshold);
  for (let i: usize = 0; i < <usize>points << 2; i += 16) {
    if (v128.any_true(f32x4.le(v128.load(distances + i), limit))) return true;
  }
  return false;
}

/** Whether `node` lies within the radius of any query of the group; most often the first one answers. */
function anyReaches(
  tree: usize,
  queries: usize,
  rowBytes: usize,
  radii: usize,
  group: i32,
  node: i32,
  relative: f32,
  absolute: f32,
): bool {
  for (let i = 0; i < group; i++) {
    const query = queries + <usize>i * rowBytes;
    if (lowerBound(tree, query, node, relative, absolute) <= load<f32>(radii + (<usize>i << 2))) return true;
  }
  return false;
}

/** How far from its centre a group has to look for everything within `reach` of any of its queries. */
// @ts-ignore: decorator
@inline
function groupReach(reach: f64, groupRadius: f32): f32 {
  return <f32>((reach + <f64>groupRadius) * 1.000001);
}

/**
 * The `keep` nearest other points of the points in leaves[begin, end), ascending, and the distance to the `rank`-th.
 * lists [slots, keep] int32 slots, listDistances [slots, keep] float64, core [slots] float64.
 */
export function nearest(
  thread: i32,
  threads: i32,
  tree: usize,
  scratches: usize,
  scratchBytes: usize,
  counter: usize,
  leaves: usize,
  endLeaf: i32,
  heapSize: i32,
  rank: i32,
  keep: i32,
  relative: f32,
  absolute: f32,
  lists: usize,
  listDistances: usize,
  core: usize,
): void {
  const dimensions = word(tree, 0);
  const rowBytes = word(tree, 1) << 2;
  const rows = word(tree, 10);
  const blocks = word(tree, 9);
  const rights = word(tree, 3);
  const starts = word(tree, 4);
  const ends = word(tree, 5);
  const points = word(tree, 11);
  const centre = scratches + <usize>thread * scratchBytes;
  const queries = centre + rowBytes;
  const distances = queries + GROUP * rowBytes;
  const stack = distances + (MAX_LEAF << 2);
  const worsts = stack + (STACK << 3);
  const thresholds = worsts + (GROUP << 3);
  const radii = thresholds + (GROUP << 2);
  const filled = radii + (GROUP << 2);
  const heapDistances = filled + (GROUP << 2);
  const heapSlots = heapDistances + GROUP * (<usize>heapSize << 3);
  for (;;) {
    const leafIndex = atomic.add<i32>(counter, 1);
    if (leafIndex >= endLeaf) break;
    const home = load<i32>(leaves + (<usize>leafIndex << 2));
    const first = load<i32>(starts + (<usize>home << 2));
    let group = load<i32>(ends + (<usize>home << 2)) - first;
    while (group > 0 && load<i32>(points + (<usize>(first + group - 1) << 2)) < 0) group--;
    memory.copy(centre, word(tree, 6) + <usize>home * rowBytes, rowBytes);
    const homeRadius = load<f32>(word(tree, 8) + (<usize>home << 2));
    for (let i = 0; i < group; i++) {
      loadQuery(tree, first + i, queries + <usize>i * rowBytes);
      store<f64>(worsts + (<usize>i << 3), Infinity);
      store<f32>(thresholds + (<usize>i << 2), Infinity);
      store<f32>(radii + (<usize>i << 2), Infinity);
      store<i32>(filled + (<usize>i << 2), 0);
    }
    let reach: f32 = Infinity;
    let threshold: f32 = Infinity;
    let top: usize = 0;
    let node = 0;
    for (;;) {
      const right = load<i32>(rights + (<usize>node << 2));
      if (right != 0) {
        if (node == 0 || anyReaches(tree, queries, rowBytes, radii, group, node, relative, absolute)) {
          const left = node + 1;
          const boundLeft = lowerBound(tree, centre, left, relative, absolute);
          const boundRight = lowerBound(tree, centre, right, relative, absolute);
          const leftFirst = boundLeft <= boundRight;
          const farBound = leftFirst ? boundRight : boundLeft;
          if (farBound <= reach) {
            store<i32>(stack + (top << 3), leftFirst ? right : left);
            store<f32>(stack + (top << 3), farBound, 4);
            top++;
          }
          if ((leftFirst ? boundLeft : boundRight) <= reach) {
            node = leftFirst ? left : right;
            continue;
          }
        }
      } else {
        const start = load<i32>(starts + (<usize>node << 2));
        const end = load<i32>(ends + (<usize>node << 2));
        leafDistances(blocks, dimensions, centre, start, end, distances);
        if (leafMatters(distances, end - start, threshold)) {
          let worstRadius: f32 = 0;
          for (let i = 0; i < group; i++) {
            const query = queries + <usize>i * rowBytes;
            let radius = load<f32>(radii + (<usize>i << 2));
            if (lowerBound(tree, query, node, relative, absolute) <= radius) {
              const slot = first + i;
              let limit = load<f32>(thresholds + (<usize>i << 2));
              let worst = load<f64>(worsts + (<usize>i << 3));
              const heapDistance = heapDistances + <usize>i * (<usize>heapSize << 3);
              const heapSlot = heapSlots + <usize>i * (<usize>heapSize << 2);
              leafDistances(blocks, dimensions, query, start, end, distances);
              for (let s = start; s < end; s += 4) {
                let mask = i32x4.bitmask(
                  f32x4.le(v128.load(distances + (<usize>(s - start) << 2)), f32x4.splat(limit)),
                );
                while (mask != 0) {
                  const other = s + ctz(mask);
                  mask &= mask - 1;
                  if (other == slot || load<i32>(points + (<usize>other << 2)) < 0) continue;
                  const squared = exactSquared(rows, dimensions, slot, other);
                  if (!(squared < worst)) continue;
                  const held = load<i32>(filled + (<usize>i << 2));
                  let at = held < heapSize ? held : heapSize - 1;
                  if (held < heapSize) store<i32>(filled + (<usize>i << 2), held + 1);
                  while (at > 0 && load<f64>(heapDistance + (<usize>(at - 1) << 3)) > squared) {
                    store<f64>(heapDistance + (<usize>at << 3), load<f64>(heapDistance + (<usize>(at - 1) << 3)));
                    store<i32>(heapSlot + (<usize>at << 2), load<i32>(heapSlot + (<usize>(at - 1) << 2)));
                    at--;
                  }
                  store<f64>(heapDistance + (<usize>at << 3), squared);
                  store<i32>(heapSlot + (<usize>at << 2), other);
                  if (held + 1 >= heapSize) {
                    worst = load<f64>(heapDistance + (<usize>(heapSize - 1) << 3));
                    const exact = f64.sqrt(worst);
                    radius = <f32>(exact * 1.000001);
                    limit = screenThreshold(exact, relative, absolute);
                  }
                }
              }
              store<f64>(worsts + (<usize>i << 3), worst);
              store<f32>(thresholds + (<usize>i << 2), limit);
              store<f32>(radii + (<usize>i << 2), radius);
            }
            worstRadius = max<f32>(worstRadius, radius);
          }
          reach = groupReach(<f64>worstRadius, homeRadius);
          threshold = screenThreshold(<f64>reach, relative, absolute);
        }
      }
      let found = false;
      while (top > 0) {
        top--;
        if (load<f32>(stack + (top << 3), 4) <= reach) {
          node = load<i32>(stack + (top << 3));
          found = true;
          break;
        }
      }
      if (!found) break;
    }
    for (let i = 0; i < group; i++) {
      const heapDistance = heapDistances + <usize>i * (<usize>heapSize << 3);
      const heapSlot = heapSlots + <usize>i * (<usize>heapSize << 2);
      const row = <usize>(first + i) * <usize>keep;
      for (let k = 0; k < keep; k++) {
        store<i32>(lists + ((row + <usize>k) << 2), load<i32>(heapSlot + (<usize>k << 2)));
        store<f64>(listDistances + ((row + <usize>k) << 3), f64.sqrt(load<f64>(heapDistance + (<usize>k << 3))));
      }
      store<f64>(core + (<usize>(first + i) << 3), f64.sqrt(load<f64>(heapDistance + (<usize>(rank - 1) << 3))));
    }
  }
}

/**
 * For every query slot: the point of another component with the least mutual reachability
 * max(core, core, distance), if that is below the bound of the query's component.
 * Groups [groups, 3] int32: first query, number of queries, their leaf. Queries int32 slots.
 * outWeights [slots] float64 (the bound itself when nothing is below it), outSlots [slots] int32 (-1 then).
 */
export function nearestOutside(
  thread: i32,
  threads: i32,
  tree: usize,
  scratches: usize,
  scratchBytes: usize,
  counter: usize,
  groups: usize,
  groupCount: i32,
  querySlots: usize,
  relative: f32,
  absolute: f32,
  components: usize,
  nodeComponents: usize,
  core: usize,
  nodeMinCore: usize,
  bounds: usize,
  outWeights: usize,
  outSlots: usize,
): void {
  const dimensions = word(tree, 0);
  const rowBytes = word(tree, 1) << 2;
  const rows = word(tree, 10);
  const blocks = word(tree, 9);
  const rights = word(tree, 3);
  const starts = word(tree, 4);
  const ends = word(tree, 5);
  const centre = scratches + <usize>thread * scratchBytes;
  const queries = centre + rowBytes;
  const distances = queries + GROUP * rowBytes;
  const stack = distances + (MAX_LEAF << 2);
  const bests = stack + (STACK << 3);
  const thresholds = bests + (GROUP << 3);
  const radii = thresholds + (GROUP << 2);
  const bestSlots = radii + (GROUP << 2);
  for (;;) {
    const groupIndex = atomic.add<i32>(counter, 1);
    if (groupIndex >= groupCount) break;
    const record = groups + <usize>groupIndex * 12;
    const slots = querySlots + (<usize>load<i32>(record) << 2);
    const group = load<i32>(record, 4);
    const home = load<i32>(record, 8);
    // One query is its own centre.
    let homeRadius: f32 = 0;
    if (group > 1) {
      homeRadius = load<f32>(word(tree, 8) + (<usize>home << 2));
      memory.copy(centre, word(tree, 6) + <usize>home * rowBytes, rowBytes);
    } else {
      loadQuery(tree, load<i32>(slots), centre);
    }
    let shared = load<i32>(components + (<usize>load<i32>(slots) << 2));
    let worst: f64 = 0;
    for (let i = 0; i < group; i++) {
      const slot = load<i32>(slots + (<usize>i << 2));
      const component = load<i32>(components + (<usize>slot << 2));
      if (component != shared) shared = -2;
      loadQuery(tree, slot, queries + <usize>i * rowBytes);
      const best = load<f64>(bounds + (<usize>component << 3));
      store<f64>(bests + (<usize>i << 3), best);
      store<f32>(thresholds + (<usize>i << 2), screenThreshold(best, relative, absolute));
      store<f32>(radii + (<usize>i << 2), <f32>(best * 1.000001));
      store<i32>(bestSlots + (<usize>i << 2), -1);
      worst = max<f64>(worst, best);
    }
    let reach = groupReach(worst, homeRadius);
    let threshold = screenThreshold(<f64>reach, relative, absolute);
    let top: usize = 0;
    let node = 0;
    for (;;) {
      const right = load<i32>(rights + (<usize>node << 2));
      if (right != 0) {
        if (node == 0 || group == 1 || anyReaches(tree, queries, rowBytes, radii, group, node, relative, absolute)) {
          const left = node + 1;
          // An infinite bound marks a child to skip, also while the reach is still infinite.
          let boundLeft: f32 = Infinity;
          if (
            load<i32>(nodeComponents + (<usize>left << 2)) != shared &&
            load<f64>(nodeMinCore + (<usize>left << 3)) < worst
          ) {
            boundLeft = lowerBound(tree, centre, left, relative, absolute);
          }
          let boundRight: f32 = Infinity;
          if (
            load<i32>(nodeComponents + (<usize>right << 2)) != shared &&
            load<f64>(nodeMinCore + (<usize>right << 3)) < worst
          ) {
            boundRight = lowerBound(tree, centre, right, relative, absolute);
          }
          const leftFirst = boundLeft <= boundRight;
          const farBound = leftFirst ? boundRight : boundLeft;
          const nearBound = leftFirst ? boundLeft : boundRight;
          if (farBound <= reach && farBound < Infinity) {
            store<i32>(stack + (top << 3), leftFirst ? right : left);
            store<f32>(stack + (top << 3), farBound, 4);
            top++;
          }
          if (nearBound <= reach && nearBound < Infinity) {
            node = leftFirst ? left : right;
            continue;
          }
        }
      } else {
        const start = load<i32>(starts + (<usize>node << 2));
        const end = load<i32>(ends + (<usize>node << 2));
        const nodeComponent = load<i32>(nodeComponents + (<usize>node << 2));
        const nodeCore = load<f64>(nodeMinCore + (<usize>node << 3));
        leafDistances(blocks, dimensions, centre, start, end, distances);
        if (leafMatters(distances, end - start, threshold)) {
          worst = 0;
          for (let i = 0; i < group; i++) {
            const query = queries + <usize>i * rowBytes;
            const slot = load<i32>(slots + (<usize>i << 2));
            const component = load<i32>(components + (<usize>slot << 2));
            const own = load<f64>(core + (<usize>slot << 3));
            let best = load<f64>(bests + (<usize>i << 3));
            // Nothing is nearer than the query's own core distance.
            if (own >= best) continue;
            if (
              nodeComponent != component &&
              nodeCore < best &&
              lowerBound(tree, query, node, relative, absolute) <= load<f32>(radii + (<usize>i << 2))
            ) {
              let limit = load<f32>(thresholds + (<usize>i << 2));
              leafDistances(blocks, dimensions, query, start, end, distances);
              for (let s = start; s < end; s += 4) {
                let mask = i32x4.bitmask(
                  f32x4.le(v128.load(distances + (<usize>(s - start) << 2)), f32x4.splat(limit)),
                );
                while (mask != 0) {
                  const other = s + ctz(mask);
                  mask &= mask - 1;
                  if (load<i32>(components + (<usize>other << 2)) == component) continue;
                  // Infinite in padding.
                  const theirs = load<f64>(core + (<usize>other << 3));
                  if (!(theirs < best)) continue;
                  const distance = f64.sqrt(exactSquared(rows, dimensions, slot, other));
                  const weight = max<f64>(distance, max<f64>(own, theirs));
                  if (!(weight < best)) continue;
                  best = weight;
                  limit = screenThreshold(best, relative, absolute);
                  store<i32>(bestSlots + (<usize>i << 2), other);
                }
              }
              store<f64>(bests + (<usize>i << 3), best);
              store<f32>(thresholds + (<usize>i << 2), limit);
              store<f32>(radii + (<usize>i << 2), <f32>(best * 1.000001));
            }
            if (own < best) worst = max<f64>(worst, best);
          }
          if (worst == 0) break;
          reach = groupReach(worst, homeRadius);
          threshold = screenThreshold(<f64>reach, relative, absolute);
        }
      }
      let found = false;
      while (top > 0) {
        top--;
        if (load<f32>(stack + (top << 3), 4) <= reach) {
          node = load<i32>(stack + (top << 3));
          found = true;
          break;
        }
      }
      if (!found) break;
    }
    for (let i = 0; i < group; i++) {
      const slot = <usize>load<i32>(slots + (<usize>i << 2));
      store<f64>(outWeights + (slot << 3), load<f64>(bests + (<usize>i << 3)));
      store<i32>(outSlots + (slot << 2), load<i32>(bestSlots + (<usize>i << 2)));
    }
  }
}
