/** Mask sets in the formats of others. What a format cannot hold is counted, never silently dropped. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import sharp from 'sharp';
import {
  areaOfCounts,
  boundsOfCounts,
  columnCounts,
  countsOfSegment,
  encodeCounts,
  type FrameMasks,
  LiftscopeError,
  labelsOfFrame,
  type MaskClass,
  type MaskSetInfo,
  segmentsOfLabels,
} from '../../contract/index.ts';
import { NO_CLASS } from './coco-json.ts';
import type { MaskFormat } from './import.ts';
import { numberOf, stemOf } from './match.ts';
import { IGNORE_ID, MOTS_CLASS_STEP } from './mots.ts';

export interface ExportMasksOptions {
  readonly format: MaskFormat;
  /** A folder for PNG formats, a file for the others; COCO panoptic writes `OUT` (JSON) and a folder beside it. */
  readonly outputPath: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
}

export interface MaskExportReport {
  readonly format: MaskFormat;
  readonly outputPath: string;
  readonly frames: number;
  readonly segments: number;
  /** Pixels in more than one segment, which a format of one segment per pixel shows once: the smaller segment. */
  readonly overlapPx: number;
  /** Segments that smaller ones hide completely. */
  readonly hiddenSegments: number;
  /** Segments whose id the format cannot hold and which got another. */
  readonly changedIds: number;
  /** Frames without segments, for which the format has no place. */
  readonly omittedEmptyFrames: number;
}

interface Counts {
  frames: number;
  segments: number;
  overlapPx: number;
  hiddenSegments: number;
  changedIds: number;
  omittedEmptyFrames: number;
}

/**
 * Writes every frame. Existing files of the same names are replaced.
 * @param frames all of one set, unique names
 * @throws LiftscopeError, system errors naming a path, or the signal's reason
 */
export async function exportMasks(
  set: MaskSetInfo,
  frames: AsyncIterable<FrameMasks>,
  options: ExportMasksOptions,
): Promise<MaskExportReport> {
  const { format, outputPath } = options;
  const counts: Counts = {
    frames: 0,
    segments: 0,
    overlapPx: 0,
    hiddenSegments: 0,
    changedIds: 0,
    omittedEmptyFrames: 0,
  };
  const counted = watched(frames, counts, options);
  switch (format) {
    case 'id-png':
      await exportIdPngs(counted, outputPath, counts);
      break;
    case 'mots-png':
      await exportMotsPngs(counted, outputPath, counts);
      break;
    case 'mots-txt':
      await exportMotsText(counted, outputPath, counts);
      break;
    case 'coco-panoptic':
      await exportCocoPanoptic(set, counted, outputPath, counts);
      break;
    case 'coco-instances':
      await exportCocoInstances(set, counted, outputPath);
      break;
    default:
      format satisfies never;
  }
  return { format, outputPath, ...counts };
}

async function* watched(
  frames: AsyncIterable<FrameMasks>,
  counts: Counts,
  { signal, onProgress }: ExportMasksOptions,
): AsyncGenerator<FrameMasks, void> {
  for await (const frame of frames) {
    signal?.throwIfAborted();
    yield frame;
    counts.frames++;
    counts.segments += frame.segments.length;
    onProgress?.(counts.frames);
  }
}

/** One id per pixel, the smaller segment on top. */
function flattened(frame: FrameMasks, counts: Counts): { readonly labels: Int32Array; readonly ids: Set<number> } {
  const { labels, overlapPx } = labelsOfFrame(frame);
  counts.overlapPx += overlapPx;
  const ids = new Set(segmentsOfLabels(labels).map(({ id }) => id));
  counts.hiddenSegments += frame.segments.length - ids.size;
  return { labels, ids };
}

/** 16-bit grey, or 24-bit RGB where an id needs it. */
async function exportIdPngs(frames: AsyncIterable<FrameMasks>, folder: string, counts: Counts): Promise<void> {
  const pngs = new PngFolder(folder);
  for await (const frame of frames) {
    const { labels, ids } = flattened(frame, counts);
    const largest = Math.max(0, ...ids);
    if (largest > 0xffffff) replaceIds(labels, ids, (id) => id <= 0xffffff, 1, counts);
    const png = largest <= 0xffff ? grey16Png(labels, frame) : rgbPng(labels, frame);
    await pngs.write(frame.frame, await png);
  }
}

