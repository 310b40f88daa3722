/** Masks of objects where nothing segmented them, proposed from their last or next sighting (`carried` of `.tracks`). */
import { countsOfMask, encodeCounts, type TracksFrame } from '../../contract/index.ts';
import { carriedMask, type SeenSurface, surfaceOf } from '../objects/index.ts';
import type { ObservedFrame } from './observe.ts';

type Observations = TracksFrame['observations'];
type Carried = NonNullable<TracksFrame['carried']>;

/** So long a thing is taken to be where it was, if what is seen there is as deep as it. */
const MAX_AGE_FRAMES = 300;
/** One sighting alone may be no object. */
const MIN_SIGHTINGS = 2;
/** Frames that are held back until an object may have come again, and most of their pixels together. */
const HELD_FRAMES = 90;
const HELD_PIXELS = 8 << 20;
/** Smaller ones, as a share of the image, are left out: nobody could check them. */
const MIN_SHARE = 1e-3;

interface Seen {
  /** The newest sighting's, and the one that saw most of it. */
  surface: SeenSurface;
  widest: SeenSurface;
  sightings: number;
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
    const { camera, labels } = frame;
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
          const expected = carriedMask(before.surface, camera, depth, labels, shape.id);
          disagreements.set(shape.id, expected === undefined ? 1 : 1 - iouWith(expected, labels, shape.id));
        }
        const surface = object === undefined ? undefined : surfaceOf(shape, labels, depth, camera);
        if (object !== undefined && surface !== undefined) this.#see(object, surface, index);
      }
      for (const [object, { surface, widest, sightings, lastFrame }] of this.#seen) {
        if (held.seen.has(object) || sightings < MIN_SIGHTINGS) continue;
        if (index - lastFrame > MAX_AGE_FRAMES) this.#seen.delete(object);
        else {
          carry(held, object, surface);
          // Where it was moved since, there is nothing of it at that place, and nothing is carried.
          if (widest !== surface) carry(held, object, widest);
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

  /** Its surface here also says where it was in the frames before this one in which it was not seen. */
  #see(object: number, surface: SeenSurface, index: number): void {
    const known = this.#seen.get(object);
    if (known === undefined) this.#seen.set(object, { surface, widest: surface, sightings: 1, lastFrame: index });
    else {
      known.surface = surface;
      if (surface.radius > known.widest.radius) known.widest = surface;
      known.sightings++;
    }
    const before = known?.lastFrame ?? -1;
    if (known !== undefined) known.lastFrame = index;
    for (const held of this.#held) {
      if (held.index > before && !held.seen.has(object)) carry(held, object, surface);
    }
  }
}

function carry({ frame, carried }: Held, object: number, surface: SeenSurface): void {
  const { camera, labels } = frame;
  const { depth } = frame.depth;
  if (camera === undefined || depth === undefined) return;
  const mask = carriedMask(surface, camera, depth, labels);
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
