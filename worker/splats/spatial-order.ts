/**
 * The order of the Gaussians in memory. A view sees about half of a scene; when neighbours in space are neighbours in
 * memory, what it does not see is skipped in whole blocks by every pass that skips (projection's spherical harmonics,
 * the update of parameters and moments), and those passes are bound by memory.
 */

/** Gaussians that stay together: the update skips blocks of 4, and a run of blocks is what the hardware prefetches. */
const CHUNK = 32;
/**
 * Chunks are dealt to 2^this decks, one after the other, and the decks laid end to end in bit-reversed order. A thread takes
 * a contiguous range of memory: so each of two threads gets every second chunk, each of four every fourth, where without
 * dealing one thread might see nothing of a view.
 */
const DECK_BITS = 6;
/** Bits per axis of the Morton code. */
const BITS = 10;
const MASK = 2 ** BITS - 1;
/** asinh of the farthest coordinate told apart, in quartile distances: about 200 of them. */
const REACH = 6;

/**
 * Order of Gaussians along a Morton curve, dealt in chunks.
 *
 * @param means [N, 3] world coordinates
 * @returns [N] the Gaussian that comes to place i; equal codes stay in their order, so the result is a function of `means`
 */
export function spatialOrder(means: Float32Array): Uint32Array {
  return deal(sortedIndices(mortonCodes(means)));
}

/** Radix sort, ten bits a pass: stable. */
function sortedIndices(codes: Uint32Array): Uint32Array {
  const count = codes.length;
  let order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  let next = new Uint32Array(count);
  for (let shift = 0; shift < 3 * BITS; shift += BITS) {
    const starts = new Uint32Array(2 ** BITS + 1);
    for (let i = 0; i < count; i++) starts[((codes[i]! >>> shift) & MASK) + 1]!++;
    for (let digit = 1; digit <= MASK; digit++) starts[digit]! += starts[digit - 1]!;
    for (let i = 0; i < count; i++) {
      const gaussian = order[i]!;
      next[starts[(codes[gaussian]! >>> shift) & MASK]!++] = gaussian;
    }
    [order, next] = [next, order];
  }
  return order;
}

/** Quartiles are read off a sample: they only set how the axis is stretched. */
const SAMPLE = 4096;

function mortonCodes(means: Float32Array): Uint32Array {
  const count = means.length / 3;
  const codes = new Uint32Array(count);
  const step = Math.max(1, Math.floor(count / SAMPLE));
  for (let axis = 0; axis < 3; axis++) {
    const sample = Float32Array.from({ length: Math.ceil(count / step) }, (_, i) => means[3 * i * step + axis]!).sort();
    const quantile = (share: number) => sample[Math.floor((sample.length - 1) * share)] ?? 0;
    const centre = quantile(0.5);
    const spread = quantile(0.75) - quantile(0.25);
    // asinh keeps resolution in the middle and still tells far background apart.
    const inverse = spread > 0 ? 1 / spread : 1;
    for (let i = 0; i < count; i++) {
      const warped = asinh((means[3 * i + axis]! - centre) * inverse);
      codes[i]! |= spread3(Math.min(Math.max(((warped + REACH) * MASK) / (2 * REACH), 0), MASK)) << axis;
    }
  }
  return codes;
}

/** Good enough to sort by, in a quarter of the time of Math.asinh. */
function asinh(x: number): number {
  const magnitude = Math.abs(x);
  return Math.sign(x) * Math.log(magnitude + Math.sqrt(magnitude * magnitude + 1));
}

/** The ten lowest bits of an integer part, two zeros between each; NaN is 0. */
function spread3(value: number): number {
  let x = value & 0x3ff;
  x = (x | (x << 16)) & 0x030000ff;
  x = (x | (x << 8)) & 0x0300f00f;
  x = (x | (x << 4)) & 0x030c30c3;
  return (x | (x << 2)) & 0x09249249;
}

function deal(sorted: Uint32Array): Uint32Array {
  const whole = Math.floor(sorted.length / CHUNK);
  const dealt = new Uint32Array(sorted.length);
  let at = 0;
  for (let place = 0; place < 2 ** DECK_BITS; place++) {
    for (let chunk = reversedBits(place, DECK_BITS); chunk < whole; chunk += 2 ** DECK_BITS) {
      dealt.set(sorted.subarray(chunk * CHUNK, (chunk + 1) * CHUNK), at);
      at += CHUNK;
    }
  }
  dealt.set(sorted.subarray(whole * CHUNK), at);
  return dealt;
}

function reversedBits(value: number, bits: number): number {
  let reversed = 0;
  for (let bit = 0; bit < bits; bit++) reversed |= ((value >> bit) & 1) << (bits - 1 - bit);
  return reversed;
}
