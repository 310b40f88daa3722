/** A small room lifted through the queue, seen through the host with its real workers. */
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  decodeCounts,
  maskOfCounts,
  OBJECT_MASKS,
  type ProcedureInput,
  type ProcedureName,
  type ProcedureOutput,
  preparedCaptureSchema,
  procedures,
  routes,
  segmentsOfLabels,
} from '../../contract/index.ts';
import { readSplatPly, writeSplatsFile } from '../capture/index.ts';
import { writeMasksFile } from '../masks/index.ts';
import { openProject } from '../project/index.ts';
import { createHost, type Host } from './host.ts';

const [OBJECTS, VIEWS, SIDE, FOCAL] = [6, 12, 48, 72];
const [PER_OBJECT, WALL, RADIUS] = [60, 500, 0.19];

/** Always the same numbers: Mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

const centreOf = (object: number) => [-1.05 + 0.42 * object, object % 2 === 0 ? 0.35 : -0.35, 0] as const;
const angleOf = (view: number) => 0.08 * (view - (VIEWS - 1) / 2);
const cameraOf = (view: number) => {
  const half = angleOf(view) / 2;
  const quaternion: [number, number, number, number] = [Math.cos(half), 0, -Math.sin(half), 0];
  const translation: [number, number, number] = [0, 0, 4];
  return { quaternion, translation };
};
/** Column, row and radius of an object's disc in a view, pixels, and its depth. */
function discOf(object: number, view: number) {
  const [x, y, z] = centreOf(object);
  const [sin, cos] = [Math.sin(angleOf(view)), Math.cos(angleOf(view))];
  const [right, depth] = [cos * x - sin * z, sin * x + cos * z + 4];
  return {
    x: (FOCAL * right) / depth + SIDE / 2,
    y: (FOCAL * y) / depth + SIDE / 2,
    r: (FOCAL * RADIUS) / depth,
    depth,
  };
}
/** [SIDE²] 1 … OBJECTS of what is in front, 0 = wall */
function truth(view: number): Uint16Array {
  const labels = new Uint16Array(SIDE * SIDE);
  const order = Array.from({ length: OBJECTS }, (_, object) => object);
  for (const object of order.sort((a, b) => discOf(b, view).depth - discOf(a, view).depth)) {
    const { x, y, r } = discOf(object, view);
    for (let i = 0; i < labels.length; i++) {
      if (Math.hypot((i % SIDE) + 0.5 - x, Math.floor(i / SIDE) + 0.5 - y) <= r) labels[i] = object + 1;
    }
  }
  return labels;
}

function room() {
  const next = random(7);
  const count = OBJECTS * PER_OBJECT + WALL;
  const object = (i: number) => (i < OBJECTS * PER_OBJECT ? Math.floor(i / PER_OBJECT) : -1);
  const means = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) {
    const centre = object(i) < 0 ? [0, 0, 1] : centreOf(object(i));
    let offset: number[];
    do offset = [next(), next(), next()].map((value) => 2 * value - 1);
    while (object(i) >= 0 && Math.hypot(...offset) > 1);
    const spread = object(i) < 0 ? [2.2, 1.9, 0.02] : [0.15, 0.15, 0.15];
    for (let axis = 0; axis < 3; axis++) means[3 * i + axis] = centre[axis]! + spread[axis]! * offset[axis]!;
  }
  const red = [1.7, -1.7, -1.7];
  return {
    ...{
      count,
      shDegree: 0,
      means,
      logitOpacities: new Float32Array(count).fill(2).fill(-0.5, 0, OBJECTS * PER_OBJECT),
    },
    quaternions: Float32Array.from({ length: 4 * count }, (_, i) => (i % 4 === 0 ? 1 : 0)),
    logScales: Float32Array.from({ length: 3 * count }, (_, i) =>
      Math.log(object(Math.floor(i / 3)) < 0 ? 0.13 : 0.045),
    ),
    sh: Float32Array.from({ length: 3 * count }, (_, i) => (object(Math.floor(i / 3)) < 0 ? 0 : red[i % 3]!)),
  };
}

