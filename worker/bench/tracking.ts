/** `bench tracking`: generated kitchens, simulated tracker and depth, all recipes and ablations on the same segments. */
import { z } from 'zod';
import {
  type BenchmarkResult,
  type BenchmarkTarget,
  LiftscopeError,
  type TrackingParameters,
  type TrackingRecipe,
} from '../../contract/index.ts';
import { TrackingNotes } from '../objects/index.ts';
import {
  createAssociator,
  matchesOf,
  ObjectHistories,
  type ObservedScene,
  StateScore,
  scoreTracks,
  type TrackingScore,
  trackingParametersOf,
} from '../tracking/index.ts';
import type { Benchmark } from './index.ts';
import { kitchenArguments, observedKitchen, requireUntuned, TUNING_SEEDS, trackerSeedsOf } from './kitchens.ts';
import { measureThroughput } from './tracking-throughput.ts';
import { tuneTrackers } from './tracking-tuning.ts';

const argumentsSchema = z.strictObject({
  ...kitchenArguments,
  /** Look for parameters on {@link TUNING_SEEDS} instead, and print them. */
  tune: z.boolean().default(false),
  throughput: z.boolean().default(true),
});

/** @throws LiftscopeError, the signal's reason */
export const run: Benchmark = async (request, context) => {
  const parsed = argumentsSchema.safeParse(request.arguments);
  if (!parsed.success) {
    throw new LiftscopeError({ code: 'bad-input', message: `bench tracking: ${z.prettifyError(parsed.error)}` });
  }
  const { cache, noise, tune } = parsed.data;
  const seeds = parsed.data.seeds ?? (request.quick ? [1] : [1, 2, 3]);
  if (!tune) requireUntuned(seeds);
  const plan = {
    ...{ cache, noise },
    frames: parsed.data.frames ?? (request.quick ? 120 : 300),
    size: parsed.data.size ?? (request.quick ? 96 : 160),
  };
  const open = async (seed: number): Promise<ObservedScene> => (await observedKitchen(seed, plan, context)).scene;
  if (tune) {
    const scenes: ObservedScene[] = [];
    for (const seed of TUNING_SEEDS) {
      for (const trackerSeed of trackerSeedsOf(seed)) {
        scenes.push((await observedKitchen(seed, plan, context, trackerSeed)).scene);
      }
    }
    const tuned: BenchmarkResult = {
      ...tuneTrackers(scenes, context),
      parameters: { ...plan, seeds: TUNING_SEEDS },
      targets: [],
    };
    return tuned;
  }
  const runs: Run[] = [];
  const states = new StateScore();
  const kitchens: { seed: number; segments: number; classes: number; handled: number }[] = [];
  for (const seed of seeds) {
    const scene = await open(seed);
    kitchens.push({
      ...{ seed, segments: scene.frames.reduce((sum, { segments }) => sum + segments.length, 0) },
      ...{ classes: new Set(scene.video.truth.objects.map(({ classId }) => classId)).size },
      handled: handledClasses(scene).size,
    });
    for (const variant of VARIANTS) runs.push(runVariant(scene, variant, seed));
    scoreStates(scene, states);
    await new Promise<void>((resolve) => setImmediate(resolve));
    context.signal.throwIfAborted();
  }
  const throughput = parsed.data.throughput ? measureThroughput(request.quick ? 500 : 10_000, context) : null;
  const document: BenchmarkResult = {
    protocol:
      'kitchens of the scene generator; segments, ids, categories of the simulated tracker and affine-invariant disparity of the ' +
      'simulated depth network, aligned to the sparse points; segments scored as MOTS masks against all true segments of at least ' +
      '1e-3 of the image; oracle: the same segments under the true ids, false segments under their own; handled classes: those of ' +
      'objects that are carried; merged pairs: pairs of true objects to which one id was given in two frames each; states: object-frames of ' +
      'objects that have been matched, slivers and objects that moved where nobody could see left out; parameters from ' +
      `kitchens ${TUNING_SEEDS.join(', ')}; mean and sample deviation over seeds`,
    parameters: { ...plan, seeds, spatial: trackingParametersOf('spatial') },
    kitchens,
    rows: VARIANTS.map(({ name }) =>
      rowOf(
        name,
        runs.filter((one) => one.variant === name),
      ),
    ),
    perAlpha: ['input', 'spatial', 'oracle ids'].map((name) => perAlphaOf(name, runs)),
    perClass: perClassOf(runs),
    sensitivity: sensitivityOf(runs),
    states: states.perState().map(({ precision, recall, ...counts }) => {
      return { ...counts, precision: rounded(precision && 100 * precision), recall: rounded(recall && 100 * recall) };
    }),
    occluderRight: rounded(states.occluderAccuracy && 100 * states.occluderAccuracy),
    throughput: throughput && { ...throughput, heapBytes: [...throughput.heapBytes] },
    targets: [...targetsOf(runs), ...throughputTargets(throughput, request.quick)],
  };
  return document;
};

interface Variant {
  readonly name: string;
  readonly recipe?: TrackingRecipe;
  readonly parameters?: Partial<TrackingParameters>;
}

