/** From track ids to what is known of every object in every frame. */
import type { TrackedObject, TrackedObservation } from '../../contract/index.ts';
import {
  expectedState,
  type SeenSurface,
  type SegmentShape,
  StaticIntervals,
  surfaceOf,
  type Vector,
} from '../objects/index.ts';
import type { ObservedFrame } from './observe.ts';
import type { FrameIds } from './recipes.ts';

/**
 * States of an object while it is unseen are told from so many sightings on: fewer are mostly false detections, and telling of all of
 * them in every frame would grow with frames times tracks. Sightings themselves are all kept.
 */
const CONFIRMED_SIGHTINGS = 5;
/** So often in a row its place must be seen empty before the object counts as moved until it is seen again. */
const EMPTY_SIGHTINGS = 3;
/** Points of the last sighting by which it is recognised: enough for a mean of colours. */
const SURFACE_POINTS = 100;

interface History {
  readonly firstFrame: number;
  lastFrame: number;
  segments: number;
  readonly categories: Map<string, number>;
  source: number;
  location: Vector | undefined;
  radius: number;
  surface: SeenSurface | undefined;
  empty: number;
  readonly intervals: StaticIntervals;
}

export class ObjectHistories {
  readonly #histories = new Map<number, History>();
  #frame = -1;

  get count(): number {
    return this.#histories.size;
  }

  /** The next frame with its ids; observations in order of object. */
  step(frame: ObservedFrame, { ids, ambiguities }: FrameIds): TrackedObservation[] {
    const at = ++this.#frame;
    const observations: TrackedObservation[] = [];
    const rivals = new Map(ambiguities.map(({ detection, rivals: others }) => [detection, others]));
    const objectOfSegment = new Map<number, number>();
    frame.segments.forEach(({ shape, category, location, radius }, i) => {
      const object = ids[i]!;
      objectOfSegment.set(shape.id, object);
      const known = this.#histories.get(object);
      const history = known ?? newHistory(at);
      if (known === undefined) this.#histories.set(object, history);
      const others = rivals.get(i);
      observations.push({
        object,
        state: 'visible',
        segment: shape.id,
        ...(location !== undefined && { at: [...location] as [number, number, number] }),
        ...(known !== undefined && history.source !== shape.id && { idSwitch: true }),
        ...(others !== undefined && { rivals: [...others] }),
      });
      history.lastFrame = at;
      history.segments++;
      history.source = shape.id;
      history.empty = 0;
      if (category !== undefined) history.categories.set(category, (history.categories.get(category) ?? 0) + 1);
      if (location !== undefined) {
        history.location = location;
        history.radius = radius;
        history.surface = surfaceIn(frame, shape);
        history.intervals.add({ frame: at, location });
      }
    });
    const { camera } = frame;
    if (camera !== undefined) {
      for (const [object, history] of this.#histories) {
        const { lastFrame, segments, location } = history;
        if (lastFrame === at || segments < CONFIRMED_SIGHTINGS || location === undefined) continue;
        observations.push(this.#unseen(object, history, location, frame, camera, objectOfSegment));
      }
    }
    return observations.sort((a, b) => a.object - b.object);
  }

  #unseen(
    object: number,
    history: History,
    location: Vector,
    { depth, labels, photo }: ObservedFrame,
    camera: NonNullable<ObservedFrame['camera']>,
    objectOfSegment: ReadonlyMap<number, number>,
  ): TrackedObservation {
    const at = [...location] as [number, number, number];
    const { radius, surface } = history;
    const { state, occluder } = expectedState({ location, radius, surface }, camera, depth.depth, labels, photo);
    if (state === 'absent') history.empty++;
    else if (state === 'visible' && history.empty < EMPTY_SIGHTINGS) history.empty = 0;
    if (history.empty >= EMPTY_SIGHTINGS) return { object, state: 'absent', at };
    return {
      object,
      state,
      at,
      ...(occluder !== undefined && { occluder: occluder === 0 ? 0 : (objectOfSegment.get(occluder) ?? 0) }),
    };
  }

  /** @param lockedTracks id of the track of each key that a person tied */
  objects(lockedTracks: ReadonlyMap<number, number>): TrackedObject[] {
    const keyOf = new Map([...lockedTracks].map(([key, track]) => [track, key]));
    return [...this.#histories]
      .sort(([a], [b]) => a - b)
      .map(([object, { firstFrame, lastFrame, segments, categories, intervals }]): TrackedObject => {
        const key = keyOf.get(object);
        const [category] = [...categories].sort((a, b) => b[1] - a[1]);
        return {
          ...{ object, firstFrame, lastFrame, segments, category: category?.[0] ?? null },
          ...(key !== undefined && { objectId: key }),
          staticIntervals: intervals.list().map(({ from, to, at }) => ({ from, to, at: [...at] })),
        };
      });
  }
}

function newHistory(frame: number): History {
  return {
    ...{ firstFrame: frame, lastFrame: frame, segments: 0, source: 0 },
    ...{ location: undefined, radius: 0, surface: undefined, empty: 0 },
    categories: new Map(),
    intervals: new StaticIntervals(),
  };
}

/** What the frame shows of a segment; undefined without depth, pose or photo. */
function surfaceIn({ camera, labels, depth: { depth }, photo }: ObservedFrame, shape: SegmentShape) {
  if (camera === undefined || depth === undefined || photo === undefined) return undefined;
  return surfaceOf(shape, labels, depth, camera, photo, SURFACE_POINTS);
}
