import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  encodeCounts,
  MasksEncoder,
  type TrackingRequest,
  trackingRequestSchema,
  tracksFrameSchema,
} from '../../contract/index.ts';
import { tinyDepthFiles, tinyDinoFiles } from '../../native-models/tiny-vision.ts';
import { encodeImage } from '../images/index.ts';
import { trackObjects } from './job.ts';

const [WIDTH, HEIGHT, FRAMES] = [64, 48, 6];
const folder = mkdtempSync(join(tmpdir(), 'liftscope-networks-'));
afterAll(() => rmSync(folder, { recursive: true }));
const context = { signal: new AbortController().signal, emit: () => undefined };

/** Brightness of a column, 0 to 255, and the disparity that the tiny network makes of it. */
const brightness = (x: number): number => Math.round((255 * x) / (WIDTH - 1));
const depthAt = (x: number): number => 8 / (1 + brightness(x) / 127.5);

function rle(left: number, top: number, size: number): string {
  const counts: number[] = [];
  let end = 0;
  for (let row = top; row < top + size; row++) {
    counts.push(row * WIDTH + left - end, size);
    end = row * WIDTH + left + size;
  }
  return encodeCounts([...counts, WIDTH * HEIGHT - end]);
}

let base: TrackingRequest;
beforeAll(async () => {
  for (const [name, files] of [
    ['dino', tinyDinoFiles()],
    ['depth', tinyDepthFiles()],
  ] as const) {
    // biome-ignore format: a table
    for (const [file, bytes] of files) {
      mkdirSync(dirname(join(folder, name, file)), { recursive: true });
      writeFileSync(join(folder, name, file), bytes);
    }
  }
  const encoder = new MasksEncoder();
  const set = {
    name: 'given',
    provenance: { kind: 'model', source: 'test' },
    consistentIds: true,
    classes: [],
  } as const;
  const parts = [encoder.header({ ...set, classes: [] })];
  for (let position = 0; position < FRAMES; position++) {
    // The ids change half way.
    const [dark, bright] = position < FRAMES / 2 ? [1, 2] : [8, 5];
    const segments = [{ id: dark, rle: rle(8, 16, 12) }, { id: bright, rle: rle(44, 16, 12) }]; // biome-ignore format: a table
    parts.push(encoder.frame({ frame: `${position}.png`, width: WIDTH, height: HEIGHT, segments }));
  }
  await writeFile(join(folder, 'given.masks'), Buffer.concat([...parts, encoder.finish()]));
  const data = new Uint8Array(3 * WIDTH * HEIGHT).map((_, i) => brightness(i % WIDTH));
  const imagePath = join(folder, 'photo.png');
  await writeFile(imagePath, await encodeImage({ width: WIDTH, height: HEIGHT, data }, { format: 'png' }));
  const places: number[] = [];
  for (let y = 0; y < HEIGHT; y += 4) {
    for (let x = 0; x < WIDTH; x += 3) {
      const z = depthAt(x);
      places.push(((x + 0.5 - WIDTH / 2) / 60) * z, ((y + 0.5 - HEIGHT / 2) / 60) * z, z);
    }
  }
  const positions = Buffer.from(Float32Array.from(places).buffer);
  await writeFile(join(folder, 'points'), Buffer.concat([positions, Buffer.alloc(places.length)]));
  base = trackingRequestSchema.parse({
    frames: Array.from({ length: FRAMES }, (_, position) => ({
      ...{ name: `${position}.png`, imagePath, width: WIDTH, height: HEIGHT, role: 'train' },
      ...{ fx: 60, fy: 60, cx: WIDTH / 2, cy: HEIGHT / 2 },
      cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, 0] },
    })),
    masks: { kind: 'file', path: join(folder, 'given.masks') },
    depth: { kind: 'none' },
    points: { path: join(folder, 'points'), count: places.length / 3 },
    threads: 1,
    parameters: { alphaInstance: 0.5, gamma: 2, alphaVisual: 8 },
    outputPath: join(folder, 'out.tracks'),
  });
});

describe('networks of the user’s', () => {
  test('visual features mend ids', async () => {
    const result = await trackObjects(
      { ...base, features: { kind: 'model', modelDir: join(folder, 'dino') } },
      context,
    );
    expect(result).toMatchObject({ objects: 2, initialTracks: 4 });
  });

  test('depth is aligned to the sparse points', async () => {
    const result = await trackObjects({ ...base, depth: { kind: 'model', modelDir: join(folder, 'depth') } }, context);
    expect(result.depth).toEqual({ fitted: FRAMES, previous: 0, none: 0 });
    const line = (await readFile(result.tracksPath, 'utf8')).split('\n')[1]!;
    const places = tracksFrameSchema.parse(JSON.parse(line)).observations.map(({ at }) => at![2]);
    expect(places).toHaveLength(2);
    for (const [i, x] of [13.5, 49.5].entries()) {
      const wanted = depthAt(x);
      expect(Math.abs(places[i]! - wanted)).toBeLessThan(0.05 * wanted);
    }
  });

  test('depth without points to align to, and models that are not there, are named', async () => {
    const { points: _, ...without } = base;
    const model = (name: string) => ({ kind: 'model', modelDir: join(folder, name) }) as const;
    await expect(trackObjects({ ...without, depth: model('depth') }, context)).rejects.toThrow(/no sparse points/);
    await expect(trackObjects({ ...base, depth: model('nobody') }, context)).rejects.toThrow(
      /would enable depth for tracking/,
    );
    await expect(trackObjects({ ...base, features: model('nobody') }, context)).rejects.toThrow(
      /would enable tracking by learned/,
    );
    await expect(trackObjects({ ...base, features: model('depth') }, context)).rejects.toThrow(/manifest\.json: kind/);
  });
});
