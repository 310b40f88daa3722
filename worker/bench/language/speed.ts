/**
 * How long one query takes: 20k Gaussians of 64 nested dimensions, 1M of 512 packed ones. Cold: a view and a text that nobody has asked
 * for; the field is in memory, as in the studio.
 */
import { z } from 'zod';
import { LiftscopeError } from '../../../contract/index.ts';
import type { Backend, DeviceBuffer } from '../../compute/index.ts';
import { NestedEmbeddings, type PinholeView, relevancyCost, relevancyOfRows } from '../../kernels/index.ts';
import {
  type LanguageFile,
  openQueryField,
  type QueryField,
  type QueryVectors,
  splattedMaps,
  toBfloat16,
} from '../../language/index.ts';
import { openDualEncoder } from '../../models/index.ts';
import { WeightReader } from '../../objects/index.ts';
import { type SplatArrays, SplatModel, startBackend } from '../../splats/index.ts';
import type { Benchmark } from '../index.ts';
import { type BenchmarkRandom, benchmarkRandom, median } from '../random.ts';
import { SEARCHES, searchScales } from './modes.ts';

const argumentsSchema = z.strictObject({
  size: z.enum(['20k', '1M']),
  /** Dual encoder whose text half takes part; the field is asked with its embedding where both have as many dimensions, else with a random one. */
  model: z.string().min(1).optional(),
  /** Every cell is given those of its room; not looked at. */
  capture: z.string().optional(),
  splats: z.string().optional(),
});

const SIZES = {
  '20k': { gaussians: 20_000, dimensions: 64, kind: 'nested' },
  '1M': { gaussians: 1_000_000, dimensions: 512, kind: 'levels' },
} as const;
const VIEW = { width: 320, height: 240 };
const REPEATS = 10;
const NEGATIVES = 4;

export const run: Benchmark = async (request, { signal }) => {
  const parsed = argumentsSchema.safeParse(request.arguments);
  if (!parsed.success) {
    throw new LiftscopeError({ code: 'bad-input', message: `bench language-speed: ${z.prettifyError(parsed.error)}` });
  }
  const { gaussians, dimensions, kind } = SIZES[parsed.data.size];
  const random = benchmarkRandom(request.seed);
  const backend = await startBackend(request);
  try {
    const model = new SplatModel(backend, gaussians, 0, { trainable: false });
    model.upload(room(gaussians, random));
    const reader = new WeightReader(backend, model);
    const unit = (): Float32Array => unitVector(dimensions, random);
    const began = performance.now();
    const file = randomField(kind, gaussians, dimensions, random);
    const opening = performance.now();
    const field = await openQueryField(backend, file, { canonical: [unit(), unit(), unit(), unit(), unit()] });
    const negatives = Array.from({ length: NEGATIVES }, unit);
    const scale = field.automatic === 'composite' ? ('composite' as const) : 0;
    await using encoder =
      parsed.data.model === undefined ? undefined : await openDualEncoder(parsed.data.model, { threads: 1 });
    const vectorOf = async (text: string): Promise<Float32Array> => {
      const row = await encoder?.encodeTexts([text]);
      return row?.length === dimensions ? row : unit();
    };
    const buffer = backend.createBuffer('relevancy', 4 * gaussians);
    const times: Times[] = [];
    const openMs = performance.now() - opening;
    for (let i = 0; i <= REPEATS; i++) {
      signal.throwIfAborted();
      const own = await oneQuery(
        { backend, reader, buffer },
        field,
        scale,
        negatives,
        () => vectorOf(TEXTS[i % TEXTS.length]!),
        viewAt(i),
      );
      // The first one grows the working memory.
      if (i > 0) times.push(own);
    }
    const middle = (part: keyof Times): number => median(times.map((own) => own[part]));
    const explicit: { scales: number; totalMs: number }[] = [];
    for (const wanted of kind === 'nested' ? SEARCHES : []) {
      const scales = searchScales(dimensions, 1, wanted);
      const ask = await openSearch({ backend, reader }, field, gaussians, scales);
      const own: number[] = [];
      for (let i = 0; i <= REPEATS; i++) {
        signal.throwIfAborted();
        const asking = performance.now();
        await ask({ query: await vectorOf(TEXTS[i % TEXTS.length]!), negatives, sharpness: 1 }, viewAt(i));
        if (i > 0) own.push(performance.now() - asking);
      }
      ask.dispose();
      explicit.push({ scales: scales.length, totalMs: median(own) });
    }
    // Before the arrays with which the speed of copying is measured.
    const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
    const { bytes } = relevancyCost({ rows: gaussians, dimensions, scales: 1, negatives: NEGATIVES });
    return {
      ...{ gaussians, dimensions, kind, ...VIEW, repeats: REPEATS, threads: backend.threads },
      totalMs: middle('total'),
      encodeMs: middle('encode'),
      relevancyMs: middle('relevancy'),
      renderMs: middle('render'),
      worstMs: Math.max(...times.map(({ total }) => total)),
      encoder: encoder?.name ?? null,
      explicit,
      /** Traffic that relevancy cannot do without, in the precision that is kept, and how long this machine takes to copy as much. */
      floorBytes: kind === 'levels' ? bytes / 2 : bytes,
      floorMs: ((kind === 'levels' ? bytes / 2 : bytes) / bytesPerSecond()) * 1000,
      ...{ openMs, makeMs: opening - began },
      peakMemoryBytes,
      targets: [],
    };
  } finally {
    await backend.dispose();
  }
};

