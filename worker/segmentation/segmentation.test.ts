import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  areaOfCounts,
  countsOfSegment,
  type FrameMasks,
  graphSegmentationSchema,
  type JobEvent,
  labelsOfFrame,
  MASKS_TRAILER_BYTES,
  masksIndexOffset,
  parseMasksFrame,
  parseMasksHeader,
  parseMasksIndex,
  type SegmentationRequest,
  segmentationRequestSchema,
  type TrainingFrame,
} from '../../contract/index.ts';
import { type PlanarImage, writeImage } from '../images/index.ts';
import { depthJumps, labOfImage, smoothed } from './features.ts';
import { segmentByGraph } from './graph-segmenter.ts';
import { graphSegments, segmentFrames } from './jobs.ts';
import { type MergeTree, mergeTree } from './merge-tree.ts';
import { condense, selectDisjoint, stabilityOf } from './selection.ts';
import { superpixels } from './superpixels.ts';

const defaults = graphSegmentationSchema.parse({});

/** Speckled regions by a function of the pixel; the speckle depends on the seed alone. */
function picture(
  width: number,
  height: number,
  colourOf: (x: number, y: number) => readonly number[],
  seed = 1,
): PlanarImage {
  const data = new Uint8Array(3 * width * height);
  let state = seed;
  for (let i = 0; i < width * height; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const speckle = (state >>> 28) - 8;
    const colour = colourOf(i % width, Math.floor(i / width));
    for (let c = 0; c < 3; c++) data[c * width * height + i] = Math.min(255, Math.max(0, colour[c]! + speckle));
  }
  return { width, height, data };
}

const inDisc = (x: number, y: number): boolean => (x - 30) ** 2 + (y - 30) ** 2 < 18 ** 2;
const inBox = (x: number, y: number): boolean => x >= 60 && x < 90 && y >= 20 && y < 70;
const WALL = [200, 190, 170];
const scene = picture(110, 90, (x, y) => (inDisc(x, y) ? [200, 90, 30] : inBox(x, y) ? [40, 60, 160] : WALL));

function labelsOf(image: PlanarImage, options = defaults, depth?: Float32Array): Int32Array {
  const { width, height } = image;
  return labelsOfFrame({ width, height, segments: graphSegments(segmentByGraph(image, options, depth)) }).labels;
}

/** Best IoU of any segment with the wanted pixels. */
function bestIou(labels: Int32Array, width: number, wanted: (x: number, y: number) => boolean): number {
  const [both, area] = [new Map<number, number>(), new Map<number, number>()];
  let wantedArea = 0;
  labels.forEach((label, i) => {
    const inside = wanted(i % width, Math.floor(i / width));
    area.set(label, (area.get(label) ?? 0) + 1);
    if (inside) {
      wantedArea++;
      both.set(label, (both.get(label) ?? 0) + 1);
    }
  });
  return Math.max(...[...both].map(([label, count]) => count / (area.get(label)! + wantedArea - count)));
}

