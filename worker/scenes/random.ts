/** A seeded stream of random numbers (sfc32). Two streams with the same seed text give the same numbers on every machine. */
export interface Random {
  /** The text the stream was seeded with. */
  readonly seed: string;
  /** Uniform in [0, 1), 32 random bits. */
  float(): number;
  /** Uniform in [low, high). */
  range(low: number, high: number): number;
  /** Uniform integer in [0, count). */
  integer(count: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** One item of a non-empty list. */
  pick<T>(items: readonly T[]): T;
  /** Standard normal deviate (Box-Muller). */
  normal(): number;
  /** Permutes a copy of the list (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[];
  /** An independent stream; drawing from it never moves this one, so adding a consumer leaves the others unchanged. */
  fork(label: string | number): Random;
}

const hashText = (text: string): [number, number, number, number] => {
  let h1 = 1779033703;
  let h2 = 3144134277;
  let h3 = 1013904242;
  let h4 = 2773480762;
  for (let i = 0; i < text.length; i++) {
    const k = text.charCodeAt(i);
    h1 = h2 ^ Math.imul(h1 ^ k, 597399067);
    h2 = h3 ^ Math.imul(h2 ^ k, 2869860233);
    h3 = h4 ^ Math.imul(h3 ^ k, 951274213);
    h4 = h1 ^ Math.imul(h4 ^ k, 2716044179);
  }
  return [h1 ^ h2 ^ h3 ^ h4, h2 ^ h1, h3 ^ h1, h4 ^ h1];
};

/** Creates a stream from a seed; numbers and texts with the same digits are the same seed. */
export function createRandom(seed: string | number): Random {
  const text = String(seed);
  let [a, b, c, d] = hashText(text);
  const bits = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 15; i++) bits();
  const random: Random = {
    seed: text,
    float: () => bits() / 4294967296,
    range: (low, high) => low + (high - low) * random.float(),
    integer: (count) => Math.floor(random.float() * count),
    chance: (probability) => random.float() < probability,
    pick: (items) => {
      if (items.length === 0) throw new RangeError('pick: the list is empty');
      return items[random.integer(items.length)]!;
    },
    normal: () => Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float()),
    shuffle: (items) => {
      const copy = [...items];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = random.integer(i + 1);
        [copy[i], copy[j]] = [copy[j]!, copy[i]!];
      }
      return copy;
    },
    fork: (label) => createRandom(`${text}/${label}`),
  };
  return random;
}
