/** Recipes of tracking: which costs, which weights, and which baseline. */
import {
  type ByteTrackParameters,
  byteTrackParametersSchema,
  LiftscopeError,
  type TrackingParameters,
  type TrackingRecipe,
  trackingParametersSchema,
} from '../../contract/index.ts';
import { type Ambiguity, ByteTracker, ObjectTracker, type TrackingNotes } from '../objects/index.ts';
import type { ObservedFrame } from './observe.ts';

/**
 * The best of `bench tracking --set tune=true` on kitchens 101 to 103 under three runs of the tracker each, which no benchmark figure
 * comes from; so are those of the baselines below.
 */
const SPATIAL: Partial<TrackingParameters> = {
  locationCost: 'scaled',
  alphaLocation: 0.5,
  alphaVisual: 8,
  alphaCategory: 0.5,
  alphaInstance: 0.7,
  gamma: 2,
  // Less than γ/2: with neither place nor looks, the same initial id and category are enough.
  unknownCost: 0.9,
  centroid: 'median-depth',
};
const APPEARANCE_ONLY: Partial<TrackingParameters> = {
  useLocation: false,
  useCategory: false,
  useInstance: false,
  alphaVisual: 4,
  gamma: 0.6,
};
const BYTE_TRACK: Partial<ByteTrackParameters> = { minIou: 0.1, bufferFrames: 5 };

export interface FrameIds {
  /** [segments of the frame], from 1. */
  readonly ids: Int32Array;
  readonly ambiguities: readonly Ambiguity[];
}

/** One tracker, whatever it is. */
export interface Associator {
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  /** @param locks by segment id: key of the object that a person tied it to */
  step(frame: ObservedFrame, locks?: ReadonlyMap<number, number>): FrameIds;
  /** Id of the track that a key was tied to. */
  readonly lockedTracks: ReadonlyMap<number, number>;
}

type Overrides = Readonly<Record<string, unknown>>;

/** Parameters of a recipe other than `byte-track`. @throws LiftscopeError `usage` */
export function trackingParametersOf(recipe: Exclude<TrackingRecipe, 'byte-track'>, given: Overrides = {}) {
  const own = { spatial: SPATIAL, 'spatial-published': {}, 'appearance-only': APPEARANCE_ONLY }[recipe];
  return parsed(trackingParametersSchema, recipe, { ...own, ...given });
}

/** @throws LiftscopeError `usage` for a parameter that the recipe does not have or that is out of range */
export function createAssociator(recipe: TrackingRecipe, given: Overrides, notes: TrackingNotes): Associator {
  return recipe === 'byte-track'
    ? new BoxAssociator(parsed(byteTrackParametersSchema, recipe, { ...BYTE_TRACK, ...given }))
    : new ObjectAssociator(trackingParametersOf(recipe, given), notes);
}

class ObjectAssociator implements Associator {
  readonly parameters: TrackingParameters;
  readonly #tracker: ObjectTracker;
  readonly #locked = new Map<number, number>();

  constructor(parameters: TrackingParameters, notes: TrackingNotes) {
    this.parameters = parameters;
    this.#tracker = new ObjectTracker(parameters, notes);
  }

  get lockedTracks(): ReadonlyMap<number, number> {
    return this.#locked;
  }

  step({ segments }: ObservedFrame, locks?: ReadonlyMap<number, number>): FrameIds {
    const { trackIds, ambiguities } = this.#tracker.step(
      segments.map(({ shape, category, location, feature }) => ({
        ...{ sourceId: shape.id, category, location, feature },
        lockedTo: locks?.get(shape.id),
      })),
    );
    segments.forEach(({ shape }, i) => {
      const key = locks?.get(shape.id);
      if (key !== undefined && !this.#locked.has(key)) this.#locked.set(key, trackIds[i]!);
    });
    return { ids: trackIds, ambiguities };
  }
}

/** Boxes know nothing of locks: what a person tied is put on top of its ids. */
class BoxAssociator implements Associator {
  readonly parameters: ByteTrackParameters;
  readonly #tracker: ByteTracker;
  readonly #locked = new Map<number, number>();

  constructor(parameters: ByteTrackParameters) {
    this.parameters = parameters;
    this.#tracker = new ByteTracker(parameters);
  }

  get lockedTracks(): ReadonlyMap<number, number> {
    return this.#locked;
  }

  step({ segments }: ObservedFrame, locks?: ReadonlyMap<number, number>): FrameIds {
    const ids = this.#tracker.step(
      segments.map(({ shape: { left, top, right, bottom }, confidence }) => ({
        box: [left, top, right, bottom] as const,
        confidence,
      })),
    );
    segments.forEach(({ shape }, i) => {
      const key = locks?.get(shape.id);
      if (key === undefined) return;
      const known = this.#locked.get(key);
      if (known === undefined) this.#locked.set(key, ids[i]!);
      else {
        const other = ids.indexOf(known);
        if (other >= 0) ids[other] = ids[i]!;
        ids[i] = known;
      }
    });
    return { ids, ambiguities: [] };
  }
}

interface Schema<T> {
  safeParse(
    value: unknown,
  ): { success: true; data: T } | { success: false; error: { issues: { path: PropertyKey[]; message: string }[] } };
  readonly shape: object;
}

function parsed<T>(schema: Schema<T>, recipe: string, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new LiftscopeError({
    code: 'usage',
    message: `Recipe ${recipe}: ${issue?.path.join('.') || 'parameters'}: ${issue?.message ?? 'not valid'}`,
    hint: `Parameters: ${Object.keys(schema.shape).join(', ')}.`,
  });
}
