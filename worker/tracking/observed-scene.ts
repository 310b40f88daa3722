/** A generated scene observed once, so that many trackers can be run on the same segments, depths and appearances. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LiftscopeError, type PinholeView, type TeacherNoise, type TrackingParameters } from '../../contract/index.ts';
import { loadImage } from '../images/index.ts';
import type { TrackingFrame } from '../metrics/index.ts';
import { cameraOf, DepthAligner, StaticDepth, TrackingNotes } from '../objects/index.ts';
import { type ObservedFrame, observeFrame } from './observe.ts';
import { SceneVideo } from './scene-video.ts';
import type { FrameStates } from './state-truth.ts';

export interface ObservedScene {
  readonly video: SceneVideo;
  readonly frames: readonly ObservedFrame[];
  readonly views: readonly PinholeView[];
  /** True objects against initial ids. */
  readonly truths: readonly TrackingFrame[];
  /** True object of each initial id, frame by frame. */
  readonly oracle: readonly ReadonlyMap<number, number>[];
  /** True states, frame by frame. */
  readonly states: readonly FrameStates[];
  readonly notes: TrackingNotes;
}

export interface ObserveSceneOptions {
  readonly noise?: TeacherNoise;
  readonly seed?: number;
  readonly centroid?: TrackingParameters['centroid'];
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** All of a short scene in memory. @throws LiftscopeError, ImageFileError, the signal's reason */
export async function observeScene(captureDir: string, options: ObserveSceneOptions = {}): Promise<ObservedScene> {
  const { noise = 'default', seed = 0, centroid = 'median-depth', signal } = options;
  const video = await SceneVideo.open(captureDir, noise, seed);
  const staticDepth = new StaticDepth(await scenePoints(captureDir));
  const aligner = new DepthAligner('disparity');
  const notes = new TrackingNotes();
  const frames: ObservedFrame[] = [];
  const views: PinholeView[] = [];
  const truths: TrackingFrame[] = [];
  const oracle: ReadonlyMap<number, number>[] = [];
  const states: FrameStates[] = [];
  const { scene } = video.truth;
  for (const { name } of scene.frames) {
    signal?.throwIfAborted();
    const view = sceneView(video, name);
    views.push(view);
    const camera = cameraOf(view);
    const photo = await loadImage(join(captureDir, 'images', `${name}.png`));
    const { segmented, disparity, truth, trueObjects, states: trueOnes } = await video.frame(name, view);
    const aligned = camera && aligner.align(disparity, staticDepth.render(camera));
    const depth = { depth: aligned?.depth, from: aligned?.from ?? ('none' as const) };
    frames.push(observeFrame({ view, segmented, depth, photo }, centroid, notes));
    truths.push(truth);
    oracle.push(trueObjects);
    states.push(trueOnes);
    options.onProgress?.(frames.length, scene.frames.length);
  }
  return { video, frames, views, truths, oracle, states, notes };
}

function sceneView(video: SceneVideo, name: string): PinholeView {
  const { width, height } = video.truth.scene;
  const { fx, fy, cx, cy, worldFromCamera } = video.truth.frameNamed(name)!;
  const [w, x, y, z] = worldFromCamera.rotation;
  const [a, b, c] = worldFromCamera.translation;
  // Of the inverse: turned back, then moved by −R⁻¹t.
  const [i, j, k] = [-x, -y, -z];
  const rotate = (): [number, number, number] => [
    (1 - 2 * (j * j + k * k)) * a + 2 * (i * j - w * k) * b + 2 * (i * k + w * j) * c,
    2 * (i * j + w * k) * a + (1 - 2 * (i * i + k * k)) * b + 2 * (j * k - w * i) * c,
    2 * (i * k - w * j) * a + 2 * (j * k + w * i) * b + (1 - 2 * (i * i + j * j)) * c,
  ];
  const [tx, ty, tz] = rotate();
  const cameraFromWorld = {
    quaternion: [w, i, j, k] as [number, number, number, number],
    translation: [-tx, -ty, -tz] as [number, number, number],
  };
  return { width, height, fx, fy, cx, cy, cameraFromWorld };
}

/** Sparse points of a generated capture. [M, 3] @throws LiftscopeError `bad-input` */
async function scenePoints(captureDir: string): Promise<Float32Array> {
  const file = join(captureDir, 'sparse', '0', 'points3D.txt');
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new LiftscopeError({ code: 'bad-input', message: `${file}: cannot be read (${error.message})` });
  });
  const values = text.split('\n').flatMap((line) => {
    if (line === '' || line.startsWith('#')) return [];
    return line.split(' ', 4).slice(1).map(Number);
  });
  return Float32Array.from(values);
}
