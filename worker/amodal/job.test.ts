import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AmodalRequest,
  amodalRequestSchema,
  countsOfSegment,
  type FrameMasks,
  forEachRun,
  MASKS_TRAILER_BYTES,
  MasksEncoder,
  masksIndexOffset,
  parseMasksFrame,
  parseMasksIndex,
  segmentsOfLabels,
} from '../../contract/index.ts';
import { encodeImage } from '../images/index.ts';
import { type SplatArrays, writeSplats } from '../splats/index.ts';
import { FrameStore } from './frame-store.ts';
import { makeAmodalMasks } from './job.ts';

const [WIDTH, HEIGHT, FRAMES, RADIUS] = [64, 48, 7, 0.1];
const [BALL, COVER, FAR] = [1, 2, 3];
/** Frame in which the cover hides the whole ball. */
const HIDDEN = 4;
const xAt = (position: number): number => -0.09 + 0.03 * position;
const inBall = (position: number, i: number): boolean =>
  Math.hypot((i % WIDTH) + 0.5 - (32 - 80 * xAt(position)), Math.floor(i / WIDTH) + 0.5 - 24) < 80 * RADIUS;
const nameOf = (position: number): string => `${position}.png`;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'amodal-job-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Splats on the disc that the ball shows, for its depth. */
function ballSplats(): SplatArrays {
  const places: [number, number][] = [];
  for (let y = -4; y <= 4; y++) {
    for (let x = -4; x <= 4; x++) if (Math.hypot(x, y) <= 4.2) places.push([x * 0.025, y * 0.025]);
  }
  return {
    ...{ count: places.length, shDegree: 0 },
    means: Float32Array.from(places.flatMap(([x, y]) => [x, y, 1])),
    quaternions: Float32Array.from(places.flatMap(() => [1, 0, 0, 0])),
    logScales: new Float32Array(3 * places.length).fill(Math.log(0.015)),
    logitOpacities: new Float32Array(places.length).fill(4),
    sh: new Float32Array(3 * places.length),
  };
}

/** A ball at (0, 0, 1) before a camera that slides by. From frame 3 on something covers its right half, once all of it. */
async function request(objects: readonly object[], positions: readonly number[]): Promise<AmodalRequest> {
  const encoder = new MasksEncoder();
  const given = {
    name: 'seen',
    provenance: { kind: 'lifted' as const, source: 'test' },
    consistentIds: true,
    classes: [],
  };
  const parts = [encoder.header(given)];
  for (let position = 0; position < FRAMES; position++) {
    const labels = new Int32Array(WIDTH * HEIGHT);
    const data = new Uint8Array(3 * WIDTH * HEIGHT).fill(120);
    const from = position === HIDDEN ? -12 : 0;
    for (let i = 0; i < labels.length; i++) {
      const dx = (i % WIDTH) - (32 - 80 * xAt(position));
      if (inBall(position, i)) {
        labels[i] = BALL;
        data[i] = 220;
      }
      if (i % WIDTH < 4 && i < 3 * WIDTH) labels[i] = FAR;
      if (position >= 3 && dx > from && dx < 16) labels[i] = COVER;
    }
    await writeFile(
      join(folder, nameOf(position)),
      await encodeImage({ width: WIDTH, height: HEIGHT, data }, { format: 'png' }),
    );
    parts.push(
      encoder.frame({ frame: nameOf(position), width: WIDTH, height: HEIGHT, segments: segmentsOfLabels(labels) }),
    );
  }
  parts.push(encoder.finish());
  await writeFile(join(folder, 'seen.masks'), Buffer.concat(parts));
  await writeSplats(join(folder, 'depth.splats'), ballSplats(), {});
  return amodalRequestSchema.parse({
    frames: Array.from({ length: FRAMES }, (_, position) => ({
      ...{ name: nameOf(position), imagePath: join(folder, nameOf(position)), width: WIDTH, height: HEIGHT },
      ...{ fx: 80, fy: 80, cx: 32, cy: 24, role: 'train' },
      cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [-xAt(position), 0, 0] },
    })),
    masksPath: join(folder, 'seen.masks'),
    depth: { kind: 'splats', path: join(folder, 'depth.splats') },
    ...{ objects, positions, set: { ...given, name: 'amodal' }, fit: { iterations: 60 } },
    outputPath: join(folder, 'out.masks'),
    ...{ backend: 'wasm', threads: 1 },
  });
}

