/** A generated scene as a video with simulated tracker and depth: truth only where a real teacher would stand. */
import { LiftscopeError, type MaskClass, type PinholeView, type TeacherNoise } from '../../contract/index.ts';
import type { TrackingFrame } from '../metrics/index.ts';
import { type Camera, cameraOf } from '../objects/index.ts';
import {
  AmodalTruth,
  readSceneTruth,
  type SceneTruth,
  SceneTruthError,
  SimulatedTracker,
  simulateDepth,
  trackingFrame,
} from '../scenes/index.ts';
import type { SegmentedFrame, SegmentInfo } from './observe.ts';
import { type FrameStates, trueStates } from './state-truth.ts';

export interface SceneVideoFrame {
  readonly segmented: SegmentedFrame;
  /** [H, W] affine-invariant disparity. */
  readonly disparity: Float32Array;
  /** True objects against initial ids. */
  readonly truth: TrackingFrame;
  /** True object of each initial id, 0 for a segment of none. */
  readonly trueObjects: ReadonlyMap<number, number>;
  readonly states: FrameStates;
}

export class SceneVideo {
  readonly truth: SceneTruth;
  readonly classes: readonly MaskClass[];
  readonly #tracker: SimulatedTracker;
  readonly #noise: TeacherNoise;
  readonly #seed: number;
  /** Whole silhouettes. */
  readonly amodal: AmodalTruth;

  private constructor(truth: SceneTruth, amodal: AmodalTruth, noise: TeacherNoise, seed: number) {
    this.truth = truth;
    this.amodal = amodal;
    this.#noise = noise;
    this.#seed = seed;
    this.#tracker = new SimulatedTracker(truth.objects, noise, seed);
    this.classes = truth.scene.classes.map(({ id, name, isThing }) => ({ id, name, isThing }));
  }

  /** @throws LiftscopeError `bad-input` */
  static async open(captureDir: string, noise: TeacherNoise, seed: number): Promise<SceneVideo> {
    const truth = await readTruth(() => readSceneTruth(captureDir));
    return new SceneVideo(truth, await readTruth(() => AmodalTruth.open(captureDir, truth)), noise, seed);
  }

  /** Class of a true object; 0 for one that is not listed. */
  classOf(objectId: number): number {
    return this.truth.objects.find(({ id }) => id === objectId)?.classId ?? 0;
  }

  /** Position of a frame in the truth. @throws LiftscopeError `bad-input` for a frame that the scene does not have */
  positionOf(name: string): number {
    const frame = this.truth.frameNamed(name);
    const position = frame === undefined ? -1 : this.truth.scene.frames.indexOf(frame);
    if (position >= 0) return position;
    throw new LiftscopeError({
      code: 'bad-input',
      message: `Frame ${name} is not in the generated scene.`,
      hint: 'Import the scene again.',
    });
  }

  /** Frames must be asked for in the order of the video. @throws LiftscopeError `bad-input` */
  async frame(name: string, view: PinholeView): Promise<SceneVideoFrame> {
    const { instance, depth, width, height } = await readTruth(() => this.truth.readFrame(name));
    if (width !== view.width || height !== view.height) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `Frame ${name} is ${view.width}x${view.height} in the project, its truth is ${width}x${height}.`,
        hint: 'Import the scene without --scale.',
      });
    }
    const camera = cameraOf(view) ?? UNPOSED;
    const heldObject = this.truth.frameNamed(name)?.heldObject ?? 0;
    const tracked = this.#tracker.track({ name, width, height, instance, heldObject });
    const info = new Map(
      tracked.detections.map(({ trackId, category, confidence }): [number, SegmentInfo] => [
        trackId,
        { category, confidence },
      ]),
    );
    const segmented = { name, labels: Int32Array.from(tracked.labels), info };
    const { values } = simulateDepth(depth, width, height, name, this.#noise, this.#seed, 'disparity');
    return {
      segmented,
      disparity: values,
      truth: trackingFrame(instance, tracked.labels, width, height),
      trueObjects: new Map(tracked.detections.map(({ trackId, trueInstance }) => [trackId, trueInstance])),
      states: trueStates(this.truth, this.amodal, this.positionOf(name), { instance, depth, width, height }, camera),
    };
  }
}

/** Sees no place. */
const UNPOSED: Pick<Camera, 'project'> = { project: () => [Number.NaN, Number.NaN, Number.NaN] };

export async function readTruth<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SceneTruthError)) throw error;
    throw new LiftscopeError({ code: 'bad-input', message: error.message }, { cause: error });
  }
}
