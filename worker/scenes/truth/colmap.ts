import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stuffClassId } from '../assembly.ts';
import { applyPose, invertPose, type Vec3 } from '../linear.ts';
import type { Random } from '../random.ts';
import type { FrameImages } from '../render/index.ts';
import type { Scene } from '../scene.ts';

/** Frames kept for triangulation, evenly spread over the training views: bounds the memory of long captures. */
const KEPT_FRAMES = 64;
const POINTS_AT_25_OBJECTS = 8000;
const MAX_POINTS = 60_000;
/** Standard deviation of a point's position as a share of its depth, and of its observations in pixels. */
const POSITION_NOISE = 0.001;
const PIXEL_NOISE = 0.3;
const DEPTH_AGREEMENT = 0.01;

interface Kept {
  readonly frame: number;
  readonly images: FrameImages;
}
interface SparsePoint {
  readonly position: Vec3;
  readonly colour: readonly [number, number, number];
  /** [frame, u, v] */
  readonly track: (readonly [number, number, number])[];
}

/** Collects views while frames stream by, then samples what structure from motion would have found. */
export class SparsePointSampler {
  readonly #scene: Scene;
  readonly #keep: Set<number>;
  readonly #kept: Kept[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
    const training = scene.frames.flatMap((frame, i) => (frame.split === 'train' ? [i] : []));
    const count = Math.min(KEPT_FRAMES, training.length);
    this.#keep = new Set(Array.from({ length: count }, (_, k) => training[Math.floor((k * training.length) / count)]!));
  }

  add(frame: number, images: FrameImages): void {
    if (this.#keep.has(frame)) this.#kept.push({ frame, images });
  }

  /** Points on surfaces that never move, seen in at least two of the kept views. */
  sample(random: Random): SparsePoint[] {
    const { objects, frames } = this.#scene;
    const moving = new Set<number>();
    objects.forEach((object, i) => {
      if (frames.some((frame) => frame.objectPoses[i] !== frames[0]!.objectPoses[i])) moving.add(object.id);
    });
    const hand = stuffClassId('hand');
    const inverse = frames.map((frame) => invertPose(frame.view.worldFromCamera));
    const wanted = Math.min(MAX_POINTS, Math.round(POINTS_AT_25_OBJECTS * Math.max(1, Math.sqrt(objects.length / 25))));
    const points: SparsePoint[] = [];
    for (let attempt = 0; attempt < 3 * wanted && points.length < wanted && this.#kept.length > 0; attempt++) {
      const { frame, images } = random.pick(this.#kept);
      const pixel = random.integer(images.width * images.height);
      const depth = images.depth[pixel]!;
      const noise: Vec3 = [random.normal(), random.normal(), random.normal()];
      if (depth <= 0 || moving.has(images.instance[pixel]!) || images.classId[pixel] === hand) continue;
      const { fx, fy, cx, cy } = frames[frame]!.view.intrinsics;
      const [u, v] = [(pixel % images.width) + 0.5, Math.floor(pixel / images.width) + 0.5];
      const exact = applyPose(frames[frame]!.view.worldFromCamera, [
        ((u - cx) / fx) * depth,
        ((v - cy) / fy) * depth,
        depth,
      ]);
      const track: [number, number, number][] = [];
      for (const other of this.#kept) {
        const p = applyPose(inverse[other.frame]!, exact);
        if (p[2] <= 0) continue;
        const at = frames[other.frame]!.view.intrinsics;
        const [pu, pv] = [(at.fx * p[0]) / p[2] + at.cx, (at.fy * p[1]) / p[2] + at.cy];
        if (!(pu >= 0 && pu < at.width && pv >= 0 && pv < at.height)) continue;
        const seen = other.images.depth[Math.floor(pv) * at.width + Math.floor(pu)]!;
        if (Math.abs(seen - p[2]) > DEPTH_AGREEMENT * p[2]) continue;
        const clamp = (value: number, size: number): number => Math.max(0, Math.min(size - 1e-3, value));
        track.push([
          other.frame,
          clamp(pu + PIXEL_NOISE * random.normal(), at.width),
          clamp(pv + PIXEL_NOISE * random.normal(), at.height),
        ]);
      }
      if (track.length < 2) continue;
      const sigma = POSITION_NOISE * depth;
      points.push({
        position: [exact[0] + sigma * noise[0], exact[1] + sigma * noise[1], exact[2] + sigma * noise[2]],
        colour: [images.rgb[3 * pixel]!, images.rgb[3 * pixel + 1]!, images.rgb[3 * pixel + 2]!],
        track,
      });
    }
    return points;
  }
}

/** Writes `sparse/0/{cameras,images,points3D}.txt` in COLMAP's text format: one PINHOLE camera per distinct intrinsics. */
export async function writeColmap(dir: string, scene: Scene, points: readonly SparsePoint[]): Promise<void> {
  const cameras = new Map<string, number>();
  const cameraOf = scene.frames.map(({ view }) => {
    const { width, height, fx, fy, cx, cy } = view.intrinsics;
    const line = `PINHOLE ${width} ${height} ${fx} ${fy} ${cx} ${cy}`;
    const known = cameras.get(line) ?? cameras.size + 1;
    cameras.set(line, known);
    return known;
  });
  const observations: string[][] = scene.frames.map(() => []);
  const pointLines = points.map((point, i) => {
    const track = point.track.map(([frame, u, v]) => {
      const index = observations[frame]!.length;
      observations[frame]!.push(`${u.toFixed(3)} ${v.toFixed(3)} ${i + 1}`);
      return `${frame + 1} ${index}`;
    });
    const position = point.position.map((value) => value.toFixed(6)).join(' ');
    return `${i + 1} ${position} ${point.colour.join(' ')} ${PIXEL_NOISE} ${track.join(' ')}`;
  });
  const imageLines = scene.frames.flatMap((frame, i) => {
    const { rotation, translation } = invertPose(frame.view.worldFromCamera);
    return [
      `${i + 1} ${rotation.join(' ')} ${translation.join(' ')} ${cameraOf[i]} ${frame.name}.png`,
      observations[i]!.join(' '),
    ];
  });
  const folder = path.join(dir, 'sparse', '0');
  await mkdir(folder, { recursive: true });
  const text = (header: string, lines: readonly string[]): string => `# ${header}\n${lines.join('\n')}\n`;
  await writeFile(
    path.join(folder, 'cameras.txt'),
    text(
      'CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]',
      [...cameras].map(([line, id]) => `${id} ${line}`),
    ),
  );
  await writeFile(
    path.join(folder, 'images.txt'),
    text('IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then POINTS2D[] as X Y POINT3D_ID', imageLines),
  );
  await writeFile(
    path.join(folder, 'points3D.txt'),
    text('POINT3D_ID X Y Z R G B ERROR TRACK[] as IMAGE_ID POINT2D_IDX', pointLines),
  );
}
