import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKitchen } from '../kitchen.ts';
import { createTracer } from '../render/index.ts';
import type { Scene } from '../scene.ts';
import { createTurntable } from '../turntable.ts';
import { AmodalTruth, encodeLabels, readLabels, readSceneTruth, SceneTruthError, writeSceneCapture } from './index.ts';

let folder = '';
let capture = '';
let scene: Scene;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'scene-truth-'));
  capture = path.join(folder, 'capture');
  scene = createTurntable({ seed: 1, objects: 2, size: 24 });
  await writeSceneCapture(scene, capture, { threads: 0 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('capture and truth', () => {
  test('what is written is what was rendered', async () => {
    const truth = await readSceneTruth(capture);
    expect(truth.scene.frames).toHaveLength(10);
    const frame = scene.frames[7]!;
    const images = createTracer(scene.render).render(frame.view);
    const read = await truth.readFrame(`${frame.name}.png`);
    expect(read.instance).toEqual(images.instance);
    expect(read.classId).toEqual(images.classId);
    expect(read.part).toEqual(images.part);
    expect(read.depth).toEqual(images.depth);
    const rgb = await sharp(path.join(capture, 'images', `${frame.name}.png`))
      .raw()
      .toBuffer();
    expect(new Uint8Array(rgb)).toEqual(images.rgb);
    expect(truth.frameNamed(frame.name)?.worldFromCamera.translation).toEqual([
      ...frame.view.worldFromCamera.translation,
    ]);
  });

  test('whole silhouettes are what is seen where nothing stands in front; a damaged mesh is named', async () => {
    const truth = await readSceneTruth(capture);
    const amodal = await AmodalTruth.open(capture, truth);
    for (const [position, { name }] of truth.scene.frames.entries()) {
      const { instance } = await truth.readFrame(name);
      const id = Math.floor(position / 5) + 1;
      expect([...amodal.mask(id, position)!]).toEqual(Array.from(instance, (label) => (label === id ? 1 : 0)));
    }
    expect(amodal.mask(9, 0)).toBeUndefined();
    const file = path.join(capture, 'truth', truth.objects[0]!.mesh);
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, -1));
    await expect(AmodalTruth.open(capture, truth)).rejects.toThrow(/0001\.ply: is not a mesh/);
    await writeFile(file, bytes);
  });

  test('the object table says what things are, parts included', async () => {
    const { objects, scene: description } = await readSceneTruth(capture);
    for (const object of objects) {
      expect(object.words.at(-1)).toBe(object.category.replaceAll('-', ' '));
      expect(object.words[0]).toContain(object.colour);
      expect(object.parts.length).toBeGreaterThan(0);
      expect(object.parts[0]!.words[0]).toBe(`${object.parts[0]!.name} of the ${object.words[0]}`);
      expect(description.classes.find(({ id }) => id === object.classId)).toEqual({
        id: object.classId,
        name: object.category,
        isThing: true,
      });
      const ply = await readFile(path.join(capture, 'truth', object.mesh));
      expect(ply.subarray(0, 3).toString()).toBe('ply');
    }
  });

  test('COLMAP files: poses project points to where the track says', async () => {
    const lines = async (name: string) =>
      (await readFile(path.join(capture, 'sparse', '0', name), 'utf8'))
        .split('\n')
        .filter((line) => !line.startsWith('#'));
    expect((await lines('cameras.txt'))[0]).toBe('1 PINHOLE 24 24 36 36 12 12');
    const images = await lines('images.txt');
    const [, qw, qx, qy, qz, tx, ty, tz, , name] = images[0]!.split(' ');
    expect(name).toBe('object_0001_view_0.png');
    const [w, x, y, z] = [qw, qx, qy, qz].map(Number) as [number, number, number, number];
    const observations = images[1]!.split(' ');
    const points = new Map(
      (await lines('points3D.txt')).map((line) => [line.split(' ')[0], line.split(' ').slice(1, 4).map(Number)]),
    );
    let checked = 0;
    for (let i = 0; i + 2 < observations.length; i += 3) {
      const [X, Y, Z] = points.get(observations[i + 2]!) as [number, number, number];
      // Row-wise product with the quaternion's rotation matrix, then + t.
      const cx = (1 - 2 * (y * y + z * z)) * X + 2 * (x * y - w * z) * Y + 2 * (x * z + w * y) * Z + Number(tx);
      const cy = 2 * (x * y + w * z) * X + (1 - 2 * (x * x + z * z)) * Y + 2 * (y * z - w * x) * Z + Number(ty);
      const cz = 2 * (x * z - w * y) * X + 2 * (y * z + w * x) * Y + (1 - 2 * (x * x + y * y)) * Z + Number(tz);
      expect(Math.abs((36 * cx) / cz + 12 - Number(observations[i]))).toBeLessThan(2.5);
      expect(Math.abs((36 * cy) / cz + 12 - Number(observations[i + 1]))).toBeLessThan(2.5);
      checked++;
    }
    expect(checked).toBeGreaterThan(20);
  });

  test('a folder that is not empty is left alone', async () => {
    await expect(writeSceneCapture(scene, capture)).rejects.toThrow(/not empty/);
    expect((await readSceneTruth(capture)).objects).toHaveLength(2);
  });

  test('an aborted writing leaves nothing behind', async () => {
    const target = path.join(folder, 'aborted');
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(writeSceneCapture(scene, target, { threads: 0, signal })).rejects.toThrow('stop');
    await expect(readFile(`${target}.partial/truth/scene.json`)).rejects.toThrow(/ENOENT/);
  });
});

