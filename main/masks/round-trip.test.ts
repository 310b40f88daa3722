import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import type { FrameMasks, MaskSetInfo } from '../../contract/index.ts';
import { exportMasks, importMasks, type MaskFormat, MasksFile, writeMasksFile } from './index.ts';
import { decodeIdPng } from './png.ts';
import { disjointFrames, overlappingFrames, pngBytes } from './testing.ts';

const parameters = { seed: 20_261_120, numRuns: 20 };
const set: MaskSetInfo = {
  name: 'test',
  provenance: { kind: 'model', source: 'test' },
  consistentIds: false,
  classes: [
    { id: 1, name: 'mug', isThing: true },
    { id: 2, name: 'wall', isThing: false },
    { id: 77, name: 'spoon' },
  ],
};

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'liftscope-masks-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function* each(frames: readonly FrameMasks[]): AsyncGenerator<FrameMasks, void> {
  yield* frames;
}

/** Out and in again. */
async function there(frames: readonly FrameMasks[], format: MaskFormat) {
  return inFolder(async (folder) => {
    const name = { 'coco-panoptic': 'out.json', 'coco-instances': 'out.json', 'mots-txt': 'out.txt', 'id-png': 'out', 'mots-png': 'out' }; // biome-ignore format: a table
    const path = join(folder, name[format]);
    const exported = await exportMasks(set, each(frames), { format, outputPath: path });
    const back: FrameMasks[] = [];
    const wanted = frames.map(({ frame, width, height }) => ({ name: frame, width, height }));
    const imported = await importMasks(path, {
      format,
      frames: wanted,
      write: async (frame) => void back.push(frame),
    });
    return { exported, imported, back: back.sort((a, b) => (a.frame < b.frame ? -1 : 1)) };
  });
}

const bare = (frames: readonly FrameMasks[]): FrameMasks[] =>
  frames.map((frame) => ({ ...frame, segments: frame.segments.map(({ id, rle }) => ({ id, rle })) }));