let base: string;
let host: Host;
const [captureId, splatsId] = [1, 1];

beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'liftscope-instances-')));
  const path = join(base, 'room.liftscope');
  {
    using project = await openProject(path, { create: true });
    const names = Array.from({ length: VIEWS }, (_, view) => `${String(view).padStart(2, '0')}.png`);
    const photo = { width: SIDE, height: SIDE, channels: 3 as const, background: { r: 0, g: 0, b: 0 } };
    await Promise.all(names.map((name) => sharp({ create: photo }).png().toFile(join(base, name))));
    const size = { width: SIDE, height: SIDE };
    const capture = preparedCaptureSchema.parse({
      ...{ name: 'room', sourcePath: base, imagesPath: base, format: 'nerfstudio', points: { count: 0 } },
      cameras: [{ id: 1, model: 'PINHOLE', ...size, params: { fx: FOCAL, fy: FOCAL, cx: SIDE / 2, cy: SIDE / 2 } }],
      frames: names.map((name, view) => ({
        ...{ id: `f${view}`, name, imagePath: join(base, name), cameraId: 1, cameraFromWorld: cameraOf(view), ...size },
        role: view === 5 ? 'holdout' : 'train',
      })),
      ...{ cameraSpan: { centre: [0, 0, 0], radius: 1 }, bounds: { min: [-2, -2, -2], max: [2, 2, 2] } },
      ...{ warnings: [], warningCounts: {}, fingerprint: `sha256:${'0'.repeat(64)}` },
    });
    project.captures.add(capture, undefined, {});
    const splats = await project.artifacts.temporaryPath('splats');
    await writeSplatsFile(splats, room(), {});
    const artifact = await project.artifacts.adopt(splats, 'splats');
    const gaussians = OBJECTS * PER_OBJECT + WALL;
    project.splats.add({ captureId, jobId: null, artifact, gaussians, shDegree: 0 });
    for (const consistentIds of [true, false]) {
      const masks = await project.artifacts.temporaryPath('masks');
      const name = consistentIds ? 'tracked' : 'given';
      const provenance = { kind: 'model' as const, source: 'test' };
      const info = { name, provenance, consistentIds, classes: [] };
      await writeMasksFile(
        masks,
        () => info,
        async (add) => {
          for (const [view, frame] of names.entries()) {
            // The held-out frame has no masks.
            if (view === 5) continue;
            const labels = truth(view).map((label) => {
              return label === 0 || consistentIds ? label : 3 * (1 + ((label * 5 + view) % 7));
            });
            await add({ frame, ...size, segments: segmentsOfLabels(labels) });
          }
        },
      );
      const stored = await project.artifacts.adopt(masks, 'masks');
      project.maskSets.add({ captureId, info, artifact: stored, frames: VIEWS - 1, jobId: null });
    }
  }
  host = await createHost({
    ...{
      version: '1',
      configFolder: join(base, 'config'),
      cacheFolder: join(base, 'cache'),
      roots: [base],
      threads: 1,
    },
  });
  await host.openProject(path);
}, 30_000);

afterAll(async () => {
  await host?.close();
  await rm(base, { recursive: true, force: true });
});

async function call<N extends ProcedureName>(name: N, input: ProcedureInput<N>): Promise<ProcedureOutput<N>> {
  const answer = await post(`/api/${name}`, input);
  if (!answer.ok) throw new Error(`${name}: ${await answer.text()}`);
  return procedures[name].output.parse(await answer.json()) as ProcedureOutput<N>;
}

function post(path: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return host.handle(new Request(`http://x${path}`, { method: 'POST', headers, body: JSON.stringify(body) }));
}

