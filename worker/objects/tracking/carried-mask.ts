/** The mask of an object in a frame in which nothing segmented it: its last sighting, carried over in 3D. */
import type { Photo } from './descriptors.ts';
import type { SegmentShape } from './segments.ts';
import type { Camera, Vector } from './view.ts';

/** What a sighting leaves behind: points of its surface, and how large the patch is that each stands for. */
export interface SeenSurface {
  /** [P * 3] world. */
  readonly points: Float64Array;
  /** [P * 3] 8-bit sRGB of the points; undefined without a photo. */
  readonly colours: Uint8Array | undefined;
  /** Side of a point's patch, scene units. */
  readonly patch: number;
  /** Half the width of what was seen, scene units. */
  readonly radius: number;
}

/** Most points that a sighting keeps: memory is bounded by tracks. */
const MAX_POINTS = 2500;
/** Share of the distance by which depth may err. */
const DEPTH_TOLERANCE = 0.05;
/** A point this many times farther from the median than the median point is no part of the object: an edge's depth. */
const STRAY = 4;
const NEAREST = 0.01;
/** Of the pixels that it would take, so many must be free to be seen: less is an occlusion, not a lapse of the segmenter. */
const MIN_SEEN = 0.5;
/**
 * Mean difference of colours, of 255, from which on what is seen at the place and depth of an object is another thing: a board in front
 * of it, or the empty place. Of kitchens 102 and 103 everything from 30 to 45 mends alike.
 */
export const OTHER_COLOUR = 40;

/** @param depth [H, W] z, 0 = none; @param most points, about @returns undefined where the segment has no depth */
export function surfaceOf(
  shape: SegmentShape,
  labels: ArrayLike<number>,
  depth: ArrayLike<number>,
  camera: Camera,
  photo?: Photo,
  most = MAX_POINTS,
): SeenSurface | undefined {
  const step = Math.max(1, Math.ceil(Math.sqrt(shape.areaPx / most)));
  const found: { x: number; y: number; z: number }[] = [];
  for (let y = shape.top; y < shape.bottom; y += step) {
    for (let x = shape.left; x < shape.right; x += step) {
      const i = y * camera.width + x;
      if (labels[i] === shape.id && depth[i]! > 0 && depth[i]! < Infinity) found.push({ x, y, z: depth[i]! });
    }
  }
  if (found.length === 0) return undefined;
  const median = middle(found.map(({ z }) => z));
  const spread = Math.max(middle(found.map(({ z }) => Math.abs(z - median))), DEPTH_TOLERANCE * median);
  const kept = found.filter(({ z }) => Math.abs(z - median) <= STRAY * spread);
  const points = new Float64Array(3 * kept.length);
  const colours = photo && new Uint8Array(3 * kept.length);
  const plane = camera.width * camera.height;
  kept.forEach(({ x, y, z }, k) => {
    points.set(camera.unproject(x + 0.5, y + 0.5, z), 3 * k);
    for (let c = 0; photo !== undefined && c < 3; c++)
      colours![3 * k + c] = photo.data[c * plane + y * camera.width + x]!;
  });
  const patch = (step * median) / camera.focal;
  return { points, colours, patch, radius: patch * Math.sqrt(kept.length / Math.PI) };
}

/**
 * Where the surface is in another view, if the object has not moved: pixels of no segment whose depth is the surface's, and which
 * have, all together, its colours.
 * @param depth [H, W] z, 0 = none
 * @param labels [H, W] segments of the frame
 * @param photo of the frame; undefined: depth alone decides
 * @param own label of the object itself, if it has one here
 * @returns [H, W] 1 inside; undefined where most of it is hidden, elsewhere, looked through, or another thing
 */
export function carriedMask(
  { points, colours, patch, radius }: SeenSurface,
  camera: Camera,
  depth: ArrayLike<number>,
  labels: ArrayLike<number>,
  photo?: Photo,
  own = 0,
): Uint8Array | undefined {
  const { width, height } = camera;
  if (!inSight(points, camera)) return undefined;
  const mask = new Uint8Array(width * height);
  const outline = new Uint8Array(width * height);
  let [free, taken, difference] = [0, 0, 0];
  const plane = width * height;
  for (let k = 0; k < points.length; k += 3) {
    const world: Vector = [points[k]!, points[k + 1]!, points[k + 2]!];
    const [u, v, z] = camera.project(world);
    if (!(z > NEAREST)) continue;
    // Half a pixel more on every side, so that patches that turn do not leave gaps.
    const half = (patch * camera.focal) / z / 2 + 0.25;
    // From elsewhere other sides of it are seen, which are as far apart as it is thick.
    const tolerance = DEPTH_TOLERANCE * z + patch + radius;
    for (let y = Math.max(0, Math.round(v - half)); y < Math.min(height, Math.round(v + half)); y++) {
      for (let x = Math.max(0, Math.round(u - half)); x < Math.min(width, Math.round(u + half)); x++) {
        const i = y * width + x;
        if (mask[i] === 1) continue;
        const seen = depth[i]!;
        const same = (labels[i] === 0 || labels[i] === own) && (!(seen > 0) || Math.abs(seen - z) <= tolerance);
        if (same) {
          mask[i] = 1;
          free++;
          for (let c = 0; colours !== undefined && photo !== undefined && c < 3; c++) {
            difference += Math.abs(colours[k + c]! - photo.data[c * plane + i]!) / 3;
          }
          if (outline[i] === 1) taken--;
        } else if (outline[i] === 0) {
          outline[i] = 1;
          taken++;
        }
      }
    }
  }
  if (free === 0 || free < MIN_SEEN * (free + taken)) return undefined;
  return difference <= OTHER_COLOUR * free ? mask : undefined;
}

function inSight(points: Float64Array, { project, width, height }: Camera): boolean {
  for (let k = 0; k < points.length; k += 3) {
    const [u, v, z] = project([points[k]!, points[k + 1]!, points[k + 2]!]);
    if (z > NEAREST && u >= 0 && v >= 0 && u < width && v < height) return true;
  }
  return false;
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}
