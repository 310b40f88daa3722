/** Tracks against a generated scene's truth. */
import {
  OBSERVATION_STATES,
  type ObservationState,
  type TrackedObservation,
  type TrackingFigures,
} from '../../contract/index.ts';
import { clear, type Hota, hota, identity, type TrackingFrame } from '../metrics/index.ts';
import type { Vector } from '../objects/index.ts';
import type { FrameStates } from './state-truth.ts';

const MATCH_IOU = 0.5;
/** One id on two objects in fewer frames each is a slip, not a merge. */
const MERGED_FRAMES = 2;

export interface TrackingScore extends TrackingFigures {
  readonly perAlpha: Hota['perAlpha'];
  /** Id switches by class of the true object. */
  readonly switchesByClass: ReadonlyMap<number, number>;
}

/**
 * @param frames truths against initial ids; @param idOf output id of each initial id, frame by frame
 * @param classOf class of a true object
 */
export function scoreTracks(
  frames: readonly TrackingFrame[],
  idOf: (frame: number, sourceId: number) => number,
  classOf: (truth: number) => number,
): TrackingScore {
  const sequence = {
    frames: frames.map(
      (frame, index): TrackingFrame => ({
        ...frame,
        predictedIds: Array.from(frame.predictedIds, (id) => idOf(index, id)),
      }),
    ),
  };
  const { hota: mean, detA, assA, perAlpha } = hota(sequence);
  const { mota, idSwitches, perClass } = clear(sequence, {
    classes: { ofTruth: classOf, ofPrediction: () => undefined },
  });
  const ids = new Set(sequence.frames.flatMap(({ predictedIds }) => Array.from(predictedIds)));
  return {
    ...{ hota: mean, detA, assA, mota, idSwitches, perAlpha },
    idf1: identity(sequence).idf1,
    mergedPairs: mergedPairs(sequence.frames),
    tracks: ids.size,
    switchesByClass: new Map([...perClass].map(([id, figures]) => [id, figures.idSwitches])),
  };
}

/** Figures alone, as they travel. */
export function plainFigures({ perAlpha: _, switchesByClass: __, ...figures }: TrackingScore): TrackingFigures {
  return figures;
}

/** True object of each predicted id in a frame, by overlap of more than a half. */
export function matchesOf({ truthIds, predictedIds, similarity }: TrackingFrame): Map<number, number> {
  const matches = new Map<number, number>();
  for (let row = 0; row < truthIds.length; row++) {
    for (let column = 0; column < predictedIds.length; column++) {
      if (similarity[row * predictedIds.length + column]! > MATCH_IOU)
        matches.set(predictedIds[column]!, truthIds[row]!);
    }
  }
  return matches;
}

function mergedPairs(frames: readonly TrackingFrame[]): number {
  const seen = new Map<number, Map<number, number>>();
  for (const frame of frames) {
    for (const [id, truth] of matchesOf(frame)) {
      let truths = seen.get(id);
      if (truths === undefined) {
        truths = new Map();
        seen.set(id, truths);
      }
      truths.set(truth, (truths.get(truth) ?? 0) + 1);
    }
  }
  const pairs = new Set<string>();
  for (const truths of seen.values()) {
    const often = [...truths].filter(([, count]) => count >= MERGED_FRAMES).map(([truth]) => truth);
    often.sort((a, b) => a - b);
    often.forEach((a, i) => {
      for (const b of often.slice(i + 1)) pairs.add(`${a}/${b}`);
    });
  }
  return pairs.size;
}

/** Farther than this from where it was last seen, metres, an object counts as moved. */
const MOVED = 0.1;

export interface StateFigures {
  readonly state: ObservationState;
  /** Object-frames in which it is true, and in which it is told. */
  readonly truth: number;
  readonly told: number;
  /** Null where nothing is told, or nothing true. */
  readonly precision: number | null;
  readonly recall: number | null;
}

/**
 * How often the state of an object is the true one, of those that have been matched once. An object that was moved since it was last
 * seen is absent from its place where that place is seen empty; where it is not, nobody can tell, and the object-frame is left out.
 */
export class StateScore {
  readonly #currentId = new Map<number, number>();
  readonly #lastPlace = new Map<number, Vector>();
  #occluders = { right: 0, total: 0 };
  /** `true state → told state`, object-frames. */
  readonly confusion = new Map<string, number>();

  /** Another scene follows: its ids are others. */
  restart(): void {
    this.#currentId.clear();
    this.#lastPlace.clear();
  }

  /** @param matches true object of each output id that is seen in this frame */
  add(
    matches: ReadonlyMap<number, number>,
    observations: readonly TrackedObservation[],
    { objects, seesPast }: FrameStates,
  ): void {
    for (const [id, truth] of matches) this.#currentId.set(truth, id);
    const seen = new Set(matches.values());
    const truthOf = new Map([...this.#currentId].map(([truth, id]) => [id, truth]));
    const told = new Map(observations.map((observation) => [observation.object, observation]));
    for (const [truth, id] of this.#currentId) {
      const object = objects.get(truth);
      const observation = told.get(id);
      const before = this.#lastPlace.get(truth);
      if (seen.has(truth) && object?.place !== undefined) this.#lastPlace.set(truth, object.place);
      if (object === undefined || observation === undefined) continue;
      let expected = object.state;
      if (!seen.has(truth) && before !== undefined && object.place !== undefined) {
        const moved = Math.hypot(...before.map((value, k) => value - object.place![k]!)) > MOVED;
        if (moved) expected = seesPast(before) ? 'absent' : undefined;
      }
      if (expected === undefined) continue;
      const key = `${expected} → ${observation.state}`;
      this.confusion.set(key, (this.confusion.get(key) ?? 0) + 1);
      if (expected !== 'occluded' || observation.state !== 'occluded' || object.occluder === undefined) continue;
      this.#occluders.total++;
      const { occluder } = observation;
      const named = occluder === undefined || occluder === 0 ? occluder : truthOf.get(occluder);
      if (named === object.occluder) this.#occluders.right++;
    }
  }

  /** Share of all object-frames; null when nothing could be compared. */
  get accuracy(): number | null {
    return ratio(
      OBSERVATION_STATES.reduce((sum, state) => sum + this.#count(state, state), 0),
      [...this.confusion.values()].reduce((sum, count) => sum + count, 0),
    );
  }

  /** Of the objects rightly told occluded, the share whose occluder is the true one; null without any. */
  get occluderAccuracy(): number | null {
    return ratio(this.#occluders.right, this.#occluders.total);
  }

  perState(): StateFigures[] {
    return OBSERVATION_STATES.map((state) => {
      const right = this.#count(state, state);
      const truth = OBSERVATION_STATES.reduce((sum, other) => sum + this.#count(state, other), 0);
      const told = OBSERVATION_STATES.reduce((sum, other) => sum + this.#count(other, state), 0);
      return { state, truth, told, precision: ratio(right, told), recall: ratio(right, truth) };
    });
  }

  #count(expected: ObservationState, told: ObservationState): number {
    return this.confusion.get(`${expected} → ${told}`) ?? 0;
  }
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
