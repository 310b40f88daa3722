/** Baselines in 2D (methods 2.5): segments followed from frame to frame by the Hungarian method on IoU. */
import type { PinholeView } from '../../kernels/index.ts';
import { linearAssignment } from '../assignment/index.ts';
import type { PosedSegments } from './evidence.ts';
import { centreOf, distance } from './viewpoints.ts';

/**
 * What a segment is compared with. `consecutive`: the frame before, pixel on pixel. `warped`: the frame before, seen from the
 * new camera through the depth. `fused`: everything before, as 3D points in voxels.
 */
export type TrackingKind = 'consecutive' | 'warped' | 'fused';

export interface TrackingOptions {
  readonly kind: TrackingKind;
  /** Pairs with a lower IoU are not matched. */
  readonly leastIou: number;
  /** `nearest`: each frame is followed by the nearest camera not yet visited, for photos in no order. */
  readonly order: 'capture' | 'nearest';
  /** `warped`: depths agree within this share. */
  readonly depthTolerance: number;
  /** `fused`: edge of a voxel in pixels at the median depth. */
  readonly voxelPixels: number;
}

export interface TrackedFrame extends PosedSegments {
  /** [H, W] expected depth, 0 where nothing covers; not needed for `consecutive`. */
  readonly depth?: Float32Array;
}

/**
 * Track of every segment, numbered from 1.
 * @returns by frame, in the order given: track by segment id
 */
export function trackMasks(frames: readonly TrackedFrame[], options: TrackingOptions): Map<number, number>[] {
  const tracks = frames.map(() => new Map<number, number>());
  const order = options.order === 'nearest' ? nearestTour(frames.map(({ view }) => view)) : frames.map((_, i) => i);
  const memory = memoryOf(frames, options);
  let count = 0;
  for (const index of order) {
    const frame = frames[index]!;
    // -1: the past does not know this pixel; 0: it was background.
    const past = memory.look(frame);
    const matched = match(frame.segments, past, options.leastIou);
    for (const [label, track] of matched) tracks[index]!.set(label, track > 0 ? track : ++count);
    memory.remember(frame, tracks[index]!);
  }
  return tracks;
}

/** Best assignment of segments to the tracks of the past; 0 = none. Pixels that the past does not know are not counted. */
function match(segments: ArrayLike<number>, past: Int32Array, leastIou: number): Map<number, number> {
  const areaOfSegment = new Map<number, number>();
  const areaOfTrack = new Map<number, number>();
  const both = new Map<number, Map<number, number>>();
  for (let pixel = 0; pixel < segments.length; pixel++) {
    const label = segments[pixel]!;
    const track = past[pixel]!;
    if (label !== 0) areaOfSegment.set(label, (areaOfSegment.get(label) ?? 0) + (track >= 0 ? 1 : 0));
    if (track <= 0) continue;
    areaOfTrack.set(track, (areaOfTrack.get(track) ?? 0) + 1);
    if (label === 0) continue;
    const row = both.get(label) ?? new Map<number, number>();
    both.set(label, row.set(track, (row.get(track) ?? 0) + 1));
  }
  const labels = [...areaOfSegment.keys()];
  const ids = [...areaOfTrack.keys()];
  const result = new Map(labels.map((label) => [label, 0]));
  if (ids.length === 0) return result;
  const iou = new Float64Array(labels.length * ids.length);
  for (const [row, label] of labels.entries()) {
    for (const [column, track] of ids.entries()) {
      const shared = both.get(label)?.get(track) ?? 0;
      if (shared > 0) {
        iou[row * ids.length + column] = shared / (areaOfSegment.get(label)! + areaOfTrack.get(track)! - shared);
      }
    }
  }
  const { columnOfRow } = linearAssignment(iou, labels.length, ids.length, { maximise: true });
  for (const [row, label] of labels.entries()) {
    const column = columnOfRow[row]!;
    if (column >= 0 && iou[row * ids.length + column]! >= leastIou) result.set(label, ids[column]!);
  }
  return result;
}

interface Memory {
  /** Track of each pixel of the new frame, as the past has it: 0 background, -1 not known. */
  look(frame: TrackedFrame): Int32Array;
  remember(frame: TrackedFrame, tracks: ReadonlyMap<number, number>): void;
}

function memoryOf(frames: readonly TrackedFrame[], options: TrackingOptions): Memory {
  if (options.kind === 'fused') return new VoxelMemory(voxelSize(frames, options.voxelPixels));
  return new FrameMemory(options.kind === 'warped' ? options.depthTolerance : undefined);
}

function trackImage({ segments }: TrackedFrame, tracks: ReadonlyMap<number, number>): Int32Array {
  return Int32Array.from(segments, (label) => (label === 0 ? 0 : tracks.get(label)!));
}

/** The frame before. */
class FrameMemory implements Memory {
  readonly #tolerance: number | undefined;
  #last: { readonly frame: TrackedFrame; readonly image: Int32Array } | undefined;

  constructor(tolerance: number | undefined) {
    this.#tolerance = tolerance;
  }

