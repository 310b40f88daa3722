/** `bench messy-rooms`: every lifting recipe on generated rooms of 25 to 500 objects, by the protocol of the benchmark. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type BenchmarkResult,
  type BenchmarkTarget,
  type LiftingRecipe,
  LiftscopeError,
  liftQualitySchema,
} from '../../contract/index.ts';
import { inLanes, lanesOf } from './lanes.ts';
import {
  type CellContext,
  type Cells,
  type CellsIn,
  type Room,
  roomCellsIn,
  roomPlan,
  type Spread,
  spreadOf,
} from './room-cells.ts';

type Json = z.core.util.JSONType;
type Parameters = Readonly<Record<string, Json>>;

const argumentsSchema = z.strictObject({
  /** Folder that keeps rooms, splats and finished cells. */
  cache: z.string().min(1).default(join(tmpdir(), 'liftscope-messy-rooms')),
  sizes: z.array(z.number().int().min(1).max(2000)).min(1).optional(),
  seeds: z.array(z.number().int().min(0)).min(1).default([0, 1, 2]),
  /** Names of {@link VARIANTS}. */
  variants: z.array(z.string()).min(1).optional(),
  /** Factors on each recipe's own rate; chosen on training masks. */
  rates: z
    .array(z.number().positive())
    .min(1)
    .default([1 / 3, 1, 3]),
});

interface Variant {
  readonly name: string;
  readonly recipe: LiftingRecipe;
  readonly parameters?: (objects: number) => Parameters;
  /** The rate that is swept; absent where nothing is trained. */
  readonly rate?: number;
  /** Too costly for every room: the smallest one, one seed, no sweep, and only where it is timed. */
  readonly once?: boolean;
}

const TABLE_RATE = 1e-2;
const SLOW_FAST = 'slow-fast';
const PUBLISHED_NETWORK = 'slow-fast, published network';
const VARIANTS: readonly Variant[] = [
  { name: 'closed-form', recipe: 'closed-form' },
  { name: SLOW_FAST, recipe: 'contrastive-lift', rate: TABLE_RATE },
  {
    ...{ name: 'slow-fast from the closed form', recipe: 'contrastive-lift', rate: TABLE_RATE },
    parameters: () => ({ warmStart: 'closed-form' }),
  },
  { name: 'slow-fast without concentration', recipe: 'contrastive-lift-without-concentration', rate: TABLE_RATE },
  { name: PUBLISHED_NETWORK, recipe: 'contrastive-lift-network', once: true },
  { name: 'vanilla', recipe: 'vanilla', rate: TABLE_RATE },
  { name: 'vanilla + concentration', recipe: 'vanilla-concentration', rate: TABLE_RATE },
  { name: 'associative embedding', recipe: 'associative', rate: TABLE_RATE },
  { name: 'margin', recipe: 'margin', rate: TABLE_RATE },
  { name: 'DINO-style', recipe: 'dino', rate: TABLE_RATE },
  { name: 'Gaussian clustering', recipe: 'gaussian-clustering', rate: TABLE_RATE },
  {
    ...{ name: 'linear assignment, K = 500', recipe: 'linear-assignment', rate: 5e-2 },
    // Said in so many words, so that K = N is the same cell in a room of 500.
    parameters: () => ({ dimensions: 500 }),
  },
  {
    ...{ name: 'linear assignment, K = N', recipe: 'linear-assignment', rate: 5e-2 },
    parameters: (objects) => ({ dimensions: objects }),
  },
  ...(['consecutive', 'warped', 'fused'] as const).map((kind): Variant => {
    return { name: `2D tracking, ${kind}`, recipe: 'mask-tracking-2d', parameters: () => ({ kind }) };
  }),
];
/** Variants that are also run on masks without noise. */
const ORACLES = ['closed-form', SLOW_FAST];
/** Variants whose time has a target, or is to be printed beside one that has. */
const TIMED = ['closed-form', SLOW_FAST, PUBLISHED_NETWORK];
/** Rooms of more objects take the rate that was chosen for the largest room not above this. */
const LARGEST_SWEEP = 25;
const COST_STEPS = 200;
const COST_CONTRIBUTORS = 16;

