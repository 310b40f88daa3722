import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  areaOfCounts,
  countsOfSegment,
  type FrameMasks,
  frameMasksSchema,
  LiftscopeError,
  labelsOfFrame,
} from '../../contract/index.ts';
import { CaptureError } from '../capture/index.ts';
import { type ImportedMasks, importMasks, type MaskFormat } from './index.ts';
import { idPng, pngBytes } from './testing.ts';

const root = mkdtempSync(join(tmpdir(), 'liftscope-masks-'));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;

/** A fresh folder with these files. */
function folderOf(files: Record<string, string | Uint8Array>): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Frames of 4x4, unless named with another size. */
async function read(
  path: string,
  frames: readonly (string | [string, number, number])[],
  format?: MaskFormat,
): Promise<ImportedMasks & { frames: Map<string, FrameMasks> }> {
  const written = new Map<string, FrameMasks>();
  const imported = await importMasks(path, {
    format,
    frames: frames.map((frame) => (typeof frame === 'string' ? { name: frame, width: 4, height: 4 } : { name: frame[0], width: frame[1], height: frame[2] })), // biome-ignore format: one line
    write: async (frame) => {
      expect(written.has(frame.frame)).toBe(false);
      written.set(frame.frame, frameMasksSchema.parse(frame));
    },
  });
  return { ...imported, frames: written };
}

const ids = (frame: FrameMasks | undefined): number[] | undefined => frame?.segments.map(({ id }) => id);
const flat = (value: number): number[] => new Array(16).fill(value);
const half = [...new Array(8).fill(1), ...new Array(8).fill(2)];

describe('names', () => {
  test('with and without extension, in folders, with both extensions', async () => {
    const folder = folderOf({
      'a.png': idPng(4, 4, half),
      'sub/b.png': idPng(4, 4, half),
      'c.jpg.png': idPng(4, 4, half),
      'e.PNG': idPng(4, 4, half),
      'stranger.png': idPng(4, 4, half),
    });
    const { frames, report } = await read(folder, ['a.jpg', 'cam/sub/b.jpg', 'c.jpg', 'd.jpg', 'x/e.tif']);
    expect([...frames.keys()].sort()).toEqual(['a.jpg', 'c.jpg', 'cam/sub/b.jpg', 'x/e.tif']);
    expect(report.framesWithoutMasks).toEqual({ names: ['d.jpg'], count: 1 });
    expect(report.masksWithoutFrames).toEqual({ names: ['stranger.png'], count: 1 });
    expect(report.noteCounts).toEqual({ 'mask-without-frame': 1 });
  });

  test('two frames of one name, two masks of one frame', async () => {
    const folder = folderOf({ 'a.png': idPng(4, 4, half), 'b.png': idPng(4, 4, half), 'b.jpg.png': idPng(4, 4, half) });
    const { frames, report } = await read(folder, ['l/a.jpg', 'r/a.jpg', 'b.jpg']);
    expect([...frames.keys()]).toEqual(['b.jpg']);
    expect(report.noteCounts).toEqual({ 'mask-ambiguous': 1, 'mask-duplicate': 1 });
  });

  test('numbers decide only when no name does, and it is said', async () => {
    const numbered = folderOf({ 'mask_07.png': idPng(4, 4, half), 'mask_8.png': idPng(4, 4, half) });
    const { frames, report } = await read(numbered, ['frame_0007.jpg', 'frame_0008.jpg']);
    expect([...frames.keys()]).toEqual(['frame_0007.jpg', 'frame_0008.jpg']);
    expect(report.noteCounts).toEqual({ 'matched-by-number': 1 });
    const named = folderOf({ 'mask_07.png': idPng(4, 4, half), 'frame_0008.png': idPng(4, 4, half) });
    expect([...(await read(named, ['frame_0007.jpg', 'frame_0008.jpg'])).frames.keys()]).toEqual(['frame_0008.jpg']);
  });
});

