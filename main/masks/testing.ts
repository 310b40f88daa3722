/** Test-only: PNG files of every kind that ids come in, and random mask sets. */
import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { countsOfMask, encodeCounts, type FrameMasks, segmentsOfLabels } from '../../contract/index.ts';

export interface PngKind {
  readonly colourType: 0 | 2 | 3 | 4 | 6;
  readonly bitDepth: 1 | 2 | 4 | 8 | 16;
  readonly interlaced?: boolean;
}

const SAMPLES = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 } as const;
const PASSES = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]]; // biome-ignore format: a table

/** A PNG by the book, every row filtered by another of the five filters. @param samples [H, W, samples per pixel] */
export function pngBytes(width: number, height: number, samples: readonly number[], kind: PngKind): Buffer {
  const { colourType, bitDepth, interlaced = false } = kind;
  const perPixel = SAMPLES[colourType];
  const step = Math.max(1, (perPixel * bitDepth) >> 3);
  const parts: Buffer[] = [];
  for (const [x0, y0, dx, dy] of interlaced ? PASSES : [[0, 0, 1, 1]]) {
    const wide = Math.ceil((width - x0!) / dx!);
    let above = Buffer.alloc(Math.max(0, Math.ceil((wide * perPixel * bitDepth) / 8)));
    for (let y = y0!, row = 0; y < height && wide > 0; y += dy!, row++) {
      const line = Buffer.alloc(above.length);
      for (let x = 0; x < wide; x++) {
        for (let s = 0; s < perPixel; s++) {
          const value = samples[(y * width + x0! + x * dx!) * perPixel + s]!;
          const at = x * perPixel + s;
          if (bitDepth === 16) line.writeUInt16BE(value, 2 * at);
          else if (bitDepth === 8) line[at] = value;
          else line[(at * bitDepth) >> 3]! |= value << (8 - bitDepth - ((at * bitDepth) & 7));
        }
      }
      const filter = row % 5;
      const coded = Buffer.from(line);
      for (let i = 0; i < line.length; i++) {
        const [a, b, c] = [line[i - step] ?? 0, above[i]!, above[i - step] ?? 0];
        const p = a + b - c;
        const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
        const paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
        coded[i] = line[i]! - [0, a, b, (a + b) >> 1, paeth][filter]!;
      }
      parts.push(Buffer.of(filter), coded);
      above = line;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bitDepth, colourType, 0, 0, interlaced ? 1 : 0], 8);
  const data = deflateSync(Buffer.concat(parts));
  const half = data.length >> 1;
  const palette = Buffer.alloc(3 * 2 ** Math.min(8, bitDepth), 7);
  return Buffer.concat([
    Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    chunk('gAMA', Buffer.of(0, 0, 0xb1, 0x8f)),
    ...(colourType === 3 ? [chunk('PLTE', palette)] : []),
    chunk('IDAT', data.subarray(0, half)),
    chunk('IDAT', data.subarray(half)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, body: Buffer): Buffer {
  const head = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(head));
  return Buffer.concat([size, head, check]);
}

/** An 8-bit grey PNG of ids. */
export function idPng(width: number, height: number, ids: readonly number[]): Buffer {
  return pngBytes(width, height, ids, { colourType: 0, bitDepth: 8 });
}

const side = fc.integer({ min: 1, max: 9 });

/** Frames whose segments do not overlap. @param segmentId ids that the format can hold */
export function disjointFrames(segmentId: fc.Arbitrary<number>, empty = true): fc.Arbitrary<FrameMasks[]> {
  const one = fc.tuple(side, side).chain(([width, height]) =>
    fc
      .record({
        ids: fc.uniqueArray(segmentId, { minLength: 1, maxLength: 5 }),
        pick: fc.array(fc.nat(5), { minLength: width * height, maxLength: width * height }),
        confidence: fc.option(fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value + 0)),
        classId: fc.option(fc.constantFrom(1, 2, 77)),
      })
      .map(({ ids, pick, confidence, classId }) => ({
        width,
        height,
        segments: segmentsOfLabels(Int32Array.from(pick, (k) => ids[k - 1] ?? 0)).map((segment) => ({
          ...segment,
          ...(classId !== null && { classId }),
          ...(confidence !== null && { confidence }),
        })),
      })),
  );
  return fc
    .array(empty ? one : one.filter(({ segments }) => segments.length > 0), { minLength: 1, maxLength: 4 })
    .map((frames) => frames.map((frame, index) => ({ frame: `cam a/${index}.jpg`, ...frame })));
}

/** A frame of segments that overlap. */
export const overlappingFrames: fc.Arbitrary<FrameMasks[]> = fc.tuple(side, side).chain(([width, height]) =>
  fc
    .array(
      fc
        .array(fc.integer({ min: 0, max: 1 }), { minLength: width * height, maxLength: width * height })
        .filter((bits) => bits.includes(1)),
      { maxLength: 4 },
    )
    .map((masks) => [
      {
        frame: 'x.png',
        width,
        height,
        segments: masks.map((bits, k) => ({ id: 3 * k + 2, rle: encodeCounts(countsOfMask(bits)) })),
      },
    ]),
);
