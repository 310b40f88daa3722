/**
 * Tracks that know where their objects are: one assignment of segments to tracks per frame, tracks are never given up (object
 * permanence). Online: a frame costs O(segments × tracks × dimensions) for the costs and one assignment of segments to the tracks
 * that can be theirs; memory grows with tracks, not with frames.
 */
import { maxSegmentId, type TrackingParameters } from '../../../contract/index.ts';
import { AssignmentSolver } from '../assignment/index.ts';
import { distanceOf, locationCost, squaredDistance, squaredDistanceOf, visualCost } from './costs.ts';
import { FeatureMemory } from './feature-memory.ts';
import { TrackingNotes } from './notes.ts';

export interface TrackDetection {
  /** Id that the 2D tracker gave, 1 to `maxSegmentId`; any other is named and counts as none. */
  readonly sourceId?: number | undefined;
  readonly category?: string | undefined;
  /** Centroid in world coordinates; absent without depth or pose. */
  readonly location?: readonly [number, number, number] | undefined;
  /** [D], the same D for all; kept, so the caller must not change it. */
  readonly feature?: Float32Array | undefined;
  /** A person said which object this is: all segments of one key are one track. */
  readonly lockedTo?: number | undefined;
}

/** A track came back while another that looks the same was unseen too: they may have been exchanged. */
export interface Ambiguity {
  readonly frame: number;
  readonly detection: number;
  readonly trackId: number;
  /** Tracks that it may be instead, the most similar first. */
  readonly rivals: readonly number[];
}

export interface FrameTracks {
  /** Track id of each detection, from 1. [detections] */
  readonly trackIds: Int32Array;
  /** 1 where the track is new. [detections] */
  readonly opened: Uint8Array;
  /** What the match cost; NaN for new and locked ones. [detections] */
  readonly costs: Float64Array;
  readonly ambiguities: readonly Ambiguity[];
}

export interface TrackSummary {
  readonly id: number;
  /** The category most often seen; undefined when none was. */
  readonly category: string | undefined;
  readonly lockedTo: number | undefined;
  readonly firstFrame: number;
  readonly lastFrame: number;
  readonly sightings: number;
  readonly location: readonly [number, number, number] | undefined;
}

interface Track {
  readonly id: number;
  readonly firstFrame: number;
  lockedTo: number | undefined;
  lastFrame: number;
  sightings: number;
  location: readonly [number, number, number] | undefined;
  sourceId: number;
  category: string | undefined;
  readonly categories: Map<string, number>;
  readonly features: FeatureMemory;
}

/** No initial id. */
const NO_ID = -1;
const NOWHERE = [Number.NaN, Number.NaN, Number.NaN] as const;
/** A track of fewer sightings is no rival: most are false detections. */
const RIVAL_SIGHTINGS = 3;
const MAX_RIVALS = 8;

/** What every pair is first judged by, of all tracks, one entry each: so many tracks are looked at that objects would be too slow. */
class TrackColumns {
  /** NaN without a place. */
  x = new Float64Array(64);
  y = new Float64Array(64);
  z = new Float64Array(64);
  /** {@link NO_ID} for none. */
  source = new Int32Array(64);
  /** Number of the category; −1 for none. */
  category = new Int32Array(64);

  set(index: number, track: Track, category: number): void {
    if (index >= this.x.length) {
      for (const name of ['x', 'y', 'z'] as const) {
        const grown = new Float64Array(2 * this.x.length);
        grown.set(this[name]);
        this[name] = grown;
      }
      for (const name of ['source', 'category'] as const) {
        const grown = new Int32Array(2 * this.source.length);
        grown.set(this[name]);
        this[name] = grown;
      }
    }
    [this.x[index], this.y[index], this.z[index]] = track.location ?? NOWHERE;
    this.source[index] = track.sourceId;
    this.category[index] = category;
  }
}

interface Checked extends TrackDetection {
  readonly id: number;
}

