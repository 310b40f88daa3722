/**
 * Prefix sums and a stable radix sort in WGSL: the building blocks of binning and of transposed sparse matrices.
 * Reduce, then scan: a fixed number of workgroups take contiguous chunks in order, so nothing waits for another workgroup
 * and results do not depend on scheduling.
 */
import {
  type DeviceBuffer,
  type GrowingBuffers,
  itemProgram,
  program,
  type WebgpuBackend,
} from '../../compute/index.ts';

const THREADS = 256;
/** Threads in segments of as many. */
const SEGMENTS = 16;
/** Consecutive elements of one thread per block. */
const SCAN_WIDTH = 4;
const SORT_WIDTH = 8;
const SCAN_BLOCK = THREADS * SCAN_WIDTH;
const SORT_BLOCK = THREADS * SORT_WIDTH;
/** Workgroups that share the work: enough to fill a large GPU several times over. */
const MAX_CHUNKS = 512;
const DIGIT_BITS = 4;
const DIGITS = 1 << DIGIT_BITS;

/** How many elements there are: a number, at most, and where the device keeps the real one. */
export interface DeviceCount {
  readonly most: number;
  /** uint32 at `index` of `header`; absent: `most`. */
  readonly header?: DeviceBuffer;
  readonly index?: number;
}

/** Elements in contiguous chunks of whole blocks: the same split in every program. Needs `header` and the parameters. */
const chunksWgsl = (block: number) => `
fn elements() -> u32 {
  return select(params.most, min(params.most, header[params.headerIndex]), params.counted == 1u);
}
fn chunkSize(count: u32) -> u32 {
  let blocks = (count + ${block - 1}u) / ${block}u;
  return ((blocks + params.chunks - 1u) / params.chunks) * ${block}u;
}
`;
const COUNT_PARAMETERS = { most: 'u32', counted: 'u32', headerIndex: 'u32', chunks: 'u32' } as const;

/**
 * Exclusive sums of one value per thread, and then the sum of all. Two levels of 16 in place of log2 steps: barriers are
 * what costs, on hardware a little and in a software driver everything.
 */
const WORKGROUP_SCAN_WGSL = `
var<workgroup> scanned: array<u32, ${THREADS}>;
var<workgroup> segments: array<u32, ${SEGMENTS}>;
fn exclusiveOfThreads(thread: u32, value: u32) -> u32 {
  workgroupBarrier();
  scanned[thread] = value;
  workgroupBarrier();
  if (thread < ${SEGMENTS}u) {
    var sum = 0u;
    for (var i = 0u; i < ${SEGMENTS}u; i++) { sum += scanned[thread * ${SEGMENTS}u + i]; }
    segments[thread] = sum;
  }
  workgroupBarrier();
  var before = 0u;
  for (var i = 0u; i < thread / ${SEGMENTS}u; i++) { before += segments[i]; }
  for (var i = thread - thread % ${SEGMENTS}u; i < thread; i++) { before += scanned[i]; }
  return before;
}
fn sumOfThreads() -> u32 {
  var sum = 0u;
  for (var i = 0u; i < ${SEGMENTS}u; i++) { sum += segments[i]; }
  return sum;
}
`;

const CHUNK_SUMS = program({
  name: 'prefix sums (chunks)',
  params: COUNT_PARAMETERS,
  buffers: { header: 'read u32', values: 'read u32', sums: 'write u32' },
  workgroup: THREADS,
  body: `${chunksWgsl(SCAN_BLOCK)}${WORKGROUP_SCAN_WGSL}
@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let count = elements();
  let size = chunkSize(count);
  let first = group.x * size;
  let end = min(count, first + size);
  var sum = 0u;
  for (var i = first + thread; i < end; i += ${THREADS}u) { sum += values[i]; }
  let before = exclusiveOfThreads(thread, sum);
  if (thread == ${THREADS - 1}u) { sums[group.x] = before + sum; }
}
`,
});

