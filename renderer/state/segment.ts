/** Click to segment: the tool that is in the hand, for every view that draws it. Written by `tools/`, and by the Scene panel its camera. */
import type { ClickMask, ClickView, Failure } from '../../contract/index.ts';
import type { CameraState } from './camera.ts';

export interface SegmentPoint {
  /** Pixels of its view. */
  readonly x: number;
  readonly y: number;
  readonly positive: boolean;
  readonly view: ClickView;
  /** World point under a click in the scene, where one was found; null for clicks in frames. */
  readonly position: readonly [number, number, number] | null;
}

export interface SegmentState {
  readonly active: boolean;
  readonly points: readonly SegmentPoint[];
  /** Least similarity to a positive click, 0 to 1. */
  readonly threshold: number;
  /** The resting camera of the Scene panel, while that panel is there. */
  readonly scene: { readonly camera: CameraState; readonly view: ClickView } | null;
  /** What the clicks select: in the current frame, in the scene, and how much of the model. */
  readonly frameMask: { readonly frameId: string; readonly mask: ClickMask } | null;
  readonly sceneMask: { readonly camera: CameraState; readonly mask: ClickMask } | null;
  readonly gaussians: number | null;
  /** Time of the last answer, of the worker. */
  readonly milliseconds: number | null;
  readonly busy: boolean;
  readonly failure: Failure | null;
}

/** Of the published protocol of the click benchmark. */
const FIRST_THRESHOLD = 0.8;

export const initialSegment: SegmentState = {
  active: false,
  points: [],
  threshold: FIRST_THRESHOLD,
  scene: null,
  frameMask: null,
  sceneMask: null,
  gaussians: null,
  milliseconds: null,
  busy: false,
  failure: null,
};
