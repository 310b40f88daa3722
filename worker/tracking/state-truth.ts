/** What the state of every object of a generated scene truly is in a frame, where there is no doubt. */
import type { ObservationState } from '../../contract/index.ts';
import type { Camera, Vector } from '../objects/index.ts';
import type { AmodalTruth, FrameTruth, SceneTruth } from '../scenes/index.ts';

/** Of the silhouette: an object of which less is seen is hidden, between this and the scored size nothing is sure. */
const HIDDEN_SHARE = 0.1;
/** So much farther than a place must be what is seen there, metres, for the place to be empty. */
const EMPTY_MARGIN = 0.1;

export interface TrueObject {
  /** Undefined for a sliver: it counts as neither seen nor hidden. */
  readonly state: ObservationState | undefined;
  /** Pixels of the whole silhouette in the image, and of those that are seen. */
  readonly wholePx: number;
  readonly seenPx: number;
  /** When occluded: instance in front of most of the silhouette, 0 for what is no object. */
  readonly occluder: number | undefined;
  /** Origin of its own frame, world; undefined while it is not in the scene. */
  readonly place: Vector | undefined;
}

export interface FrameStates {
  readonly objects: ReadonlyMap<number, TrueObject>;
  /** A place in view behind which something is seen. */
  readonly seesPast: (place: Vector) => boolean;
}

/**
 * visible: at least the share of the image from which segments are scored; occluded: the silhouette has that size, and less than a
 * tenth of it and less than that share is seen; out of view: no pixel of the silhouette lies in the image.
 */
export function trueStates(
  truth: SceneTruth,
  amodal: AmodalTruth,
  position: number,
  images: Pick<FrameTruth, 'instance' | 'depth' | 'width' | 'height'>,
  camera: Pick<Camera, 'project'>,
): FrameStates {
  const { instance, depth, width, height } = images;
  const least = truth.tracks.visibleShare * width * height;
  const objects = new Map<number, TrueObject>();
  for (const { objectId, poses } of truth.tracks.tracks) {
    const pose = poses.find(({ from, to }) => from <= position && position <= to);
    const mask = amodal.mask(objectId, position);
    if (pose === undefined || mask === undefined) {
      objects.set(objectId, { state: 'absent', wholePx: 0, seenPx: 0, occluder: undefined, place: undefined });
      continue;
    }
    const inFront = new Map<number, number>();
    let [whole, seen] = [0, 0];
    for (let i = 0; i < mask.length; i++) {
      if (mask[i] === 0) continue;
      whole++;
      const id = instance[i]!;
      if (id === objectId) seen++;
      else inFront.set(id, (inFront.get(id) ?? 0) + 1);
    }
    const hidden = whole >= least && seen < least && seen < HIDDEN_SHARE * whole;
    const [first] = [...inFront].sort((a, b) => b[1] - a[1]);
    objects.set(objectId, {
      state: seen >= least ? 'visible' : hidden ? 'occluded' : whole === 0 ? 'out-of-view' : undefined,
      ...{ wholePx: whole, seenPx: seen },
      occluder: hidden ? first?.[0] : undefined,
      place: pose.worldFromObject.translation,
    });
  }
  const seesPast = (place: Vector): boolean => {
    const [u, v, z] = camera.project(place);
    const [x, y] = [Math.floor(u), Math.floor(v)];
    if (!(z > 0 && x >= 0 && y >= 0 && x < width && y < height)) return false;
    return depth[y * width + x]! > z + EMPTY_MARGIN;
  };
  return { objects, seesPast };
}
