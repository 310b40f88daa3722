/** Tracks against a generated scene's truth. */
import type { ObservationState, TrackedObservation, TrackingFigures } from '../../contract/index.ts';
import { clear, type Hota, hota, identity, type TrackingFrame } from '../metrics/index.ts';

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

/** How often the state of an object is the true one, of those that have been matched once. */
export class StateScore {
  readonly #currentId = new Map<number, number>();
  #right = 0;
  #total = 0;
  /** `true state → told state`, object-frames. */
  readonly confusion = new Map<string, number>();

  /**
   * @param matches true object of each output id that is seen in this frame
   * @param stateOf true state of an object in this frame
   */
  add(
    matches: ReadonlyMap<number, number>,
    observations: readonly TrackedObservation[],
    stateOf: (truth: number) => ObservationState | undefined,
  ): void {
    for (const [id, truth] of matches) this.#currentId.set(truth, id);
    const told = new Map(observations.map(({ object, state }) => [object, state]));
    for (const [truth, id] of this.#currentId) {
      const [expected, state] = [stateOf(truth), told.get(id)];
      if (expected === undefined || state === undefined) continue;
      this.#total++;
      if (expected === state) this.#right++;
      const key = `${expected} → ${state}`;
      this.confusion.set(key, (this.confusion.get(key) ?? 0) + 1);
    }
  }

  /** Null when nothing could be compared. */
  get accuracy(): number | null {
    return this.#total === 0 ? null : this.#right / this.#total;
  }
}