describe('bad masks are named, and nothing else is lost', () => {
  test('another size: resized where the shape is the same, left out where not', async () => {
    const folder = folderOf({
      'half.png': idPng(2, 2, [1, 2, 0, 3]),
      'double.png': idPng(
        8,
        8,
        Array.from({ length: 64 }, (_, i) => (i === 9 ? 7 : 1 + (i >> 5))),
      ),
      'wide.png': idPng(8, 4, new Array(32).fill(1)),
    });
    const { frames, report } = await read(folder, ['half.jpg', 'double.jpg', 'wide.jpg']);
    const half = frames.get('half.jpg')!;
    expect([...labelsOfFrame(half).labels]).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 0, 0, 3, 3, 0, 0, 3, 3]);
    const double = frames.get('double.jpg')!;
    // Segment 7 is one pixel of 8x8 that no centre of a pixel of 4x4 lies in... or does: then its pixel is its own.
    expect(ids(double)).toEqual([1, 2, 7]);
    expect(areaOfCounts(countsOfSegment(double.segments[2]!, 4, 4))).toBe(1);
    expect(frames.has('wide.jpg')).toBe(false);
    expect(report.noteCounts).toMatchObject({ resized: 2, 'size-mismatch': 1 });
    expect(report.notes.find(({ code }) => code === 'size-mismatch')!.message).toMatch(
      /wide\.png: is 8x4, frame wide\.jpg is 4x4/,
    );
    expect(report.framesWithoutMasks.names).toEqual(['wide.jpg']);
  });

  test('a segment too small for the resized frame stays, as one pixel', async () => {
    const labels = new Array(16 * 16).fill(1);
    labels[16 * 3 + 5] = 9;
    const folder = folderOf({ 'a.png': idPng(16, 16, labels) });
    const { frames, report } = await read(folder, ['a.jpg']);
    expect(ids(frames.get('a.jpg'))).toEqual([1, 9]);
    expect(report.noteCounts).toEqual({ resized: 1, 'segment-vanished': 1, 'segment-giant': 1 });
    const { labels: small } = labelsOfFrame(frames.get('a.jpg')!);
    expect(small[1]).toBe(9);
  });

  test('a frame without segments, one giant segment, unreadable files', async () => {
    const folder = folderOf({
      'empty.png': idPng(4, 4, flat(0)),
      'giant.png': idPng(4, 4, flat(3)),
      'text.png': 'hello',
      'cut.png': idPng(4, 4, half).subarray(0, 50),
    });
    const { frames, report } = await read(folder, ['empty.jpg', 'giant.jpg', 'text.jpg', 'cut.jpg']);
    expect(ids(frames.get('empty.jpg'))).toEqual([]);
    expect(ids(frames.get('giant.jpg'))).toEqual([3]);
    expect(report.emptyFrames).toEqual({ names: ['empty.jpg'], count: 1 });
    expect(report.framesWithoutMasks.names).toEqual(['text.jpg', 'cut.jpg']);
    expect(report.noteCounts).toEqual({ 'segment-giant': 1, 'mask-unreadable': 2 });
  });

  test('5,000 segments in a frame are kept; more than 65,535 are not masks', async () => {
    const many = Array.from({ length: 80 * 80 }, (_, i) => 1 + (i % 5001));
    const noise = Array.from({ length: 300 * 300 }, (_, i) => [i & 255, (i >> 8) & 255, i >> 16]).flat();
    const folder = folderOf({
      'many.png': pngBytes(80, 80, many, { colourType: 0, bitDepth: 16 }),
      'noise.png': pngBytes(300, 300, noise, { colourType: 2, bitDepth: 8 }),
    });
    const { frames, report } = await read(folder, [['many.jpg', 80, 80], ['noise.jpg', 300, 300]]); // biome-ignore format: one line
    expect(frames.get('many.jpg')!.segments).toHaveLength(5001);
    expect([...labelsOfFrame(frames.get('many.jpg')!).labels]).toEqual(many);
    expect(frames.has('noise.jpg')).toBe(false);
    expect(report.noteCounts).toEqual({ 'segments-many': 1, 'segments-too-many': 1 });
  });

  test('grey masks stored as RGB keep their segments, and the ids are explained', async () => {
    const folder = folderOf({ 'a.png': pngBytes(4, 4, half.flatMap((id) => [id, id, id]), { colourType: 2, bitDepth: 8 }) }); // biome-ignore format: one line
    const { frames, report } = await read(folder, ['a.jpg']);
    expect(ids(frames.get('a.jpg'))).toEqual([65_793, 131_586]);
    expect(report.noteCounts).toEqual({ 'rgb-grey': 1 });
  });

  test('what is no folder of masks at all is refused', async () => {
    const folder = folderOf({
      'a.jpg': 'x',
      'notes.txt': 'x',
      'x.json': '{',
      'y.json': '[1]',
      'z.bin': 'x',
      'e.txt': '',
    });
    const failure = (path: string, format?: MaskFormat) =>
      read(path, ['a.jpg'], format).then(
        () => undefined,
        (error: unknown) => (error instanceof CaptureError ? error.code : String(error)),
      );
    expect(await failure(folder)).toBe('no-frames');
    expect(await failure(join(folder, 'none'))).toBe('not-found');
    expect(await failure(join(folder, 'z.bin'))).toBe('unknown-format');
    expect(await failure(join(folder, 'x.json'))).toBe('invalid');
    expect(await failure(join(folder, 'e.txt'))).toBe('no-frames');
    expect(await failure(join(folder, 'notes.txt'))).toBe('no-frames');
    expect(await failure(folder, 'mots-txt')).toBe('not-found');
    expect(await failure(join(folder, 'x.json'), 'id-png')).toBe('not-found');
    // A list is one of results; its one entry is none.
    expect((await read(join(folder, 'y.json'), ['a.jpg'])).report.noteCounts).toEqual({ 'segment-invalid': 1 });
  });
});

