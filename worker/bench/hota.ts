/** `bench hota`: tracking metrics on 5000 frames of 50 true and 50 predicted boxes. */
import type { BenchmarkTarget } from '../../contract/index.ts';
import { clear, hota, identity, type TrackingSequence } from '../metrics/index.ts';
import type { Benchmark } from './index.ts';
import { benchmarkRandom, median } from './random.ts';

const FRAMES = 5000;
const DETECTIONS = 50;
const TARGET_SECONDS = 1.7;
const RUNS = 3;

export const run: Benchmark = async (request, { signal, emit }) => {
  emit({ type: 'work', stage: 'tracks', done: 0, total: RUNS + 1 });
  const sequence = tracks(request.seed);
  const times: Record<'hota' | 'clear' | 'identity', number[]> = { hota: [], clear: [], identity: [] };
  let figures: Record<string, number> = {};
  for (let i = 0; i < RUNS; i++) {
    emit({ type: 'work', stage: 'hota', done: i + 1, total: RUNS + 1 });
    const timed = <T>(name: keyof typeof times, compute: () => T): T => {
      const start = performance.now();
      const value = compute();
      times[name].push((performance.now() - start) / 1000);
      return value;
    };
    const { hota: score, detA, assA, locA } = timed('hota', () => hota(sequence));
    const { mota, idSwitches } = timed('clear', () => clear(sequence));
    const { idf1 } = timed('identity', () => identity(sequence));
    figures = { hota: score, detA, assA, locA, mota, idSwitches, idf1 };
    await new Promise<void>((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }
  const seconds = median(times.hota);
  const targets: BenchmarkTarget[] = [
    { name: 'HOTA, seconds', target: `<= ${TARGET_SECONDS}`, value: seconds, met: seconds <= TARGET_SECONDS },
  ];
  return {
    protocol: 'similarity matrices given; checking, both passes and all alphas; median of the runs, the first one cold',
    parameters: { frames: FRAMES, detections: DETECTIONS, runs: RUNS },
    seed: request.seed,
    rows: Object.entries(times).map(([metric, runs]) => ({ metric, seconds: median(runs), runs })),
    figures,
    targets,
  };
};

/** Every object is followed with noise, changes its track id now and then, and overlaps three others a little. */
function tracks(seed: number): TrackingSequence {
  const random = benchmarkRandom(seed);
  const ids = Array.from({ length: DETECTIONS }, (_, i) => i);
  let nextId = DETECTIONS;
  const frames = Array.from({ length: FRAMES }, () => {
    const similarity = new Float64Array(DETECTIONS * DETECTIONS);
    for (let truth = 0; truth < DETECTIONS; truth++) {
      if (random.uniform() < 0.002) ids[truth] = nextId++;
      similarity[truth * DETECTIONS + truth] = 0.3 + 0.7 * random.uniform();
      for (let i = 0; i < 3; i++) {
        const other = Math.floor(random.uniform() * DETECTIONS);
        if (other !== truth) similarity[truth * DETECTIONS + other] = 0.4 * random.uniform();
      }
    }
    return { truthIds: Array.from({ length: DETECTIONS }, (_, i) => i), predictedIds: ids.slice(), similarity };
  });
  return { frames };
}