async function pixels(answer: Response): Promise<(x: number, y: number) => number[]> {
  expect(answer.status).toBe(200);
  const { data, info } = await sharp(await answer.arrayBuffer())
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return (x, y) => [0, 1, 2].map((c) => data[(Math.floor(y) * info.width + Math.floor(x)) * info.channels + c] ?? 0);
}

function lift(masks: string): Promise<void> {
  return finished({ kind: 'lift-objects', splatsId, recipe: 'closed-form', masks });
}

async function finished(spec: ProcedureInput<'jobs.start'>['spec']): Promise<void> {
  const { job } = await call('jobs.start', { spec });
  const ended = await vi.waitUntil(
    async () => {
      const { jobs } = await call('jobs.list', {});
      const now = jobs.find(({ id }) => id === job.id);
      return now !== undefined && !['queued', 'running'].includes(now.state) ? now : undefined;
    },
    { timeout: 120_000, interval: 30 },
  );
  expect(ended).toMatchObject({ state: 'finished', failure: null });
}

const view = (index: number) => ({ width: SIDE, height: SIDE, focal: FOCAL, cameraFromWorld: cameraOf(index) });
const objects = async () => (await call('objects.list', {})).objects;

async function pick(object: number, index: number, options?: { only?: number[] }): Promise<number | null | undefined> {
  const { x, y } = discOf(object, index);
  const look = options === undefined ? {} : { objects: options };
  return (await call('view.pick', { splatsId, ...view(index), x, y, ...look }))?.objectId;
}

/** Object of the project for each of the room's. */
async function idsOfRoom(): Promise<number[]> {
  const listed = await objects();
  return Array.from({ length: OBJECTS }, (_, object) => {
    const [x, y] = centreOf(object);
    const near = listed.filter(({ centroid }) => Math.hypot((centroid?.[0] ?? 9) - x, (centroid?.[1] ?? 9) - y) < 0.1);
    expect(near, `object ${object}`).toHaveLength(1);
    return near[0]!.id;
  });
}

