/** What one frame says about one object: its own pixels, what is surely not it, and what is in front of it. */
import type { PinholeView } from '../../contract/index.ts';
import type { Photo, Vector } from '../objects/index.ts';

/** Pixel roles. */
export const OUTSIDE = 0;
export const OBJECT = 1;
/** Something nearer may cover the pixel, so that it says nothing about the object. */
export const IGNORED = 2;

/** A part of a frame around the object, with the camera that goes with it. */
export interface ObjectView {
  readonly view: PinholeView;
  /** [3, H, W] of the crop, 8 bit. */
  readonly photo: Uint8Array;
  /** [H, W] */
  readonly roles: Uint8Array;
  /** [H, W] z, 0 = none; undefined without depth. */
  readonly depth: Float32Array | undefined;
}

export interface FrameOfObject {
  readonly view: PinholeView;
  readonly photo: Photo;
  /** [H, W] segments of the frame, 0 = none. */
  readonly labels: ArrayLike<number>;
  /** The object's own segment. */
  readonly segment: number;
  /** [H, W] z; undefined without. */
  readonly depth: Float32Array | undefined;
  /** Depth z of each segment, where it is known. */
  readonly segmentDepth: ReadonlyMap<number, number>;
  /** Where the object is, in the camera: pixel position, depth and half its width in pixels. */
  readonly disc: { readonly u: number; readonly v: number; readonly z: number; readonly radiusPx: number };
}

/** Half the crop's side in radii of the object, and at least so many pixels beyond the segment. */
const CROP_RADII = 2.2;
const BORDER_PX = 5;
/**
 * By how many radii a surface without a segment must lie farther than the object to say that the object is not there: a board that
 * stands close in front of it, and what it stands on, are hardly nearer than it.
 */
const BEHIND = 1;

/** Pixel box, ends exclusive. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Box of the disc and of the mask, cut at the image; undefined when nothing of it is in the image. */
export function cropBox(
  { width, height }: Pick<PinholeView, 'width' | 'height'>,
  { u, v, radiusPx }: Pick<FrameOfObject['disc'], 'u' | 'v' | 'radiusPx'>,
  mask?: Box,
): Box | undefined {
  const half = CROP_RADII * radiusPx + BORDER_PX;
  const left = Math.max(0, Math.floor(Math.min(u - half, (mask?.left ?? Infinity) - BORDER_PX)));
  const top = Math.max(0, Math.floor(Math.min(v - half, (mask?.top ?? Infinity) - BORDER_PX)));
  const right = Math.min(width, Math.ceil(Math.max(u + half, (mask?.right ?? -Infinity) + BORDER_PX)));
  const bottom = Math.min(height, Math.ceil(Math.max(v + half, (mask?.bottom ?? -Infinity) + BORDER_PX)));
  return left < right && top < bottom ? { left, top, right, bottom } : undefined;
}

/** The camera of a part of its image. */
export function croppedView(view: PinholeView, { left, top, right, bottom }: Box): PinholeView {
  return { ...view, width: right - left, height: bottom - top, cx: view.cx - left, cy: view.cy - top };
}

/** @returns undefined when the frame shows nothing of the object */
export function objectView(frame: FrameOfObject): ObjectView | undefined {
  const { view, photo, labels, segment, depth, segmentDepth, disc } = frame;
  const box = cropBox(view, disc, boxOf(labels, view.width, segment));
  if (box === undefined) return undefined;
  const cropped = croppedView(view, box);
  const { width, height } = cropped;
  const plane = view.width * view.height;
  const pixels = new Uint8Array(3 * width * height);
  const roles = new Uint8Array(width * height);
  const near = depth && new Float32Array(width * height);
  const radius = (disc.radiusPx * disc.z * 2) / (view.fx + view.fy);
  const behind = disc.z + BEHIND * radius;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const source = (box.top + y) * view.width + box.left + x;
      const target = y * width + x;
      for (let c = 0; c < 3; c++) pixels[c * width * height + target] = photo.data[c * plane + source]!;
      const z = depth?.[source] ?? 0;
      if (near !== undefined) near[target] = z;
      const label = labels[source]!;
      if (label === segment) roles[target] = OBJECT;
      else if (label !== 0) roles[target] = (segmentDepth.get(label) ?? disc.z) <= disc.z ? IGNORED : OUTSIDE;
      else roles[target] = z > 0 && z < behind ? IGNORED : OUTSIDE;
    }
  }
  return { view: cropped, photo: pixels, roles, depth: near };
}

function boxOf(labels: ArrayLike<number>, width: number, segment: number): Box | undefined {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== segment) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + 1);
    bottom = Math.max(bottom, y + 1);
  }
  return right < 0 ? undefined : { left, top, right, bottom };
}

/** World points of the object's own pixels, moved so that their median lies on `place`: depth errs as a whole more than within. */
export function pointsOfView(
  { view, photo, roles, depth }: ObjectView,
  unproject: (u: number, v: number, depth: number) => Vector,
  fallbackDepth: number,
  radius: number,
): { readonly position: Vector; readonly colour: readonly [number, number, number] }[] {
  const { width, height } = view;
  const own: number[] = [];
  for (let i = 0; i < roles.length; i++) if (roles[i] === OBJECT) own.push(i);
  const depths = own.flatMap((i) => (depth !== undefined && depth[i]! > 0 ? depth[i]! : [])).sort((a, b) => a - b);
  const median = depths[depths.length >> 1] ?? fallbackDepth;
  return own.map((i) => {
    const measured = depth !== undefined && depth[i]! > 0 ? depth[i]! - median : 0;
    // What lies farther from the median than the object is wide belongs to something else, or to the blur of an edge.
    const z = fallbackDepth + Math.min(radius, Math.max(-radius, measured));
    const colour = [0, 1, 2].map((c) => photo[c * width * height + i]! / 255) as [number, number, number];
    return { position: unproject((i % width) + 0.5, Math.floor(i / width) + 0.5, z), colour };
  });
}
