/** The tiny world of the instance fields with names: every ball a segment, every half of a ball a part of it. */
import type { Backend } from '../../compute/index.ts';
import { seededRandom } from '../../kernels/testing/index.ts';
import { type TinyWorld, tinyWorld } from '../testing.ts';
import { WeightCache } from '../weight-cache.ts';
import { languagePixels } from './segment-index.ts';
import type { LanguageFrame, LanguageSegment } from './types.ts';

const EMBEDDING = 12;
const NOISE = 0.05;

export interface NamedWorld extends TinyWorld {
  readonly languageFrames: readonly LanguageFrame[];
  readonly cache: WeightCache;
  /** Unit embedding of each ball, and of the upper half (smaller y) of each ball. */
  readonly wholes: readonly Float32Array[];
  readonly parts: readonly Float32Array[];
}

/** Upper halves are segments of their own inside the ball's; embeddings have a little noise in every image. */
export async function namedWorld(backend: Backend, viewCount = 5): Promise<NamedWorld> {
  const world = await tinyWorld(backend, viewCount);
  const random = seededRandom(91);
  const unit = (values: Float64Array) => {
    const norm = Math.hypot(...values);
    return Float32Array.from(values, (value) => value / norm);
  };
  const draw = () => unit(random.fill(EMBEDDING, (r) => r.normal()));
  const noisy = (embedding: Float32Array) =>
    unit(Float64Array.from(embedding, (value) => value + NOISE * random.normal()));
  const wholes = [draw(), draw(), draw()];
  const parts = [draw(), draw(), draw()];
  const languageFrames = world.frames.map(({ name, view, segments }, f): LanguageFrame => {
    const own: LanguageSegment[] = [];
    for (const ball of [0, 1, 2]) {
      const pixels = Uint32Array.from(segments.keys()).filter((pixel) => segments[pixel] === 10 + ((ball + f) % 3));
      const rows = pixels.map((pixel) => Math.floor(pixel / view.widthPixels));
      const middle = rows.toSorted()[rows.length >> 1]!;
      own.push({ pixels, confidence: 1, embedding: noisy(wholes[ball]!), scale: 1 + 0.1 * random.uniform() });
      const upper = pixels.filter((_, i) => rows[i]! < middle);
      own.push({
        pixels: upper,
        confidence: 0.9,
        embedding: noisy(parts[ball]!),
        scale: 0.3 + 0.01 * random.uniform(),
      });
    }
    return { name, view, segments: own.filter(({ pixels }) => pixels.length > 0) };
  });
  const pixels = languagePixels(languageFrames);
  const cache = await WeightCache.extract(backend, world.model, world.views, { pixels });
  return { ...world, languageFrames, cache, wholes, parts };
}

/** The row of `candidates` with the largest cosine to `row`. */
export function nearest(row: ArrayLike<number>, candidates: readonly Float32Array[]): number {
  const cosines = candidates.map((candidate) => candidate.reduce((sum, value, d) => sum + value * row[d]!, 0));
  return cosines.indexOf(Math.max(...cosines));
}
