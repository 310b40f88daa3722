/**
 * Trains `native-models/mini-clip` from nothing: renders crops (kept in build/mini-clip), trains, writes the model.
 *
 *     npm run train:mini-clip -- [--steps N] [--wider N] [--fall SHARE] [--looks N] [--threads N] [--turntables N] [--rooms N]
 *                                [--painted N] [--out FOLDER] [--cache FOLDER]
 *
 * First the two networks. The rate stays at its peak and falls over the last share of the steps. Everything that the next step needs lies in
 * the cache every 500 steps, as `step-…-N.state` of the scenes and threads; a run goes on from the last of these before its rate starts to fall, and comes to what it
 * would have come to from the start, whatever `--steps` was before. After them come `--wider` steps at a lower rate, in which the names of
 * a group's members and of a part's owner count as true, and words of scale are learned. Then the tower of looks, `--looks` steps alone
 * (`look-…-N.state`). Everything comes from the printed seed: the same command gives the same model on the same kind of processor with the
 * same number of threads.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../../worker/scenes/index.ts';
import { vocabulary } from './captions.ts';
import { writeModel } from './export.ts';
import { BATCH, SEED } from './learner.ts';
import { initialLooks } from './look-network.ts';
import { PART_NAMES } from './looks.ts';
import { initialParameters, SPECIAL_TOKENS } from './network.ts';
import { loadWeights, openTrainer, saveWeights, type Weights } from './trainer.ts';

const PEAK_RATE = 2e-3;
const WARM_UP_STEPS = 200;
/** Of the wider steps, at their start; it falls to nothing. */
const WIDER_RATE = 1e-3;

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '8500' },
    wider: { type: 'string', default: '2000' },
    fall: { type: 'string', default: '0.3' },
    looks: { type: 'string', default: '10000' },
    threads: { type: 'string', default: '2' },
    turntables: { type: 'string', default: '36' },
    rooms: { type: 'string', default: '44' },
    painted: { type: 'string', default: '24' },
    out: { type: 'string', default: new URL('../mini-clip', import.meta.url).pathname },
    cache: { type: 'string', default: new URL('../../build/mini-clip', import.meta.url).pathname },
  },
});
const { cache, out } = options;
const { steps, wider, fall, looks, threads, turntables, rooms, painted } = Object.fromEntries(
  Object.entries(options).map(([name, value]) => [name, Number(value)]),
) as Record<'steps' | 'wider' | 'fall' | 'looks' | 'threads' | 'turntables' | 'rooms' | 'painted', number>;

const startedAt = performance.now();
const say = (text: string): void => console.log(`${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${text}`);
say(
  `seed ${SEED}, ${steps} + ${wider} + ${looks} steps of ${threads} x ${BATCH} crops, ` +
    `${turntables} turntables, ${rooms} rooms, ${painted} painted turntables`,
);
const words = [...SPECIAL_TOKENS, ...vocabulary(PART_NAMES)];
const shared = { cache, threads, words, widerAfter: steps };

/** The rate that stays at its peak until `fallFrom`, then falls until `end`. */
const falling =
  (fallFrom: number, end: number) =>
  (step: number): number => {
    if (step <= WARM_UP_STEPS) return (PEAK_RATE * step) / WARM_UP_STEPS;
    if (step <= fallFrom) return PEAK_RATE;
    return PEAK_RATE * Math.max(0.01, 1 - Math.sqrt((step - fallFrom) / (end - fallFrom)));
  };

/** Weights that are kept for the same options only; else made and kept. */
async function kept(
  name: string,
  own: readonly number[],
  like: Weights,
  make: () => Promise<Weights>,
): Promise<Weights> {
  const path = join(cache, `${name}-${[...own, threads].join('-')}.weights`);
  if (existsSync(path)) {
    say(`found ${path}`);
    return loadWeights(path, like);
  }
  const weights = await make();
  await saveWeights(path, weights);
  return weights;
}

async function trainEncoder(): Promise<Weights> {
  const initial = initialParameters(words.length, createRandom(`${SEED}/start`));
  const own = [steps, fall, turntables, rooms];
  return kept('encoder', [...own, wider], initial, async () => {
    const scenes = { turntable: turntables, room: rooms };
    const trainer = await openTrainer({
      learner: { task: 'encoder', scenes, ...shared },
      initial,
      name: `step-${[turntables, rooms, threads].join('-')}`,
      say,
    });
    const narrow = await kept('narrow', own, initial, async () => {
      const fallFrom = Math.floor(steps * (1 - fall));
      const from = await trainer.load(fallFrom);
      await trainer.train({ from, to: steps, rate: falling(fallFrom, steps), keepUntil: fallFrom });
      return trainer.averages();
    });
    trainer.restart(narrow);
    const rate = (step: number): number => WIDER_RATE * (1 - (step - 1 - steps) / wider);
    await trainer.train({ from: steps, to: steps + wider, restart: steps, rate, keepUntil: 0 });
    await trainer.close();
    return trainer.averages();
  });
}

async function trainLooks(): Promise<Weights> {
  const initial = initialLooks(createRandom(`${SEED}/looks`));
  return kept('looks', [looks, fall, turntables, rooms, painted], initial, async () => {
    const scenes = { painted, turntable: turntables, room: rooms };
    const trainer = await openTrainer({
      learner: { task: 'looks', scenes, ...shared },
      initial,
      name: `look-${[turntables, rooms, painted, threads].join('-')}`,
      say,
    });
    const fallFrom = Math.floor(looks * (1 - fall));
    const from = await trainer.load(fallFrom);
    await trainer.train({ from, to: looks, rate: falling(fallFrom, looks), keepUntil: fallFrom });
    await trainer.close();
    return trainer.averages();
  });
}

const weights = new Map([...(await trainEncoder()), ...(await trainLooks())]);
say(`${out}: ${await writeModel(out, weights, words)} bytes`);
