/** Recipes that train a feature field on cached blending weights: methods 2.1 to 2.3 and the linear assignment. */
import { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';
import {
  type FieldParameters,
  readoutOf,
  sampledPixels,
  type TrainedField,
  trainField,
  WeightCache,
} from '../fields/index.ts';
import { panopticQuality } from '../metrics/index.ts';
import {
  CLOSED_FORM_DEFAULTS,
  closedFormLift,
  decideGaussians,
  embeddingToObjects,
  gatherEvidence,
  InstanceRenderer,
  type LiftedGaussians,
  type LiftInput,
  type LiftOutcome,
  type MapScore,
  voteOnGaussians,
} from '../objects/index.ts';
import { FIELD_RECIPES } from '../recipes/index.ts';
import { mergedParameters } from './parameters.ts';
import type { TrainedRecipe } from './recipes.ts';
import { planWeights } from './weight-budget.ts';

type Json = z.core.util.JSONType;
const FOREGROUND_SHARE = 0.5;
/** A slot of the linear assignment that wins in fewer training views is no object. */
const LEAST_VIEWS = 3;

/** What a recipe takes beside the parameters of its field. */
const DEFAULTS = {
  /** Of the weight cache; 0 keeps all. */
  maxContributors: 0,
  /** Most that the weight cache takes; less where the memory budget of the job leaves less. */
  weightsMB: 1500,
  /** Foreground by the closed-form vote, or by a trained semantic field (`trained`). */
  semantics: 'vote',
  semanticSteps: 1000,
  /** Where `steps` is not given: at least this many for every training frame. */
  stepsPerFrame: 20,
  /** `closed-form`: a table starts from the objects of the closed-form lift. */
  warmStart: 'none',
};

export async function liftByField(name: TrainedRecipe, input: LiftInput): Promise<LiftOutcome> {
  const { backend, model, splats, frames, seed, signal, onProgress } = input;
  const { maxContributors, weightsMB, semantics, semanticSteps, stepsPerFrame, warmStart, ...given } = mergedParameters(
    name,
    { ...FIELD_RECIPES[name].parameters, ...DEFAULTS },
    input.parameters,
  );
  const least = 'steps' in input.parameters ? 0 : Math.ceil(stepsPerFrame * frames.length);
  const parameters = { ...given, steps: Math.max(given.steps, least) };
  requireChoice(name, 'semantics', semantics, ['vote', 'trained']);
  requireChoice(name, 'warmStart', warmStart, ['none', 'closed-form']);
  const began = performance.now();
  const foreground =
    semantics === 'trained' ? await foregroundByField(input, semanticSteps) : await foregroundByVote(input);
  const start = warmStart === 'closed-form' ? await closedFormStart(input, parameters) : undefined;
  const voted = performance.now();
  const plan = await planWeights(backend, model, frames, 1e6 * weightsMB, maxContributors, seed, signal);
  const cache = await WeightCache.extract(
    backend,
    model,
    frames.map(({ view }) => view),
    {
      pixels: plan.pixels,
      overAlpha: readoutOf(parameters.loss) === 'embedding',
      ...(plan.maxContributors !== undefined && { maxContributors: plan.maxContributors }),
      ...(signal && { signal }),
      onProgress: (done, total) => onProgress?.('weights', done, total),
    },
  );
  let field: TrainedField;
  const cached = performance.now();
  try {
    field = await trainField({
      backend,
      cache,
      frames,
      means: splats.means,
      parameters,
      seed,
      ...(start && { warmStart: start }),
      ...(signal && { signal }),
      onProgress: ({ step, steps }) => onProgress?.('field', step, steps),
    });
  } finally {
    cache.dispose();
  }
  const trained = performance.now();
  const { lifted, report } =
    field.readout === 'logits'
      ? await fromLogits(input, field, foreground)
      : await fromEmbedding(input, field, foreground);
  const seconds = (from: number, to: number) => (to - from) / 1000;
  return {
    lifted,
    parameters: json({
      ...parameters,
      ...{ maxContributors, weightsMB, semantics, warmStart, clustering: input.clustering },
      ...(semantics === 'trained' && { semanticSteps }),
    }),
    report: { ...report, weights: { entries: cache.entryCount, bytes: cache.sizeBytes }, field: json(field.report) },
    ...(plan.warning !== undefined && { warnings: [plan.warning] }),
    seconds: {
      foreground: seconds(began, voted),
      weights: seconds(voted, cached),
      field: seconds(cached, trained),
      objects: seconds(trained, performance.now()),
    },
  };
}

/** The closed-form semantic field: share of each Gaussian's sight that lies in any segment. */
async function foregroundByVote({ reader, splats, frames, signal, onProgress }: LiftInput): Promise<Float32Array> {
  const classes = frames.map(({ view, segments }) => ({ view, segments: segments.map((id) => Math.min(1, id)) }));
  const evidence = await gatherEvidence(reader, splats.count, classes, signal, (done, total) =>
    onProgress?.('foreground', done, total),
  );
  return voteOnGaussians(evidence, new Int32Array(evidence.nodes.length), 0).foreground;
}

/** Pixels of each view that the semantic field is trained on. */
const SEMANTIC_PIXELS = 4096;
/** Methods 2.1: cross entropy, and from 70 % of the schedule on segment consistency with the argmax of the segment's mean. */
const SEMANTIC: Omit<FieldParameters, 'steps'> = {
  ...{ dimensions: 2, batchPixels: 2048, rate: 5e-2, finalRate: 5e-3, slowDecay: 0.9 },
  field: { kind: 'table', sigma: 0.01, positions: 0, reach: 0 },
  loss: {
    ...{ kind: 'semantic', rendering: 'logits', consistency: 1 },
    ...{ consistencyTarget: 'argmax', consistencyFrom: 0.7 },
  },
};

/**
 * A trained two-class field. A pixel is foreground where the rendered difference of its logits is above 0; scaled into [0, 1]
 * around one half that is the same question, because rendering is linear.
 */
async function foregroundByField(input: LiftInput, steps: number): Promise<Float32Array> {
  const { backend, model, splats, frames, seed, signal, onProgress } = input;
  const cache = await WeightCache.extract(
    backend,
    model,
    frames.map(({ view }) => view),
    { pixels: sampledPixels(frames, SEMANTIC_PIXELS, seed), ...(signal && { signal }) },
  );
  try {
    const { features } = await trainField({
      ...{ backend, cache, frames, means: splats.means, parameters: { ...SEMANTIC, steps }, seed },
      ...(signal && { signal }),
      onProgress: (progress) => onProgress?.('semantic field', progress.step, progress.steps),
    });
    const differences = Float32Array.from({ length: splats.count }, (_, i) => features[2 * i + 1]! - features[2 * i]!);
    const largest = differences.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
    return differences.map((value) => 0.5 + value / (2 * largest));
  } finally {
    cache.dispose();
  }
}

/** Distance of neighbouring objects in a warm start: at 2, exp(-d²) has all but vanished. */
const START_SPACING = 2;

/** Objects of the closed-form lift on a cubic lattice in random order, with the table's own noise; the rest noise alone. */
async function closedFormStart(
  { reader, splats, frames, seed, signal }: LiftInput,
  { field, dimensions }: FieldParameters,
): Promise<Float32Array> {
  const parameters = { ...CLOSED_FORM_DEFAULTS, masks: 'inconsistent' } as const;
  const { votes } = await closedFormLift(reader, splats.count, frames, parameters, signal);
  const { objectOfGaussian } = decideGaussians(votes);
  const side = Math.ceil((votes.objects + 1) ** (1 / dimensions));
  const random = seededUniform(seed);
  const order = Array.from({ length: votes.objects + 1 }, (_, object) => object)
    .map((object) => ({ object, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ object }) => object);
  const sigma = field.kind === 'table' ? field.sigma : 0;
  return Float32Array.from({ length: splats.count * dimensions }, (_, at) => {
    const place = order[objectOfGaussian[Math.floor(at / dimensions)]!]!;
    const step = Math.floor(place / side ** (at % dimensions)) % side;
    const noise = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return START_SPACING * (step - (side - 1) / 2) + sigma * noise;
  });
}

/** Mulberry32: only order and noise of a warm start depend on it. */
function seededUniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

function requireChoice(recipe: string, name: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new LiftscopeError({
    code: 'bad-input',
    message: `Recipe ${recipe}: ${name} is "${value}".`,
    hint: `It may be ${known.join(' or ')}.`,
  });
}

async function fromEmbedding(input: LiftInput, field: TrainedField, foreground: Float32Array) {
  const { backend, reader, frames, clustering, seed, signal } = input;
  const unitLength = field.readout === 'unit-embedding';
  const embedding = {
    dimensions: field.dimensions,
    features: field.features,
    unitLength,
    foreground,
    foregroundShare: FOREGROUND_SHARE,
  };
  const found = await embeddingToObjects(backend, reader, embedding, frames, clustering, seed, perFramePq, signal);
  const lifted: LiftedGaussians = {
    gaussians: field.gaussians,
    objects: found.objects,
    foreground,
    foregroundShare: FOREGROUND_SHARE,
    readout: {
      kind: 'embedding',
      dimensions: field.dimensions,
      features: field.features,
      centroids: found.centroids,
      unitLength,
    },
  };
  const { centroids: _, ...clusters } = found;
  return { lifted, report: json({ clustering: clusters }) };
}

/** PQ of the foreground class of one frame. */
const perFramePq: MapScore = ({ view, segments }, map) => {
  const targetInstances = Uint32Array.from(segments);
  const { classes } = panopticQuality(
    [
      {
        width: view.widthPixels,
        height: view.heightPixels,
        targetInstances,
        targetClasses: targetInstances.map((id) => Math.min(1, id)),
        predictedInstances: map,
        predictedClasses: map.map((id) => Math.min(1, id)),
      },
    ],
    { things: [1], stuff: [0], minClassShare: 0 },
  );
  return classes.find(({ id }) => id === 1)?.pq ?? 0;
};

/** Slots that win somewhere in enough training views are the objects; the others are left out of the readout. */
async function fromLogits(input: LiftInput, field: TrainedField, foreground: Float32Array) {
  const { backend, reader, frames, signal } = input;
  const { gaussians, dimensions } = field;
  const shared = { gaussians, foreground, foregroundShare: FOREGROUND_SHARE };
  const all: LiftedGaussians = {
    ...shared,
    objects: dimensions,
    readout: { kind: 'logits', features: field.features },
  };
  const views = new Uint32Array(dimensions + 1);
  const renderer = new InstanceRenderer(backend, reader, all);
  try {
    for (const { view } of frames) {
      signal?.throwIfAborted();
      for (const slot of new Set(await renderer.map(view))) views[slot]!++;
    }
  } finally {
    renderer.dispose();
  }
  const least = Math.min(LEAST_VIEWS, frames.length);
  const slots = Array.from({ length: dimensions }, (_, slot) => slot).filter((slot) => views[slot + 1]! >= least);
  const features = new Float32Array(gaussians * slots.length);
  for (let i = 0; i < gaussians; i++) {
    for (const [k, slot] of slots.entries()) features[i * slots.length + k] = field.features[i * dimensions + slot]!;
  }
  const lifted: LiftedGaussians = { ...shared, objects: slots.length, readout: { kind: 'logits', features } };
  return { lifted, report: { slots: dimensions, slotsUsed: slots.length } };
}

/** Through JSON, which drops what is undefined and what is no data. */
function json(value: object): Record<string, Json> {
  return z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(value)));
}