describe('COCO panoptic', () => {
  const image = { id: 5, file_name: 'a.jpg', width: 4, height: 4 };
  const categories = [{ id: 3, name: 'mug', isthing: 1 }];
  const png = (values: readonly number[]): Buffer =>
    pngBytes(4, 4, values.flatMap((id) => [id & 255, id >> 8, 0]), { colourType: 2, bitDepth: 8 }); // biome-ignore format: one line

  test('unlisted ids, listed ids without pixels, unknown classes, files outside', async () => {
    const segments = [
      { id: 1, category_id: 3 },
      { id: 300, category_id: 9 },
      { id: 77, category_id: 3 },
      { id: -1, category_id: 3 },
    ];
    const folder = folderOf({
      'set.json': JSON.stringify({
        images: [image, { id: 6, file_name: 'b.jpg', width: 4, height: 4 }, { id: 7 }],
        categories: [...categories, { id: 3, name: 'again' }, { id: 'x' }],
        annotations: [
          { image_id: 5, file_name: 'a.png', segments_info: segments },
          { image_id: 6, file_name: '../secret.png', segments_info: [] },
          { image_id: 9, file_name: 'stranger.png', segments_info: [] },
          { image_id: 5 },
        ],
      }),
      'set/a.png': png([1, 1, 300, 300, 5, 5, ...new Array(10).fill(0)]),
      'secret.png': png(flat(1)),
    });
    symlinkSync(join(folder, 'secret.png'), join(folder, 'set', 'link.png'));
    const { frames, report, classes, format } = await read(join(folder, 'set.json'), ['a.jpg', 'b.jpg']);
    expect(format).toBe('coco-panoptic');
    expect(frames.get('a.jpg')!.segments.map(({ id, classId }) => [id, classId])).toEqual([[1, 3], [5, undefined], [300, 9]]); // biome-ignore format: one line
    expect(classes).toEqual([{ id: 3, name: 'mug', isThing: true }]);
    expect(report.noteCounts).toEqual({
      'mask-unreadable': 3,
      'class-invalid': 2,
      'segment-invalid': 1,
      'class-unknown': 1,
      'id-unlisted': 1,
      'segment-empty': 1,
      'mask-without-frame': 1,
    });
    expect(frames.has('b.jpg')).toBe(false);
  });
});

