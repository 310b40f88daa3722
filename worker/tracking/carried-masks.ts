/** Masks of objects where nothing segmented them, proposed from their last or next sighting (`carried` of `.tracks`). */
import { countsOfMask, encodeCounts, type TracksFrame } from '../../contract/index.ts';
import { carriedMask, type SeenSurface, surfaceOf, type Vector } from '../objects/index.ts';
import type { ObservedFrame } from './observe.ts';

type Observations = TracksFrame['observations'];
type Carried = NonNullable<TracksFrame['carried']>;

/** So long a thing is taken to be where it was, if what is seen there is as deep as it. */
const MAX_AGE_FRAMES = 300;
/** One sighting alone may be no object, or not be there to stay. */
const MIN_SIGHTINGS = 2;
/** Farther from its place, scene units, an object stands at another one. */
const MOVED = 0.1;
/** Frames that are held back until an object may have come again, and most of their pixels together. */
const HELD_FRAMES = 90;
const HELD_PIXELS = 8 << 20;
/** Smaller ones, as a share of the image, are left out: nobody could check them. */
const MIN_SHARE = 1e-3;

/** Where an object stands, as far as was seen. */
interface Spot {
  readonly at: Vector;
  /** The newest sighting's, and the one that saw most of it. */
  surface: SeenSurface;
  widest: SeenSurface;
  sightings: number;
  /** Last frame in which the object was seen elsewhere; −1 for none. */
  readonly since: number;
}

interface Seen {
  surface: SeenSurface;
  /** One sighting elsewhere is a slip of the tracker or a hand on its way: the object stays where it was seen more often. */
  here: Spot | undefined;
  next: Spot | undefined;
  lastFrame: number;
}

interface Held {
  readonly index: number;
  readonly frame: ObservedFrame;
  observations: Observations;
  readonly seen: ReadonlySet<number>;
  readonly carried: Map<number, { readonly area: number; readonly rle: string }>;
}

/** Memory is bounded by tracks and {@link HELD_PIXELS}, not by frames. */
export class CarriedMasks {
  readonly #seen = new Map<number, Seen>();
  readonly #held: Held[] = [];
  #frame = -1;

  /** The next frame; returns those that nothing can be added to any more, in order. */
  step(frame: ObservedFrame, observations: Observations): TracksFrame[] {
    const index = ++this.#frame;
    const { camera, labels, photo } = frame;
    const { depth } = frame.depth;
    const objectOf = new Map(
      observations.flatMap(({ object, segment }) => (segment === undefined ? [] : [[segment, object]])),
    );
    const disagreements = new Map<number, number>();
    const held: Held = { index, frame, observations: [], seen: new Set(objectOf.values()), carried: new Map() };
    if (camera !== undefined && depth !== undefined) {
      for (const { shape } of frame.segments) {
        const object = objectOf.get(shape.id);
        const before = object === undefined ? undefined : this.#seen.get(object);
        if (before !== undefined && index - before.lastFrame <= MAX_AGE_FRAMES) {
          const expected = carriedMask(before.surface, camera, depth, labels, photo, shape.id);
          disagreements.set(shape.id, expected === undefined ? 1 : 1 - iouWith(expected, labels, shape.id));
        }
        const surface = object === undefined ? undefined : surfaceOf(shape, labels, depth, camera, photo);
        if (object !== undefined && surface !== undefined) this.#see(object, surface, index);
      }
      for (const [object, { here, lastFrame }] of this.#seen) {
        if (held.seen.has(object)) continue;
        if (index - lastFrame > MAX_AGE_FRAMES) this.#seen.delete(object);
        else if (here !== undefined) {
          carry(held, object, here.surface);
          if (here.widest !== here.surface) carry(held, object, here.widest);
        }
      }
    }
    held.observations = observations.map((observation) => {
      const disagreement = disagreements.get(observation.segment ?? 0);
      return disagreement === undefined ? observation : { ...observation, disagreement };
    });
    this.#held.push(held);
    const room = Math.max(1, Math.min(HELD_FRAMES, Math.floor(HELD_PIXELS / labels.length)));
    return this.#held.splice(0, Math.max(0, this.#held.length - room)).map(frameOf);
  }

  finish(): TracksFrame[] {
    return this.#held.splice(0).map(frameOf);
  }

  /** Where it stands now it also stood in the frames before this one in which it was not seen. */
  #see(object: number, surface: SeenSurface, index: number): void {
    const seen: Seen = this.#seen.get(object) ?? { surface, here: undefined, next: undefined, lastFrame: -1 };
    this.#seen.set(object, seen);
    let from = seen.lastFrame;
    const at = centreOf(surface);
    const known = [seen.here, seen.next].find((spot) => spot !== undefined && isAt(spot, at));
    const spot = known ?? { at, surface, widest: surface, sightings: 0, since: seen.lastFrame };
    spot.sightings++;
    spot.surface = surface;
    if (surface.radius > spot.widest.radius) spot.widest = surface;
    if (spot === seen.here) seen.next = undefined;
    else if (spot.sightings < MIN_SIGHTINGS) seen.next = spot;
    else {
      seen.here = spot;
      seen.next = undefined;
      from = spot.since;
    }
    seen.surface = surface;
    seen.lastFrame = index;
    if (spot !== seen.here) return;
    for (const held of this.#held) {
      if (held.index > from && !held.seen.has(object)) carry(held, object, surface);
    }
  }
}

function centreOf({ points }: SeenSurface): Vector {
  const sum: [number, number, number] = [0, 0, 0];
  for (let k = 0; k < points.length; k++) sum[k % 3]! += points[k]!;
  const count = points.length / 3;
  return [sum[0] / count, sum[1] / count, sum[2] / count];
}

/** The side that is seen may be another: centres lie up to the object's width apart. */
function isAt({ at, widest }: Spot, [x, y, z]: Vector): boolean {
  return Math.hypot(at[0] - x, at[1] - y, at[2] - z) <= MOVED + widest.radius;
}

function carry({ frame, carried }: Held, object: number, surface: SeenSurface): void {
  const { camera, labels, photo } = frame;
  const { depth } = frame.depth;
  if (camera === undefined || depth === undefined) return;
  const mask = carriedMask(surface, camera, depth, labels, photo);
  if (mask === undefined) return;
  let area = 0;
  for (const pixel of mask) area += pixel;
  // What is seen of a thing that leaves the image or goes behind another is less than what there is: the larger one is nearer to it.
  if (area < MIN_SHARE * mask.length || area <= (carried.get(object)?.area ?? 0)) return;
  carried.set(object, { area, rle: encodeCounts(countsOfMask(mask)) });
}

function iouWith(mask: Uint8Array, labels: ArrayLike<number>, id: number): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < mask.length; i++) {
    const own = labels[i] === id;
    if (own && mask[i] === 1) both++;
    if (own || mask[i] === 1) either++;
  }
  return either === 0 ? 0 : both / either;
}

function frameOf({ frame, observations, carried }: Held): TracksFrame {
  const list: Carried = [...carried].sort(([a], [b]) => a - b).map(([object, { rle }]) => ({ object, rle }));
  return { name: frame.name, observations, ...(list.length > 0 && { carried: list }) };
}