async function exportMotsPngs(frames: AsyncIterable<FrameMasks>, folder: string, counts: Counts): Promise<void> {
  const pngs = new PngFolder(folder);
  for await (const frame of frames) {
    const { labels, ids } = flattened(frame, counts);
    const classOf = new Map(frame.segments.map(({ id, classId }) => [id, classId]));
    const fits = (id: number): boolean =>
      id <= 0xffff &&
      id !== IGNORE_ID &&
      classOf.get(id) === (id < MOTS_CLASS_STEP ? undefined : Math.floor(id / MOTS_CLASS_STEP));
    replaceIds(labels, ids, fits, (id) => motsIdBase(classOf.get(id)), counts);
    await pngs.write(frame.frame, await grey16Png(labels, frame));
  }
}

/** First id of a class in MOTS' PNGs; classes that 16 bits cannot hold, and no class, share the ids below 1000. */
function motsIdBase(classId: number | undefined): number {
  const base = (classId ?? 0) * MOTS_CLASS_STEP;
  return base + MOTS_CLASS_STEP <= 0xffff && base !== IGNORE_ID ? Math.max(1, base) : 1;
}

/** Gives ids that do not fit the next free one from the base on. */
function replaceIds(
  labels: Int32Array,
  ids: ReadonlySet<number>,
  fits: (id: number) => boolean,
  base: number | ((id: number) => number),
  counts: Counts,
): void {
  const used = new Set([...ids].filter(fits));
  const replacement = new Map<number, number>();
  for (const id of ids) {
    if (fits(id)) continue;
    let free = typeof base === 'number' ? base : base(id);
    while (used.has(free) || free === IGNORE_ID) free++;
    used.add(free);
    replacement.set(id, free);
  }
  if (replacement.size === 0) return;
  counts.changedIds += replacement.size;
  for (let i = 0; i < labels.length; i++) labels[i] = replacement.get(labels[i]!) ?? labels[i]!;
}

async function exportMotsText(frames: AsyncIterable<FrameMasks>, path: string, counts: Counts): Promise<void> {
  const numbers = new Set<number>();
  await writeText(path, async (write) => {
    for await (const frame of frames) {
      const number = numberOf(frame.frame);
      if (number === undefined || numbers.has(number)) {
        throw new LiftscopeError({
          code: 'unsupported',
          message: `MOTS knows frames by number, and ${frame.frame} has ${number === undefined ? 'none' : 'that of another frame'}.`,
          hint: 'Export as coco-instances or id-png, which know frames by name.',
        });
      }
      numbers.add(number);
      if (frame.segments.length === 0) counts.omittedEmptyFrames++;
      const { labels } = flattened(frame, counts);
      const classOf = new Map(frame.segments.map(({ id, classId }) => [id, classId]));
      for (const segment of segmentsOfLabels(labels)) {
        const rle = columnRle(segment.rle, frame);
        await write(`${number} ${segment.id} ${classOf.get(segment.id) ?? 0} ${frame.height} ${frame.width} ${rle}\n`);
      }
    }
  });
}

function columnRle(rle: string, { width, height }: FrameMasks): string {
  return encodeCounts(columnCounts(countsOfSegment({ rle }, width, height), width, height));
}

/** Category of segments without a class, which panoptic files must have: the first number that no class has. */
function noClassCategory(classes: readonly MaskClass[]): { readonly id: number; readonly [field: string]: unknown } {
  const id = classes.reduce((most, one) => Math.max(most, one.id), 0) + 1;
  return { id, name: 'unknown', supercategory: NO_CLASS };
}

function categoriesOf(classes: readonly MaskClass[]): object[] {
  return classes.map(({ id, name, isThing }) => ({
    id,
    name,
    ...(isThing !== undefined && { isthing: isThing ? 1 : 0 }),
  }));
}

async function exportCocoInstances(set: MaskSetInfo, frames: AsyncIterable<FrameMasks>, path: string): Promise<void> {
  let annotationId = 0;
  const images: object[] = [];
  await writeText(path, async (write) => {
    await write('{"annotations":[');
    for await (const frame of frames) {
      const { width, height } = frame;
      const imageId = images.push({ id: images.length + 1, file_name: frame.frame, width, height });
      for (const segment of frame.segments) {
        const counts = countsOfSegment(segment, width, height);
        const box = boundsOfCounts(counts, width);
        const annotation = {
          id: ++annotationId,
          image_id: imageId,
          segment_id: segment.id,
          ...(segment.classId !== undefined && { category_id: segment.classId }),
          ...(segment.confidence !== undefined && { score: segment.confidence }),
          iscrowd: 0,
          area: areaOfCounts(counts),
          bbox: box === undefined ? [0, 0, 0, 0] : [box.left, box.top, box.right - box.left, box.bottom - box.top],
          segmentation: { size: [height, width], counts: encodeCounts(columnCounts(counts, width, height)) },
        };
        await write(`${annotationId > 1 ? ',' : ''}\n${JSON.stringify(annotation)}`);
      }
    }
    await write(
      `],\n"images":${JSON.stringify(images)},\n"categories":${JSON.stringify(categoriesOf(set.classes))}}\n`,
    );
  });
}

