/** A stand-in for a dual encoder: words are random directions, a picture is the word of its mean colour. */
import { LiftscopeError } from '../../contract/index.ts';
import type { DualEncoder, RgbImage } from '../models/index.ts';

/** Mulberry32: uniform in [0, 1). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export function unit(values: ArrayLike<number>): Float32Array {
  const length = Math.hypot(...Array.from(values));
  return Float32Array.from(values, (value) => value / length);
}

const KNOWN = [
  'red',
  'green',
  'blue',
  'mug',
  'ball',
  'handle',
  'object',
  'things',
  'thing',
  'stuff',
  'texture',
  'part',
];
const LONGEST = 1000;

export class FakeEncoder implements DualEncoder {
  readonly name = 'fake';
  readonly fingerprint = 'fake-1';
  readonly dimensions: number;
  texts = 0;
  images = 0;

  constructor(dimensions = 16) {
    this.dimensions = dimensions;
  }

  word(text: string): Float32Array {
    let seed = 7;
    for (const character of text) seed = Math.imul(seed, 31) + character.codePointAt(0)!;
    const random = uniform(seed);
    return unit(Float32Array.from({ length: this.dimensions }, () => normal(random)));
  }

  async encodeTexts(texts: readonly string[]): Promise<Float32Array> {
    this.texts += texts.length;
    return this.#rows(
      texts.map((text) => {
        const words = this.inspectText(text).text.toLowerCase().split(/\s+/);
        const sum = new Float32Array(this.dimensions);
        for (const word of words) for (const [d, value] of this.word(word).entries()) sum[d]! += value;
        return unit(sum);
      }),
    );
  }

  async encodeImages(images: readonly RgbImage[]): Promise<Float32Array> {
    this.images += images.length;
    return this.#rows(
      images.map(({ data }) => {
        const sums = [0, 0, 0];
        for (let i = 0; i < data.length; i++) sums[i % 3]! += data[i]!;
        return this.word(KNOWN[sums.indexOf(Math.max(...sums))]!);
      }),
    );
  }

  inspectText(given: string) {
    const text = given.trim().slice(0, LONGEST);
    if (text === '') throw new LiftscopeError({ code: 'bad-input', message: 'The text is empty.' });
    const truncated = given.length > LONGEST;
    const unknownWords = this.unknownWords(text);
    return { text, tokens: 1, truncated, unknownWords, notes: truncated ? ['The rest of the text was left out.'] : [] };
  }

  unknownWords(text: string): readonly string[] {
    return text.split(/\s+/).filter((word) => word !== '' && !KNOWN.includes(word.toLowerCase()));
  }

  #rows(vectors: readonly Float32Array[]): Float32Array {
    const rows = new Float32Array(vectors.length * this.dimensions);
    for (const [i, vector] of vectors.entries()) rows.set(vector, i * this.dimensions);
    return rows;
  }

  async dispose(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