const timesSchema = z.object({
  total: z.number(),
  forward: z.number(),
  loss: z.number(),
  backward: z.number(),
  update: z.number(),
});
const cellSchema = z.object({
  quality: liftQualitySchema,
  selectionPq: z.number().nullable(),
  objectsFound: z.number(),
  objectsTrue: z.number(),
  seconds: z.number(),
  peakMemoryBytes: z.number(),
  peakBackendBytes: z.number(),
  threads: z.number(),
  stages: z.record(z.string(), z.number()),
  parameters: z.record(z.string(), z.json()),
  report: z
    .object({ field: z.object({ millisecondsPerStep: timesSchema }).catchall(z.json()).optional() })
    .catchall(z.json()),
});
type Cell = z.infer<typeof cellSchema>;

/** A cell of the table: not yet run. */
interface Task {
  readonly variant: Variant;
  readonly room: Room;
  readonly noise: 'default' | 'none';
}

/** One step of the sweep of rates. */
interface Try {
  readonly variant: Variant;
  readonly room: Room;
  readonly rate: number;
}

type Failure = { readonly variant: string; readonly objects: number; readonly seed: number; readonly problem: string };

interface Entry {
  readonly variant: string;
  readonly objects: number;
  readonly seed: number;
  readonly noise: 'default' | 'none';
  readonly cell: Cell;
}

