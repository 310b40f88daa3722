/** Recipes that train a feature field on cached blending weights: methods 2.1 to 2.3 and the linear assignment. */
import { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';
import { instancePixels, type TrainedField, trainField, WeightCache } from '../fields/index.ts';
import { panopticQuality } from '../metrics/index.ts';
import {
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
import type { TrainedRecipe } from './recipes.ts';

type Json = z.core.util.JSONType;
const FOREGROUND_SHARE = 0.5;
/** A slot of the linear assignment that wins in fewer training views is no object. */
const LEAST_VIEWS = 3;

/** Parameters of the field with `maxContributors`, of the cache, beside them. 0 keeps all. */
const CACHE_DEFAULTS = { maxContributors: 0 };

export async function liftByField(name: TrainedRecipe, input: LiftInput): Promise<LiftOutcome> {
  const { backend, model, splats, frames, seed, signal, onProgress } = input;
  const { maxContributors, ...parameters } = merged(
    name,
    { ...FIELD_RECIPES[name].parameters, ...CACHE_DEFAULTS },
    input.parameters,
  );
  const began = performance.now();
  const foreground = await foregroundByVote(input);
  const voted = performance.now();
  const cache = await WeightCache.extract(
    backend,
    model,
    frames.map(({ view }) => view),
    {
      pixels: instancePixels(frames),
      ...(maxContributors > 0 && { maxContributors }),
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
    parameters: json({ ...parameters, maxContributors, clustering: input.clustering, semantics: 'vote' }),
    report: { ...report, field: json(field.report) },
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

/**
 * Defaults with overrides, key by key, objects merged.
 * @throws LiftscopeError `bad-input` for an unknown name or a value of another kind
 */
function merged<T extends object>(recipe: string, defaults: T, given: Readonly<Record<string, Json>>): T {
  const result: Record<string, unknown> = Object.fromEntries(Object.entries(defaults));
  for (const [name, value] of Object.entries(given)) {
    const before = result[name];
    if (before === undefined || typeof before !== typeof value) {
      const known = Object.keys(defaults).join(', ');
      throw new LiftscopeError({
        code: 'bad-input',
        message:
          before === undefined
            ? `Recipe ${recipe} has no parameter "${name}".`
            : `Recipe ${recipe}: ${name} is ${JSON.stringify(value)}, which is no ${typeof before}.`,
        hint: `Its parameters: ${known}.`,
      });
    }
    const isNested = typeof before === 'object' && before !== null && typeof value === 'object' && value !== null;
    result[name] = isNested ? { ...before, ...value } : value;
  }
  return result as T;
}

/** Through JSON, which drops what is undefined and what is no data. */
function json(value: object): Record<string, Json> {
  return z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(value)));
}