export class ObjectTracker {
  readonly parameters: TrackingParameters;
  readonly notes: TrackingNotes;
  readonly #tracks: Track[] = [];
  readonly #locked = new Map<number, Track>();
  readonly #columns = new TrackColumns();
  readonly #categoryNumbers = new Map<string, number>();
  readonly #solver = new AssignmentSolver();
  #costs = new Float64Array(0);
  #dimensions = 0;
  #frame = -1;

  constructor(parameters: TrackingParameters, notes = new TrackingNotes()) {
    this.parameters = parameters;
    this.notes = notes;
  }

  /** All tracks so far, by id. */
  get tracks(): TrackSummary[] {
    return this.#tracks.map((track) => ({
      id: track.id,
      category: mostFrequent(track.categories),
      lockedTo: track.lockedTo,
      firstFrame: track.firstFrame,
      lastFrame: track.lastFrame,
      sightings: track.sightings,
      location: track.location,
    }));
  }

  /** The next frame; one without segments counts too. */
  step(detections: readonly TrackDetection[]): FrameTracks {
    const frame = ++this.#frame;
    const checked = this.#check(detections);
    const matched: (Track | undefined)[] = new Array(checked.length).fill(undefined);
    const costs = new Float64Array(checked.length).fill(Number.NaN);
    const opened = new Uint8Array(checked.length);
    const taken = new Set<Track>();
    checked.forEach((detection, i) => {
      if (detection.lockedTo === undefined) return;
      const track = this.#locked.get(detection.lockedTo);
      if (track === undefined || taken.has(track)) return;
      matched[i] = track;
      taken.add(track);
    });
    this.#assign(checked, matched, taken, costs);
    const ambiguities = checked.flatMap((detection, i) => this.#ambiguity(detection, i, matched[i]) ?? []);
    const trackIds = new Int32Array(checked.length);
    checked.forEach((detection, i) => {
      let track = matched[i];
      if (track === undefined) {
        track = this.#open();
        opened[i] = 1;
      }
      this.#see(track, detection);
      trackIds[i] = track.id;
    });
    return { trackIds, opened, costs, ambiguities: ambiguities.map((found) => ({ ...found, frame })) };
  }

  #open(): Track {
    const track: Track = {
      id: this.#tracks.length + 1,
      firstFrame: this.#frame,
      lockedTo: undefined,
      lastFrame: this.#frame,
      sightings: 0,
      location: undefined,
      sourceId: NO_ID,
      category: undefined,
      categories: new Map(),
      features: new FeatureMemory(this.parameters.featureMemory),
    };
    this.#tracks.push(track);
    return track;
  }

  #see(track: Track, { id, category, location, feature, lockedTo }: Checked): void {
    track.lastFrame = this.#frame;
    track.sightings++;
    track.location = location ?? track.location;
    track.sourceId = id;
    if (category !== undefined) {
      if (track.category !== undefined && track.category !== category) {
        this.notes.add(
          'category-changed',
          `frame ${this.#frame}: track ${track.id} was "${track.category}" and is now "${category}"; the most frequent one names it.`,
        );
      }
      track.category = category;
      track.categories.set(category, (track.categories.get(category) ?? 0) + 1);
    }
    if (feature !== undefined) track.features.add(feature);
    this.#columns.set(track.id - 1, track, this.#categoryNumber(track.category));
    if (lockedTo !== undefined && track.lockedTo === undefined && !this.#locked.has(lockedTo)) {
      track.lockedTo = lockedTo;
      this.#locked.set(lockedTo, track);
    }
  }

  /** What cannot be used is named and left out of the costs; the detection itself is always kept. */
  #check(detections: readonly TrackDetection[]): Checked[] {
    const ids = new Set<number>();
    const locks = new Set<number>();
    return detections.map((detection, i): Checked => {
      const where = `frame ${this.#frame}, segment ${i}`;
      let { sourceId, location, feature, lockedTo } = detection;
      if (sourceId !== undefined && !(Number.isInteger(sourceId) && sourceId >= 1 && sourceId <= maxSegmentId)) {
        this.notes.add('id-out-of-range', `${where}: id ${sourceId} is not in 1 to ${maxSegmentId}; taken for none.`);
        sourceId = undefined;
      }
      if (sourceId !== undefined && ids.has(sourceId)) {
        this.notes.add('id-twice', `${where}: id ${sourceId} is in this frame already; taken for none.`);
        sourceId = undefined;
      }
      if (sourceId !== undefined) ids.add(sourceId);
      if (location !== undefined && !location.every(Number.isFinite)) {
        this.notes.add('location-not-finite', `${where}: its place is ${location.join(', ')}; left out.`);
        location = undefined;
      }
      if (feature !== undefined) {
        if (this.#dimensions === 0) this.#dimensions = feature.length;
        if (feature.length !== this.#dimensions) {
          this.notes.add(
            'feature-length',
            `${where}: its feature has ${feature.length} values, others have ${this.#dimensions}; left out.`,
          );
          feature = undefined;
        } else if (!feature.every(Number.isFinite)) {
          this.notes.add('feature-not-finite', `${where}: its feature holds a value that is no number; left out.`);
          feature = undefined;
        }
      }
      if (lockedTo !== undefined && locks.has(lockedTo)) {
        this.notes.add('locked-twice', `${where}: object ${lockedTo} is locked to another segment of it; left free.`);
        lockedTo = undefined;
      }
      if (lockedTo !== undefined) locks.add(lockedTo);
      return { ...detection, id: sourceId ?? NO_ID, location, feature, lockedTo };
    });
  }

  /**
   * The pairs of the least total in which a segment without a track costs γ. [ours] The published program assigns first and then
   * drops what costs γ or more, so that a hopeless pair can take a track from a good one; the accepted pairs are else the same.
   */
  #assign(
    detections: readonly Checked[],
    matched: (Track | undefined)[],
    taken: ReadonlySet<Track>,
    costs: Float64Array,
  ): void {
    const { gamma } = this.parameters;
    const rows: number[] = [];
    detections.forEach((detection, i) => {
      if (matched[i] === undefined && detection.lockedTo === undefined) rows.push(i);
    });
    const columnOf = new Map<Track, number>();
    const columns: Track[] = [];
    const pairs: { row: number; column: number; cost: number }[] = [];
    const near: number[] = [];
    rows.forEach((index, row) => {
      near.length = 0;
      this.#candidates(detections[index]!, near);
      for (const number of near) {
        const track = this.#tracks[number]!;
        if (taken.has(track)) continue;
        const cost = this.#cost(detections[index]!, track);
        if (!(cost < gamma)) continue;
        let column = columnOf.get(track);
        if (column === undefined) {
          column = columns.push(track) - 1;
          columnOf.set(track, column);
        }
        pairs.push({ row, column, cost });
      }
    });
    if (pairs.length === 0) return;
    const width = columns.length + rows.length;
    if (this.#costs.length < rows.length * width) this.#costs = new Float64Array(2 * rows.length * width);
    const matrix = this.#costs;
    matrix.fill(Infinity, 0, rows.length * width);
    for (let row = 0; row < rows.length; row++) matrix[row * width + columns.length + row] = gamma;
    for (const { row, column, cost } of pairs) matrix[row * width + column] = cost;
    this.#solver.solve(matrix, rows.length, width);
    rows.forEach((index, row) => {
      const column = this.#solver.columnOfRow[row]!;
      if (column < 0 || column >= columns.length) return;
      matched[index] = columns[column]!;
      costs[index] = matrix[row * width + column]!;
    });
  }

  /** Indices of the tracks whose cost can be below γ by category, initial id and distance; a few too many do no harm. */
  #candidates({ id, category, location }: Checked, found: number[]): void {
    const { x, y, z, source, category: categories } = this.#columns;
    const { gamma, useCategory, useInstance, useLocation, alphaCategory, alphaInstance } = this.parameters;
    const wanted = this.#categoryNumber(category);
    const [px, py, pz] = location ?? NOWHERE;
    // By what does not match: nothing, the category, the initial id, both.
    const limits = [0, alphaCategory, alphaInstance, alphaCategory + alphaInstance].map((spent) => {
      const left = gamma - spent;
      if (!useLocation) return left;
      const reach = distanceOf(left, this.parameters) * (1 + 1e-9);
      return reach * Math.abs(reach);
    }) as [number, number, number, number];
    const count = this.#tracks.length;
    for (let i = 0; i < count; i++) {
      let mismatch = 0;
      if (useCategory && wanted >= 0 && categories[i]! >= 0 && categories[i] !== wanted) mismatch = 1;
      if (useInstance && (id === NO_ID || source[i] !== id)) mismatch += 2;
      if (useLocation) {
        const dx = x[i]! - px;
        const dy = y[i]! - py;
        const dz = z[i]! - pz;
        // Without a place on either side the sum is NaN, and the pair stays.
        if (dx * dx + dy * dy + dz * dz > limits[mismatch]!) continue;
      } else if (!(limits[mismatch]! > 0)) continue;
      found.push(i);
    }
  }

  /** From 0; −1 for none. */
  #categoryNumber(category: string | undefined): number {
    if (category === undefined) return -1;
    let number = this.#categoryNumbers.get(category);
    if (number === undefined) {
      number = this.#categoryNumbers.size;
      this.#categoryNumbers.set(category, number);
    }
    return number;
  }

  /** Total cost, or some value of at least γ. */
  #cost(detection: Checked, track: Track): number {
    const { parameters } = this;
    const { gamma, useCategory, useInstance, useLocation, useVisual, alphaInstance } = parameters;
    let cost = 0;
    if (useCategory) cost += categoryCost(detection, track, parameters);
    // The place may cost less than nothing (α below 1), appearance may not.
    if (useInstance && (detection.id === NO_ID || detection.id !== track.sourceId)) cost += alphaInstance;
    if (useLocation) {
      const { location } = detection;
      cost +=
        location === undefined || track.location === undefined
          ? parameters.unknownCost
          : locationCost(distance(location, track.location), parameters);
    }
    if (!(cost < gamma)) return cost;
    return useVisual ? cost + this.#visual(detection, track, gamma - cost) : cost;
  }

  /** What appearance costs, or some value above `most`: most pairs are told apart by a part of their features. */
  #visual({ feature }: Checked, { features }: Track, most = Infinity): number {
    const { alphaVisual, unknownCost } = this.parameters;
    if (feature === undefined || features.count === 0) return unknownCost;
    const limit = squaredDistanceOf(most, alphaVisual);
    return visualCost(squaredDistance(features.sum, 1 / features.count, feature, limit), alphaVisual);
  }

  /** @returns undefined for a track that was in sight, or that nothing else looks like */
  #ambiguity(detection: Checked, index: number, track: Track | undefined): Omit<Ambiguity, 'frame'> | undefined {
    const { idleFrames, ambiguityMargin } = this.parameters;
    const gapOf = (one: Track): number => this.#frame - one.lastFrame - 1;
    if (track === undefined || detection.lockedTo !== undefined || gapOf(track) < idleFrames) return undefined;
    const looks = (one: Track): number => this.#visual(detection, one) + categoryCost(detection, one, this.parameters);
    const own = looks(track);
    const rivals = this.#tracks
      .filter((other) => other !== track && other.sightings >= RIVAL_SIGHTINGS && gapOf(other) >= idleFrames)
      .map((other) => ({ id: other.id, looks: looks(other) }))
      .filter((other) => other.looks < own + ambiguityMargin)
      .sort((a, b) => a.looks - b.looks || a.id - b.id)
      .slice(0, MAX_RIVALS);
    if (rivals.length === 0) return undefined;
    return { detection: index, trackId: track.id, rivals: rivals.map(({ id }) => id) };
  }
}

function categoryCost({ category }: Checked, track: Track, { alphaCategory }: TrackingParameters): number {
  // An unknown category contradicts none.
  return category === undefined || track.category === undefined || category === track.category ? 0 : alphaCategory;
}

function distance(a: readonly [number, number, number], b: readonly [number, number, number]): number {
  const [x, y, z] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  return Math.sqrt(x * x + y * y + z * z);
}

function mostFrequent(counts: ReadonlyMap<string, number>): string | undefined {
  let best: string | undefined;
  for (const [name, count] of counts) if (best === undefined || count > counts.get(best)!) best = name;
  return best;
}