/** @throws LiftscopeError */
export async function benchMessyRooms(
  given: Parameters,
  quick: boolean,
  context: CellContext,
  cellsIn: CellsIn = roomCellsIn,
): Promise<BenchmarkResult> {
  const parsed = argumentsSchema.safeParse(given);
  if (!parsed.success) {
    throw new LiftscopeError({ code: 'bad-input', message: `bench messy-rooms: ${z.prettifyError(parsed.error)}` });
  }
  const { cache, seeds, rates } = parsed.data;
  const sizes = (parsed.data.sizes ?? (quick ? [25, 50] : [25, 50, 100, 500])).toSorted((a, b) => a - b);
  const variants = chooseVariants(parsed.data.variants);
  const lanes = lanesOf(sizes.length * seeds.length, context);
  const aside = cellsIn(cache, lanes.context);
  // What takes longest first, so that no lane waits for it at the end.
  const wanted = sizes.toReversed().flatMap((objects) => seeds.map((seed) => ({ objects, seed })));
  const made = await inLanes(lanes.count, wanted, ({ objects, seed }) => aside.room(objects, seed));
  const rooms = sizes.flatMap((size) => made.filter(({ objects }) => objects === size));
  const failures: Failure[] = [];
  /** One recipe that runs out of memory must not take the others with it; the document says so. */
  const attempt = async (cells: Cells, { name }: Variant, room: Room, own: Record<string, Json>) => {
    try {
      return await cells.cell('messy-rooms', room, own, cellSchema);
    } catch (error) {
      if (!(error instanceof LiftscopeError) || error.code === 'cancelled') throw error;
      const { objects, seed } = room;
      failures.push({ variant: name, objects, seed, problem: error.message });
      context.note(`${name}, ${objects} objects, seed ${seed}: ${error.message}`);
      return undefined;
    }
  };
  const sweepRooms = rooms.filter(({ objects, seed }) => {
    return seed === seeds[0] && (objects <= LARGEST_SWEEP || objects === sizes[0]);
  });
  const tried = await inLanes(lanes.count, triesOf(variants, sweepRooms, rates), async (one) => {
    const { variant, room, rate } = one;
    const own = { recipe: variant.recipe, noise: 'default', parameters: withRate(variant, room, rate) };
    return { ...one, pq: (await attempt(aside, variant, room, own))?.selectionPq ?? null };
  });
  const chosenRates = chooseRates(tried, variants, sizes);
  const cellOf = ({ variant, room, noise }: Task) => ({
    ...{ recipe: variant.recipe, noise },
    parameters: withRate(variant, room, chosenRates.get(rateKey(variant, room.objects))),
  });
  const tasks = made.flatMap((room) =>
    variants.flatMap((variant): Task[] => {
      if (variant.once === true) return [];
      const noises = ORACLES.includes(variant.name) ? (['default', 'none'] as const) : (['default'] as const);
      return noises.map((noise) => ({ variant, room, noise }));
    }),
  );
  const run = await inLanes(lanes.count, tasks, async (task): Promise<Entry[]> => {
    const { variant, room, noise } = task;
    const cell = await attempt(aside, variant, room, cellOf(task));
    return cell === undefined ? [] : [{ variant: variant.name, objects: room.objects, seed: room.seed, noise, cell }];
  });
  // Last and one after the other, with all threads: these are about time.
  const alone = cellsIn(cache, context);
  const timed: Entry[] = [];
  for (const variant of variants.filter(({ name }) => TIMED.includes(name))) {
    for (const room of rooms.filter(({ objects, seed }) => seed === seeds[0] && isTimed(objects, sizes))) {
      if (variant.once === true && room.objects !== sizes[0]) continue;
      const own = { ...cellOf({ variant, room, noise: 'default' }), alone: true };
      const cell = await attempt(alone, variant, room, own);
      const { objects, seed } = room;
      if (cell !== undefined) timed.push({ variant: variant.name, objects, seed, noise: 'default', cell });
    }
  }
  const once = variants.filter((variant) => variant.once === true).map(({ name }) => name);
  const entries = [...run.flat(), ...timed.filter(({ variant }) => once.includes(variant))];
  const stability = await measureStability(alone, rooms[0]!, variants);
  const cost = await measureCost(
    alone,
    rooms.filter(({ seed }) => seed === seeds[0]),
    variants,
  );
  return {
    protocol:
      'two classes; PQ_things is PQ^scene over the foreground class, true segments under 1e-3 of an image void; masks of the ' +
      'simulated segmenter (default noise; oracle: none), ids never consistent; 20 % of the frames held out; foreground by the ' +
      `closed-form vote; rates chosen on training masks at seed ${seeds[0]}, rooms beyond ${LARGEST_SWEEP} objects take the ` +
      'rate of the largest below; each recipe its own cluster sweep; mean and sample deviation over seeds; seconds and ms per step ' +
      `of the table: ${lanes.count} rooms side by side, ${lanes.context.threads} thread(s) each; \`timed\`: alone, all threads`,
    parameters: {
      sizes,
      seeds,
      rates,
      plans: sizes.map((objects) => ({ ...roomPlan(objects) })),
      variants: variants.map(({ name }) => name),
    },
    rooms: rooms.map(({ objects, seed, psnr, gaussians, trainSeconds, splatsHash, checks }) => {
      return { objects, seed, psnr, gaussians, trainSeconds, splatsHash, checks };
    }),
    rows: rowsOf(entries, sizes, variants),
    timed: timed.map(({ variant, objects, seed, cell }) => ({
      ...{ variant, objects, seed, seconds: cell.seconds, stages: cell.stages, threads: cell.threads },
      msPerStep: cell.report.field?.millisecondsPerStep ?? null,
      peakMemoryMB: cell.peakMemoryBytes / 1e6,
    })),
    cost,
    stability: stability?.rows ?? null,
    stabilityRemark: stability?.remark ?? null,
    rates: Object.fromEntries(chosenRates),
    failures,
    targets: targetsOf(entries, timed, sizes, cost),
  };
}

function chooseVariants(names: readonly string[] | undefined): readonly Variant[] {
  if (names === undefined) return VARIANTS;
  return names.map((name) => {
    const found = VARIANTS.find((variant) => variant.name === name);
    if (found !== undefined) return found;
    throw new LiftscopeError({
      code: 'bad-input',
      message: `bench messy-rooms has no variant "${name}".`,
      hint: `Known: ${VARIANTS.map((variant) => variant.name).join('; ')}.`,
    });
  });
}

/** The variant's parameters for this room. @param rate absent where nothing is trained, and where it is the recipe's own */
function withRate({ parameters }: Variant, { objects }: Room, rate: number | undefined): Record<string, Json> {
  return { ...parameters?.(objects), ...(rate !== undefined && { rate, finalRate: rate }) };
}

function triesOf(variants: readonly Variant[], rooms: readonly Room[], factors: readonly number[]): Try[] {
  return variants.flatMap((variant) =>
    variant.rate === undefined
      ? []
      : rooms.flatMap((room) => factors.map((factor) => ({ variant, room, rate: factor * variant.rate! }))),
  );
}

