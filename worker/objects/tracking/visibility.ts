/** The four states of an object in a frame, from geometry (methods 4). */
import type { ObservationState } from '../../../contract/index.ts';
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
}

/** Share of the distance by which depth may err. */
const DEPTH_TOLERANCE = 0.05;
const NEAREST = 0.01;

/** Disc of the object as the camera sees it: the centre, and eight points at 0.7 of the radius. */
const PROBES: readonly (readonly [number, number])[] = [
  [0, 0],
  ...Array.from({ length: 8 }, (_, k): [number, number] => {
    const angle = (k / 8) * 2 * Math.PI;
    return [0.7 * Math.cos(angle), 0.7 * Math.sin(angle)];
  }),
];

/**
 * State of an object that has no segment in this frame, if it is still where it was last seen. A probe is blocked where the depth is
 * less than the object's, and looked through where it is more; the majority decides.
 * @param depth [H, W] z, 0 = none; undefined without depth: what is in view and not segmented then counts as occluded
 * @param labels [H, W] segments of the frame
 */
export function expectedState(
  object: ExpectedObject,
  camera: Camera,
  depth: ArrayLike<number> | undefined,
  labels: ArrayLike<number>,
): Visibility {
  const [u, v, z] = camera.project(object.location);
  if (!(z > NEAREST)) return { state: 'out-of-view' };
  const radiusPx = (object.radius * camera.focal) / z;
  // The place is on the near side of the object: what is in front is in front of that, what is behind may still be the object.
  const nearest = z - 0.25 * object.radius - DEPTH_TOLERANCE * z;
  const farthest = z + object.radius + DEPTH_TOLERANCE * z;
  let [inside, blocked, through, known] = [0, 0, 0, 0];
  const inFront = new Map<number, number>();
  for (const [dx, dy] of PROBES) {
    const [x, y] = [Math.floor(u + dx * radiusPx), Math.floor(v + dy * radiusPx)];
    if (!(x >= 0 && y >= 0 && x < camera.width && y < camera.height)) continue;
    inside++;
    const seen = depth?.[y * camera.width + x] ?? 0;
    if (!(seen > 0)) continue;
    known++;
    if (seen < nearest) {
      blocked++;
      const label = labels[y * camera.width + x]!;
      inFront.set(label, (inFront.get(label) ?? 0) + 1);
    } else if (seen > farthest) through++;
  }
  if (inside === 0) return { state: 'out-of-view' };
  if (known === 0) return { state: 'occluded' };
  if (2 * blocked >= known) {
    const [occluder] = [...inFront].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0]!;
    return { state: 'occluded', occluder };
  }
  if (2 * through >= known) return { state: 'absent' };
  return { state: 'visible', unsegmented: true };
}
