/** The observations file of `routes.observations` as runs: what a lane draws. */
import { LiftscopeError, OBSERVATION_FLAGS, OBSERVATIONS_MAGIC } from '../../../contract/index.ts';

/** Disagreement that is not known. */
export const UNKNOWN = 255;

/** Runs of equal state, all objects one after another; frames without an observation lie between runs. */
export interface Lanes {
  readonly objectIds: Uint32Array;
  /** [O + 1]: runs of object o are runStart[o] … runStart[o + 1] - 1. */
  readonly runStart: Uint32Array;
  /** First frame of each run, and the one after its last. */
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  /** Number in `OBSERVATION_STATES`. */
  readonly state: Uint8Array;
  /** 1: nothing was segmented in the run; its masks were carried over in 3D, and nobody has accepted them. */
  readonly carried: Uint8Array;
  /** Largest disagreement in the run, 0 to 254; {@link UNKNOWN}. */
  readonly disagreement: Uint8Array;
  /** [O + 1] and frames, by object and ascending: id switches, key frames. */
  readonly switches: Marks;
  readonly keyframes: Marks;
  /** Returns of an object that may be another that looks the same. */
  readonly ambiguous: Marks;
  readonly observations: number;
}

interface Marks {
  readonly start: Uint32Array;
  readonly frames: Uint32Array;
}

/** Levels of disagreement that draw differently; a run ends where the level changes. */
export const DISAGREEMENT_LEVELS = 4;

export function disagreementLevel(value: number): number {
  return value === UNKNOWN ? 0 : Math.min(DISAGREEMENT_LEVELS - 1, Math.floor((value * DISAGREEMENT_LEVELS) / 255));
}

/** @throws LiftscopeError `bad-input` when the file is not what it should be */
export function parseLanes(file: ArrayBuffer): Lanes {
  const bad = (why: string): never => {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `The observations cannot be read: ${why}.`,
      hint: 'Page and host must come from the same version of Liftscope.',
    });
  };
  const bytes = new Uint8Array(file);
  if (bytes.length < 16) return bad('the file is too short');
  const magic = String.fromCharCode(...bytes.subarray(0, 8));
  if (magic !== OBSERVATIONS_MAGIC) return bad('it is another kind of file');
  const [count, objects] = new Uint32Array(file.slice(8, 16)) as unknown as [number, number];
  if (bytes.length !== 16 + 4 * objects + 11 * count) return bad('its length does not fit its header');
  const objectIds = new Uint32Array(file, 16, objects);
  const object = new Uint32Array(file, 16 + 4 * objects, count);
  const frame = new Uint32Array(file, 16 + 4 * (objects + count), count);
  const rest = 16 + 4 * objects + 8 * count;
  const state = bytes.subarray(rest, rest + count);
  const disagreement = bytes.subarray(rest + count, rest + 2 * count);
  const flags = bytes.subarray(rest + 2 * count, rest + 3 * count);

  const runStart = new Uint32Array(objects + 1);
  const runs = {
    ...{ from: new Grower(), to: new Grower(), state: new Grower(), disagreement: new Grower() },
    carried: new Grower(),
  };
  const marks = { idSwitch: new Grower(), keyframe: new Grower(), ambiguous: new Grower() };
  const markStart = {
    idSwitch: new Uint32Array(objects + 1),
    keyframe: new Uint32Array(objects + 1),
    ambiguous: new Uint32Array(objects + 1),
  };
  let open = -1;
  let current = -1;
  for (let i = 0; i < count; i++) {
    const o = object[i]!;
    if (o >= objects || o < current) return bad('its objects are out of order');
    while (current < o) {
      current += 1;
      runStart[current] = runs.from.length;
      markStart.idSwitch[current] = marks.idSwitch.length;
      markStart.keyframe[current] = marks.keyframe.length;
      markStart.ambiguous[current] = marks.ambiguous.length;
      open = -1;
    }
    const f = frame[i]!;
    const s = state[i]!;
    const d = disagreement[i]!;
    const c = (flags[i]! & OBSERVATION_FLAGS.carried) === 0 ? 0 : 1;
    const same = open >= 0 && s === runs.state.at(open) && c === runs.carried.at(open);
    if (same && f === runs.to.at(open) && sameLevel(d, runs.disagreement.at(open))) {
      runs.to.set(open, f + 1);
      if (d !== UNKNOWN && d > runs.disagreement.at(open)) runs.disagreement.set(open, d);
    } else if (open >= 0 && f < runs.to.at(open)) {
      // Two tracks of one object in the same frame: the first one draws.
    } else {
      open = runs.from.length;
      runs.from.push(f);
      runs.to.push(f + 1);
      runs.state.push(s);
      runs.disagreement.push(d);
      runs.carried.push(c);
    }
    if ((flags[i]! & OBSERVATION_FLAGS.idSwitch) !== 0) marks.idSwitch.push(f);
    if ((flags[i]! & OBSERVATION_FLAGS.keyframe) !== 0) marks.keyframe.push(f);
    if ((flags[i]! & OBSERVATION_FLAGS.ambiguous) !== 0) marks.ambiguous.push(f);
  }
  for (let o = current + 1; o <= objects; o++) {
    runStart[o] = runs.from.length;
    markStart.idSwitch[o] = marks.idSwitch.length;
    markStart.keyframe[o] = marks.keyframe.length;
    markStart.ambiguous[o] = marks.ambiguous.length;
  }
  return {
    objectIds,
    runStart,
    from: runs.from.values(),
    to: runs.to.values(),
    state: Uint8Array.from(runs.state.values()),
    disagreement: Uint8Array.from(runs.disagreement.values()),
    carried: Uint8Array.from(runs.carried.values()),
    switches: { start: markStart.idSwitch, frames: marks.idSwitch.values() },
    keyframes: { start: markStart.keyframe, frames: marks.keyframe.values() },
    ambiguous: { start: markStart.ambiguous, frames: marks.ambiguous.values() },
    observations: count,
  };
}

