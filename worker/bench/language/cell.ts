/**
 * Cells of `bench language` on one room: fields are trained by recipes, then every query is asked in every held-out view, in every way
 * that a field can answer. What all recipes are trained from (segments, embeddings, cached weights) is made once.
 */
import { z } from 'zod';
import {
  CANONICAL_PHRASES,
  LANGUAGE_NEGATIVES,
  LiftscopeError,
  languageRecipeSchema,
  noisePresetSchema,
  type TrainingFrame,
} from '../../../contract/index.ts';
import type { LanguageParameters } from '../../fields/index.ts';
import { openQueryField, type QueryMembers, rankObjects, TextVectors } from '../../language/index.ts';
import {
  encoderSide,
  languageFile,
  loadSegments,
  type PreparedLanguage,
  prepareLanguage,
  recipeParameters,
  SegmentEmbedder,
  trainRecipe,
} from '../../language-training/index.ts';
import { type OpenedSplats, readSceneFrames, withSplats } from '../../lifting/index.ts';
import { type DualEncoder, openDualEncoder } from '../../models/index.ts';
import { COLOUR_NAMES, readSceneTruth, type SceneTruth } from '../../scenes/index.ts';
import { viewOf } from '../../splats/index.ts';
import type { Benchmark } from '../index.ts';
import { benchmarkRandom } from '../random.ts';
import { FieldModes } from './field-modes.ts';
import { type HeldView, readHeldViews } from './held-views.ts';
import { alternativesOf, type RoomQuery, roomQueries, truthOf } from './queries.ts';

const cellSchema = z.strictObject({
  recipe: languageRecipeSchema,
  parameters: z.record(z.string(), z.json()).default({}),
  /** Factor on every rate of the recipe. */
  rate: z.number().positive().default(1),
  /** Temperatures of the composite that are tried. */
  temperatures: z.array(z.number().positive()).min(1).max(10).default([1]),
  /** Also in the published order, which costs more. */
  rendered: z.boolean().default(false),
  /** Of a nested field also every scale by itself. */
  searches: z.boolean().default(true),
});
type CellArguments = z.infer<typeof cellSchema>;

const argumentsSchema = z.strictObject({
  capture: z.string().min(1),
  splats: z.string().min(1),
  model: z.string().min(1),
  /** Tells cells of different versions apart; not looked at. */
  modelHash: z.string().optional(),
  /** Folder that keeps embeddings of segments. */
  embeddings: z.string().min(1).optional(),
  noise: noisePresetSchema.default('default'),
  cells: z.array(cellSchema).min(1),
});

/** Of the image: what shows less of what was asked for is not scored. */
const VISIBLE_SHARE = 5e-4;

export const run: Benchmark = async (request, { signal, emit }) => {
  const parsed = argumentsSchema.safeParse(request.arguments);
  if (!parsed.success) {
    throw new LiftscopeError({ code: 'bad-input', message: `bench language: ${z.prettifyError(parsed.error)}` });
  }
  const { capture, splats, model, noise, cells } = parsed.data;
  const { seed } = request;
  const { frames } = await readSceneFrames(capture, 'none', 0);
  const truth = await readSceneTruth(capture);
  const photos = frames.map((frame) => ({ ...frame, imagePath: `${capture}/images/${frame.name}.png` }));
  const { frames: segmented } = await loadSegments({ kind: 'simulated', noise, seed }, photos, capture);
  await using encoder = await openDualEncoder(model, { threads: request.threads });
  const side = await encoderSide(model);
  const texts = new TextVectors(encoder);
  const queries = roomQueries(truth, benchmarkRandom(seed));
  const asked = {
    ...{ seed, signal, encoder, truth, queries },
    canonical: await texts.of(CANONICAL_PHRASES),
    negatives: await texts.of(LANGUAGE_NEGATIVES),
    vectors: await texts.of(queries.map(({ text }) => text)),
    alternatives: await alternativeVectors(texts, truth, queries),
  };
  // Awaited here: the encoder is gone after this function.
  return await withSplats(splats, request, async (opened) => {
    const train = frames.filter(({ role }) => role === 'train');
    const members = await trueMembers(opened, truth, train);
    const held = frames.filter(({ role }) => role === 'holdout');
    const views = await readHeldViews(opened.backend, opened.reader, opened.splats.count, truth, held);
    const results = [];
    // What crops and cached weights depend on; all recipes have the same unless parameters say otherwise.
    let shared: { readonly key: string; readonly prepared: PreparedLanguage } | undefined;
    try {
      for (const [index, cell] of cells.entries()) {
        signal.throwIfAborted();
        const { pipeline } = recipeParameters(cell.recipe, cell.parameters);
        const { pixelsPerView, cropMargin, cropContext } = pipeline;
        const key = JSON.stringify([pixelsPerView, cropMargin, cropContext]);
        const progress = (stage: string, done: number, total: number) =>
          emit({ type: 'work', stage: `${index + 1} of ${cells.length}, ${cell.recipe}: ${stage}`, done, total });
        if (shared?.key !== key) {
          shared?.prepared.cache.dispose();
          shared = undefined;
          const crop = { margin: cropMargin, context: cropContext };
          const embedder = new SegmentEmbedder(encoder, crop, side, parsed.data.embeddings);
          const options = { pixelsPerView, seed, signal, onProgress: progress };
          shared = { key, prepared: await prepareLanguage(opened, segmented, embedder, options) };
        }
        results.push(await runCell(cell, opened, shared.prepared, members, { ...asked, views }, progress));
      }
    } finally {
      shared?.prepared.cache.dispose();
      for (const { weights } of views) weights.dispose();
    }
    return { seed, cells: results, targets: [] };
  });
};