describe('COCO instances', () => {
  const images = [{ id: 1, file_name: 'a.jpg', width: 4, height: 4 }];
  const write = (document: unknown): string => join(folderOf({ 'i.json': JSON.stringify(document) }), 'i.json');

  test('polygons, both codes, one mask of each', async () => {
    const annotations = [
      { id: 10, image_id: 1, category_id: 1, segmentation: [[0, 0, 2, 0, 2, 2, 0, 2], [3, 3, 4, 3, 4, 4, 3, 4]] }, // biome-ignore format: one line
      // Down the columns: the first column.
      { id: 11, image_id: 1, category_id: 1, segmentation: { size: [4, 4], counts: [0, 4, 12] }, iscrowd: 1 },
      { id: 12, image_id: 1, category_id: 1, segmentation: { size: [4, 4], counts: '04<' }, score: 0.5 },
    ];
    const { frames, report } = await read(write({ images, annotations, categories: [{ id: 1, name: 'x' }] }), [
      'a.jpg',
    ]);
    const [polygon, list, text] = frames.get('a.jpg')!.segments;
    const pixels = (rle: string): number[] => [
      ...labelsOfFrame({ width: 4, height: 4, segments: [{ id: 1, rle }] }).labels,
    ];
    expect(pixels(polygon!.rle)).toEqual([1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(pixels(list!.rle)).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    expect(text).toEqual({ ...list, id: 12, confidence: 0.5 });
    expect(report.noteCounts).toEqual({});
  });

  test('bad entries are named by their place; the others stay', async () => {
    const good = { image_id: 1, segmentation: { size: [4, 4], counts: [0, 4, 12] } };
    const annotations = [
      { ...good, id: 1 },
      { ...good, id: 1 },
      { ...good, id: 2 ** 40 },
      { ...good, id: 2, score: 7 },
      { ...good, image_id: 99 },
      { image_id: 1, segmentation: { size: [4, 4], counts: [0, 4, 13] } },
      { image_id: 1, segmentation: { size: [4, 4], counts: '!!' } },
      { image_id: 1, segmentation: { size: [5, 4], counts: [20] } },
      { image_id: 1, segmentation: [[0, 0, 1]] },
      { image_id: 1, segmentation: [[0, 0, 1, 'x', 2, 2]] },
      { image_id: 1, segmentation: [[50, 50, 60, 50, 60, 60]] },
      { image_id: 1, segmentation: [[-1e308, -1e308, 1e308, -1e308, 1e308, 1e308]] },
      7,
    ];
    const { frames, report } = await read(write({ images, annotations }), ['a.jpg']);
    expect(ids(frames.get('a.jpg'))?.slice(0, 4)).toEqual([1, 3, 4, 2]);
    expect(report.noteCounts).toMatchObject({ 'segment-invalid': 7, 'image-unknown': 1, 'id-changed': 2 });
    for (const frame of frames.values()) for (const segment of frame.segments) countsOfSegment(segment, 4, 4);
  });

  test('a list of results finds its frames by number', async () => {
    const results = [{ image_id: 12, category_id: 5, score: 0.9, segmentation: { size: [4, 4], counts: '04<' } }];
    const { frames } = await read(write(results), ['frame_000012.jpg', 'frame_000013.jpg']);
    expect(frames.get('frame_000012.jpg')!.segments).toMatchObject([{ classId: 5, confidence: 0.9 }]);
  });
});

describe('MOTS', () => {
  test('bad lines, regions to ignore, frames that are not there', async () => {
    const lines = [
      '1 1001 1 4 4 04<',
      '1 2001 2 4 4 46',
      '1 2002 2 4 4 08!',
      '1 2003 2 5 4 0d0',
      '2 10000 10 4 4 04<',
      '9 1001 1 4 4 04<',
      '1 x 1 4 4 04<',
      '1 1 1 4 4',
      '',
    ];
    const folder = folderOf({ 'seq.txt': lines.join('\n') });
    const { frames, report, consistentIds, classes } = await read(join(folder, 'seq.txt'), ['000001.png', '000002.png', '000003.png']); // biome-ignore format: one line
    expect(consistentIds).toBe(true);
    expect(classes.map(({ name }) => name)).toEqual(['car', 'pedestrian']);
    expect(frames.get('000001.png')!.segments.map(({ id, classId }) => [id, classId])).toContainEqual([1001, 1]);
    expect(ids(frames.get('000002.png'))).toEqual([]);
    expect(report.masksWithoutFrames).toEqual({ names: ['frame 9'], count: 1 });
    expect(report.framesWithoutMasks.names).toEqual(['000003.png']);
    expect(report.noteCounts['ignore-region']).toBe(1);
    expect(report.noteCounts['segment-invalid']).toBeGreaterThanOrEqual(4);
  });

  test('PNG: class and instance from the value', async () => {
    const values = [1005, 2001, 10_000, 7, ...new Array(12).fill(0)];
    const folder = folderOf({ '1.png': pngBytes(4, 4, values, { colourType: 0, bitDepth: 16 }) });
    const { frames, report } = await read(folder, ['1.jpg'], 'mots-png');
    expect(frames.get('1.jpg')!.segments.map(({ id, classId }) => [id, classId])).toEqual([[7, undefined], [1005, 1], [2001, 2]]); // biome-ignore format: one line
    expect(report.noteCounts).toEqual({ 'ignore-region': 1 });
  });
});

describe('any bytes', () => {
  /** mulberry32 */
  const random = (seed: number) => () => {
    seed = (seed + 0x6d2b79f5) >>> 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const images = [{ id: 1, file_name: 'a.jpg', width: 4, height: 4 }];
  const samples: Record<string, { bytes: Buffer; format: MaskFormat; path: string; others?: Record<string, Buffer> }> =
    {
      'id-png': { format: 'id-png', path: '', bytes: idPng(4, 4, half) },
      'coco-instances': {
        format: 'coco-instances',
        path: 'i.json',
        bytes: Buffer.from(JSON.stringify({ images, annotations: [{ id: 1, image_id: 1, category_id: 1, segmentation: { size: [4, 4], counts: '04<' } }, { id: 2, image_id: 1, segmentation: [[0, 0, 4, 0, 4, 3.5]] }], categories: [{ id: 1, name: 'x' }] })), // biome-ignore format: one line
      },
      'coco-panoptic': {
        format: 'coco-panoptic',
        path: 'p.json',
        bytes: Buffer.from(JSON.stringify({ images, annotations: [{ image_id: 1, file_name: 'a.png', segments_info: [{ id: 1, category_id: 1 }] }], categories: [{ id: 1, name: 'x' }] })), // biome-ignore format: one line
        others: { 'p/a.png': pngBytes(4, 4, half.flatMap((id) => [id, 0, 0]), { colourType: 2, bitDepth: 8 }) }, // biome-ignore format: one line
      },
      'mots-txt': { format: 'mots-txt', path: 's.txt', bytes: Buffer.from('0 1001 1 4 4 04<\n0 2001 2 4 4 46\n') },
    };

  test.each(Object.keys(samples))('%s: a damaged file is refused in words or read into valid masks', async (name) => {
    const { bytes, format, path, others = {} } = samples[name]!;
    const next = random(20_261_120);
    const folder = folderOf({ [path || 'a.png']: bytes, ...others });
    const before = process.memoryUsage().rss;
    for (let round = 0; round < 120; round++) {
      const damaged = Buffer.from(bytes);
      const edits = 1 + Math.floor(next() * 3);
      for (let k = 0; k < edits; k++) damaged[Math.floor(next() * damaged.length)] = Math.floor(next() * 256);
      const cut = next() < 0.2 ? Math.floor(next() * damaged.length) : damaged.length;
      writeFileSync(join(folder, path || 'a.png'), damaged.subarray(0, cut));
      try {
        const { frames } = await read(join(folder, path), ['a.jpg', '0.jpg'], format);
        for (const frame of frames.values()) {
          for (const segment of frame.segments) {
            expect(areaOfCounts(countsOfSegment(segment, frame.width, frame.height))).toBeGreaterThan(0);
          }
        }
      } catch (error) {
        if (!(error instanceof CaptureError || error instanceof LiftscopeError)) throw error;
      }
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 2 ** 20);
  });
});