describe('what goes out comes in again, bit for bit', () => {
  test('id PNG: ids and pixels', async () => {
    const ids = fc.oneof(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 60_000, max: 70_000 }),
      fc.constant(0xffffff),
    );
    await fc.assert(
      fc.asyncProperty(disjointFrames(ids), async (frames) => {
        const { exported, imported, back } = await there(frames, 'id-png');
        expect(back).toEqual(bare(frames));
        expect(exported).toMatchObject({ changedIds: 0, overlapPx: 0, hiddenSegments: 0 });
        expect(imported.report.frames).toBe(frames.length);
        expect(imported.report.framesWithoutMasks.count).toBe(0);
      }),
      parameters,
    );
  });

  test('COCO panoptic: also classes, confidences and empty frames', async () => {
    await fc.assert(
      fc.asyncProperty(disjointFrames(fc.integer({ min: 1, max: 0xffffff })), async (frames) => {
        const { imported, back } = await there(frames, 'coco-panoptic');
        expect(back).toEqual(frames);
        expect(imported.classes).toEqual(set.classes);
        expect(
          Object.keys(imported.report.noteCounts).filter((code) => code !== 'segment-giant' && code !== 'rgb-grey'),
        ).toEqual([]);
      }),
      parameters,
    );
  });

  test('COCO instances: also overlaps and any id', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(disjointFrames(fc.integer({ min: 1, max: 0x7fffffff })), overlappingFrames),
        async (frames) => {
          const { imported, back } = await there(frames, 'coco-instances');
          expect(back).toEqual(frames);
          expect(imported.classes).toEqual(set.classes);
        },
      ),
      parameters,
    );
  });

  test('MOTS text: ids, classes and pixels; frames without segments have no line', async () => {
    await fc.assert(
      fc.asyncProperty(disjointFrames(fc.integer({ min: 1, max: 9999 })), async (frames) => {
        fc.pre(frames.some(({ segments }) => segments.length > 0));
        const { exported, imported, back } = await there(frames, 'mots-txt');
        const full = frames.filter(({ segments }) => segments.length > 0);
        expect(back).toEqual(
          full.map((frame) => ({ ...frame, segments: frame.segments.map(({ confidence: _, ...rest }) => rest) })),
        );
        expect(exported.omittedEmptyFrames).toBe(frames.length - full.length);
        expect(imported.consistentIds).toBe(true);
        expect(imported.report.framesWithoutMasks.count).toBe(exported.omittedEmptyFrames);
      }),
      parameters,
    );
  });

  test('MOTS PNG: ids that say their class stay, others are counted', async () => {
    await fc.assert(
      fc.asyncProperty(disjointFrames(fc.integer({ min: 1000, max: 2999 })), async (frames) => {
        const { exported, back } = await there(frames, 'mots-png');
        const classed = frames.map((frame) => ({
          ...frame,
          segments: frame.segments.map(({ confidence: _, ...rest }) => rest),
        }));
        const fitting = (frame: FrameMasks): boolean =>
          frame.segments.every(({ id, classId }) => Math.floor(id / 1000) === classId);
        classed.forEach((frame, index) => {
          if (fitting(frame)) expect(back[index]).toEqual(frame);
          else {
            // Another id; the same pixels and, where 16 bits can hold it, the same class.
            expect(back[index]!.segments.map(({ rle }) => rle).sort()).toEqual(
              frame.segments.map(({ rle }) => rle).sort(),
            );
          }
        });
        if (frames.every(fitting)) expect(exported.changedIds).toBe(0);
        else expect(exported.changedIds).toBeGreaterThan(0);
      }),
      parameters,
    );
  });

  test('.masks file: everything, in any order, one frame at a time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(disjointFrames(fc.integer({ min: 1, max: 0x7fffffff })), overlappingFrames), (frames) =>
        inFolder(async (folder) => {
          const path = join(folder, 'a.masks');
          await writeMasksFile(
            path,
            () => set,
            async (add) => {
              for (const frame of frames) await add(frame);
            },
          );
          await using file = await MasksFile.open(path);
          expect(file.set).toEqual(set);
          expect(file.frameNames).toEqual(frames.map(({ frame }) => frame));
          expect(await file.frame(frames.at(-1)!.frame)).toEqual(frames.at(-1));
          expect(await file.frame('none')).toBeUndefined();
          const all: FrameMasks[] = [];
          for await (const frame of file.frames()) all.push(frame);
          expect(all).toEqual(frames);
        }),
      ),
      parameters,
    );
  });
});

test('an id PNG shows the smaller of two overlapping segments, and says what it hides', async () => {
  const segments = ['03', '12', '111', '111'].map((rle, k) => ({ id: k + 4, rle }));
  const { exported, back } = await there([{ frame: 'a.png', width: 3, height: 1, segments }], 'id-png');
  expect(back[0]!.segments).toEqual([
    { id: 4, rle: '012' },
    { id: 5, rle: '21' },
    { id: 6, rle: '111' },
  ]);
  expect(exported).toMatchObject({ overlapPx: 2, hiddenSegments: 1 });
});