/** What is asked of every field, and where. */
interface Asked {
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly encoder: DualEncoder;
  readonly truth: SceneTruth;
  readonly queries: readonly RoomQuery[];
  /** Embeddings of the queries, and of what they are compared with. */
  readonly vectors: readonly Float32Array[];
  /** By query: of the same question about everything else. */
  readonly alternatives: readonly (readonly Float32Array[])[];
  readonly canonical: readonly Float32Array[];
  readonly negatives: readonly Float32Array[];
  readonly views: readonly HeldView[];
}

async function runCell(
  { recipe, parameters, rate, temperatures, rendered, searches }: CellArguments,
  opened: OpenedSplats,
  prepared: PreparedLanguage,
  members: QueryMembers,
  { seed, signal, encoder, truth, queries, vectors, alternatives, canonical, negatives, views }: Asked,
  progress: (stage: string, done: number, total: number) => void,
) {
  const { backend } = opened;
  const { pipeline, field: own } = recipeParameters(recipe, parameters);
  const used = scaledRates(own, rate);
  const field = await trainRecipe(prepared, {
    ...{ backend, means: opened.splats.means, parameters: used, seed, signal },
    onProgress: ({ step, steps }) => progress('field', step, steps),
  });
  const { name, fingerprint, dimensions } = encoder;
  const file = await languageFile(backend, field, prepared, {
    ...{ recipe, seed, temperature: pipeline.temperature, parameters: {} },
    model: { name, fingerprint, dimensions },
    fingerprints: { segments: '', splats: '' },
  });
  const began = performance.now();
  const modes = await FieldModes.open(backend, file, {
    ...{ canonical, temperatures, rendered, searches },
    ...(field.kind === 'decoded' && { decoded: field }),
  });
  const askable = queries.map((query, i) => ({
    vectors: { query: vectors[i]!, negatives, sharpness: 1 },
    alternatives: alternatives[i]!,
    truths: views.map((view) => {
      const right = truthOf(query, view);
      // Absent ones are asked everywhere.
      return query.kind === 'absent' || right.areaPx >= VISIBLE_SHARE * view.instance.length ? right : undefined;
    }),
  }));
  const scores = await modes.score(askable, views, (done, total) => {
    signal.throwIfAborted();
    progress('queries', done, total);
  });
  const query = await openQueryField(backend, file, { canonical });
  const results = [];
  for (const [i, asked] of queries.entries()) {
    const { vectors: compared } = askable[i]!;
    const scale = query.automatic === 'composite' ? ('composite' as const) : (await query.maxima(compared)).best;
    const ranked = rankObjects(await query.relevancy(compared, scale), prepared.visibility, members);
    results.push({ text: asked.text, kind: asked.kind, rank: rankOf(asked, truth, ranked), modes: scores[i]! });
  }
  query.dispose();
  modes.dispose();
  return {
    ...{ recipe, rate, gaussians: opened.splats.count, views: views.length },
    ...{ queries: results, parameters: json({ ...used, ...pipeline }), report: json(field.report) },
    segments: prepared.frames.reduce((sum, { segments }) => sum + segments.length, 0),
    teacher: teacherFigures(
      prepared.frames.flatMap(({ segments }) => segments.map(({ embedding }) => embedding)),
      ...([negatives, vectors, queries] as const),
    ),
    seconds: { ...prepared.seconds, field: field.report.seconds, queries: (performance.now() - began) / 1000 },
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    threads: backend.threads,
  };
}