describe('a lift in the studio', () => {
  it('refuses what needs a lift before there is one', async () => {
    expect(await pick(0, 3)).toBeNull();
    expect(await call('lifts.list', { splatsId })).toEqual({ lifts: [] });
    const click = { splatsId, view: view(3), points: [{ x: 1, y: 1, positive: true }] };
    expect((await post('/api/segment.click', click)).status).toBe(404);
    expect((await post('/api/lifts.embedding', { splatsId })).status).toBe(404);
    expect((await host.handle(new Request(`http://x${routes.heat(1, 1, 'f0', 1, 0)}`))).status).toBe(404);
    const path = join(base, 'early.ply');
    expect((await post('/api/splats.export', { splatsId, path, withObjects: true })).status).toBe(400);
  });

  it('makes objects with observations, geometry and maps, and leaves the history alone', async () => {
    await lift('given');
    const listed = await objects();
    expect(listed).toHaveLength(OBJECTS);
    for (const object of listed) {
      expect(object).toMatchObject({ provenance: 'lifted', name: `object ${object.id}`, hidden: false, firstFrame: 0 });
      expect(object.frames).toBe(VIEWS);
      expect(object.gaussians).toBeGreaterThan(PER_OBJECT / 2);
      const { min, max } = object.extent!;
      for (let axis = 0; axis < 3; axis++) expect(max[axis]! - min[axis]!).toBeLessThan(0.5);
    }
    await idsOfRoom();
    const { project } = await call('app.state', {});
    expect(project).toMatchObject({ undo: null, objects: OBJECTS });
    const file = await host.handle(new Request(`http://x${routes.observations(captureId, project!.revision)}`));
    const bytes = await file.arrayBuffer();
    const rows = new DataView(bytes).getUint32(8, true);
    expect(rows).toBe(OBJECTS * VIEWS);
    const columns = 16 + 4 * OBJECTS;
    const frames = new Uint32Array(bytes, columns + 4 * rows, rows);
    const disagreement = new Uint8Array(bytes, columns + 9 * rows, rows);
    for (let i = 0; i < rows; i++) {
      // Nobody gave masks of the held-out frame.
      if (frames[i] === 5) expect(disagreement[i]).toBe(255);
      else expect(disagreement[i]! / 254).toBeLessThan(0.6);
    }
    const { sets } = await call('masks.list', { captureId });
    expect(sets.at(-1)).toMatchObject({ name: 'lifted', provenance: 'lifted', consistentIds: true, frames: VIEWS });
  });

  it('knows the object under a pixel, in the picture and in the masks', async () => {
    const ids = await idsOfRoom();
    for (const [index, frameId] of [
      [1, 'f1'],
      [5, 'f5'],
    ] as const) {
      const masks = await pixels(
        await host.handle(new Request(`http://x${routes.masks(1, frameId, OBJECT_MASKS, 1)}`)),
      );
      for (const [object, id] of ids.entries()) {
        const { x, y } = discOf(object, index);
        expect(await pick(object, index)).toBe(id);
        expect(masks(x, y)).toEqual([id & 0xff, id >> 8, 0]);
      }
    }
    // The wall between two objects.
    expect((await call('view.pick', { splatsId, ...view(3), x: 24, y: 2 }))?.objectId).toBeNull();
    const heat = await pixels(await host.handle(new Request(`http://x${routes.heat(1, 1, 'f3', ids[2]!, 1)}`)));
    const [own, other] = [discOf(2, 3), discOf(4, 3)];
    expect(heat(own.x, own.y)[0]).toBeGreaterThan(100);
    expect(heat(other.x, other.y)[0]).toBeLessThan(10);
  });

  it('keeps what a person named, locked or hid through another lift', async () => {
    const ids = await idsOfRoom();
    await call('objects.edit', { type: 'update-objects', ids: [ids[0]!], change: { name: 'chair' } });
    await call('objects.edit', { type: 'update-objects', ids: [ids[1]!], change: { locked: true } });
    await call('objects.edit', { type: 'update-objects', ids: [ids[2]!], change: { hidden: true } });
    await call('objects.edit', { type: 'merge-objects', into: ids[3]!, ids: [ids[4]!] });
    expect(await pick(4, 6)).toBe(ids[3]);
    await call('edits.undo', {});
    expect(await pick(4, 6)).toBe(ids[4]);
    await lift('tracked');
    expect(await idsOfRoom()).toEqual(ids);
    const listed = new Map((await objects()).map((object) => [object.id, object]));
    expect(listed.size).toBe(OBJECTS);
    expect(listed.get(ids[0]!)).toMatchObject({ name: 'chair', provenance: 'human', frames: VIEWS });
    expect(listed.get(ids[1]!)).toMatchObject({ locked: true, frames: VIEWS });
    expect(listed.get(ids[2]!)).toMatchObject({ hidden: true, frames: VIEWS });
    for (const object of [0, 1, 3, 5]) expect(await pick(object, 6)).toBe(ids[object]);
    const { project } = await call('app.state', {});
    expect(project?.undo?.label).toContain('Hide');
    expect((await call('lifts.list', { splatsId })).lifts.map(({ masks }) => masks)).toEqual(['tracked', 'given']);
  });

  it('does not draw or pick hidden objects, tints others, and shows one alone', async () => {
    const ids = await idsOfRoom();
    const draw = async (look?: object, quality = 'rest') =>
      pixels(await post(routes.view(splatsId), { stream: 's', ...view(6), quality, ...(look && { objects: look }) }));
    const [hidden, shown] = [discOf(2, 6), discOf(3, 6)];
    const redness = ([r = 0, g = 0]: number[]) => r - g;
    for (const quality of ['rest', 'moving']) {
      const plain = await draw(undefined, quality);
      expect(redness(plain(hidden.x, hidden.y))).toBeGreaterThan(80);
      const looked = await draw({}, quality);
      expect(redness(looked(hidden.x, hidden.y))).toBeLessThan(redness(plain(hidden.x, hidden.y)) / 3);
      expect(redness(looked(shown.x, shown.y))).toBeGreaterThan(80);
      const alone = await draw({ only: [ids[2]!] }, quality);
      expect(redness(alone(hidden.x, hidden.y))).toBeGreaterThan(80);
      expect(Math.max(...alone(shown.x, shown.y))).toBeLessThan(30);
    }
    await call('objects.edit', { type: 'update-objects', ids: [ids[3]!], change: { color: '#0000ff' } });
    const blueness = (look: (x: number, y: number) => number[]) =>
      look(shown.x, shown.y)[2]! - look(shown.x, shown.y)[0]!;
    expect(blueness(await draw({ tint: 1 }))).toBeGreaterThan(120);
    expect(blueness(await draw({ selected: [ids[3]!] }))).toBeGreaterThan(20);
    expect(blueness(await draw({ selected: [ids[5]!] }))).toBeLessThan(-80);
    expect(await pick(2, 6)).toBe(ids[2]);
    expect(await pick(2, 6, {})).toBeNull();
    expect(await pick(2, 6, { only: [ids[2]!] })).toBe(ids[2]);
  });
});