async function exportCocoPanoptic(
  set: MaskSetInfo,
  frames: AsyncIterable<FrameMasks>,
  path: string,
  counts: Counts,
): Promise<void> {
  const folder = stemOf(path);
  if (folder === path) {
    throw new LiftscopeError({
      code: 'usage',
      message: `${path}: COCO panoptic is a JSON file with a folder beside it.`,
      hint: 'Name a file that ends in .json.',
    });
  }
  const unknown = noClassCategory(set.classes);
  let needsUnknown = false;
  const images: object[] = [];
  const pngs = new PngFolder(folder);
  await writeText(path, async (write) => {
    await write('{"annotations":[');
    for await (const frame of frames) {
      const { width, height } = frame;
      const { labels, ids } = flattened(frame, counts);
      const byId = new Map(frame.segments.map((segment) => [segment.id, segment]));
      if ([...ids].some((id) => id > 0xffffff)) {
        throw new LiftscopeError({
          code: 'unsupported',
          message: `Frame ${frame.frame} has a segment id above ${0xffffff}, which COCO panoptic cannot hold.`,
          hint: 'Export as coco-instances.',
        });
      }
      const infos = segmentsOfLabels(labels).map(({ id, rle }) => {
        const { classId, confidence } = byId.get(id)!;
        needsUnknown ||= classId === undefined;
        const visible = countsOfSegment({ rle }, width, height);
        const box = boundsOfCounts(visible, width)!;
        return {
          id,
          category_id: classId ?? unknown.id,
          ...(confidence !== undefined && { score: confidence }),
          iscrowd: 0,
          area: areaOfCounts(visible),
          bbox: [box.left, box.top, box.right - box.left, box.bottom - box.top],
        };
      });
      const fileName = await pngs.write(frame.frame, await rgbPng(labels, frame));
      const imageId = images.push({ id: images.length + 1, file_name: frame.frame, width, height });
      const annotation = { image_id: imageId, file_name: fileName, segments_info: infos };
      await write(`${images.length > 1 ? ',' : ''}\n${JSON.stringify(annotation)}`);
    }
    const categories = [...categoriesOf(set.classes), ...(needsUnknown ? [unknown] : [])];
    await write(`],\n"images":${JSON.stringify(images)},\n"categories":${JSON.stringify(categories)}}\n`);
  });
}

function grey16Png(labels: Int32Array, { width, height }: FrameMasks): Promise<Buffer> {
  const image = sharp(Uint16Array.from(labels), { raw: { width, height, channels: 1 } });
  return image.toColourspace('grey16').png({ compressionLevel: 6 }).toBuffer();
}

function rgbPng(labels: Int32Array, { width, height }: FrameMasks): Promise<Buffer> {
  const bytes = new Uint8Array(3 * labels.length);
  for (let i = 0; i < labels.length; i++) {
    bytes[3 * i] = labels[i]! & 0xff;
    bytes[3 * i + 1] = (labels[i]! >> 8) & 0xff;
    bytes[3 * i + 2] = labels[i]! >> 16;
  }
  return sharp(bytes, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 6 })
    .toBuffer();
}

/** PNGs as `FOLDER/stem of the frame's name.png`, folders of the name included. */
class PngFolder {
  readonly #root: string;
  readonly #names = new Set<string>();

  constructor(folder: string) {
    this.#root = resolve(folder);
  }

  /** @returns the file's name relative to the folder */
  async write(frameName: string, png: Buffer): Promise<string> {
    const name = `${stemOf(frameName)}.png`;
    const path = resolve(this.#root, name);
    const refuse = (message: string): never => {
      throw new LiftscopeError({ code: 'unsupported', message, hint: 'Export as coco-instances, which is one file.' });
    };
    if (!path.startsWith(this.#root + sep)) refuse(`The frame name ${frameName} leads out of ${this.#root}.`);
    if (this.#names.has(name)) refuse(`Two frames would become ${name}; their names differ in the extension alone.`);
    this.#names.add(name);
    await mkdir(dirname(path), { recursive: true });
    await writeText(path, (write) => write(png));
    return name;
  }
}

/** A file that appears whole or not at all. */
async function writeText(
  path: string,
  produce: (write: (text: string | Buffer) => Promise<void>) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.partial`;
  const handle = await open(temporary, 'w');
  try {
    await produce((text) => handle.writeFile(text));
    await handle.close();
    await rename(temporary, path);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}
