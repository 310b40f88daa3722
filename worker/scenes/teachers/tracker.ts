import { createRandom, type Random } from '../random.ts';
import { areasOf, requireSize, TeacherInputError, touchingPairs } from './label-images.ts';
import { NOISE_FACTOR, type NoisePreset } from './presets.ts';
import { type SegmenterNoise, segmentImage } from './segmenter.ts';

/**
 * The simulated 2D video tracker: segments each frame and carries ids from frame to frame by appearance and overlap alone, so its ids
 * break where such trackers' do: when a thing comes back after an occlusion or from outside the view, while it is carried, and
 * between things that look alike. All values are probabilities.
 */
export interface TrackerNoise {
  readonly segmenter: SegmenterNoise;
  /** A new id although the object was there in the previous frame. */
  readonly breakWhileVisible: number;
  /** The same while a hand carries the object. */
  readonly breakWhileCarried: number;
  /** A new id after a gap of at most `shortGapFrames` (a missed detection, a short occlusion). */
  readonly breakAfterShortGap: number;
  /** A new id after a longer gap: occlusion, or out of view. */
  readonly breakAfterLongGap: number;
  /** When an id breaks: taking the last id of an absent object of the same category instead of a new one. */
  readonly takeOverLookAlike: number;
  /** Two look-alikes in one image exchange ids, per frame. */
  readonly swapLookAlikes: number;
  /** A track carries the wrong category. */
  readonly wrongCategory: number;
  readonly shortGapFrames: number;
  /** An object stops being found, per frame; and is found again, per frame. */
  readonly loseObject: number;
  readonly findObject: number;
  /** Mean number of false tracks per frame (things that are not objects), and the chance per frame that one ends. */
  readonly falseTracks: number;
  readonly falseTrackEnds: number;
}

const SHORT_GAP_FRAMES = 5;

export const trackerNoise = (preset: NoisePreset): TrackerNoise => {
  const factor = NOISE_FACTOR[preset];
  const rate = (value: number): number => Math.min(0.98, value * factor);
  return {
    segmenter: {
      missed: rate(0.04),
      split: 0,
      merged: rate(0.01),
      spurious: rate(0.01),
      jitter: factor === 0 ? [0, 0] : [0.002, 0.006],
    },
    breakWhileVisible: rate(0.006),
    breakWhileCarried: rate(0.03),
    breakAfterShortGap: rate(0.12),
    breakAfterLongGap: rate(0.85),
    takeOverLookAlike: rate(0.25),
    swapLookAlikes: rate(0.01),
    wrongCategory: rate(0.06),
    shortGapFrames: SHORT_GAP_FRAMES,
    loseObject: rate(0.02),
    findObject: 0.1,
    falseTracks: 4.5 * factor,
    falseTrackEnds: 0.12,
  };
};

export interface TrackerObject {
  readonly id: number;
  readonly category: string;
}

export interface TrackerFrame {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly instance: Uint16Array; // [H, W]
  /** Id of the object in hand, 0 for none. */
  readonly heldObject: number;
}

export interface Detection {
  /** Pixel value in `labels`; stays the same while the tracker believes it sees the same thing. */
  readonly trackId: number;
  readonly category: string;
  readonly confidence: number;
  readonly areaPx: number;
  /** For measuring only, 0 for a spurious segment. */
  readonly trueInstance: number;
}

export interface TrackedImage {
  readonly width: number;
  readonly height: number;
  readonly labels: Uint16Array; // [H, W] track ids, 0 = none
  readonly detections: readonly Detection[];
}

interface FalseTrack {
  readonly trackId: number;
  readonly category: string;
  /** Ellipse in shares of the image width and height, drifting per frame. */
  x: number;
  y: number;
  readonly driftX: number;
  readonly driftY: number;
  readonly radiusX: number;
  readonly radiusY: number;
}

interface Memory {
  trackId: number;
  lastFrame: number;
}

const MAX_ID = 65535;