describe('clicks', () => {
  it('select an object in the view, in 3D and in other frames; negative ones take away', async () => {
    const at = discOf(3, 6);
    const positive = { x: at.x, y: at.y, positive: true };
    const frames = { captureId, ids: ['f2', 'f10'] };
    const base = { splatsId, view: { captureId, frameId: 'f6' } };
    const found = await call('segment.click', { ...base, points: [positive], frames });
    expect(found.gaussians).toBeGreaterThan(PER_OBJECT / 2);
    expect(found.gaussians).toBeLessThan(2 * PER_OBJECT);
    expect(found.maps.map(({ frameId }) => frameId)).toEqual(['f2', 'f10']);
    for (const [mask, index] of [
      [found.mask, 6],
      ...found.maps.map((map, k) => [map, [2, 10][k]!] as const),
    ] as const) {
      const inside = maskOfCounts(decodeCounts(mask.rle, SIDE * SIDE), SIDE * SIDE);
      const labels = truth(index);
      let [both, either] = [0, 0];
      for (let i = 0; i < labels.length; i++) {
        const isOwn = labels[i] === 4;
        if (isOwn && inside[i] === 1) both++;
        if (isOwn || inside[i] === 1) either++;
      }
      expect(both / either).toBeGreaterThan(0.5);
    }
    const none = await call('segment.click', { ...base, points: [positive, { ...positive, positive: false }] });
    expect([none.gaussians, none.mask.areaPx]).toEqual([0, 0]);
    const negativeOnly = { ...base, points: [{ ...positive, positive: false }] };
    expect((await post('/api/segment.click', negativeOnly)).status).toBe(400);
    expect((await post('/api/segment.click', { ...base, points: [{ ...positive, x: 500 }] })).status).toBe(400);
  });

  it('make an object of a person in one step', async () => {
    const ids = await idsOfRoom();
    const { x, y } = discOf(5, 6);
    const made = await call('segment.create', {
      ...{ splatsId, view: { captureId, frameId: 'f6' }, points: [{ x, y, positive: true }], name: 'lamp' },
      frames: { captureId, ids: ['f2'] },
    });
    expect(made.project.undo?.label).toContain('lamp');
    expect(await pick(5, 6)).toBe(made.objectId);
    const own = (await objects()).find(({ id }) => id === made.objectId);
    expect(own).toMatchObject({ name: 'lamp', provenance: 'human', frames: 2, firstFrame: 2, lastFrame: 6 });
    const [cx, cy, cz] = centreOf(5);
    for (const [axis, value] of [cx, cy, cz].entries()) {
      expect(Math.abs(own!.centroid![axis]! - value)).toBeLessThan(0.1);
      expect(own!.extent!.min[axis]).toBeLessThan(value);
      expect(own!.extent!.max[axis]).toBeGreaterThan(value);
    }
    expect(own!.gaussians).toBe(made.gaussians);
    for (const view of [2, 6]) {
      const at = discOf(5, view);
      const masks = await pixels(
        await host.handle(new Request(`http://x${routes.masks(1, `f${view}`, OBJECT_MASKS, 1)}`)),
      );
      expect(masks(at.x, at.y)[0]).toBe(made.objectId & 0xff);
    }
    await call('edits.undo', {});
    expect(await pick(5, 6)).toBe(ids[5]);
    expect(await objects()).toHaveLength(OBJECTS);
    await call('edits.redo', {});
    expect(await pick(5, 6)).toBe(made.objectId);
    await call('edits.undo', {});
  });

  it('have an embedding to look at', async () => {
    const ids = await idsOfRoom();
    const shown = await call('lifts.embedding', { splatsId, samples: 100 });
    expect(shown).toMatchObject({ recipe: 'closed-form', source: 'votes' });
    expect(shown.points).toHaveLength(2 * shown.gaussians.length);
    expect(shown.objects).toHaveLength(shown.gaussians.length);
    expect(new Set(shown.objects.filter((id) => ids.includes(id))).size).toBe(OBJECTS);
    expect(shown.explained[0]).toBeGreaterThanOrEqual(shown.explained[1]);
  });
});