/** The rate that explains the training masks best, by {@link rateKey}; none where nothing was tried, or nothing of it came to an end. */
function chooseRates(
  tried: readonly (Try & { readonly pq: number | null })[],
  variants: readonly Variant[],
  sizes: readonly number[],
): Map<string, number> {
  const chosen = new Map<string, number>();
  for (const variant of variants) {
    let rate: number | undefined;
    for (const objects of sizes) {
      const own = tried.filter((one) => one.variant === variant && one.room.objects === objects && one.pq !== null);
      // A size without a sweep keeps what was chosen for the size below.
      if (own.length > 0) rate = own.reduce((best, one) => (one.pq! > best.pq! ? one : best)).rate;
      if (rate !== undefined) chosen.set(rateKey(variant, objects), rate);
    }
  }
  return chosen;
}

const rateKey = ({ name }: Variant, objects: number): string => `${name}, ${objects} objects`;

/** Sizes with a target in seconds or bytes, and the smallest one. */
function isTimed(objects: number, sizes: readonly number[]): boolean {
  return [sizes[0], 25, 500].includes(objects);
}

function rowsOf(entries: readonly Entry[], sizes: readonly number[], variants: readonly Variant[]) {
  return variants.flatMap(({ name }) =>
    sizes.flatMap((objects) => {
      const noises = ORACLES.includes(name) ? (['default', 'none'] as const) : (['default'] as const);
      return noises.flatMap((noise) => {
        const own = entries.filter(
          (entry) => entry.variant === name && entry.objects === objects && entry.noise === noise,
        );
        if (own.length === 0) return [];
        const spread = (read: (cell: Cell) => number | null) => {
          const values = own.flatMap(({ cell }) => read(cell) ?? []);
          return written(spreadOf(values));
        };
        return {
          variant: noise === 'none' ? `${name} (oracle)` : name,
          objects,
          seeds: own.length,
          pqThings: spread(({ quality }) => quality.things.pq),
          sq: spread(({ quality }) => quality.things.sq),
          rq: spread(({ quality }) => quality.things.rq),
          twoClass: spread(({ quality }) => quality.twoClass.pq),
          perFrameBefore: spread(({ quality }) => quality.perFrame.before),
          perFrameAfter: spread(({ quality }) => quality.perFrame.after),
          allOneInstance: spread(({ quality }) => quality.allOneInstance.pq),
          allOneTwoClass: spread(({ quality }) => quality.allOneInstance.twoClassPq),
          objectsFound: spread(({ objectsFound }) => objectsFound),
          msPerStep: spread(({ report }) => report.field?.millisecondsPerStep.total ?? null),
          seconds: spread(({ seconds }) => seconds),
          peakMemoryMB: spread(({ peakMemoryBytes }) => peakMemoryBytes / 1e6),
        };
      });
    }),
  );
}

/** `88.1 ± 0.4`; the deviation is missing for one seed. */
function written(spread: Spread | null): string | null {
  if (spread === null) return null;
  return spread.deviation === null
    ? spread.mean.toFixed(1)
    : `${spread.mean.toFixed(1)} ± ${spread.deviation.toFixed(1)}`;
}

type Cost = {
  readonly variant: string;
  readonly objects: number;
  /** Median of loss and field (forward, backward, update) per step. */
  readonly lossAndFieldMs: number;
};

/** Loss and field step at a fixed batch and fixed contributors per pixel. */
async function measureCost(cells: Cells, rooms: readonly Room[], variants: readonly Variant[]): Promise<Cost[]> {
  const measured = variants.filter(({ recipe }) => recipe === 'contrastive-lift' || recipe === 'linear-assignment');
  const costs: Cost[] = [];
  for (const { name, recipe, parameters } of measured) {
    for (const room of rooms) {
      const given = { ...parameters?.(room.objects), steps: COST_STEPS, maxContributors: COST_CONTRIBUTORS };
      const clustering = { viewpoints: 2, samples: 500 };
      const cell = await cells
        .cell('messy-rooms', room, { recipe, noise: 'default', parameters: given, clustering }, cellSchema)
        .catch((error: unknown) => {
          if (error instanceof LiftscopeError && error.code !== 'cancelled') return undefined;
          throw error;
        });
      const times = cell?.report.field?.millisecondsPerStep;
      if (times === undefined) continue;
      const lossAndFieldMs = times.forward + times.loss + times.backward + times.update;
      costs.push({ variant: name, objects: room.objects, lossAndFieldMs });
    }
  }
  return costs;
}