const TEXTS = ['red mug', 'handle of the blue teapot', 'book', 'yellow toy car', 'lid of the jar'];

interface Times {
  readonly encode: number;
  readonly relevancy: number;
  readonly render: number;
  readonly total: number;
}

async function oneQuery(
  scene: { backend: Backend; reader: WeightReader; buffer: DeviceBuffer },
  field: QueryField,
  scale: 'composite' | number,
  negatives: readonly Float32Array[],
  encode: () => Promise<Float32Array>,
  view: PinholeView,
): Promise<Times> {
  const began = performance.now();
  const vectors: QueryVectors = { query: await encode(), negatives, sharpness: 1 };
  const encoded = performance.now();
  const relevancy = await field.relevancy(vectors, scale);
  scene.backend.write(scene.buffer, relevancy);
  const compared = performance.now();
  await splattedMaps(scene.reader, view, scene.buffer, 1);
  const ended = performance.now();
  return {
    encode: encoded - began,
    relevancy: compared - encoded,
    render: ended - compared,
    total: ended - began,
  };
}

/** A search over scales in one view: relevancy at all of them in one pass, a picture of as many channels, the highest maximum. */
async function openSearch(
  { backend, reader }: { backend: Backend; reader: WeightReader },
  field: QueryField,
  count: number,
  scales: Uint32Array,
) {
  const { rows, dimensions, projection } = field.renderable(field.scales.length - 1);
  const embeddings = new NestedEmbeddings(backend, {
    ...{ rows, count, dimensions, scales },
    ...(projection !== undefined && { projection }),
  });
  const output = backend.createBuffer('relevancy at scales', 4 * count * scales.length);
  const ask = async ({ query, negatives, sharpness }: QueryVectors, view: PinholeView): Promise<number> => {
    const phrases = embeddings.contrast(query, negatives, sharpness);
    backend.run(relevancyOfRows, { embeddings, phrases, output });
    phrases.dispose();
    const maps = await splattedMaps(reader, view, output, scales.length);
    const maxima = maps.map(({ values }) => values.reduce((most, value) => Math.max(most, value), 0));
    return maxima.indexOf(Math.max(...maxima));
  };
  const dispose = (): void => {
    embeddings.dispose();
    backend.destroyBuffer(output);
  };
  return Object.assign(ask, { dispose });
}

function randomField(
  kind: 'nested' | 'levels',
  gaussians: number,
  dimensions: number,
  random: BenchmarkRandom,
): LanguageFile {
  const values = new Uint16Array(gaussians * dimensions);
  // A table of normal deviates, drawn from: a billion logarithms would take minutes.
  const table = toBfloat16(Float32Array.from({ length: 1 << 16 }, () => random.normal()));
  let state = Math.floor(random.uniform() * 2 ** 32);
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    values[i] = table[state >>> 16]!;
  }
  const header: LanguageFile['header'] = {
    ...{ gaussians, seed: 0, generator: 'benchmark', parameters: {}, recipe: 'n2f2' },
    model: { name: 'random', fingerprint: 'random', dimensions },
    fingerprints: { segments: '', splats: '' },
  };
  const visibility = new Float32Array(gaussians).fill(1);
  if (kind === 'levels') return { header, visibility, field: { kind, levels: [{ name: 'all', embeddings: values }] } };
  return {
    ...{ header, visibility },
    field: {
      ...{ kind, dimensions, step: 1, temperature: 1, scaleEdges: [], theta: values },
      projection: Float32Array.from({ length: dimensions ** 2 }, () => random.normal() / Math.sqrt(dimensions)),
    },
  };
}

/** Gaussians on the walls of a box, as many a pixel as a trained room has. */
function room(count: number, random: BenchmarkRandom): SplatArrays {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  const means = new Float32Array(3 * count);
  const logScales = new Float32Array(3 * count);
  const size = Math.log(1.2 * Math.sqrt(96 / count));
  for (let i = 0; i < count; i++) {
    const point = [between(-2, 2), between(-2, 2), between(-2, 2)];
    point[Math.floor(random.uniform() * 3)] = random.uniform() < 0.5 ? -2 : 2;
    means.set(point, 3 * i);
    for (let k = 0; k < 3; k++) logScales[3 * i + k] = size + between(-0.7, 0);
  }
  return {
    ...{ count, shDegree: 0, means, logScales },
    quaternions: Float32Array.from({ length: 4 * count }, () => random.normal()),
    logitOpacities: Float32Array.from({ length: count }, () => between(-1, 3)),
    sh: new Float32Array(3 * count),
  };
}

function viewAt(i: number): PinholeView {
  const angle = 0.7 * i;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return {
    ...{ widthPixels: VIEW.width, heightPixels: VIEW.height, fx: 260, fy: 260, cx: 160, cy: 120 },
    cameraFromWorld: [c, 0, s, 0, 0, 1, 0, 0, -s, 0, c, 0.5],
  };
}

function unitVector(dimensions: number, random: BenchmarkRandom): Float32Array {
  const values = Float32Array.from({ length: dimensions }, () => random.normal());
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

/** Of copying 128 MiB, read and written: the largest of five. */
function bytesPerSecond(): number {
  const values = new Float64Array(1 << 24).fill(1);
  let best = 0;
  for (let round = 0; round < 5; round++) {
    const began = performance.now();
    const copy = values.slice();
    best = Math.max(best, (2 * copy.byteLength) / ((performance.now() - began) / 1000));
  }
  return best;
}
