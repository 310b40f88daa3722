/** Folders of PNGs whose pixels are ids: plain ones, and those of MOTS. */
import { join } from 'node:path';
import { countsByLabel } from '../../contract/index.ts';
import { CaptureError, readWhole, systemErrorText } from '../capture/index.ts';
import { maxPngBytes, pngsBelow } from './folder.ts';
import type { ImportJob } from './import.ts';
import { baseOf, type MaskFrame, numberOf } from './match.ts';
import { IGNORE_ID, motsClassOf } from './mots.ts';
import { decodeIdPng, type IdImage } from './png.ts';
import type { SourceSegment } from './sink.ts';

/**
 * A folder of 8- or 16-bit grey, palette, or 24-bit RGB masks (R + 256 G + 65536 B, as COCO panoptic); 0 is no segment. When not
 * one file has a frame's name, the numbers at the ends of the names decide.
 */
export async function importIdPngs(folder: string, job: ImportJob): Promise<void> {
  await importFolder(folder, job, (ids) => countsByLabel(ids).map(({ label, counts }) => ({ id: label, counts })));
}

/** 16-bit PNGs of MOTS: class x 1000 + instance, 10000 to be ignored. */
export async function importMotsPngs(folder: string, job: ImportJob): Promise<void> {
  await importFolder(folder, job, (ids, name) =>
    countsByLabel(ids).flatMap(({ label, counts }): SourceSegment[] => {
      if (label !== IGNORE_ID) return [{ id: label, classId: motsClassOf(label), counts }];
      job.sink.notes.add('ignore-region', `${name}: the region to be ignored (id ${IGNORE_ID}) is left out.`);
      return [];
    }),
  );
}

async function importFolder(
  folder: string,
  job: ImportJob,
  segmentsOf: (ids: Int32Array, name: string) => readonly SourceSegment[],
): Promise<void> {
  const names = pngsBelow(folder);
  if (names.length === 0) {
    throw new CaptureError({
      code: 'no-frames',
      file: folder,
      problem: 'holds no PNG file.',
      advice: 'Name the folder of the masks; JPEG changes ids and cannot hold masks.',
    });
  }
  const { sink, matcher, signal } = job;
  const byNumber = names.every((name) => matcher.byName(name) === undefined) && numbersFit(names, job);
  if (byNumber) {
    sink.notes.add('matched-by-number', `${folder}: no file has the name of a frame; the numbers in the names decide.`);
  }
  for (const [index, name] of names.entries()) {
    signal?.throwIfAborted();
    const match = byNumber ? matcher.byNumber(numberOf(name) ?? Number.NaN) : matcher.byName(name);
    const frame = sink.accept(match, name);
    if (frame !== undefined) {
      const image = await readIds(join(folder, name), name, frame, job);
      if (image !== undefined)
        await sink.add(frame, { name, width: image.width, height: image.height }, segmentsOf(image.ids, name));
    }
    job.onProgress?.(index + 1, names.length);
  }
}

/** Each number once, and at least one of a frame. */
function numbersFit(names: readonly string[], { matcher }: ImportJob): boolean {
  const numbers = names.map(numberOf);
  if (new Set(numbers).size !== numbers.length) return false;
  return numbers.some((number) => number !== undefined && typeof matcher.byNumber(number) === 'object');
}

/** Undefined, with a note, for a file that cannot be read; the others go on. */
export async function readIds(
  path: string,
  name: string,
  frame: MaskFrame,
  job: ImportJob,
): Promise<IdImage | undefined> {
  try {
    const image = await decodeIdPng(await readWhole(path, maxPngBytes, job.signal && { signal: job.signal }));
    if (image.coding === 'rgb' && image.ids.some((id) => id !== 0) && image.ids.every(isGrey)) {
      job.sink.notes.add(
        'rgb-grey',
        `${name}: is stored as RGB and all grey; read as R + 256 G + 65536 B, so that ids are multiples of 65793. Store it as grey to keep small ids.`,
      );
    }
    return image;
  } catch (error) {
    job.signal?.throwIfAborted();
    const problem = error instanceof CaptureError ? error.problem : systemErrorText(error);
    job.sink.notes.add('mask-unreadable', `${baseOf(name)}: ${problem}; frame ${frame.name} stays without masks.`);
    return undefined;
  }
}

const isGrey = (id: number): boolean => (id & 0xff) === ((id >> 8) & 0xff) && (id & 0xff) === id >> 16;