const stabilitySchema = z.object({
  rows: z.array(
    z.object({
      checkpoint: z.number(),
      loss: z.string(),
      relativeVariance: z.number().nullable(),
      meanNorm: z.number(),
      varianceOverMean: z.number().nullable(),
    }),
  ),
  remark: z.string(),
});

/** Without a target until it is measured; on the smallest room, when both losses are among the variants. */
async function measureStability(cells: Cells, room: Room, variants: readonly Variant[]) {
  if (![SLOW_FAST, 'vanilla'].every((name) => variants.some((variant) => variant.name === name))) return undefined;
  return cells.cell('messy-rooms', room, { mode: 'stability' }, stabilitySchema);
}

/** How much of what oracle ids gain over the masks as given, frame by frame, is gained without them. Where they gain nothing, there is no gap. */
function gapTarget(
  objects: number,
  before: number | null,
  after: number | null,
  oracle: number | null,
): BenchmarkTarget {
  const target = { name: `per-frame gap closed, N = ${objects}, %`, target: '>= 60' };
  if (before === null || after === null || oracle === null) return { ...target, ...MISSING };
  if (oracle <= before) {
    const value = `none to close: masks as given ${before.toFixed(1)}, oracle ${oracle.toFixed(1)}, slow-fast ${after.toFixed(1)}`;
    return { ...target, value, met: false };
  }
  const value = (100 * (after - before)) / (oracle - before);
  return { ...target, value, met: value >= 60 };
}

const MISSING: Pick<BenchmarkTarget, 'value' | 'met'> = { value: null, met: false };

/** The lines of the benchmark page. A figure that was not measured is null and not met. */
function targetsOf(
  entries: readonly Entry[],
  timed: readonly Entry[],
  sizes: readonly number[],
  cost: readonly Cost[],
): BenchmarkTarget[] {
  const at = (variant: string, objects: number, noise: Entry['noise'] = 'default') =>
    entries.filter((entry) => entry.variant === variant && entry.objects === objects && entry.noise === noise);
  const mean = (own: readonly Entry[], read: (cell: Cell) => number | null): number | null =>
    spreadOf(own.flatMap(({ cell }) => read(cell) ?? []))?.mean ?? null;
  const pq = ({ quality }: Cell): number => quality.things.pq;
  const overSizes = (variant: string, read: (cell: Cell) => number | null): number | null => {
    const means = sizes.map((objects) => mean(at(variant, objects), read));
    return means.every((value) => value !== null) ? (spreadOf(means)?.mean ?? null) : null;
  };
  const line = (
    name: string,
    target: string,
    value: number | null,
    met: (value: number) => boolean,
  ): BenchmarkTarget => (value === null ? { name, target, ...MISSING } : { name, target, value, met: met(value) });

  const targets: BenchmarkTarget[] = [];
  for (const objects of sizes) {
    const reached = mean(at(SLOW_FAST, objects), pq);
    const oracle = mean(at(SLOW_FAST, objects, 'none'), pq);
    const ratio = reached === null || oracle === null || oracle === 0 ? null : (100 * reached) / oracle;
    targets.push(line(`slow-fast over its oracle, N = ${objects}, %`, '>= 80', ratio, (value) => value >= 80));
    // The masks are the same for every variant.
    const given = entries.filter((entry) => entry.objects === objects && entry.noise === 'default');
    const before = mean(given, ({ quality }) => quality.perFrame.before);
    targets.push(
      line(`input per-frame PQ_things, N = ${objects}`, '50 to 75', before, (value) => value >= 50 && value <= 75),
    );
    const [after, best] = (['default', 'none'] as const).map((noise) =>
      mean(at(SLOW_FAST, objects, noise), ({ quality }) => quality.perFrame.after),
    ) as [number | null, number | null];
    targets.push(gapTarget(objects, before, after, best));
  }
  targets.push(line('slow-fast PQ_things, mean over N', '>= 60', overSizes(SLOW_FAST, pq), (value) => value >= 60));
  targets.push(
    line(
      'slow-fast two-class mean',
      '>= 73.4',
      overSizes(SLOW_FAST, ({ quality }) => quality.twoClass.pq),
      (value) => value >= 73.4,
    ),
  );
  targets.push(...vanillaTargets(at, sizes));
  for (const rival of ['linear assignment, K = 500', 'linear assignment, K = N']) {
    const [own, other] = [overSizes(SLOW_FAST, pq), overSizes(rival, pq)];
    const lead = own === null || other === null ? null : own - other;
    targets.push(line(`slow-fast − ${rival}, mean over N`, '>= 3', lead, (value) => value >= 3));
  }
  const timeOf = (variant: string, objects: number) =>
    timed.find((entry) => entry.variant === variant && entry.objects === objects)?.cell;
  const seconds = timeOf('closed-form', 25)?.seconds ?? null;
  targets.push(line('closed form, 25 objects, seconds', '<= 3', seconds, (value) => value <= 3));
  const trained = timeOf(SLOW_FAST, 25)?.seconds ?? null;
  targets.push(line('slow-fast, 25 objects, seconds', '<= 90', trained, (value) => value <= 90));
  const large = timeOf(SLOW_FAST, 500);
  const memory = large === undefined ? null : large.peakMemoryBytes / 1e9;
  if (sizes.includes(500)) targets.push(line('slow-fast, 500 objects, GB', '<= 3', memory, (value) => value <= 3));
  targets.push(...costTargets(cost, line));
  return targets;
}