/** Feeds frames in order; deterministic from the seed and the frames seen so far. */
export class SimulatedTracker {
  readonly #objects: ReadonlyMap<number, TrackerObject>;
  readonly #noise: TrackerNoise;
  readonly #seed: string;
  readonly #random: Random;
  readonly #memory = new Map<number, Memory>();
  readonly #categoryOfTrack = new Map<number, string>();
  readonly #categories: readonly string[];
  readonly #lost = new Set<number>();
  #falseTracks: FalseTrack[] = [];
  #frame = 0;
  #nextTrack = 1;

  constructor(objects: readonly TrackerObject[], noise: TrackerNoise | NoisePreset, seed: string | number) {
    this.#objects = new Map(objects.map((object) => [object.id, object]));
    this.#categories = [...new Set(objects.map(({ category }) => category))].sort();
    this.#noise = typeof noise === 'string' ? trackerNoise(noise) : noise;
    this.#seed = String(seed);
    this.#random = createRandom(`tracker/${seed}`);
  }

  /** @throws TeacherInputError for a label image of the wrong size or an instance that is not among the objects. */
  track(frame: TrackerFrame): TrackedImage {
    const { width, height, instance } = frame;
    requireSize(`instance labels of ${frame.name}`, instance.length, width, height);
    for (const id of areasOf(instance).keys()) {
      if (!this.#objects.has(id))
        throw new TeacherInputError(`${frame.name} shows instance ${id}, which is not among the objects`);
    }
    const noise = this.#noise;
    const random = this.#random;
    for (const id of this.#objects.keys()) {
      if (this.#lost.has(id)) {
        if (random.chance(noise.findObject)) this.#lost.delete(id);
      } else if (random.chance(noise.loseObject)) this.#lost.add(id);
    }
    const found = this.#lost.size === 0 ? instance : instance.map((id) => (this.#lost.has(id) ? 0 : id));
    const segmented = segmentImage(found, width, height, frame.name, noise.segmenter, `tracker/${this.#seed}`);
    const segments = [...segmented.segments].sort((a, b) => a.trueInstance - b.trueInstance || a.id - b.id);
    const seen = new Set(segments.map(({ trueInstance }) => trueInstance));
    const used = new Set<number>();
    const trackOf = new Map<number, number>();
    for (const segment of segments) {
      const object = this.#objects.get(segment.trueInstance);
      let trackId: number;
      if (!object) trackId = this.#open(random.pick(this.#categories));
      else {
        trackId = this.#idFor(object, frame.heldObject === object.id, seen, used);
        this.#memory.set(object.id, { trackId, lastFrame: this.#frame });
      }
      used.add(trackId);
      trackOf.set(segment.id, trackId);
    }
    this.#swapLookAlikes(segmented.labels, width, height, segments, trackOf);
    const labels = segmented.labels.map((id) => (id === 0 ? 0 : trackOf.get(id)!));
    const detections = segments.map((segment): Detection => {
      const trackId = trackOf.get(segment.id)!;
      return {
        trackId,
        category: this.#categoryOfTrack.get(trackId)!,
        confidence: segment.confidence,
        areaPx: segment.areaPx,
        trueInstance: segment.trueInstance,
      };
    });
    detections.push(...this.#paintFalseTracks(labels, instance, width, height));
    this.#frame++;
    return { width, height, labels, detections };
  }

  /** Things a segmenter takes for objects: regions of background that live a while and drift. */
  #paintFalseTracks(labels: Uint16Array, instance: Uint16Array, width: number, height: number): Detection[] {
    const random = this.#random;
    const { falseTracks, falseTrackEnds } = this.#noise;
    this.#falseTracks = this.#falseTracks.filter(() => !random.chance(falseTrackEnds));
    // Births balance ends: the number alive fluctuates around its mean.
    const births = falseTracks * falseTrackEnds;
    for (let k = 0; k < Math.ceil(births); k++) {
      if (!random.chance(births / Math.ceil(births))) continue;
      const category = random.pick(this.#categories);
      this.#falseTracks.push({
        trackId: this.#open(category),
        category,
        x: random.float(),
        y: random.float(),
        driftX: 0.006 * random.normal(),
        driftY: 0.006 * random.normal(),
        radiusX: random.range(0.04, 0.12),
        radiusY: random.range(0.04, 0.12),
      });
    }
    const detections: Detection[] = [];
    for (const track of this.#falseTracks) {
      track.x += track.driftX;
      track.y += track.driftY;
      let areaPx = 0;
      for (let i = 0; i < labels.length; i++) {
        const dx = ((i % width) + 0.5) / width - track.x;
        const dy = (Math.floor(i / width) + 0.5) / height - track.y;
        if ((dx / track.radiusX) ** 2 + (dy / track.radiusY) ** 2 > 1 || instance[i] !== 0 || labels[i] !== 0) continue;
        labels[i] = track.trackId;
        areaPx++;
      }
      if (areaPx === 0) continue;
      const category = this.#categoryOfTrack.get(track.trackId)!;
      detections.push({
        trackId: track.trackId,
        category,
        confidence: 0.35 + 0.5 * random.float(),
        areaPx,
        trueInstance: 0,
      });
    }
    return detections;
  }

