/** Parameters of every recipe by the same search: one after another over fixed steps, twice round, by mean HOTA. */
import type { TrackingRecipe } from '../../contract/index.ts';
import { TrackingNotes } from '../objects/index.ts';
import { createAssociator, type ObservedScene, scoreTracks } from '../tracking/index.ts';
import type { BenchmarkContext } from './index.ts';

type Values = Readonly<Record<string, readonly number[]>>;

const GRIDS: readonly {
  readonly recipe: TrackingRecipe;
  readonly start: Record<string, number>;
  readonly grid: Values;
}[] = [
  {
    recipe: 'spatial',
    start: { alphaLocation: 0.5, alphaVisual: 8, alphaCategory: 0.5, alphaInstance: 0.7, gamma: 2 },
    grid: {
      gamma: [1, 1.5, 2, 2.5, 3, 4],
      alphaLocation: [0.1, 0.2, 0.3, 0.5, 0.8, 1.2],
      alphaVisual: [2, 4, 8, 16],
      alphaCategory: [0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2],
      alphaInstance: [0.2, 0.5, 0.7, 1, 1.5, 2],
    },
  },
  {
    recipe: 'appearance-only',
    start: { alphaVisual: 4, gamma: 0.8 },
    // γ alone decides: a larger weight only moves it.
    grid: { gamma: [0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1, 1.4] },
  },
  {
    recipe: 'byte-track',
    start: { highConfidence: 0.6, minIou: 0.2, minIouLow: 0.5, bufferFrames: 30 },
    grid: {
      minIou: [0.01, 0.05, 0.1, 0.2, 0.3],
      minIouLow: [0.01, 0.05, 0.1, 0.3, 0.5],
      bufferFrames: [1, 3, 5, 10, 30, 100],
      highConfidence: [0.1, 0.3, 0.5, 0.6, 0.7],
    },
  },
];
const ROUNDS = 2;

/** @returns the best values of each recipe, and every step that was tried */
export function tuneTrackers(scenes: readonly ObservedScene[], { emit, signal }: BenchmarkContext) {
  const rows = GRIDS.map(({ recipe, start, grid }) => {
    let best = start;
    let hota = meanHota(scenes, recipe, best);
    const before = hota;
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, values] of Object.entries(grid)) {
        emit({ type: 'work', stage: `tuning ${recipe}: ${name}`, done: round, total: ROUNDS });
        for (const value of values) {
          signal.throwIfAborted();
          const candidate = { ...best, [name]: value };
          const score = meanHota(scenes, recipe, candidate);
          if (!(score > hota + 1e-6)) continue;
          best = candidate;
          hota = score;
        }
      }
    }
    return { recipe, ...best, hotaBefore: before, hota };
  });
  return { protocol: 'coordinate search, two rounds, mean HOTA over the tuning kitchens', rows };
}

function meanHota(
  scenes: readonly ObservedScene[],
  recipe: TrackingRecipe,
  parameters: Record<string, number>,
): number {
  const scores = scenes.map((scene) => {
    const associator = createAssociator(recipe, parameters, new TrackingNotes());
    const ids = scene.frames.map((frame) => {
      const found = associator.step(frame).ids;
      return new Map(frame.segments.map(({ shape }, i) => [shape.id, found[i]!]));
    });
    return scoreTracks(
      scene.truths,
      (frame, id) => ids[frame]!.get(id)!,
      () => 0,
    ).hota;
  });
  return (100 * scores.reduce((sum, value) => sum + value, 0)) / scores.length;
}
