/** Embeddings of segments: crops through the dual encoder's image half, kept by photo, masks and model. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';
import { ImageFileError, loadImage, segmentCrop, toInterleavedBytes } from '../images/index.ts';
import type { DualEncoder } from '../models/index.ts';
import { masksHash, type SegmentedFrame } from './segments.ts';

/** What the encoder gets to see of a segment. */
export interface CropOptions {
  /** Room around the segment's box, as a share of its longer side. */
  readonly margin: number;
  /** What remains of what lies outside the segment: without any, nobody sees that a handle is a red mug's. */
  readonly context: number;
}

export interface FrameEmbeddings {
  /** [S, E] unit rows. */
  readonly rows: Float32Array;
  readonly fromCache: boolean;
}

/** Embeds the segments of frames, one frame at a time. */
export class SegmentEmbedder {
  readonly #encoder: Pick<DualEncoder, 'dimensions' | 'fingerprint' | 'encodeImages'>;
  readonly #crop: CropOptions;
  readonly #side: number;
  readonly #cacheDir: string | undefined;

  /** @param side of the crops in pixels @param cacheDir made where it is missing; absent: nothing is kept */
  constructor(
    encoder: Pick<DualEncoder, 'dimensions' | 'fingerprint' | 'encodeImages'>,
    crop: CropOptions,
    side: number,
    cacheDir?: string,
  ) {
    this.#encoder = encoder;
    this.#crop = crop;
    this.#side = side;
    this.#cacheDir = cacheDir;
  }

  /** @throws LiftscopeError `bad-input` naming a photo that cannot be read */
  async embed(frame: SegmentedFrame): Promise<FrameEmbeddings> {
    const { imagePath, view, segments } = frame;
    const photo = await readFile(imagePath).catch((error: Error) => {
      throw new LiftscopeError({ code: 'bad-input', message: `${imagePath}: cannot be read (${error.message})` });
    });
    const values = segments.length * this.#encoder.dimensions;
    const file = this.#fileOf(photo, frame);
    const kept = file === undefined ? undefined : await readRows(file, values);
    if (kept !== undefined) return { rows: kept, fromCache: true };
    const expected = { width: view.widthPixels, height: view.heightPixels };
    const planar = await loadImage(imagePath, { expected }).catch((error: unknown) => {
      if (!(error instanceof ImageFileError)) throw error;
      throw new LiftscopeError({ code: 'bad-input', message: error.message }, { cause: error });
    });
    const image = { ...expected, data: toInterleavedBytes(planar) };
    const crops = segments.map(({ pixels }) => segmentCrop(image, pixels, { side: this.#side, ...this.#crop }));
    const rows = await this.#encoder.encodeImages(crops);
    if (file !== undefined) await keepRows(file, rows);
    return { rows, fromCache: false };
  }

  #fileOf(photo: Uint8Array, frame: SegmentedFrame): string | undefined {
    if (this.#cacheDir === undefined) return undefined;
    const settings = JSON.stringify([this.#encoder.fingerprint, this.#side, this.#crop]);
    const key = createHash('sha256').update(settings).update(photo).update(masksHash(frame)).digest('hex');
    return join(this.#cacheDir, `${key}.embeddings`);
  }
}

/** A file of another length, or with anything that is no number, is as good as none. */
async function readRows(file: string, values: number): Promise<Float32Array | undefined> {
  const bytes = await readFile(file).catch(() => undefined);
  if (bytes === undefined || bytes.length !== 4 * values) return undefined;
  const rows = new Float32Array(new Uint8Array(bytes).buffer);
  return rows.every(Number.isFinite) ? rows : undefined;
}

async function keepRows(file: string, rows: Float32Array): Promise<void> {
  const temporary = `${file}.${randomUUID()}.partial`;
  await mkdir(join(file, '..'), { recursive: true });
  try {
    await writeFile(temporary, rows);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

const side = z.int().min(8).max(1024);
const sizeSchema = z.union([side, z.object({ height: side }), z.object({ shortest_edge: side })]);
const preprocessorSchema = z.object({ crop_size: sizeSchema.optional(), size: sizeSchema.optional() });
/** What most CLIP models take. */
const DEFAULT_SIDE = 224;

/** The side of the images that a model takes, so that crops are resampled once. */
export async function encoderSide(modelDir: string): Promise<number> {
  try {
    const text = await readFile(join(modelDir, 'preprocessor_config.json'), 'utf8');
    const { crop_size: crop, size } = preprocessorSchema.parse(JSON.parse(text));
    const chosen = crop ?? size;
    if (chosen === undefined) return DEFAULT_SIDE;
    if (typeof chosen === 'number') return chosen;
    return 'height' in chosen ? chosen.height : chosen.shortest_edge;
  } catch {
    return DEFAULT_SIDE;
  }
}
