/** What the Inspector says about frames, objects and the history, as plain arithmetic. */
import {
  type FrameColumns,
  type FrameMetrics,
  OBSERVATION_STATES,
  type ObservationState,
  type ProcedureOutput,
} from '../../../contract/index.ts';
import { firstAfter, type Lanes, stateAt, UNKNOWN } from '../timeline/index.ts';

type Vec3 = readonly [number, number, number];

export interface FrameFacts {
  readonly width: number;
  readonly height: number;
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
  /** Degrees, of the whole image. */
  readonly fovX: number;
  readonly fovY: number;
  /** World to camera, OpenCV axes: wxyz, and scene units. */
  readonly quaternion: readonly [number, number, number, number];
  readonly translation: Vec3;
  /** World coordinates of the camera, and the unit vector it looks along. */
  readonly centre: Vec3;
  readonly forward: Vec3;
}

export function frameFacts({ poses, intrinsics }: FrameColumns, index: number): FrameFacts {
  const [width, height, fx, fy, cx, cy] = intrinsics.slice(6 * index, 6 * index + 6) as [
    ...[number, number, number],
    ...[number, number, number],
  ];
  const [w, x, y, z, ...t] = poses.slice(7 * index, 7 * index + 7) as [number, number, number, number, ...number[]];
  const translation = t as unknown as Vec3;
  // Columns of the transposed rotation: the camera's axes in the world.
  const right: Vec3 = [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)];
  const down: Vec3 = [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)];
  const forward: Vec3 = [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)];
  // centre = -R^T t
  const centre = [0, 1, 2].map(
    (i) => -(right[i]! * translation[0] + down[i]! * translation[1] + forward[i]! * translation[2]) || 0,
  ) as unknown as Vec3;
  const degrees = (before: number, after: number, focal: number) =>
    ((Math.atan2(before, focal) + Math.atan2(after, focal)) * 180) / Math.PI;
  return {
    ...{ width, height, fx, fy, cx, cy, quaternion: [w, x, y, z], translation, centre, forward },
    fovX: degrees(cx, width - cx, fx),
    fovY: degrees(cy, height - cy, fy),
  };
}

/** Camera and pose as JSON for other programs, at full precision. */
export function poseJson(name: string, facts: FrameFacts): string {
  const { width, height, fx, fy, cx, cy, quaternion, translation } = facts;
  return `${JSON.stringify(
    { name, width, height, fx, fy, cx, cy, cameraFromWorld: { quaternionWxyz: quaternion, translation } },
    null,
    2,
  )}\n`;
}

export interface Quality {
  readonly psnr: number;
  readonly ssim: number;
  /** 1 is the worst of `of` measured frames. */
  readonly rank: number;
  readonly of: number;
}

export function qualityOf(metrics: FrameMetrics, name: string): Quality | null {
  const own = metrics.frames.find((frame) => frame.name === name);
  if (own === undefined) return null;
  const rank = 1 + metrics.frames.filter(({ psnr }) => psnr < own.psnr).length;
  return { psnr: own.psnr, ssim: own.ssim, rank, of: metrics.frames.length };
}

/** What is said of an object in a frame; null where nothing is. */
export function stateIn(lanes: Lanes, id: number, frame: number): ObservationState | null {
  const object = lanes.objectIds.indexOf(id);
  const state = object < 0 ? UNKNOWN : stateAt(lanes, object, frame);
  return state === UNKNOWN ? null : (OBSERVATION_STATES[state] ?? null);
}

/** Ids of the objects that are seen in a frame, wholly or in part. */
export function objectsInFrame(lanes: Lanes, frame: number): readonly number[] {
  const ids: number[] = [];
  for (let object = 0; object < lanes.objectIds.length; object++) {
    const state = stateAt(lanes, object, frame);
    if (state === 0 || state === 1) ids.push(lanes.objectIds[object]!);
  }
  return ids;
}

export interface Run {
  readonly from: number;
  /** The frame after the last one. */
  readonly to: number;
  /** Number in `OBSERVATION_STATES`. */
  readonly state: number;
}

export interface Sightings {
  /** Ascending, equal neighbours joined. */
  readonly runs: readonly Run[];
  /** Frames where the given id changed. */
  readonly switches: readonly number[];
  /** First frame of the run that disagrees most with the given masks, 0 to 1; null where none is known. */
  readonly worst: { readonly frame: number; readonly disagreement: number } | null;
}

/** Where one object was observed; null without observations. */
export function sightingsOf(lanes: Lanes, id: number): Sightings | null {
  const object = lanes.objectIds.indexOf(id);
  if (object < 0) return null;
  const runs: Run[] = [];
  let worst: Sightings['worst'] = null;
  for (let i = lanes.runStart[object]!; i < lanes.runStart[object + 1]!; i++) {
    const [from, to, state, disagreement] = [lanes.from[i]!, lanes.to[i]!, lanes.state[i]!, lanes.disagreement[i]!];
    if (disagreement !== UNKNOWN && disagreement / 254 > (worst?.disagreement ?? 0))
      worst = { frame: from, disagreement: disagreement / 254 };
    const last = runs.at(-1);
    if (last !== undefined && last.to === from && last.state === state) runs[runs.length - 1] = { ...last, to };
    else runs.push({ from, to, state });
  }
  const { start, frames } = lanes.switches;
  return { runs, switches: [...frames.subarray(start[object], start[object + 1])], worst };
}

/** The nearest frame before (-1) or after (1) this one where the object is seen, wholly or in part; null when there is none. */
export function nextSighting(runs: readonly Run[], frame: number, direction: 1 | -1): number | null {
  const seen = runs.filter(({ state }) => state <= 1);
  if (direction === 1) {
    const ends = Uint32Array.from(seen, ({ to }) => to);
    const next = seen[firstAfter(ends, 0, ends.length, frame + 1)];
    return next === undefined ? null : Math.max(next.from, frame + 1);
  }
  const last = seen.findLast(({ from }) => from < frame);
  return last === undefined ? null : Math.min(last.to, frame) - 1;
}

export type HistoryEdit = ProcedureOutput<'edits.history'>['edits'][number];

/** Steps of undo (negative) or redo (positive) until `id` is the newest step that is done; `null`: until none is. `edits` newest first. */
export function stepsTo(edits: readonly HistoryEdit[], id: number | null): number {
  const at = id === null ? edits.length : edits.findIndex((edit) => edit.id === id);
  if (at < 0) return 0;
  const newestDone = edits.findIndex(({ undone }) => !undone);
  return (newestDone < 0 ? edits.length : newestDone) - at;
}

export function vectorText(values: readonly number[], digits: number): string {
  return values.map((value) => value.toFixed(digits).replace(/^-(0(?:\.0*)?)$/, '$1')).join('  ');
}