const SPATIAL = trackingParametersOf('spatial');
const SWEPT = ['alphaLocation', 'alphaVisual', 'alphaCategory', 'alphaInstance'] as const;
const FACTORS = [0.5, 2];
const VARIANTS: readonly Variant[] = [
  { name: 'input' },
  { name: 'oracle ids' },
  { name: 'spatial', recipe: 'spatial' },
  { name: 'no visual', recipe: 'spatial', parameters: { useVisual: false } },
  { name: 'no 3D location', recipe: 'spatial', parameters: { useLocation: false } },
  { name: 'no category', recipe: 'spatial', parameters: { useCategory: false } },
  { name: 'no instance', recipe: 'spatial', parameters: { useInstance: false } },
  { name: 'spatial, published weights', recipe: 'spatial-published' },
  { name: 'ByteTrack-like', recipe: 'byte-track' },
  { name: 'appearance only', recipe: 'appearance-only' },
  ...SWEPT.flatMap((parameter) =>
    FACTORS.map((factor): Variant => {
      return {
        name: `${parameter} x ${factor}`,
        recipe: 'spatial',
        parameters: { [parameter]: SPATIAL[parameter] * factor },
      };
    }),
  ),
  ...FACTORS.map((factor): Variant => {
    return { name: `gamma x ${factor}`, recipe: 'spatial', parameters: { gamma: SPATIAL.gamma * factor } };
  }),
];

interface Run {
  readonly variant: string;
  readonly seed: number;
  readonly score: TrackingScore;
  readonly handledSwitches: number;
  /** Id switches by name of the class. */
  readonly switches: ReadonlyMap<string, number>;
}

/** Ids beyond those of any true object. */
const FALSE_ID = 1 << 20;

function runVariant(scene: ObservedScene, { name, recipe, parameters }: Variant, seed: number): Run {
  const idOf = ((): ((frame: number, id: number) => number) => {
    if (name === 'input') return (_, id) => id;
    if (recipe === undefined) return (frame, id) => scene.oracle[frame]!.get(id) || FALSE_ID + id;
    const associator = createAssociator(recipe, parameters ?? {}, new TrackingNotes());
    const ids = scene.frames.map((frame) => {
      const found = associator.step(frame).ids;
      return new Map(frame.segments.map(({ shape }, i) => [shape.id, found[i]!]));
    });
    return (frame, id) => ids[frame]!.get(id)!;
  })();
  const score = scoreTracks(scene.truths, idOf, (truth) => scene.video.classOf(truth));
  const handled = handledClasses(scene);
  const names = new Map(scene.video.classes.map((entry) => [entry.id, entry.name]));
  return {
    ...{ variant: name, seed, score },
    handledSwitches: [...score.switchesByClass].reduce((sum, [id, count]) => sum + (handled.has(id) ? count : 0), 0),
    switches: new Map([...score.switchesByClass].map(([id, count]) => [names.get(id) ?? String(id), count])),
  };
}

/** The four states of the recipe `spatial`, object-frames of all kitchens together. */
function scoreStates({ frames, truths, states }: ObservedScene, score: StateScore): void {
  const associator = createAssociator('spatial', {}, new TrackingNotes());
  const histories = new ObjectHistories();
  score.restart();
  frames.forEach((frame, position) => {
    const found = associator.step(frame);
    const idOf = new Map(frame.segments.map(({ shape }, i) => [shape.id, found.ids[i]!]));
    const pairs = truths[position]!;
    const predictedIds = Array.from(pairs.predictedIds, (id) => idOf.get(id)!);
    score.add(matchesOf({ ...pairs, predictedIds }), histories.step(frame, found), states[position]!);
  });
}

function handledClasses(scene: ObservedScene): Set<number> {
  const held = new Set(scene.video.truth.scene.frames.map(({ heldObject }) => heldObject));
  held.delete(0);
  return new Set([...held].map((object) => scene.video.classOf(object)));
}

const FIGURES = ['hota', 'detA', 'assA', 'idf1'] as const;

function meanOf(runs: readonly Run[], figure: (run: Run) => number): number {
  return runs.reduce((sum, one) => sum + figure(one), 0) / runs.length;
}

function deviationOf(runs: readonly Run[], figure: (run: Run) => number): number | null {
  if (runs.length < 2) return null;
  const mean = meanOf(runs, figure);
  return Math.sqrt(runs.reduce((sum, one) => sum + (figure(one) - mean) ** 2, 0) / (runs.length - 1));
}

const rounded = (value: number | null): number | null => (value === null ? null : Number(value.toFixed(2)));

function rowOf(name: string, runs: readonly Run[]) {
  const percent = FIGURES.map((figure) => [figure, rounded(meanOf(runs, ({ score }) => 100 * score[figure]))]);
  const spread = FIGURES.map((figure) => [
    `${figure}Deviation`,
    rounded(deviationOf(runs, ({ score }) => 100 * score[figure])),
  ]);
  return {
    variant: name,
    ...(Object.fromEntries([...percent, ...spread]) as Record<string, number | null>),
    idSwitches: rounded(meanOf(runs, ({ score }) => score.idSwitches)),
    handledSwitches: rounded(meanOf(runs, ({ handledSwitches }) => handledSwitches)),
    mergedPairs: rounded(meanOf(runs, ({ score }) => score.mergedPairs)),
    tracks: rounded(meanOf(runs, ({ score }) => score.tracks)),
  };
}

