/** Rendered pictures with their labels, kept on disk: what the crops that mini-clip learns from are cut out of. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  COLOUR_NAMES,
  createMessyRoom,
  createRandom,
  createTracer,
  createTurntable,
  type ObjectChoice,
  paint,
  type Scene,
} from '../../worker/scenes/index.ts';

export interface PictureObject {
  readonly id: number;
  readonly choice: ObjectChoice;
  readonly lookAlikeOf: number | null;
  readonly parts: readonly { readonly id: number; readonly name: string; readonly colour: string | null }[];
}

/** Pictures of one scene. */
export interface PictureSet {
  readonly scene: string;
  readonly width: number;
  readonly height: number;
  readonly count: number;
  readonly objects: readonly PictureObject[];
  readonly classes: readonly string[];
  readonly rgb: Uint8Array; // [count, H, W, 3]
  readonly instance: Uint16Array; // [count, H, W]
  readonly part: Uint16Array; // [count, H, W]
  readonly classId: Uint8Array; // [count, H, W], index in `classes`
}

export type PictureKind = 'turntable' | 'room';

/** Classes of the surroundings, by class id in a scene. */
const SURROUNDINGS = ['void', 'floor', 'wall', 'furniture', 'hand'];
const TURNTABLE_OBJECTS = 96;
const TURNTABLE_VIEWS = 2;
const TURNTABLE_SIDE = 64;
const ROOM_OBJECTS = 25;
const ROOM_VIEWS = 8;
const ROOM_SIDE = 192;

const COLOUR_BY_VALUE = new Map(COLOUR_NAMES.map((name) => [paint(name, 'plastic').colours[0], name]));

async function createScene(kind: PictureKind, seed: string): Promise<{ scene: Scene; frames: readonly number[] }> {
  if (kind === 'room') {
    const scene = await createMessyRoom({ seed, objects: ROOM_OBJECTS, views: ROOM_VIEWS, size: ROOM_SIDE });
    return { scene, frames: scene.frames.map((_, i) => i) };
  }
  const scene = createTurntable({ seed, objects: TURNTABLE_OBJECTS, size: TURNTABLE_SIDE });
  const views = scene.frames.length / TURNTABLE_OBJECTS;
  const random = createRandom(`pictures/${seed}`);
  const all = Array.from({ length: views }, (_, i) => i);
  const frames = scene.objects.flatMap((_, i) =>
    random
      .shuffle(all)
      .slice(0, TURNTABLE_VIEWS)
      .map((view) => i * views + view),
  );
  return { scene, frames };
}

/** Four points of the lamp only: rays to lights are most of the work of a picture. */
function thinned(render: Scene['render']): Scene['render'] {
  const lamp = render.lights.slice(0, 4);
  const [all, kept] = [render.lights, lamp].map((lights) => lights.reduce((sum, light) => sum + light.weight, 0)) as [
    number,
    number,
  ];
  // The faint lights that fill the shadows become ambient light.
  const lampShare = 0.63;
  return {
    ...render,
    lights: lamp.map((light) => ({ ...light, weight: (light.weight * all * lampShare) / kept })),
    ambient: render.ambient + 0.45 * (1 - lampShare) * all,
  };
}

async function renderPictures(kind: PictureKind, seed: string): Promise<PictureSet> {
  const { scene, frames } = await createScene(kind, seed);
  const { width, height } = scene.frames[0]!.view.intrinsics;
  const pixels = width * height;
  const set = {
    rgb: new Uint8Array(frames.length * pixels * 3),
    instance: new Uint16Array(frames.length * pixels),
    part: new Uint16Array(frames.length * pixels),
    classId: new Uint8Array(frames.length * pixels),
  };
  const tracer = createTracer(thinned(scene.render));
  frames.forEach((frame, k) => {
    const images = tracer.render(scene.frames[frame]!.view);
    set.rgb.set(images.rgb, k * pixels * 3);
    set.instance.set(images.instance, k * pixels);
    set.part.set(images.part, k * pixels);
    for (let i = 0; i < pixels; i++) set.classId[k * pixels + i] = Math.min(images.classId[i]!, SURROUNDINGS.length);
  });
  const objects = scene.objects.map(
    ({ id, choice, lookAlikeOf, parts, model }): PictureObject => ({
      id,
      choice,
      lookAlikeOf,
      parts: parts.map((part) => {
        const texture = model.parts.find(({ name }) => name === part.name)!.texture;
        const colour = texture.pattern === 'plain' ? COLOUR_BY_VALUE.get(texture.colours[0]) : undefined;
        return { ...part, colour: colour ?? null };
      }),
    }),
  );
  return { scene: `${kind}/${seed}`, width, height, count: frames.length, objects, classes: SURROUNDINGS, ...set };
}

const MAGIC = 'pictures-1\n';

/** Header line in JSON, then the four arrays one after the other. */
async function writePictures(path: string, set: PictureSet): Promise<void> {
  const { rgb, instance, part, classId, ...header } = set;
  const arrays = [rgb, instance, part, classId].map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength));
  const partial = `${path}.partial-${process.pid}`;
  await writeFile(partial, Buffer.concat([Buffer.from(`${MAGIC}${JSON.stringify(header)}\n`), ...arrays]));
  await rename(partial, path);
}

async function readPictures(path: string): Promise<PictureSet> {
  const bytes = await readFile(path);
  const end = bytes.indexOf(10, MAGIC.length);
  if (bytes.subarray(0, MAGIC.length).toString() !== MAGIC || end < 0) throw new Error(`${path} is no picture file`);
  const header = JSON.parse(bytes.subarray(MAGIC.length, end).toString()) as Omit<
    PictureSet,
    'rgb' | 'instance' | 'part' | 'classId'
  >;
  const pixels = header.count * header.width * header.height;
  let at = end + 1;
  const take = (length: number): ArrayBuffer => {
    const copy = new Uint8Array(length);
    copy.set(bytes.subarray(at, at + length));
    at += length;
    return copy.buffer;
  };
  return {
    ...header,
    rgb: new Uint8Array(take(pixels * 3)),
    instance: new Uint16Array(take(pixels * 2)),
    part: new Uint16Array(take(pixels * 2)),
    classId: new Uint8Array(take(pixels)),
  };
}

/** Pictures of one scene, from the cache or rendered into it. */
export async function pictures(cache: string, kind: PictureKind, seed: string): Promise<PictureSet> {
  await mkdir(cache, { recursive: true });
  const path = join(cache, `${kind}-${seed}.pictures`);
  if (!existsSync(path)) await writePictures(path, await renderPictures(kind, seed));
  return await readPictures(path);
}