/** In place, by one workgroup. */
const SMALL_SCAN = program({
  name: 'prefix sums (of chunks)',
  params: { count: 'u32' },
  buffers: { values: 'write u32' },
  workgroup: THREADS,
  body: `${WORKGROUP_SCAN_WGSL}
@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32) {
  var start = 0u;
  for (var block = 0u; block < params.count; block += ${SCAN_BLOCK}u) {
    let first = block + thread * ${SCAN_WIDTH}u;
    let end = min(params.count, first + ${SCAN_WIDTH}u);
    var sum = 0u;
    for (var i = first; i < end; i++) { sum += values[i]; }
    var at = start + exclusiveOfThreads(thread, sum);
    for (var i = first; i < end; i++) {
      let own = values[i];
      values[i] = at;
      at += own;
    }
    start += sumOfThreads();
  }
}
`,
});

const SCAN_CHUNKS = program({
  name: 'prefix sums',
  params: COUNT_PARAMETERS,
  buffers: { header: 'read u32', sums: 'read u32', values: 'write u32' },
  workgroup: THREADS,
  body: `${chunksWgsl(SCAN_BLOCK)}${WORKGROUP_SCAN_WGSL}
@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let count = elements();
  let size = chunkSize(count);
  let begin = group.x * size;
  var start = sums[group.x];
  for (var block = 0u; block < size; block += ${SCAN_BLOCK}u) {
    let first = begin + block + thread * ${SCAN_WIDTH}u;
    let end = min(count, first + ${SCAN_WIDTH}u);
    var sum = 0u;
    for (var i = first; i < end; i++) { sum += values[i]; }
    var at = start + exclusiveOfThreads(thread, sum);
    for (var i = first; i < end; i++) {
      let own = values[i];
      values[i] = at;
      at += own;
    }
    start += sumOfThreads();
  }
}
`,
});

function countParameters(count: DeviceCount, block: number) {
  const chunks = Math.min(MAX_CHUNKS, Math.max(1, Math.ceil(count.most / block)));
  return {
    chunks,
    params: { most: count.most, counted: count.header === undefined ? 0 : 1, headerIndex: count.index ?? 0, chunks },
  };
}

/** Exclusive sums of uint32 values, in place. */
export function prefixSums(
  backend: WebgpuBackend,
  workspace: GrowingBuffers,
  values: DeviceBuffer,
  count: DeviceCount,
): void {
  if (count.most === 0) return;
  const { chunks, params } = countParameters(count, SCAN_BLOCK);
  const sums = workspace.ensure('chunk sums', MAX_CHUNKS * 4);
  const header = count.header ?? workspace.ensure('no header', 16);
  backend.launch(CHUNK_SUMS, { params, buffers: { header, values, sums }, groups: chunks });
  backend.launch(SMALL_SCAN, { params: { count: chunks }, buffers: { values: sums }, groups: 1 });
  backend.launch(SCAN_CHUNKS, { params, buffers: { header, sums, values }, groups: chunks });
}

const SORT_PARAMETERS = { ...COUNT_PARAMETERS, shift: 'u32' } as const;

const DIGIT_HISTOGRAM = program({
  name: 'radix sort (histogram)',
  params: SORT_PARAMETERS,
  buffers: { header: 'read u32', keys: 'read u32', histogram: 'write u32' },
  workgroup: THREADS,
  body: `${chunksWgsl(SORT_BLOCK)}
var<workgroup> counts: array<atomic<u32>, ${DIGITS}>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  if (thread < ${DIGITS}u) { atomicStore(&counts[thread], 0u); }
  workgroupBarrier();
  let count = elements();
  let size = chunkSize(count);
  let first = group.x * size;
  let end = min(count, first + size);
  for (var i = first + thread; i < end; i += ${THREADS}u) {
    atomicAdd(&counts[(keys[i] >> params.shift) & ${DIGITS - 1}u], 1u);
  }
  workgroupBarrier();
  if (thread < ${DIGITS}u) { histogram[thread * params.chunks + group.x] = atomicLoad(&counts[thread]); }
}
`,
});