function sameLevel(a: number, b: number): boolean {
  return (a === UNKNOWN) === (b === UNKNOWN) && disagreementLevel(a) === disagreementLevel(b);
}

/** Numbers whose count is not known beforehand. */
class Grower {
  length = 0;
  private data = new Uint32Array(1024);
  push(value: number): void {
    if (this.length === this.data.length) {
      const larger = new Uint32Array(2 * this.data.length);
      larger.set(this.data);
      this.data = larger;
    }
    this.data[this.length] = value;
    this.length += 1;
  }
  at(index: number): number {
    return this.data[index]!;
  }
  set(index: number, value: number): void {
    this.data[index] = value;
  }
  values(): Uint32Array {
    return this.data.slice(0, this.length);
  }
}

/** First of the ascending `values` between `start` and `end` that is greater than `value`; `end` when none is. */
export function firstAfter(values: Uint32Array, start: number, end: number, value: number): number {
  let low = start;
  let high = end;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** State of an object in a frame; -1 where it was not observed. */
export function stateAt(lanes: Lanes, object: number, frame: number): number {
  const end = lanes.runStart[object + 1]!;
  const run = firstAfter(lanes.to, lanes.runStart[object]!, end, frame);
  return run < end && lanes.from[run]! <= frame ? lanes.state[run]! : -1;
}

/**
 * The nearest frame before or after `frame` in which an object's initial id changed or its return is ambiguous.
 * @param objects indices into `objectIds`; empty: any
 */
export function switchFrom(
  lanes: Lanes,
  objects: readonly number[],
  frame: number,
  direction: 1 | -1,
): { readonly object: number; readonly frame: number } | null {
  let best: { object: number; frame: number } | null = null;
  const looked = objects.length > 0 ? objects : Array.from(lanes.objectIds.keys());
  for (const object of looked) {
    for (const { start, frames } of [lanes.switches, lanes.ambiguous]) {
      const [from, end] = [start[object]!, start[object + 1]!];
      const after = firstAfter(frames, from, end, direction > 0 ? frame : frame - 1);
      const at = direction > 0 ? after : after - 1;
      if (at < from || at >= end) continue;
      const found = frames[at]!;
      if (best === null || (found - best.frame) * direction < 0) best = { object, frame: found };
    }
  }
  return best;
}