describe('exports', () => {
  it('write splats with object ids, which the importer reads back', async () => {
    const ids = await idsOfRoom();
    const path = join(base, 'objects.ply');
    await call('splats.export', { splatsId, path, withObjects: true });
    const { objectIds, ignoredProperties, splats } = await readSplatPly(path);
    expect(ignoredProperties).toEqual([]);
    expect(splats.count).toBe(OBJECTS * PER_OBJECT + WALL);
    const own = objectIds!.subarray(2 * PER_OBJECT, 3 * PER_OBJECT);
    expect(own.filter((id) => id === ids[2]).length).toBeGreaterThan(PER_OBJECT / 2);
    const plain = join(base, 'plain.ply');
    await call('splats.export', { splatsId, path: plain });
    expect((await readSplatPly(plain)).objectIds).toBeUndefined();
  });

  it('write objects and mask sets in the formats of others', async () => {
    const ids = await idsOfRoom();
    await call('objects.edit', { type: 'update-objects', ids: [ids[0]!], change: { className: 'chair' } });
    const folder = join(base, 'pngs');
    const written = await call('masks.export', { captureId, set: OBJECT_MASKS, format: 'id-png', path: folder });
    expect(written).toMatchObject({ frames: VIEWS, notes: [] });
    expect(await readdir(folder)).toHaveLength(VIEWS);
    const coco = join(base, 'coco.json');
    await call('masks.export', { captureId, set: OBJECT_MASKS, format: 'coco-instances', path: coco });
    const { default: document } = (await import(coco, { with: { type: 'json' } })) as {
      default: { categories: { name: string }[]; annotations: unknown[] };
    };
    expect(document.categories.map(({ name }) => name)).toContain('chair');
    expect(document.annotations.length).toBeGreaterThanOrEqual(OBJECTS * (VIEWS - 2));
    const unknown = { captureId, set: 'nothing', format: 'id-png', path: join(base, 'x') };
    expect((await post('/api/masks.export', unknown)).status).toBe(404);
  });
});

describe('segmenting frames', () => {
  it('adds a set of masks of every frame', async () => {
    await finished({ kind: 'segment-frames', captureId, method: 'graph', name: 'cut' });
    const { sets } = await call('masks.list', { captureId });
    expect(sets.find(({ name }) => name === 'cut')).toMatchObject({ frames: VIEWS, consistentIds: false });
  });
});