const DIGIT_SCATTER = program({
  name: 'radix sort (scatter)',
  params: SORT_PARAMETERS,
  buffers: {
    ...({ header: 'read u32', keys: 'read u32', values: 'read u32', histogram: 'read u32' } as const),
    ...({ keysOut: 'write u32', valuesOut: 'write u32' } as const),
  },
  workgroup: THREADS,
  // Counts of two digits share a word (a block has fewer than 2^16 elements), of eight digits a vector. No array is private
  // to a thread: indexed registers are slow on hardware and slow to compile in software.
  body: `${chunksWgsl(SORT_BLOCK)}
const LOW = vec4u(0u, 1u, 2u, 3u);
const HIGH = vec4u(4u, 5u, 6u, 7u);
var<workgroup> start: array<u32, ${DIGITS}>;
var<workgroup> packedLow: array<vec4u, ${THREADS}>;
var<workgroup> packedHigh: array<vec4u, ${THREADS}>;
var<workgroup> segmentLow: array<vec4u, ${SEGMENTS}>;
var<workgroup> segmentHigh: array<vec4u, ${SEGMENTS}>;
var<workgroup> totalLow: vec4u;
var<workgroup> totalHigh: vec4u;
fn ofDigit(low: vec4u, high: vec4u, digit: u32) -> u32 {
  let word = vec4u(digit >> 1u);
  let own = select(vec4u(0u), low, word == LOW) + select(vec4u(0u), high, word == HIGH);
  return ((own.x + own.y + own.z + own.w) >> ((digit & 1u) * 16u)) & 0xffffu;
}
@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let count = elements();
  let size = chunkSize(count);
  let begin = group.x * size;
  if (thread < ${DIGITS}u) { start[thread] = histogram[thread * params.chunks + group.x]; }
  for (var block = 0u; block < size; block += ${SORT_BLOCK}u) {
    let first = begin + block + thread * ${SORT_WIDTH}u;
    let own = select(0u, min(${SORT_WIDTH}u, count - first), first < count);
    var digits = 0u;
    var low = vec4u(0u);
    var high = vec4u(0u);
    for (var k = 0u; k < own; k++) {
      let digit = (keys[first + k] >> params.shift) & ${DIGITS - 1}u;
      digits |= digit << (k * ${DIGIT_BITS}u);
      let one = vec4u(1u << ((digit & 1u) * 16u));
      low += select(vec4u(0u), one, vec4u(digit >> 1u) == LOW);
      high += select(vec4u(0u), one, vec4u(digit >> 1u) == HIGH);
    }
    // Exclusive sums over the threads, all digits at once: first of each word within segments, then of the segments.
    packedLow[thread] = low;
    packedHigh[thread] = high;
    workgroupBarrier();
    if (thread < ${SEGMENTS}u) {
      var sumLow = vec4u(0u);
      var sumHigh = vec4u(0u);
      for (var i = thread * ${SEGMENTS}u; i < (thread + 1u) * ${SEGMENTS}u; i++) {
        sumLow += packedLow[i];
        sumHigh += packedHigh[i];
      }
      segmentLow[thread] = sumLow;
      segmentHigh[thread] = sumHigh;
    }
    workgroupBarrier();
    var nextLow = vec4u(0u);
    var nextHigh = vec4u(0u);
    for (var i = 0u; i < thread / ${SEGMENTS}u; i++) {
      nextLow += segmentLow[i];
      nextHigh += segmentHigh[i];
    }
    for (var i = thread - thread % ${SEGMENTS}u; i < thread; i++) {
      nextLow += packedLow[i];
      nextHigh += packedHigh[i];
    }
    if (thread == ${THREADS - 1}u) {
      totalLow = nextLow + low;
      totalHigh = nextHigh + high;
    }
    for (var k = 0u; k < own; k++) {
      let digit = (digits >> (k * ${DIGIT_BITS}u)) & ${DIGITS - 1}u;
      let at = start[digit] + ofDigit(nextLow, nextHigh, digit);
      keysOut[at] = keys[first + k];
      valuesOut[at] = values[first + k];
      let one = vec4u(1u << ((digit & 1u) * 16u));
      nextLow += select(vec4u(0u), one, vec4u(digit >> 1u) == LOW);
      nextHigh += select(vec4u(0u), one, vec4u(digit >> 1u) == HIGH);
    }
    workgroupBarrier();
    if (thread < ${DIGITS}u) {
      start[thread] += ofDigit(totalLow, totalHigh, thread);
    }
    workgroupBarrier();
  }
}
`,
});

