/** Attributes of the segments of one frame: what tracking decides by (methods 4). */
import type { PinholeView, TrackingParameters } from '../../contract/index.ts';
import {
  type Camera,
  cameraOf,
  centroidOf,
  describeSegment,
  type Photo,
  type SegmentShape,
  shapesOfLabels,
  type TrackingNotes,
  type Vector,
} from '../objects/index.ts';

/** What the 2D tracker says about a segment. */
export interface SegmentInfo {
  readonly category?: string | undefined;
  /** In [0, 1]; absent is as good as 1. */
  readonly confidence?: number | undefined;
}

export interface SegmentedFrame {
  readonly name: string;
  /** [H, W] initial track ids, 0 = none. */
  readonly labels: Int32Array;
  readonly info: ReadonlyMap<number, SegmentInfo>;
}

export interface FrameDepth {
  /** [H, W] z in scene units, 0 = none; undefined where there is no depth at all. */
  readonly depth: Float32Array | undefined;
  readonly from: 'fitted' | 'previous' | 'none';
}

export interface ObservedSegment {
  readonly shape: SegmentShape;
  readonly category: string | undefined;
  readonly confidence: number;
  readonly location: Vector | undefined;
  /** Half the width of the segment at its depth, scene units; 0 without depth. */
  readonly radius: number;
  readonly feature: Float32Array | undefined;
}

export interface ObservedFrame {
  readonly name: string;
  readonly camera: Camera | undefined;
  readonly labels: Int32Array;
  readonly depth: FrameDepth;
  readonly photo: Photo | undefined;
  readonly segments: readonly ObservedSegment[];
}

export interface FrameToObserve {
  readonly view: PinholeView;
  readonly segmented: SegmentedFrame;
  readonly depth: FrameDepth;
  /** Absent: no appearance. */
  readonly photo?: Photo | undefined;
  /** Appearance by segment id, of a network; absent: gradients and colours of the photo. */
  readonly features?: ReadonlyMap<number, Float32Array> | undefined;
}

export function observeFrame(
  { view, segmented, depth, photo, features }: FrameToObserve,
  mode: TrackingParameters['centroid'],
  notes: TrackingNotes,
): ObservedFrame {
  const { name, labels, info } = segmented;
  const camera = cameraOf(view);
  const shapes = shapesOfLabels(labels, view.width, view.height);
  if (shapes.length === 0) notes.add('no-segments', `${name}: has no segments; every object is unseen.`);
  if (depth.from === 'previous') {
    notes.add('depth-from-previous', `${name}: too little to align its depth to; the previous scale and shift serve.`);
  }
  if (camera === undefined) {
    notes.add('no-pose', `${name}: has no usable camera pose; its segments are tracked without places.`);
  } else if (depth.depth === undefined) {
    notes.add('no-depth', `${name}: has no depth; its segments are tracked without places.`);
  }
  const segments = shapes.map((shape): ObservedSegment => {
    const centroid =
      camera === undefined || depth.depth === undefined
        ? undefined
        : centroidOf(shape, labels, depth.depth, camera, mode);
    if (centroid?.outside === true && mode === 'mean-pixel') {
      notes.add('mean-pixel-outside', `${name}: the mean pixel of segment ${shape.id} lies off it; see centroid.`);
    }
    const known = info.get(shape.id);
    return {
      shape,
      category: known?.category,
      confidence: known?.confidence ?? 1,
      location: centroid?.location,
      radius: centroid === undefined ? 0 : (Math.sqrt(shape.areaPx / Math.PI) * centroid.depth) / camera!.focal,
      feature: features === undefined ? photo && describeSegment(photo, labels, shape) : features.get(shape.id),
    };
  });
  return { name, camera, labels, depth, photo, segments };
}
