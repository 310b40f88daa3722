/** Seeded random numbers for tests and fixtures: sfc32, seeded from all 53 bits of the number through splitmix32. */
export interface SeededRandom {
  readonly seed: number;
  /** Uniform in [low, high). */
  uniform(low?: number, high?: number): number;
  /** Standard normal deviate (Box-Muller). */
  normal(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** `count` values of `draw`. */
  fill(count: number, draw: (random: SeededRandom) => number): Float64Array;
}

/**
 * Throws RangeError when `seed` is not a safe non-negative integer: such a seed could not be printed and reused.
 * @public
 */
export function seededRandom(seed: number): SeededRandom {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`seed must be a safe integer >= 0, got ${seed}`);
  let mixer = (seed >>> 0) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b1);
  const mix = (): number => {
    mixer = (mixer + 0x9e3779b9) | 0;
    let z = mixer ^ (mixer >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = mix();
  let b = mix();
  let c = mix();
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();

  const random: SeededRandom = {
    seed,
    uniform(low = 0, high = 1) {
      const unit = ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
      return low + (high - low) * unit;
    },
    normal() {
      const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
      return radius * Math.cos(2 * Math.PI * random.uniform());
    },
    integer: (bound) => Math.floor(random.uniform() * bound),
    fill: (count, draw) => Float64Array.from({ length: count }, () => draw(random)),
  };
  return random;
}
