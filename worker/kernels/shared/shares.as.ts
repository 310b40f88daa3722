// How threads share out work: each has a contiguous range of its own, which it goes through front to back, and when that is
// done takes what is left of the others'. Neighbours in memory thus stay with one core, pass after pass, and all threads
// still end together. Nothing that is computed depends on who computes it.

/** Bytes of counters per thread, one cache line: how many items of its range have been taken. All 0 before a dispatch. */
const COUNTER_BYTES: usize = 64;

// @ts-ignore: decorator
@inline
export function rangeStart(thread: i32, threads: i32, count: i32): i32 {
  return <i32>((<i64>count * <i64>thread) / <i64>threads);
}

/** The next of `count` items that nobody has taken, or -1. */
// @ts-ignore: decorator
@inline
export function takeItem(counters: usize, thread: i32, threads: i32, count: i32): i32 {
  for (let k = 0; k < threads; k++) {
    const owner = thread + k < threads ? thread + k : thread + k - threads;
    const begin = rangeStart(owner, threads, count);
    const item = begin + atomic.add<i32>(counters + <usize>owner * COUNTER_BYTES, 1);
    if (item < rangeStart(owner + 1, threads, count)) return item;
  }
  return -1;
}

/**
 * As {@link takeItem}, where item i costs starts[i + 1] - starts[i]: ranges of about the same cost. With `backwards` each
 * range is gone through from its end: what a pass before has left in the caches is met while it is still there.
 */
export function takeWeighted(
  counters: usize, thread: i32, threads: i32, starts: usize, count: i32, backwards: bool = false,
): i32 {
  for (let k = 0; k < threads; k++) {
    const owner = thread + k < threads ? thread + k : thread + k - threads;
    const begin = weightedStart(owner, threads, starts, count);
    const size = weightedStart(owner + 1, threads, starts, count) - begin;
    const taken = atomic.add<i32>(counters + <usize>owner * COUNTER_BYTES, 1);
    if (taken < size) return backwards ? begin + size - 1 - taken : begin + taken;
  }
  return -1;
}

/** First item at whose start at least the share of the threads before has been spent. */
function weightedStart(thread: i32, threads: i32, starts: usize, count: i32): i32 {
  if (thread >= threads) return count;
  const spent = <u32>((<u64>load<u32>(starts + (<usize>count << 2)) * <u64>thread) / <u64>threads);
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<u32>(starts + (<usize>middle << 2)) < spent) low = middle + 1;
    else high = middle;
  }
  return low;
}