function perAlphaOf(variant: string, all: readonly Run[]) {
  const runs = all.filter((one) => one.variant === variant);
  const alphas = runs[0]?.score.perAlpha.map(({ alpha }) => alpha) ?? [];
  return {
    variant,
    alphas,
    hota: alphas.map((_, i) => rounded(meanOf(runs, ({ score }) => 100 * score.perAlpha[i]!.hota))),
    assA: alphas.map((_, i) => rounded(meanOf(runs, ({ score }) => 100 * score.perAlpha[i]!.assA))),
  };
}

/** Id switches of each class, all seeds together. */
function perClassOf(runs: readonly Run[]) {
  const total = (variant: string, name: string): number =>
    runs.filter((one) => one.variant === variant).reduce((sum, one) => sum + (one.switches.get(name) ?? 0), 0);
  const names = [...new Set(runs.flatMap(({ switches }) => [...switches.keys()]))].sort();
  return names.map((name) => ({ class: name, input: total('input', name), spatial: total('spatial', name) }));
}

/** HOTA at half and twice each parameter, against the recipe's own. */
function sensitivityOf(runs: readonly Run[]) {
  const of = (name: string) =>
    100 *
    meanOf(
      runs.filter(({ variant }) => variant === name),
      ({ score }) => score.hota,
    );
  const base = of('spatial');
  return [...SWEPT, 'gamma' as const].map((parameter) => ({
    ...{ parameter, value: SPATIAL[parameter] },
    hotaAtHalf: rounded(of(`${parameter} x 0.5`) - base),
    hotaAtTwice: rounded(of(`${parameter} x 2`) - base),
  }));
}

function targetsOf(all: readonly Run[]): BenchmarkTarget[] {
  const of = (name: string, figure: (run: Run) => number): number =>
    meanOf(
      all.filter(({ variant }) => variant === name),
      figure,
    );
  const percent = (figure: (typeof FIGURES)[number]) => (one: Run) => 100 * one.score[figure];
  const target = (name: string, wanted: string, value: number, met: boolean): BenchmarkTarget => {
    return { name, target: wanted, value: rounded(value), met };
  };
  const [inAssA, inIdf1] = [of('input', percent('assA')), of('input', percent('idf1'))];
  const gain = (figure: (typeof FIGURES)[number], from = 'input') =>
    of('spatial', percent(figure)) - of(from, percent(figure));
  const gap = of('oracle ids', percent('hota')) - of('input', percent('hota'));
  const share = (figure: (run: Run) => number): number => {
    const before = of('input', figure);
    return before === 0 ? 0 : 100 * (of('spatial', figure) / before - 1);
  };
  const switches = share(({ score }) => score.idSwitches);
  const handled = share(({ handledSwitches }) => handledSwitches);
  const merged = of('spatial', ({ score }) => score.mergedPairs) - of('input', ({ score }) => score.mergedPairs);
  const detection = Math.abs(gain('detA'));
  return [
    target('input AssA', '30 to 45', inAssA, inAssA >= 30 && inAssA <= 45),
    target('input IDF1', '15 to 35', inIdf1, inIdf1 >= 15 && inIdf1 <= 35),
    target('AssA gained', '>= 7', gain('assA'), gain('assA') >= 7),
    target('IDF1 gained', '>= 4.5', gain('idf1'), gain('idf1') >= 4.5),
    target('HOTA, share of the gap to oracle ids, %', '>= 50', (100 * gain('hota')) / gap, gain('hota') >= 0.5 * gap),
    target('id switches, %', '<= -60', switches, switches <= -60),
    target('id switches of handled classes, %', '<= -73', handled, handled <= -73),
    target('wrongly merged pairs more than the input', '<= 0', merged, merged <= 0),
    target('HOTA over no 3D location', '> 0', gain('hota', 'no 3D location'), gain('hota', 'no 3D location') > 0),
    target('HOTA over no category', '> 0', gain('hota', 'no category'), gain('hota', 'no category') > 0),
    target('DetA moved by', '<= 0.1', detection, detection <= 0.1),
  ];
}

function throughputTargets(measured: ReturnType<typeof measureThroughput> | null, quick: boolean): BenchmarkTarget[] {
  if (measured === null || quick) return [];
  const { seconds, objects, heapBytes, frames } = measured;
  const grown = (heapBytes[2] - heapBytes[1]) / 2 ** 20;
  return [
    {
      ...{ name: `${frames} frames of ${objects} objects, seconds`, target: '<= 60' },
      ...{ value: rounded(seconds), met: seconds <= 60 },
    },
    {
      ...{ name: 'memory grown in the last fifth of the frames, in which no track opens, MiB', target: '<= 1' },
      ...{ value: rounded(grown), met: grown <= 1 },
    },
  ];
}