/** Paired over rooms: standard error of the mean difference over N. */
function vanillaTargets(
  at: (variant: string, objects: number) => readonly Entry[],
  sizes: readonly number[],
): BenchmarkTarget[] {
  const name = ['slow-fast − vanilla, mean over N', 'slow-fast − vanilla, least over N'] as const;
  const differences = sizes.map((objects) => {
    const others = new Map(at('vanilla', objects).map(({ seed, cell }) => [seed, cell.quality.things.pq]));
    return at(SLOW_FAST, objects).flatMap(({ seed, cell }) => {
      const other = others.get(seed);
      return other === undefined ? [] : [cell.quality.things.pq - other];
    });
  });
  const spreads = differences.map(spreadOf);
  if (spreads.some((spread) => spread === null)) {
    return [
      { name: name[0], target: '> 2 standard errors', ...MISSING },
      { name: name[1], target: '>= -1', ...MISSING },
    ];
  }
  const means = spreads.map((spread) => spread!.mean);
  const lead = spreadOf(means)!.mean;
  const least = Math.min(...means);
  const variances = spreads.map((spread, i) => (spread!.deviation ?? Number.NaN) ** 2 / differences[i]!.length);
  const error = Math.sqrt(variances.reduce((sum, value) => sum + value, 0)) / sizes.length;
  const text = Number.isNaN(error)
    ? `${lead.toFixed(2)} (one seed: no standard error)`
    : `${lead.toFixed(2)} (standard error ${error.toFixed(2)})`;
  return [
    { name: name[0], target: '> 2 standard errors', value: text, met: lead > 2 * error },
    { name: name[1], target: '>= -1', value: least, met: least >= -1 },
  ];
}

function costTargets(
  cost: readonly Cost[],
  line: (name: string, target: string, value: number | null, met: (value: number) => boolean) => BenchmarkTarget,
): BenchmarkTarget[] {
  const ratio = (variant: string): number | null => {
    const times = cost.filter((entry) => entry.variant === variant).map(({ lossAndFieldMs }) => lossAndFieldMs);
    return times.length < 2 ? null : Math.max(...times) / Math.min(...times);
  };
  return [
    line('slow-fast, loss and field ms, largest over smallest N', '<= 1.1', ratio(SLOW_FAST), (value) => value <= 1.1),
    line(
      'linear assignment K = N, loss and field ms, largest over smallest N',
      '> 1.1',
      ratio('linear assignment, K = N'),
      (value) => value > 1.1,
    ),
  ];
}
