import { applyPose, invertPose, type Pose, type Vec3 } from '../linear.ts';
import type { FrameImages } from '../render/index.ts';
import type { Scene } from '../scene.ts';
import type { TrackState, TruthTrack, TruthTracks } from './schema.ts';

/** An object counts as visible from this share of the image on: the size from which segments are scored. */
export const VISIBLE_SHARE = 1e-3;
/** Surface points looked at to tell "hidden" from "not in the view". */
const PROBE_POINTS = 64;

const samePose = (a: Pose | null, b: Pose | null): boolean =>
  a === b ||
  (a !== null &&
    b !== null &&
    a.rotation.every((value, k) => value === b.rotation[k]) &&
    a.translation.every((value, k) => value === b.translation[k]));

type Observation = TruthTrack['observations'][number];

/** Watches frames go by in order and writes down where every object was. */
export class TrackRecorder {
  readonly #scene: Scene;
  readonly #probes: Vec3[][];
  readonly #states: TrackState[][];
  readonly #observations: Observation[][];
  #frame = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#states = scene.objects.map(() => []);
    this.#observations = scene.objects.map(() => []);
    this.#probes = scene.objects.map(({ model }) => {
      const all = model.parts.flatMap((part) => part.shapes.map((shape) => shape.positions));
      const count = all.reduce((sum, positions) => sum + positions.length / 3, 0);
      const step = Math.max(1, Math.floor(count / PROBE_POINTS));
      const probes: Vec3[] = [];
      let seen = 0;
      for (const positions of all) {
        for (let i = 0; i < positions.length; i += 3) {
          if (seen++ % step === 0) probes.push([positions[i]!, positions[i + 1]!, positions[i + 2]!]);
        }
      }
      return probes;
    });
  }

  /** Adds the next frame. */
  add(images: FrameImages): void {
    const frame = this.#scene.frames[this.#frame]!;
    const { width, height, instance } = images;
    const boxes = new Map<number, Observation>();
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const id = instance[y * width + x]!;
        if (id === 0) continue;
        const box = boxes.get(id);
        if (!box) boxes.set(id, [this.#frame, 1, x, y, x + 1, y + 1]);
        else {
          box[1]++;
          box[2] = Math.min(box[2], x);
          box[4] = Math.max(box[4], x + 1);
          box[5] = y + 1;
        }
      }
    }
    const cameraFromWorld = invertPose(frame.view.worldFromCamera);
    const { fx, fy, cx, cy } = frame.view.intrinsics;
    this.#scene.objects.forEach((object, i) => {
      const observation = boxes.get(object.id);
      if (observation) this.#observations[i]!.push(observation);
      const pose = frame.objectPoses[i]!;
      let state: TrackState;
      if (pose === null) state = 'absent';
      else if (observation && observation[1] >= VISIBLE_SHARE * width * height) state = 'visible';
      else {
        const inside = this.#probes[i]!.some((probe) => {
          const p = applyPose(cameraFromWorld, applyPose(pose, probe));
          if (p[2] <= 0.01) return false;
          const [u, v] = [(fx * p[0]) / p[2] + cx, (fy * p[1]) / p[2] + cy];
          return u >= 0 && u < width && v >= 0 && v < height;
        });
        state = inside || observation ? 'occluded' : 'out-of-view';
      }
      this.#states[i]!.push(state);
    });
    this.#frame++;
  }

  finish(): TruthTracks {
    const { objects, frames } = this.#scene;
    const runs = <T>(values: readonly T[], same: (a: T, b: T) => boolean): { from: number; to: number; value: T }[] => {
      const out: { from: number; to: number; value: T }[] = [];
      values.forEach((value, i) => {
        const last = out.at(-1);
        if (last && same(last.value, value)) last.to = i;
        else out.push({ from: i, to: i, value });
      });
      return out;
    };
    const tracks = objects.map((object, i): TruthTrack => {
      const poses = runs(
        frames.map((frame) => frame.objectPoses[i]!),
        samePose,
      ).filter(({ value }) => value !== null);
      return {
        objectId: object.id,
        states: runs(this.#states[i]!, (a, b) => a === b).map(({ from, to, value }) => ({ from, to, state: value })),
        // One frame alone says nothing about standing still.
        staticIntervals: poses
          .filter(({ from, to }) => to > from || frames.length === 1)
          .map(({ from, to }) => ({ from, to })),
        poses: poses.map(({ from, to, value }) => ({
          from,
          to,
          worldFromObject: { rotation: [...value!.rotation], translation: [...value!.translation] },
        })),
        observations: this.#observations[i]!,
      };
    });
    return { visibleShare: VISIBLE_SHARE, tracks };
  }
}
