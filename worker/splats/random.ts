/**
 * Random numbers that depend only on (seed, purpose, iteration): a resumed run draws what an uninterrupted one would
 * have drawn, with no generator state to save.
 */
export type Purpose = 'initial points' | 'frame order' | 'densification';
const PURPOSES: Record<Purpose, number> = {
  'initial points': 0x1b873593,
  'frame order': 0xcc9e2d51,
  densification: 0xe6546b64,
};

/** Uniform [0, 1) numbers with 53 random bits (sfc32, seeded through an avalanche of all three words). */
export function randomFor(seed: number, purpose: Purpose, iteration: number): () => number {
  let a = avalanche(seed ^ PURPOSES[purpose]);
  let b = avalanche(a ^ iteration);
  let c = avalanche(b ^ 0x9e3779b9);
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}

function avalanche(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}

/** A permutation of 0 … count − 1 (Fisher-Yates). */
export function shuffled(count: number, random: () => number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const swap = order[i]!;
    order[i] = order[j]!;
    order[j] = swap;
  }
  return order;
}
