import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp, { type OutputInfo } from 'sharp';
import type { z } from 'zod';
import {
  type TruthFrame,
  type TruthObject,
  type TruthScene,
  type TruthTracks,
  truthObjectsSchema,
  truthSceneSchema,
  truthTracksSchema,
} from './schema.ts';

/** Says what is wrong with a `truth/` folder, and in which file. */
export class SceneTruthError extends Error {
  readonly file: string;
  constructor(file: string, message: string) {
    super(`${file}: ${message}`);
    this.name = 'SceneTruthError';
    this.file = file;
  }
}

/** Ground truth of one frame, row-major [H, W]. */
export interface FrameTruth {
  readonly width: number;
  readonly height: number;
  readonly instance: Uint16Array;
  readonly classId: Uint16Array;
  readonly part: Uint16Array;
  /** z in metres, 0 where nothing was hit. */
  readonly depth: Float32Array;
}

export interface SceneTruth {
  readonly scene: TruthScene;
  readonly objects: readonly TruthObject[];
  readonly tracks: TruthTracks;
  /** The description of a frame; undefined when the scene has no such frame. */
  frameNamed(name: string): TruthFrame | undefined;
  /** Reads and checks one frame's images. Accepts the frame's name with or without an image extension. */
  readFrame(name: string): Promise<FrameTruth>;
}

const MAX_JSON_BYTES = 512 * 1024 * 1024;

async function readChecked<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new SceneTruthError(file, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
  if (bytes.length > MAX_JSON_BYTES)
    throw new SceneTruthError(file, `is ${bytes.length} bytes, more than ${MAX_JSON_BYTES}`);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new SceneTruthError(file, `is not JSON (${(error as Error).message})`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new SceneTruthError(file, `${issue.path.join('.') || 'document'}: ${issue.message}`);
  }
  return parsed.data;
}

/** Decodes a 16-bit (or 8-bit) single-channel label PNG of the stated size. */
export async function readLabels(file: string, width: number, height: number): Promise<Uint16Array> {
  let decoded: { data: Buffer; info: OutputInfo };
  try {
    const image = sharp(file, { limitInputPixels: width * height });
    const metadata = await image.metadata();
    if (metadata.width !== width || metadata.height !== height) {
      throw new SceneTruthError(
        file,
        `is ${metadata.width}x${metadata.height}, the scene's frames are ${width}x${height}`,
      );
    }
    if (metadata.channels !== 1) throw new SceneTruthError(file, `has ${metadata.channels} channels; labels have one`);
    decoded = await image.toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer({ resolveWithObject: true });
  } catch (error) {
    if (error instanceof SceneTruthError) throw error;
    throw new SceneTruthError(file, `cannot be decoded (${(error as Error).message.split('\n')[0]})`);
  }
  const { data } = decoded;
  if (data.length !== width * height * 2)
    throw new SceneTruthError(file, `decodes to ${data.length} bytes, not ${width * height * 2}`);
  return new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
}

async function readDepth(file: string, width: number, height: number): Promise<Float32Array> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new SceneTruthError(file, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
  if (bytes.length !== width * height * 4) {
    throw new SceneTruthError(
      file,
      `is ${bytes.length} bytes; ${width}x${height} float32 depths are ${width * height * 4}`,
    );
  }
  const depth = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const bad = depth.findIndex((z) => !(z >= 0 && z < Infinity));
  if (bad >= 0)
    throw new SceneTruthError(
      file,
      `depth ${depth[bad]} at pixel (${bad % width}, ${Math.floor(bad / width)}) is not a distance`,
    );
  return depth;
}

const requireKnown = (
  file: string,
  labels: Uint16Array,
  known: ReadonlySet<number>,
  what: string,
  width: number,
): void => {
  for (let i = 0; i < labels.length; i++) {
    if (!known.has(labels[i]!)) {
      throw new SceneTruthError(
        file,
        `${what} id ${labels[i]} at pixel (${i % width}, ${Math.floor(i / width)}) is not in the scene's table`,
      );
    }
  }
};

/** Opens the truth of a capture folder written by `writeSceneCapture`. Throws SceneTruthError. */
export async function readSceneTruth(captureDir: string): Promise<SceneTruth> {
  const dir = path.join(captureDir, 'truth');
  const scene = await readChecked(path.join(dir, 'scene.json'), truthSceneSchema);
  const objects = await readChecked(path.join(dir, 'objects.json'), truthObjectsSchema);
  const tracks = await readChecked(path.join(dir, 'tracks.json'), truthTracksSchema);
  const frames = new Map(scene.frames.map((frame) => [frame.name, frame]));
  const instanceIds = new Set([0, ...objects.map((object) => object.id)]);
  const partIds = new Set([0, ...objects.flatMap((object) => object.parts.map((part) => part.id))]);
  const classIds = new Set(scene.classes.map((entry) => entry.id));
  for (const track of tracks.tracks) {
    if (!instanceIds.has(track.objectId)) {
      throw new SceneTruthError(
        path.join(dir, 'tracks.json'),
        `tracks object ${track.objectId}, which objects.json does not list`,
      );
    }
  }
  const bare = (name: string): string => path.basename(name).replace(/\.[A-Za-z0-9]+$/, '');
  const { width, height } = scene;
  return {
    scene,
    objects,
    tracks,
    frameNamed: (name) => frames.get(bare(name)),
    readFrame: async (name) => {
      const key = bare(name);
      if (!frames.has(key)) {
        throw new SceneTruthError(
          path.join(dir, 'scene.json'),
          `frame "${name}" has no truth; the scene has ${frames.size} frames`,
        );
      }
      const files = ['instance', 'class', 'part'].map((kind) => path.join(dir, kind, `${key}.png`)) as [
        string,
        string,
        string,
      ];
      const [instance, classId, part, depth] = await Promise.all([
        ...(files.map((file) => readLabels(file, width, height)) as [
          Promise<Uint16Array>,
          Promise<Uint16Array>,
          Promise<Uint16Array>,
        ]),
        readDepth(path.join(dir, 'depth', `${key}.f32`), width, height),
      ]);
      requireKnown(files[0], instance, instanceIds, 'instance', width);
      requireKnown(files[1], classId, classIds, 'class', width);
      requireKnown(files[2], part, partIds, 'part', width);
      return { width, height, instance, classId, part, depth };
    },
  };
}
