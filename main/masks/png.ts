/**
 * PNG files whose pixels are ids. Image libraries turn palette indices into colours and apply gamma and colour profiles, all
 * of which changes ids; this reader gives the stored numbers and nothing else.
 */
import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { systemErrorText } from '../capture/index.ts';

/** Why a PNG cannot be read as ids, in a sentence. */
class PngError extends Error {
  override readonly name = 'PngError';
}

export interface IdImage {
  readonly width: number;
  readonly height: number;
  /** [H, W] grey values, palette indices, or R + 256 G + 65536 B. */
  readonly ids: Int32Array;
  /** `palette` and `grey` have their own numbers; `rgb` three bytes. */
  readonly coding: 'grey' | 'palette' | 'rgb';
  /** Bits per sample as stored. */
  readonly bitDepth: number;
}

/** 67 megapixels: the ids alone take 268 MB. */
const maxIdPixels = 2 ** 26;
const inflateBounded = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflate);

/** Samples per pixel and allowed bit depths by colour type. */
const COLOUR_TYPES: {
  readonly [type: number]: { samples: number; depths: readonly number[]; coding: IdImage['coding'] };
} = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16], coding: 'grey' },
  2: { samples: 3, depths: [8, 16], coding: 'rgb' },
  3: { samples: 1, depths: [1, 2, 4, 8], coding: 'palette' },
  4: { samples: 2, depths: [8, 16], coding: 'grey' },
  6: { samples: 4, depths: [8, 16], coding: 'rgb' },
};

/** Adam7: first column and row, column and row step of each pass. */
const PASSES = [
  [0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2],
] as const; // biome-ignore format: a table
const ONE_PASS = [[0, 0, 1, 1]] as const;

/** Transparency is ignored: an id is an id. @throws PngError */
export async function decodeIdPng(bytes: Uint8Array, maxPixels = maxIdPixels): Promise<IdImage> {
  const { header, data } = chunksOf(bytes);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [bitDepth, type, compression, filter, interlace] = header.subarray(8, 13);
  const colour = COLOUR_TYPES[type!];
  if (
    colour === undefined ||
    !colour.depths.includes(bitDepth!) ||
    compression !== 0 ||
    filter !== 0 ||
    interlace! > 1
  ) {
    throw new PngError('has a header that no PNG has');
  }
  if (width === 0 || height === 0) throw new PngError('has no pixels');
  if (width * height > maxPixels) throw new PngError(`has ${width}x${height} pixels; at most ${maxPixels} are read`);
  if (colour.coding === 'rgb' && bitDepth === 16) {
    throw new PngError('has 16-bit colours, which no known mask format uses: ids are grey, palette or 8-bit RGB');
  }
  const bitsPerPixel = colour.samples * bitDepth!;
  const passes = (interlace === 1 ? PASSES : ONE_PASS)
    .map(([x0, y0, dx, dy]) => ({
      x0,
      y0,
      dx,
      dy,
      wide: Math.ceil((width - x0) / dx),
      high: Math.ceil((height - y0) / dy),
    }))
    .filter(({ wide, high }) => wide > 0 && high > 0);
  const rowBytes = (wide: number): number => Math.ceil((wide * bitsPerPixel) / 8);
  const expected = passes.reduce((sum, { wide, high }) => sum + high * (1 + rowBytes(wide)), 0);
  let raw: Uint8Array;
  try {
    raw = await inflateBounded(data, { maxOutputLength: expected + 1 });
  } catch (error) {
    throw new PngError(`is damaged or cut short (${systemErrorText(error)})`, { cause: error });
  }
  if (raw.length !== expected) throw new PngError(`holds ${raw.length} bytes of pixels; ${expected} are needed`);

  const ids = new Int32Array(width * height);
  let at = 0;
  for (const { x0, y0, dx, dy, wide, high } of passes) {
    const size = rowBytes(wide);
    unfilter(raw.subarray(at, at + high * (size + 1)), size, high, Math.max(1, bitsPerPixel >> 3));
    for (let row = 0; row < high; row++) {
      const line = raw.subarray(at + row * (size + 1) + 1, at + (row + 1) * (size + 1));
      const to = (y0 + row * dy) * width + x0;
      if (colour.coding === 'rgb') {
        for (let x = 0, from = 0; x < wide; x++, from += colour.samples) {
          ids[to + x * dx] = line[from]! | (line[from + 1]! << 8) | (line[from + 2]! << 16);
        }
      } else if (bitDepth! >= 8) {
        const step = bitsPerPixel >> 3;
        for (let x = 0, from = 0; x < wide; x++, from += step) {
          ids[to + x * dx] = bitDepth === 16 ? (line[from]! << 8) | line[from + 1]! : line[from]!;
        }
      } else {
        const mask = (1 << bitDepth!) - 1;
        for (let x = 0; x < wide; x++) {
          const bit = x * bitDepth!;
          ids[to + x * dx] = (line[bit >> 3]! >> (8 - bitDepth! - (bit & 7))) & mask;
        }
      }
    }
    at += high * (size + 1);
  }
  return { width, height, ids, coding: colour.coding, bitDepth: bitDepth! };
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** The header's 13 bytes and the joined image data. */
function chunksOf(bytes: Uint8Array): { header: Uint8Array; data: Uint8Array } {
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte)) throw new PngError('is not a PNG');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Uint8Array | undefined;
  const parts: Uint8Array[] = [];
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) throw new PngError('is cut short');
    const size = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (at + 12 + size > bytes.length) throw new PngError('is cut short');
    const body = bytes.subarray(at + 8, at + 8 + size);
    if (type === 'IHDR' && size === 13) header ??= body;
    else if (type === 'IDAT') parts.push(body);
    else if (type === 'IEND') break;
    at += 12 + size;
  }
  if (header === undefined) throw new PngError('has no header');
  return { header, data: Buffer.concat(parts) };
}

/** Undoes the row filters in place (PNG specification, section 9). @param raw rows of one filter byte and `size` bytes */
function unfilter(raw: Uint8Array, size: number, rows: number, step: number): void {
  for (let row = 0; row < rows; row++) {
    const start = row * (size + 1) + 1;
    const above = start - size - 1;
    const filter = raw[start - 1]!;
    if (filter > 4) throw new PngError(`has the unknown row filter ${filter}`);
    if (filter === 0) continue;
    for (let i = 0; i < size; i++) {
      const left = i >= step ? raw[start + i - step]! : 0;
      const up = row > 0 ? raw[above + i]! : 0;
      const upLeft = i >= step && row > 0 ? raw[above + i - step]! : 0;
      const predicted =
        filter === 1 ? left : filter === 2 ? up : filter === 3 ? (left + up) >> 1 : paeth(left, up, upLeft);
      raw[start + i] = raw[start + i]! + predicted;
    }
  }
}

function paeth(left: number, up: number, upLeft: number): number {
  const guess = left + up - upLeft;
  const [dLeft, dUp, dUpLeft] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - upLeft)];
  if (dLeft <= dUp && dLeft <= dUpLeft) return left;
  return dUp <= dUpLeft ? up : upLeft;
}
