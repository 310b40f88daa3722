/** The four states of an object in a frame, from geometry (methods 4). */
import type { ObservationState } from '../../../contract/index.ts';
import { OTHER_COLOUR, type SeenSurface } from './carried-mask.ts';
import type { Photo } from './descriptors.ts';
import type { Camera, Vector } from './view.ts';

export interface Visibility {
  readonly state: ObservationState;
  /** When occluded: label in front of most of it, 0 for what is no segment, undefined without depth. */
  readonly occluder?: number;
  /** There is a surface where the object is expected, but no segment of it. */
  readonly unsegmented?: boolean;
}

export interface ExpectedObject {
  /** Where it was last seen, world. */
  readonly location: Vector;
  /** Half its width, scene units. */
  readonly radius: number;
  /** What was seen of it last; undefined: depth alone decides. */
  readonly surface?: SeenSurface | undefined;
}

/** Share of the distance by which depth may err. */
const DEPTH_TOLERANCE = 0.05;
/** By how much of its radius what is in front is nearer: a segment of something else, and what is not segmented. */
const SEGMENT_MARGIN = 0.25;
const SURFACE_MARGIN = 1;
/** By how much of its radius what is seen past it is farther: its place lies on its near side. */
const FAR_MARGIN = 1.5;
/** From these shares of the probes on the object is hidden, and its place is empty. */
const HIDDEN_SHARE = 0.75;
const EMPTY_SHARE = 0.75;
const NEAREST = 0.01;

/** Disc of the object as the camera sees it: the centre, and rings at shares of the radius. */
const PROBES: readonly (readonly [number, number])[] = [
  [0, 0],
  ...[0.5, 0.75].flatMap((share) =>
    Array.from({ length: 8 }, (_, k): [number, number] => {
      const angle = (k / 8) * 2 * Math.PI;
      return [share * Math.cos(angle), share * Math.sin(angle)];
    }),
  ),
];

/**
 * State of an object that has no segment in this frame, if it is still where it was last seen. A probe of its disc is blocked where
 * something nearer is seen, and looked through where something farther is. A segment there is another object, so that little is asked
 * of its depth; a surface without a segment may be the object itself, which the segmenter missed, and must be clearly nearer, or have
 * other colours: a board just in front of it is as deep as it, and so is the wall behind where it stood.
 * @param depth [H, W] z, 0 = none; undefined without depth: what is in view and not segmented then counts as occluded
 * @param labels [H, W] segments of the frame; @param photo of the frame; undefined: depth alone decides
 */
export function expectedState(
  object: ExpectedObject,
  camera: Camera,
  depth: ArrayLike<number> | undefined,
  labels: ArrayLike<number>,
  photo?: Photo,
): Visibility {
  const [u, v, z] = camera.project(object.location);
  if (!(z > NEAREST)) return { state: 'out-of-view' };
  const radiusPx = (object.radius * camera.focal) / z;
  const error = DEPTH_TOLERANCE * z;

  const farthest = z + FAR_MARGIN * object.radius + error;
  let [inside, blocked, through, known] = [0, 0, 0, 0];
  const inFront = new Map<number, number>();
  for (const [dx, dy] of PROBES) {
    const [x, y] = [Math.floor(u + dx * radiusPx), Math.floor(v + dy * radiusPx)];
    if (!(x >= 0 && y >= 0 && x < camera.width && y < camera.height)) continue;
    inside++;
    const seen = depth?.[y * camera.width + x] ?? 0;
    if (!(seen > 0)) continue;
    known++;
    const label = labels[y * camera.width + x]!;
    const nearest = label === 0 ? z - SURFACE_MARGIN * object.radius - error : z - SEGMENT_MARGIN * object.radius;
    if (seen < nearest) {
      blocked++;
      inFront.set(label, (inFront.get(label) ?? 0) + 1);
    } else if (seen > farthest) through++;
  }
  if (inside === 0) return { state: 'out-of-view' };
  if (known === 0) return { state: 'occluded' };
  if (blocked >= HIDDEN_SHARE * known) {
    const [occluder] = [...inFront].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0]!;
    return { state: 'occluded', occluder };
  }
  if (through >= EMPTY_SHARE * known) return { state: 'absent' };
  const offset = depth && photo && object.surface && offsetOfOther(object.surface, camera, depth, labels, photo);
  if (offset === undefined) return { state: 'visible', unsegmented: true };
  if (offset > 0) return { state: 'absent' };
  const [front] = [...inFront].sort((a, b) => b[1] - a[1] || b[0] - a[0]);
  return { state: 'occluded', occluder: front?.[0] ?? 0 };
}

/**
 * How much farther than its surface, on the mean, is what is seen in its place instead of it, scene units.
 * @returns undefined where that may be the object itself, or where no pixel without a segment shows its place
 */
function offsetOfOther(
  { points, colours }: SeenSurface,
  camera: Camera,
  depth: ArrayLike<number>,
  labels: ArrayLike<number>,
  photo: Photo,
): number | undefined {
  if (colours === undefined) return undefined;
  const { width, height } = camera;
  const plane = width * height;
  let [difference, offset, count] = [0, 0, 0];
  for (let k = 0; k < points.length; k += 3) {
    const [u, v, z] = camera.project([points[k]!, points[k + 1]!, points[k + 2]!]);
    if (!(z > NEAREST && u >= 0 && v >= 0 && u < width && v < height)) continue;
    const i = Math.floor(v) * width + Math.floor(u);
    if (labels[i] !== 0 || !(depth[i]! > 0)) continue;
    count++;
    offset += depth[i]! - z;
    for (let c = 0; c < 3; c++) difference += Math.abs(colours[k + c]! - photo.data[c * plane + i]!) / 3;
  }
  return count > 0 && difference > OTHER_COLOUR * count ? offset / count : undefined;
}