describe('bad truth', () => {
  test('a frame without truth', async () => {
    const truth = await readSceneTruth(capture);
    await expect(truth.readFrame('nowhere.png')).rejects.toThrow(/has no truth/);
    expect(truth.frameNamed('nowhere')).toBeUndefined();
  });

  test('label images of the wrong size, with unknown ids, or no images at all', async () => {
    const truth = await readSceneTruth(capture);
    const name = scene.frames[0]!.name;
    const file = path.join(capture, 'truth', 'instance', `${name}.png`);
    const original = await readFile(file);
    await writeFile(file, await encodeLabels(new Uint16Array(20 * 24), 20, 24));
    await expect(truth.readFrame(name)).rejects.toThrow(/20x24, the scene's frames are 24x24/);
    await writeFile(file, await encodeLabels(new Uint16Array(24 * 24).fill(900), 24, 24));
    await expect(truth.readFrame(name)).rejects.toThrow(/instance id 900 at pixel \(0, 0\)/);
    await writeFile(file, 'no image');
    await expect(truth.readFrame(name)).rejects.toThrow(SceneTruthError);
    await writeFile(file, original);
    const depth = path.join(capture, 'truth', 'depth', `${name}.f32`);
    const bytes = await readFile(depth);
    await writeFile(depth, bytes.subarray(4));
    await expect(truth.readFrame(name)).rejects.toThrow(/float32 depths are 2304/);
    await writeFile(depth, bytes);
    await expect(truth.readFrame(name)).resolves.toBeDefined();
  });

  test('16-bit labels keep ids above 255', async () => {
    const labels = Uint16Array.from({ length: 12 }, (_, i) => i * 5000);
    const file = path.join(folder, 'labels.png');
    await writeFile(file, await encodeLabels(labels, 4, 3));
    expect(await readLabels(file, 4, 3)).toEqual(labels);
  });

  test('a document that is not what it should be names file and field', async () => {
    const file = path.join(capture, 'truth', 'scene.json');
    const original = await readFile(file, 'utf8');
    await writeFile(file, JSON.stringify({ ...JSON.parse(original), version: 2 }));
    await expect(readSceneTruth(capture)).rejects.toThrow(/scene\.json: version/);
    await writeFile(file, '{');
    await expect(readSceneTruth(capture)).rejects.toThrow(/is not JSON/);
    await writeFile(file, original);
    await expect(readSceneTruth(folder)).rejects.toThrow(/cannot be read \(ENOENT\)/);
  });
});

describe('kitchen truth', () => {
  test('tracks cover every frame, and the carried object moves while the others stand still', async () => {
    const kitchen = await createKitchen({ seed: 3, objects: 6, frames: 70, size: 16 });
    const target = path.join(folder, 'kitchen');
    await writeSceneCapture(kitchen, target, { threads: 0 });
    const { tracks, scene: description } = await readSceneTruth(target);
    for (const track of tracks.tracks) {
      let next = 0;
      for (const { from, to } of track.states) {
        expect(from).toBe(next);
        next = to + 1;
      }
      expect(next).toBe(70);
    }
    const held = description.frames.findIndex((frame) => frame.heldObject > 0);
    expect(held).toBeGreaterThan(0);
    const carried = tracks.tracks.find(({ objectId }) => objectId === description.frames[held]!.heldObject)!;
    expect(carried.poses.length).toBeGreaterThan(3);
    expect(carried.staticIntervals[0]!.from).toBe(0);
    expect(carried.staticIntervals[0]!.to).toBeLessThanOrEqual(held);
    const never = tracks.tracks.filter(({ objectId }) =>
      description.frames.every((frame) => frame.heldObject !== objectId),
    );
    for (const track of never) expect(track.staticIntervals).toEqual([{ from: 0, to: 69 }]);
  });
});