async function alternativeVectors(texts: TextVectors, { scene }: SceneTruth, queries: readonly RoomQuery[]) {
  const categories = scene.classes.filter(({ isThing }) => isThing).map(({ name }) => name.replaceAll('-', ' '));
  const vectors: Float32Array[][] = [];
  for (const { text } of queries) vectors.push(await texts.of(alternativesOf(text, categories, COLOUR_NAMES)));
  return vectors;
}

/** The same for every recipe, whatever rates it has. */
function scaledRates(parameters: LanguageParameters, factor: number): LanguageParameters {
  const rates = ['networkRate', 'planeRate', 'rate'];
  const scaled = Object.entries(parameters).map(([name, value]) => {
    return [name, rates.includes(name) && typeof value === 'number' ? value * factor : value] as const;
  });
  return Object.fromEntries(scaled) as unknown as LanguageParameters;
}

/** Which Gaussian shows which true object most: ranking is scored apart from lifting. */
async function trueMembers(
  { reader, splats }: OpenedSplats,
  truth: SceneTruth,
  frames: readonly TrainingFrame[],
): Promise<QueryMembers> {
  const { count } = splats;
  const objects = truth.objects.length + 1;
  const votes = new Float32Array(count * objects);
  for (const frame of frames) {
    const { instance } = await truth.readFrame(frame.name);
    const sums = await reader.sums(viewOf(frame), instance);
    for (const [row, label] of sums.labels.entries()) {
      for (let k = sums.rowStart[row]!; k < sums.rowStart[row + 1]!; k++) {
        votes[sums.columns[k]! * objects + label]! += sums.weights[k]!;
      }
    }
  }
  const ids = new Uint32Array(count);
  const confidence = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const own = votes.subarray(i * objects, (i + 1) * objects);
    const total = own.reduce((sum, value) => sum + value, 0);
    const best = own.reduce((most, value, object) => (value > own[most]! ? object : most), 0);
    ids[i] = best;
    confidence[i] = total > 0 ? own[best]! / total : 0;
  }
  return { ids, confidence };
}

/** Place of the first object that answers, from 1; null for absent queries. A part is answered by its object. */
function rankOf(
  { objects, parts, kind }: RoomQuery,
  truth: SceneTruth,
  ranked: readonly { readonly id: number }[],
): number | null {
  if (kind === 'absent') return null;
  const owners = truth.objects.filter((object) => object.parts.some(({ id }) => parts.includes(id)));
  const right = new Set([...objects, ...owners.map(({ id }) => id)]);
  const place = ranked.findIndex(({ id }) => right.has(id));
  return place < 0 ? ranked.length + 1 : place + 1;
}

/** What the teacher itself says, field or not: the share of queries that some segment's embedding answers. */
function teacherFigures(
  embeddings: readonly Float32Array[],
  negatives: readonly Float32Array[],
  vectors: readonly Float32Array[],
  queries: readonly RoomQuery[],
) {
  const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, d) => sum + value * b[d]!, 0);
  const least = embeddings.map((embedding) => Math.max(...negatives.map((negative) => dot(embedding, negative))));
  const shareOf = (isAbsent: boolean): number => {
    const chosen = queries.flatMap(({ kind }, i) => ((kind === 'absent') === isAbsent ? [vectors[i]!] : []));
    const answered = chosen.filter((vector) => embeddings.some((one, k) => dot(one, vector) > least[k]!));
    return chosen.length === 0 ? 0 : answered.length / chosen.length;
  };
  return { presentAnswered: shareOf(false), absentAnswered: shareOf(true) };
}

function json(value: object): Record<string, z.core.util.JSONType> {
  return z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(value)));
}
