import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { SCENE_CLASSES } from '../assembly.ts';
import { wordsFor } from '../objects/index.ts';
import { createRandom } from '../random.ts';
import { type FrameImages, renderFrames } from '../render/index.ts';
import type { Check, Scene } from '../scene.ts';
import { sceneChecks } from './checks.ts';
import { SparsePointSampler, writeColmap } from './colmap.ts';
import { objectPly } from './ply.ts';
import { TRUTH_FORMAT, TRUTH_VERSION, type TruthObject, type TruthScene } from './schema.ts';
import { TrackRecorder } from './tracks.ts';

export interface WriteOptions {
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}
export interface WriteReport {
  readonly frames: number;
  readonly points: number;
  readonly checks: Check[];
}

/** Encodes [H, W] labels as a 16-bit grey PNG. */
export const encodeLabels = (labels: Uint16Array, width: number, height: number): Promise<Buffer> =>
  sharp(labels, { raw: { width, height, channels: 1 } })
    .toColourspace('grey16')
    .png({ compressionLevel: 6 })
    .toBuffer();

export function objectTable(scene: Scene): TruthObject[] {
  return scene.objects.map((object) => {
    const words = wordsFor(object.choice);
    return {
      id: object.id,
      classId: object.classId,
      category: object.choice.category,
      colour: object.choice.colour,
      material: object.choice.material,
      pattern: object.choice.pattern,
      words,
      lookAlikeOf: object.lookAlikeOf,
      parts: object.parts.map(({ id, name }) => ({
        id,
        name,
        words: [...words.map((word) => `${name} of the ${word}`), name],
      })),
      mesh: `meshes/${String(object.id).padStart(4, '0')}.ply`,
    };
  });
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`;

/**
 * Renders a scene and writes it as a COLMAP capture (`images/`, `sparse/0/`) with `truth/` beside it. The folder appears complete or
 * not at all: everything is written to a sibling with the suffix `.partial` and renamed at the end. Throws when `dir` exists and is
 * not empty, and the signal's reason when aborted.
 */
export async function writeSceneCapture(scene: Scene, dir: string, options: WriteOptions = {}): Promise<WriteReport> {
  if (scene.frames.length === 0) throw new RangeError('the scene has no frames to write');
  const existing = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (existing && existing.length > 0) throw new Error(`${dir} is not empty; choose a new folder for the capture`);
  const partial = `${path.resolve(dir)}.partial`;
  await rm(partial, { recursive: true, force: true });
  const truth = path.join(partial, 'truth');
  for (const folder of ['instance', 'class', 'part', 'depth', 'meshes'])
    await mkdir(path.join(truth, folder), { recursive: true });
  await mkdir(path.join(partial, 'images'), { recursive: true });
  try {
    const recorder = new TrackRecorder(scene);
    const sampler = new SparsePointSampler(scene);
    let done = 0;
    const writeFrame = async (name: string, images: FrameImages): Promise<void> => {
      const { width, height } = images;
      const labels = async (folder: string, values: Uint16Array): Promise<void> =>
        writeFile(path.join(truth, folder, `${name}.png`), await encodeLabels(values, width, height));
      await Promise.all([
        sharp(images.rgb, { raw: { width, height, channels: 3 } })
          .png({ compressionLevel: 6 })
          .toFile(path.join(partial, 'images', `${name}.png`)),
        labels('instance', images.instance),
        labels('class', images.classId),
        labels('part', images.part),
        writeFile(path.join(truth, 'depth', `${name}.f32`), new Uint8Array(images.depth.buffer)),
      ]);
    };
    const views = scene.frames.map(({ view }) => view);
    const { threads, signal } = options;
    for await (const images of renderFrames(scene.render, views, {
      ...(threads !== undefined && { threads }),
      ...(signal && { signal }),
    })) {
      recorder.add(images);
      sampler.add(done, images);
      await writeFrame(scene.frames[done]!.name, images);
      done++;
      options.onProgress?.(done, scene.frames.length);
    }
    const points = sampler.sample(createRandom(`${scene.kind}/${scene.seed}/points`));
    await writeColmap(partial, scene, points);
    const tracks = recorder.finish();
    const checks = sceneChecks(scene, tracks);
    const { width, height } = scene.frames[0]!.view.intrinsics;
    const description: TruthScene = {
      format: TRUTH_FORMAT,
      version: TRUTH_VERSION,
      kind: scene.kind,
      seed: scene.seed,
      parameters: { ...scene.parameters },
      width,
      height,
      images: { instance: 'png16', class: 'png16', part: 'png16', depth: 'float32-le' },
      classes: SCENE_CLASSES.map((entry) => ({ ...entry })),
      frames: scene.frames.map(({ name, split, timeSeconds, heldObject, view }) => ({
        name,
        split,
        timeSeconds,
        fx: view.intrinsics.fx,
        fy: view.intrinsics.fy,
        cx: view.intrinsics.cx,
        cy: view.intrinsics.cy,
        worldFromCamera: {
          rotation: [...view.worldFromCamera.rotation],
          translation: [...view.worldFromCamera.translation],
        },
        heldObject,
      })),
      checks,
    };
    await writeFile(path.join(truth, 'objects.json'), json(objectTable(scene)));
    await writeFile(path.join(truth, 'tracks.json'), JSON.stringify(tracks));
    for (const object of scene.objects) {
      await writeFile(path.join(truth, 'meshes', `${String(object.id).padStart(4, '0')}.ply`), objectPly(object));
    }
    await writeFile(path.join(truth, 'scene.json'), json(description));
    signal?.throwIfAborted();
    if (existing) await rm(dir, { recursive: true });
    await rename(partial, dir);
    return { frames: done, points: points.length, checks };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}