  #open(category: string): number {
    const others = this.#categories.filter((name) => name !== category);
    const wrong = others.length > 0 && this.#random.chance(this.#noise.wrongCategory);
    if (this.#nextTrack > MAX_ID) throw new TeacherInputError(`more than ${MAX_ID} tracks; shorten the video`);
    this.#categoryOfTrack.set(this.#nextTrack, wrong ? this.#random.pick(others) : category);
    return this.#nextTrack++;
  }

  #idFor(object: TrackerObject, held: boolean, seen: ReadonlySet<number>, used: ReadonlySet<number>): number {
    const random = this.#random;
    const noise = this.#noise;
    const memory = this.#memory.get(object.id);
    if (memory) {
      const gap = this.#frame - memory.lastFrame - 1;
      const risk =
        gap === 0
          ? held
            ? noise.breakWhileCarried
            : noise.breakWhileVisible
          : gap <= noise.shortGapFrames
            ? noise.breakAfterShortGap
            : noise.breakAfterLongGap;
      if (!random.chance(risk) && !used.has(memory.trackId)) return memory.trackId;
    }
    if (random.chance(noise.takeOverLookAlike)) {
      const absent = [...this.#memory].filter(([id, { trackId }]) => {
        const other = this.#objects.get(id)!;
        return id !== object.id && other.category === object.category && !seen.has(id) && !used.has(trackId);
      });
      if (absent.length > 0) return random.pick(absent)[1].trackId;
    }
    return this.#open(object.category);
  }

  #swapLookAlikes(
    labels: Uint16Array,
    width: number,
    height: number,
    segments: readonly { id: number; trueInstance: number }[],
    trackOf: Map<number, number>,
  ): void {
    const touching = new Set(touchingPairs(labels, width, height).map(([a, b]) => a * 65536 + b));
    for (const [i, a] of segments.entries()) {
      for (const b of segments.slice(i + 1)) {
        const [first, second] = [this.#objects.get(a.trueInstance), this.#objects.get(b.trueInstance)];
        if (!first || !second || first === second || first.category !== second.category) continue;
        // Side by side they are confused far more easily than across the room.
        const near = touching.has(Math.min(a.id, b.id) * 65536 + Math.max(a.id, b.id));
        if (!this.#random.chance(Math.min(0.98, this.#noise.swapLookAlikes * (near ? 4 : 1)))) continue;
        const [ta, tb] = [trackOf.get(a.id)!, trackOf.get(b.id)!];
        trackOf.set(a.id, tb);
        trackOf.set(b.id, ta);
        this.#memory.set(first.id, { trackId: tb, lastFrame: this.#frame });
        this.#memory.set(second.id, { trackId: ta, lastFrame: this.#frame });
      }
    }
  }
}