  look(frame: TrackedFrame): Int32Array {
    const last = this.#last;
    const { widthPixels: width, heightPixels: height } = frame.view;
    const past = new Int32Array(width * height).fill(-1);
    if (last === undefined) return past;
    const { view, depth } = last.frame;
    if (this.#tolerance === undefined) {
      for (let i = 0; i < past.length && last.image.length === past.length; i++) past[i] = last.image[i]!;
      return past;
    }
    // Backwards: each new pixel asks the old frame, so that the warp has no holes.
    forEachPoint(frame, (pixel, world) => {
      const at = projected(view, world);
      if (at === undefined) return;
      const old = Math.floor(at.y) * view.widthPixels + Math.floor(at.x);
      if (Math.abs(depth![old]! - at.z) <= this.#tolerance! * at.z) past[pixel] = last.image[old]!;
    });
    return past;
  }

  remember(frame: TrackedFrame, tracks: ReadonlyMap<number, number>): void {
    this.#last = { frame, image: trackImage(frame, tracks) };
  }
}

/** Everything before, by voxel: the track seen there most often. */
class VoxelMemory implements Memory {
  readonly #size: number;
  readonly #votes = new Map<string, Map<number, number>>();

  constructor(size: number) {
    this.#size = size;
  }

  #key(world: readonly number[]): string {
    return world.map((value) => Math.floor(value / this.#size)).join(' ');
  }

  look(frame: TrackedFrame): Int32Array {
    const past = new Int32Array(frame.segments.length).fill(-1);
    forEachPoint(frame, (pixel, world) => {
      const votes = this.#votes.get(this.#key(world));
      if (votes === undefined) return;
      let most = 0;
      for (const [track, count] of votes) {
        if (count <= most) continue;
        most = count;
        past[pixel] = track;
      }
    });
    return past;
  }

  remember(frame: TrackedFrame, tracks: ReadonlyMap<number, number>): void {
    const image = trackImage(frame, tracks);
    forEachPoint(frame, (pixel, world) => {
      const key = this.#key(world);
      const votes = this.#votes.get(key) ?? new Map<number, number>();
      this.#votes.set(key, votes.set(image[pixel]!, (votes.get(image[pixel]!) ?? 0) + 1));
    });
  }
}

function voxelSize(frames: readonly TrackedFrame[], pixels: number): number {
  const sizes = frames.map(({ depth, view }) => {
    const known = depth!.filter((z) => z > 0).sort();
    return ((known[known.length >> 1] ?? 1) / view.fx) * pixels;
  });
  return sizes.sort((a, b) => a - b)[sizes.length >> 1] ?? 1;
}

/** World position of every covered pixel's centre. */
function forEachPoint(frame: TrackedFrame, visit: (pixel: number, world: readonly number[]) => void): void {
  const { view, depth } = frame;
  const { widthPixels: width, fx, fy, cx, cy, cameraFromWorld: m } = view;
  const centre = centreOf(m);
  for (let pixel = 0; pixel < depth!.length; pixel++) {
    const z = depth![pixel]!;
    if (!(z > 0)) continue;
    const x = (((pixel % width) + 0.5 - cx) / fx) * z;
    const y = ((Math.floor(pixel / width) + 0.5 - cy) / fy) * z;
    visit(
      pixel,
      centre.map((value, axis) => value + m[axis]! * x + m[4 + axis]! * y + m[8 + axis]! * z),
    );
  }
}

/** Pixel coordinates and depth; undefined outside the image or behind the camera. */
function projected(view: PinholeView, world: readonly number[]): { x: number; y: number; z: number } | undefined {
  const m = view.cameraFromWorld;
  const row = (r: number) =>
    m[4 * r]! * world[0]! + m[4 * r + 1]! * world[1]! + m[4 * r + 2]! * world[2]! + m[4 * r + 3]!;
  const z = row(2);
  if (!(z > 0)) return undefined;
  const x = (view.fx * row(0)) / z + view.cx;
  const y = (view.fy * row(1)) / z + view.cy;
  return x >= 0 && y >= 0 && x < view.widthPixels && y < view.heightPixels ? { x, y, z } : undefined;
}

/** From the first frame always to the nearest camera not yet visited: distance of centres plus that of viewing directions. */
function nearestTour(views: readonly PinholeView[]): number[] {
  const centres = views.map(({ cameraFromWorld }) => centreOf(cameraFromWorld));
  const directions = views.map(({ cameraFromWorld: m }) => [m[8]!, m[9]!, m[10]!]);
  const spread = Math.max(...centres.map((centre) => distance(centre, centres[0]!)), 1e-9);
  const left = new Set(views.keys());
  const tour: number[] = [];
  for (let at = 0; left.size > 0; ) {
    left.delete(at);
    tour.push(at);
    let best = Infinity;
    let next = at;
    for (const other of left) {
      const cost = distance(centres[at]!, centres[other]!) / spread + distance(directions[at]!, directions[other]!);
      if (cost < best) [best, next] = [cost, other];
    }
    at = next;
  }
  return tour;
}