describe('graph segmenter', () => {
  test('finds a disc, a box and the wall behind them, and gives every pixel to one segment', () => {
    const labels = labelsOf(scene);
    for (const wanted of [inDisc, inBox, (x: number, y: number) => !inDisc(x, y) && !inBox(x, y)]) {
      expect(bestIou(labels, 110, wanted)).toBeGreaterThan(0.9);
    }
    expect(new Set(labels).size).toBeLessThanOrEqual(6);
    expect(labels.includes(0)).toBe(false);
  });

  test('the same image gives the same bits', () => {
    expect(labelsOf(scene)).toEqual(labelsOf({ ...scene, data: scene.data.slice() }));
  });

  test('what colour does not tell apart, depth does', () => {
    const plain = picture(110, 90, () => WALL);
    const depth = Float32Array.from({ length: 110 * 90 }, (_, i) => {
      const [x, y] = [i % 110, Math.floor(i / 110)];
      // A wall seen at an angle, and a box in front of it; noise from pixel to pixel.
      return (inBox(x, y) ? 3 : 5 + 0.01 * x) * (1 + 0.01 * Math.sin(i * 12.9898));
    });
    expect(bestIou(labelsOf(plain), 110, inBox)).toBeLessThan(0.5);
    expect(bestIou(labelsOf(plain, defaults, depth), 110, inBox)).toBeGreaterThan(0.7);
    expect(labelsOf(plain, { ...defaults, geometry: 0 }, depth)).toEqual(labelsOf(plain));
  });

  test('nested output holds wholes and their parts', () => {
    const image = picture(110, 90, (x, y) => (!inBox(x, y) ? WALL : y < 45 ? [40, 60, 160] : [60, 90, 175]));
    const segmentation = segmentByGraph(image, { ...defaults, output: 'nested', minStability: 0.1 });
    const segments = graphSegments(segmentation);
    const masks = segments.map((segment) => labelsOfFrame({ width: 110, height: 90, segments: [{ ...segment, id: 1 }] }).labels); // biome-ignore format: one line
    const best = (wanted: (x: number, y: number) => boolean): number =>
      Math.max(
        ...masks.map(
          (mask) =>
            bestIou(
              mask.map((value) => value + 1),
              110,
              wanted,
            ) * 1,
        ),
      );
    for (const wanted of [
      inBox,
      (x: number, y: number) => inBox(x, y) && y < 45,
      (x: number, y: number) => inBox(x, y) && y >= 45,
    ]) {
      // biome-ignore format: one line
      expect(best(wanted)).toBeGreaterThan(0.85);
    }
    expect(segments.map(({ id }) => id)).toEqual(segments.map((_, k) => k + 1));
  });

  test('more detail gives no fewer segments; sizes are those asked for', () => {
    const count = (detail: number): number => segmentByGraph(scene, { ...defaults, detail }).segments.length;
    expect(count(6)).toBeGreaterThanOrEqual(count(1));
    for (const { areaPx } of segmentByGraph(scene, { ...defaults, minArea: 0.05 }).segments)
      expect(areaPx).toBeGreaterThanOrEqual(0.05 * 110 * 90);
  });

  test('any picture: disjoint, complete, confidences in [0, 1]', () => {
    const pictures = fc
      .tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 1e6 }))
      .chain(([width, height, seed]) =>
        fc
          .array(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)), { minLength: 1, maxLength: 5 })
          .map((colours) => picture(width, height, (x, y) => colours[(x * y + (x >> 2)) % colours.length]!, seed)),
      );
    fc.assert(
      fc.property(pictures, fc.constantFrom('parts', 'nested'), (image, output) => {
        const { width, height } = image;
        const segments = graphSegments(segmentByGraph(image, { ...defaults, output, maxArea: 1 }));
        const frame: FrameMasks = { frame: 'a', width, height, segments };
        let area = 0;
        for (const segment of segments) {
          expect(segment.confidence! >= 0 && segment.confidence! <= 1).toBe(true);
          area += areaOfCounts(countsOfSegment(segment, width, height));
        }
        if (output !== 'parts') return;
        expect(labelsOfFrame(frame).overlapPx).toBe(0);
        expect(area).toBe(width * height);
      }),
      { seed: 20_261_120, numRuns: 60 },
    );
  });
});