describe('PNG reader', () => {
  const kinds = [
    ...([1, 2, 4, 8, 16] as const).map((bitDepth) => ({ colourType: 0 as const, bitDepth })),
    ...([1, 2, 4, 8] as const).map((bitDepth) => ({ colourType: 3 as const, bitDepth })),
    { colourType: 2 as const, bitDepth: 8 as const },
    { colourType: 6 as const, bitDepth: 8 as const },
    { colourType: 4 as const, bitDepth: 8 as const },
    { colourType: 4 as const, bitDepth: 16 as const },
  ];

  test.each(kinds.flatMap((kind) => [kind, { ...kind, interlaced: true }]))(
    '%j gives the stored numbers',
    async (kind) => {
      const perPixel = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[kind.colourType];
      await fc.assert(
        fc.asyncProperty(
          fc.tuple(fc.integer({ min: 1, max: 19 }), fc.integer({ min: 1, max: 19 })).chain(([width, height]) => {
            const length = width * height * perPixel;
            return fc.record({
              width: fc.constant(width),
              height: fc.constant(height),
              samples: fc.array(fc.nat(2 ** kind.bitDepth - 1), { minLength: length, maxLength: length }),
            });
          }),
          async ({ width, height, samples }) => {
            const image = await decodeIdPng(pngBytes(width, height, samples, kind));
            const expected = Array.from({ length: width * height }, (_, i) => {
              const at = i * perPixel;
              return perPixel < 3 ? samples[at]! : samples[at]! + 256 * samples[at + 1]! + 65_536 * samples[at + 2]!;
            });
            expect([...image.ids]).toEqual(expected);
            expect([image.width, image.height, image.bitDepth]).toEqual([width, height, kind.bitDepth]);
          },
        ),
        { ...parameters, numRuns: 8 },
      );
    },
  );

  test('agrees with libvips on what it writes', async () => {
    const ids = Uint16Array.from({ length: 300 * 200 }, (_, i) => (i * 7919) & 0xffff);
    const png = await sharp(ids, { raw: { width: 300, height: 200, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    expect([...(await decodeIdPng(png)).ids]).toEqual([...ids]);
  });

  test('bad files are refused in words', async () => {
    const good = pngBytes(4, 4, new Array(16).fill(3), { colourType: 0, bitDepth: 8 });
    const broken = async (edit: (bytes: Buffer) => Buffer | undefined): Promise<string> => {
      const bytes = Buffer.from(good);
      const error = await decodeIdPng(edit(bytes) ?? bytes).then(
        () => new Error('was read'),
        (reason: Error) => reason,
      );
      return error.message;
    };
    expect(await broken(() => Buffer.from('GIF89a'))).toMatch(/not a PNG/);
    expect(await broken((b) => b.subarray(0, 40))).toMatch(/cut short/);
    expect(await broken((b) => void b.writeUInt32BE(0, 16))).toMatch(/no pixels/);
    expect(await broken((b) => void b.writeUInt32BE(0xffff_ffff, 16))).toMatch(/at most/);
    expect(await broken((b) => void b.writeUInt32BE(5, 16))).toMatch(/bytes of pixels|cut short/);
    expect(await broken((b) => void b.writeUInt8(5, 24))).toMatch(/header/);
    expect(await broken(() => pngBytes(1, 1, [1, 2, 3], { colourType: 2, bitDepth: 16 }))).toMatch(/16-bit colours/);
  });

  test('a bomb does not unfold beyond the image it states', async () => {
    const bomb = pngBytes(500, 500, new Array(250_000).fill(0), { colourType: 0, bitDepth: 8 });
    bomb.writeUInt32BE(8, 16);
    bomb.writeUInt32BE(8, 20);
    await expect(decodeIdPng(bomb)).rejects.toThrow(/damaged|bytes of pixels/);
  });
});

test('a .masks file that is cut short or changed is refused by name', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'a.masks');
    const frames = [{ frame: 'a.png', width: 2, height: 2, segments: [{ id: 1, rle: '04' }] }];
    await writeMasksFile(
      path,
      () => set,
      async (add) => add(frames[0]!),
    );
    const { readFile } = await import('node:fs/promises');
    const whole = await readFile(path);
    for (let cut = 0; cut < whole.length; cut += 7) {
      await writeFile(path, whole.subarray(0, cut));
      await expect(MasksFile.open(path)).rejects.toThrow(/a\.masks: .*\./);
    }
    await expect(MasksFile.open(join(folder, 'none.masks'))).rejects.toMatchObject({ code: 'not-found' });
  });
});
