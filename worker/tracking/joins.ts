/** Which tracks may be one object: what tracking's own costs say of whole tracks, for a person to decide. */
import type { TrackedObject, TrackingParameters } from '../../contract/index.ts';
import { locationCost, squaredDistance, type Vector, visualCost } from '../objects/index.ts';
import type { ObservedFrame } from './observe.ts';

type Join = NonNullable<TrackedObject['joins']>[number];

/** Tracks of fewer sightings are mostly false detections. */
const MIN_SIGHTINGS = 3;
/** Beyond the threshold of tracking itself: those below it have been joined. */
const MARGIN = 3;
const JOINS_PER_TRACK = 5;
/** All pairs are looked at: of more tracks, those seen most often. */
const MAX_TRACKS = 3000;

interface Whole {
  readonly object: number;
  readonly first: Vector | undefined;
  readonly firstFrame: number;
  last: Vector | undefined;
  lastFrame: number;
  sightings: number;
  readonly categories: Map<string, number>;
  sum: Float64Array;
  features: number;
}

export class TrackJoins {
  readonly #wholes = new Map<number, Whole>();
  #frame = -1;

  /** The next frame. @param ids [segments] */
  step({ segments }: ObservedFrame, ids: Int32Array): void {
    const frame = ++this.#frame;
    segments.forEach(({ location, category, feature }, i) => {
      const object = ids[i]!;
      let whole = this.#wholes.get(object);
      if (whole === undefined) {
        whole = {
          ...{ object, first: location, firstFrame: frame, last: location, lastFrame: frame, sightings: 0 },
          ...{ categories: new Map(), sum: new Float64Array(feature?.length ?? 0), features: 0 },
        };
        this.#wholes.set(object, whole);
      }
      whole.sightings++;
      whole.lastFrame = frame;
      whole.last = location ?? whole.last;
      if (category !== undefined) whole.categories.set(category, (whole.categories.get(category) ?? 0) + 1);
      if (feature === undefined) return;
      if (whole.sum.length === 0) whole.sum = new Float64Array(feature.length);
      for (let k = 0; k < feature.length; k++) whole.sum[k]! += feature[k]!;
      whole.features++;
    });
  }

  /** By object, the cheapest first; of each pair the earlier one names the later one. */
  list(parameters: TrackingParameters): Map<number, Join[]> {
    const wholes = [...this.#wholes.values()]
      .filter(({ sightings }) => sightings >= MIN_SIGHTINGS)
      .sort((a, b) => b.sightings - a.sightings)
      .slice(0, MAX_TRACKS)
      .sort((a, b) => a.firstFrame - b.firstFrame || a.object - b.object);
    const found = new Map<number, Join[]>();
    wholes.forEach((early, i) => {
      const joins: Join[] = [];
      for (const late of wholes.slice(i + 1)) {
        const cost = costOf(early, late, parameters);
        if (cost < parameters.gamma + MARGIN) joins.push({ object: late.object, cost });
      }
      joins.sort((a, b) => a.cost - b.cost);
      if (joins.length > 0) found.set(early.object, joins.slice(0, JOINS_PER_TRACK));
    });
    return found;
  }
}

function costOf(early: Whole, late: Whole, parameters: TrackingParameters): number {
  const { unknownCost, alphaCategory, alphaVisual } = parameters;
  const [a, b] = [mostFrequent(early.categories), mostFrequent(late.categories)];
  let cost = a === undefined || b === undefined || a === b ? 0 : alphaCategory;
  // Tracks that lie within one another are compared where both were seen last.
  const from = early.last;
  const to = early.lastFrame < late.firstFrame ? late.first : late.last;
  cost +=
    from === undefined || to === undefined
      ? unknownCost
      : locationCost(Math.hypot(from[0] - to[0], from[1] - to[1], from[2] - to[2]), parameters);
  if (early.features === 0 || late.features === 0) return cost + unknownCost;
  const mean = late.sum.map((value) => value / late.features);
  return cost + visualCost(squaredDistance(early.sum, 1 / early.features, mean), alphaVisual);
}

function mostFrequent(counts: ReadonlyMap<string, number>): string | undefined {
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}