describe('parts of it', () => {
  test('CIELAB of known colours', () => {
    // White, black, and pure sRGB red: L 53.24, a 80.09, b 67.20 (D65).
    const image = { width: 3, height: 1, data: Uint8Array.of(255, 0, 255, 255, 0, 0, 255, 0, 0) };
    const lab = labOfImage(image);
    const expected = [100, 0, 53.24, 0, 0, 80.09, 0, 0, 67.2];
    for (const [i, value] of lab.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(0.02);
  });

  test('smoothing keeps a constant and the sum', () => {
    const flat = new Float32Array(35).fill(3);
    for (const value of smoothed(flat, 7, 5, 1.3)) expect(Math.abs(value - 3)).toBeLessThan(1e-5);
    const dot = new Float32Array(21 * 21);
    dot[220] = 1;
    expect(Math.abs(smoothed(dot, 21, 21, 1).reduce((sum, value) => sum + value, 0) - 1)).toBeLessThan(1e-4);
  });

  test('a plane has no depth jumps, a step has its own height and sign, what is not known is NaN', () => {
    const plane = Float32Array.from({ length: 40 * 30 }, (_, i) =>
      Math.exp(0.02 * (i % 40) + 0.01 * Math.floor(i / 40)),
    );
    const flat = depthJumps(plane, 40, 30, 2);
    for (let y = 5; y < 25; y++)
      for (let x = 6; x < 33; x++) expect(Math.abs(flat.right[y * 40 + x]!)).toBeLessThan(1e-5);
    const step = depthJumps(
      Float32Array.from({ length: 40 * 30 }, (_, i) => (i % 40 < 20 ? 1 : Math.E)),
      40,
      30,
      2,
    );
    expect(step.right[15 * 40 + 19]).toBeCloseTo(1, 5);
    expect(step.down[15 * 40 + 19]).toBe(0);
    expect(depthJumps(new Float32Array(1200), 40, 30, 2).right[600]).toBeNaN();
  });

  test('superpixels: uniform is one, a checkerboard of large tiles is its tiles', () => {
    const differ =
      (tile: (i: number) => number) =>
      (a: number, b: number): number =>
        tile(a) === tile(b) ? 0 : 50;
    expect(superpixels(20, 10, differ(() => 0), { scale: 5, minPixels: 4 }).count).toBe(1); // biome-ignore format: one line
    const tile = (i: number): number => ((i % 20) >> 2) + 5 * (Math.floor(i / 20) >> 2);
    const { labels, count } = superpixels(20, 12, differ(tile), { scale: 5, minPixels: 4 });
    expect(count).toBe(15);
    const firstOfTile = (i: number): number => Math.floor(i / 80) * 80 + ((i % 20) >> 2) * 4;
    expect([...labels]).toEqual(Array.from(labels, (_, i) => labels[firstOfTile(i)]));
    expect(superpixels(1, 1, () => 0, { scale: 1, minPixels: 9 })).toEqual({ labels: Int32Array.of(0), count: 1 });
  });

  test('the merge tree is monotone and joins the most alike neighbours first', () => {
    const greys = [10, 12, 60, 90];
    const image = { width: 4, height: 1, labels: Int32Array.of(0, 1, 2, 3), count: 4, lab: Float32Array.of(...greys, 0, 0, 0, 0, 0, 0, 0, 0) }; // biome-ignore format: one line
    const weights = { channels: [1, 1, 1], colour: 1, border: 1, jump: 0, maxJump: 1, sizePower: 0 } as const;
    const tree = mergeTree(image, weights);
    expect([...tree.parent]).toEqual([4, 4, 5, 5, 6, 6, -1]);
    expect([...tree.area]).toEqual([1, 1, 1, 1, 2, 2, 4]);
    for (let node = 0; node < 6; node++)
      expect(tree.height[tree.parent[node]!]!).toBeGreaterThanOrEqual(tree.height[node]!);
    expect(tree.height[4]).toBeLessThan(tree.height[5]!);
  });

  test('selection: stable wholes win over unstable parts, and the other way round', () => {
    // Two pairs of leaves; the pairs join late in the first tree, early in the second.
    const tree = (pair: number, all: number): MergeTree => ({
      leaves: 4,
      parent: Int32Array.of(4, 4, 5, 5, 6, 6, -1),
      left: Int32Array.of(-1, -1, -1, -1, 0, 2, 4),
      right: Int32Array.of(-1, -1, -1, -1, 1, 3, 5),
      height: Float64Array.of(0, 0, 0, 0, pair, pair, all),
      area: Float64Array.of(10, 10, 10, 10, 20, 20, 40),
    });
    const options = { minPixels: 5, maxPixels: 40, distances: [1, 100] as const };
    const nodes = (one: MergeTree): number[] => selectDisjoint(condense(one, 5)!, options).map(({ node }) => node);
    expect(nodes(tree(2, 50))).toEqual([4, 5]);
    expect(nodes(tree(40, 50))).toEqual([0, 1, 2, 3]);
    expect(selectDisjoint(condense(tree(2, 50), 5)!, { ...options, maxPixels: 15 }).map(({ node }) => node)).toEqual([0, 1, 2, 3]); // biome-ignore format: one line
    // Pieces below the minimum size give no region of their own.
    expect(nodes({ ...tree(2, 50), area: Float64Array.of(10, 1, 10, 1, 11, 11, 22) })).toEqual([4, 5]);
    expect(condense(tree(2, 50), 100)).toBeUndefined();
    expect(stabilityOf(condense(tree(2, 50), 5)!, [1, 100])).toBe(0);
  });
});

describe('job', () => {
  const folder = mkdtempSync(join(tmpdir(), 'liftscope-segment-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let frames: TrainingFrame[];
  beforeAll(async () => {
    const view = { fx: 100, fy: 100, cx: 55, cy: 45, cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, 0] } }; // biome-ignore format: one line
    frames = await Promise.all(
      [0, 1, 2].map(async (k) => {
        const imagePath = join(folder, `${k}.png`);
        await writeImage(imagePath, k === 2 ? picture(110, 90, () => WALL) : scene);
        return { ...view, name: `${k}.png`, imagePath, width: 110, height: 90, role: 'train' } as TrainingFrame;
      }),
    );
  });

  const request = (name: string, method: object): SegmentationRequest =>
    segmentationRequestSchema.parse({
      frames,
      method,
      set: { name, provenance: { kind: 'model', source: 'test' }, consistentIds: false, classes: [] },
      outputPath: join(folder, `${name}.masks`),
    });
  const live = (): AbortSignal => new AbortController().signal;

  test.each([
    ['graph', { kind: 'graph' }],
    ['sam', { kind: 'sam', modelDir: fileURLToPath(new URL('../../native-models/tiny-sam', import.meta.url)), parameters: { pointsPerSide: 4, minPredictedIou: 0.3, minStability: 0.5 } }], // biome-ignore format: one line
  ])('%s: every frame with its masks in one file, progress for each', async (name, method) => {
    const events: JobEvent[] = [];
    const job = request(name, method);
    const result = await segmentFrames(job, { signal: live(), emit: (event) => events.push(event) });
    expect(events.map((event) => event.type === 'work' && [event.done, event.total])).toEqual([[1, 3], [2, 3], [3, 3]]); // biome-ignore format: one line
    const bytes = readFileSync(job.outputPath);
    const indexAt = masksIndexOffset('x', bytes.subarray(-MASKS_TRAILER_BYTES), bytes.length);
    const entries = parseMasksIndex('x', bytes.subarray(indexAt, -MASKS_TRAILER_BYTES), indexAt);
    expect(entries.map((entry) => entry.name)).toEqual(['0.png', '1.png', '2.png']);
    expect(parseMasksHeader('x', bytes.subarray(0, entries[0]!.offsetBytes))).toEqual(job.set);
    const masks = entries.map((entry) => parseMasksFrame('x', bytes.subarray(entry.offsetBytes, entry.offsetBytes + entry.sizeBytes), entry.name)); // biome-ignore format: one line
    expect(masks[0]!.segments).toEqual(masks[1]!.segments);
    for (const wanted of [inDisc, inBox]) expect(bestIou(labelsOfFrame(masks[0]!).labels, 110, wanted)).toBeGreaterThan(0.8); // biome-ignore format: one line
    expect(result).toMatchObject({
      frames: 3,
      segments: masks.reduce((sum, { segments }) => sum + segments.length, 0),
    });
  });

  test('cancelled or failed: no file, not even a temporary one', async () => {
    const before = readdirSync(folder);
    const abort = new AbortController();
    const stop = segmentFrames(request('cancelled', { kind: 'graph' }), {
      signal: abort.signal,
      emit: () => abort.abort(),
    });
    await expect(stop).rejects.toThrow(/abort/i);
    const job = request('missing', { kind: 'graph' });
    job.frames[1] = { ...job.frames[1]!, imagePath: join(folder, 'none.png') };
    await expect(segmentFrames(job, { signal: live(), emit: () => undefined })).rejects.toThrow(/none\.png/);
    expect(readdirSync(folder)).toEqual(before);
  });
});
