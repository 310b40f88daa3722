/** Kitchens for the benchmarks of tracking and amodal masks: generated once, observed on every run. */
import { access, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { LiftscopeError, noisePresetSchema } from '../../contract/index.ts';
import { generateScene } from '../scenes/index.ts';
import { type ObservedScene, observeScene } from '../tracking/index.ts';
import type { BenchmarkContext } from './index.ts';

export const kitchenArguments = {
  /** Folder that keeps the kitchens. */
  cache: z.string().min(1).default(join(tmpdir(), 'liftscope-tracking')),
  seeds: z.array(z.int().min(0)).min(1).optional(),
  frames: z.int().min(20).max(100_000).optional(),
  size: z.int().min(32).max(1024).optional(),
  noise: noisePresetSchema.default('default'),
};

export interface KitchenPlan {
  readonly cache: string;
  readonly frames: number;
  readonly size: number;
  readonly noise: z.infer<typeof noisePresetSchema>;
}

/** Part of the folder's name; raised when the generator makes another kitchen of the same seed. */
const KITCHEN_VERSION = 3;
/** Parameters come from these kitchens, figures never. */
export const TUNING_SEEDS = [101, 102, 103];

/** A kitchen is tuned on under several runs of the simulated tracker: which ids and categories are wrong is chance. */
export const trackerSeedsOf = (seed: number): number[] => [seed, 1000 + seed, 2000 + seed];

/** @throws LiftscopeError `bad-input` for a kitchen that parameters come from */
export function requireUntuned(seeds: readonly number[]): void {
  if (!seeds.some((seed) => TUNING_SEEDS.includes(seed))) return;
  throw new LiftscopeError({ code: 'bad-input', message: `Kitchens ${TUNING_SEEDS.join(', ')} were tuned on.` });
}

export interface Kitchen {
  readonly folder: string;
  readonly scene: ObservedScene;
}

/** @throws LiftscopeError, the signal's reason */
export async function observedKitchen(
  seed: number,
  { cache, frames, size, noise }: KitchenPlan,
  { signal, emit }: BenchmarkContext,
  trackerSeed = seed,
): Promise<Kitchen> {
  const folder = join(cache, `kitchen${KITCHEN_VERSION}-${seed}-${frames}x${size}`);
  const there = await access(join(folder, 'truth', 'scene.json')).then(
    () => true,
    () => false,
  );
  if (!there) {
    await mkdir(cache, { recursive: true });
    const request = { scene: 'kitchen' as const, seed, views: frames, size, noise, threads: 0, outputDir: folder };
    await generateScene(request, { signal, emit });
  }
  const scene = await observeScene(folder, {
    ...{ noise, seed: trackerSeed, signal },
    onProgress: (done, total) => emit({ type: 'work', stage: `kitchen ${seed}`, done, total }),
  });
  return { folder, scene };
}