const context = { signal: new AbortController().signal, emit: () => undefined };

async function framesOf(path: string): Promise<Map<string, FrameMasks>> {
  const bytes = await readFile(path);
  const trailerAt = bytes.length - MASKS_TRAILER_BYTES;
  const indexAt = masksIndexOffset(path, bytes.subarray(trailerAt), bytes.length);
  return new Map(
    parseMasksIndex(path, bytes.subarray(indexAt, trailerAt), indexAt).map(({ name, offsetBytes, sizeBytes }) => [
      name,
      parseMasksFrame(path, bytes.subarray(offsetBytes, offsetBytes + sizeBytes), name),
    ]),
  );
}

describe('amodal-masks', () => {
  it('gives the whole silhouette where half or all is hidden, in the frames asked for, and keeps the splats', async () => {
    const objects = [
      { id: BALL, name: 'ball', classId: 7, required: true, absent: [6] },
      { id: FAR, name: 'far' },
    ];
    const result = await makeAmodalMasks(await request(objects, [0, HIDDEN, 5, 6]), context);
    expect(result).toMatchObject({ frames: 4, masks: 3, objects: [{ id: BALL, masks: 3, unseenMasks: 1 }] });
    // Nothing tells how far it is.
    expect(result.notes).toEqual([expect.stringMatching(/^far has no static interval.*left out/)]);
    const frames = await framesOf(result.masksPath);
    expect([...frames.keys()]).toEqual([0, HIDDEN, 5, 6].map(nameOf));
    expect(frames.get(nameOf(6))?.segments).toEqual([]);
    for (const position of [HIDDEN, 5]) {
      const [segment, ...others] = frames.get(nameOf(position))!.segments;
      expect(others).toEqual([]);
      expect(segment).toMatchObject({ id: BALL, classId: 7 });
      const mask = new Uint8Array(WIDTH * HEIGHT);
      forEachRun(countsOfSegment(segment!, WIDTH, HEIGHT), (start, end) => mask.fill(1, start, end));
      let [both, either] = [0, 0];
      mask.forEach((value, i) => {
        const truth = inBall(position, i);
        if (value === 1 && truth) both++;
        if (value === 1 || truth) either++;
      });
      expect(both / either).toBeGreaterThan(0.8);
    }
    const [interval, ...more] = result.objects[0]!.intervals;
    expect(more).toEqual([]);
    expect(interval).toMatchObject({ from: 0, to: 6, views: 6 });
    expect((await readFile(interval!.splatsPath)).length).toBeGreaterThan(1000);
    expect((await readdir(folder)).filter((name) => name.endsWith('.frames'))).toEqual([]);
  });

  it('names an object that must stand still and does not, and leaves nothing behind', async () => {
    await rm(join(folder, 'out.masks'), { force: true });
    const far = [{ id: FAR, name: 'far', required: true }];
    await expect(makeAmodalMasks(await request(far, [0]), context)).rejects.toThrow(/far has no static interval/);
    const cover = [{ id: COVER, name: 'cover', required: true }];
    await expect(makeAmodalMasks(await request(cover, [0]), context)).rejects.toThrow(/cover stands still in none/);
    const cancelled = { ...context, signal: AbortSignal.abort(new Error('enough')) };
    await expect(makeAmodalMasks(await request([{ id: BALL, name: 'ball' }], [0]), cancelled)).rejects.toThrow(
      'enough',
    );
    expect((await readdir(folder)).filter((name) => /out\.masks$|\.frames$|\.tmp$/.test(name))).toEqual([]);
  });
});

it('frames outside memory come back as they were', () => {
  const path = join(folder, 'some.frames');
  const labels = Int32Array.from({ length: 12 }, (_, i) => i * 1000);
  const depth = Float32Array.from({ length: 12 }, (_, i) => i / 7);
  {
    using store = new FrameStore(path);
    store.add(3, labels, depth);
    store.add(
      9,
      labels.map((id) => id + 1),
      undefined,
    );
    expect(store.labels(3)).toEqual(labels);
    expect(store.depth(3)).toEqual(depth);
    expect(store.labels(9)[0]).toBe(1);
    expect(store.depth(9)).toBeUndefined();
    expect(() => store.labels(4)).toThrow(/Frame 4/);
  }
  return expect(readFile(path)).rejects.toThrow();
});