export interface SortBuffers {
  /** [most] uint32 each; contents of all four are lost. */
  readonly keys: DeviceBuffer;
  readonly values: DeviceBuffer;
  readonly otherKeys: DeviceBuffer;
  readonly otherValues: DeviceBuffer;
}

/** Sorts by the low `bits` of the keys; equal keys keep their order. @returns which two buffers hold the result */
export function radixSort(
  backend: WebgpuBackend,
  workspace: GrowingBuffers,
  { keys, values, otherKeys, otherValues }: SortBuffers,
  count: DeviceCount,
  bits: number,
): { readonly keys: DeviceBuffer; readonly values: DeviceBuffer } {
  let from = { keys, values };
  let to = { keys: otherKeys, values: otherValues };
  if (count.most === 0) return from;
  const { chunks, params } = countParameters(count, SORT_BLOCK);
  const histogram = workspace.ensure('histogram', DIGITS * MAX_CHUNKS * 4);
  const header = count.header ?? workspace.ensure('no header', 16);
  for (let shift = 0; shift < bits; shift += DIGIT_BITS) {
    const pass = { ...params, shift };
    backend.launch(DIGIT_HISTOGRAM, { params: pass, buffers: { header, keys: from.keys, histogram }, groups: chunks });
    backend.launch(SMALL_SCAN, { params: { count: DIGITS * chunks }, buffers: { values: histogram }, groups: 1 });
    const buffers = { header, ...from, histogram, keysOut: to.keys, valuesOut: to.values };
    backend.launch(DIGIT_SCATTER, { params: pass, buffers, groups: chunks });
    [from, to] = [to, from];
  }
  return from;
}

const BOUNDARIES = itemProgram({
  name: 'boundaries of sorted keys',
  params: { most: 'u32', counted: 'u32', headerIndex: 'u32', bins: 'u32' },
  buffers: { header: 'read u32', keys: 'read u32', starts: 'write u32' },
  body: `
fn item(i: u32) {
  let count = select(params.most, min(params.most, header[params.headerIndex]), params.counted == 1u);
  if (i > count) { return; }
  var bin = 0u;
  if (i > 0u) { bin = keys[i - 1u] + 1u; }
  var last = params.bins;
  if (i < count) { last = min(keys[i], params.bins); }
  for (; bin <= last; bin++) { starts[bin] = i; }
}
`,
});

/** starts [bins + 1]: place of the first of the sorted keys that is not below each bin. */
export function binStarts(
  backend: WebgpuBackend,
  workspace: GrowingBuffers,
  keys: DeviceBuffer,
  count: DeviceCount,
  starts: DeviceBuffer,
  bins: number,
): void {
  const { params } = countParameters(count, SORT_BLOCK);
  const header = count.header ?? workspace.ensure('no header', 16);
  const { most, counted, headerIndex } = params;
  backend.launch(BOUNDARIES, {
    params: { most, counted, headerIndex, bins, items: count.most + 1 },
    buffers: { header, keys, starts },
  });
}

/** Passes over all elements for keys of so many bits. */
export const sortPasses = (bits: number): number => Math.ceil(bits / DIGIT_BITS);
