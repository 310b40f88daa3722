/** Masks from elsewhere, into a mask set of a capture. */
import { basename } from 'node:path';
import { z } from 'zod';
import type { FrameMasks, MaskClass } from '../../contract/index.ts';
import { CaptureError, isDirectory, isRegularFile, readWhole } from '../capture/index.ts';
import { importCocoInstances } from './coco-instances.ts';
import { maxJsonBytes } from './coco-json.ts';
import { importCocoPanoptic } from './coco-panoptic.ts';
import { importIdPngs, importMotsPngs } from './id-images.ts';
import { FrameMatcher, type MaskFrame } from './match.ts';
import { importMotsText, MOTS_CLASSES } from './mots.ts';
import type { MaskImportReport } from './report.ts';
import { MaskSink } from './sink.ts';

export const maskFormatSchema = z.enum(['id-png', 'coco-panoptic', 'coco-instances', 'mots-txt', 'mots-png']);
export type MaskFormat = z.infer<typeof maskFormatSchema>;

/** What every importer gets. */
export interface ImportJob {
  readonly matcher: FrameMatcher;
  readonly sink: MaskSink;
  /** Importers add the classes that their files list. */
  readonly classes: MaskClass[];
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface ImportMasksOptions {
  /** Absent: told by what lies at the path. A folder is one of id PNGs. */
  readonly format?: MaskFormat | undefined;
  /** COCO panoptic: the folder of the PNGs. */
  readonly pngFolder?: string | undefined;
  readonly frames: readonly MaskFrame[];
  /**
   * Called once for each frame that has masks, in the order of the source. Only one frame's
   * segments are in memory at a time where the format allows it: not with COCO instances and MOTS text.
   */
  readonly write: (frame: FrameMasks, source: MaskSource) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What is known of all frames before the first one is handed over. */
export interface MaskSource {
  readonly classes: readonly MaskClass[];
  /** Tracks have ids that mean the same in all frames; other formats do not promise it. */
  readonly consistentIds: boolean;
}

export interface ImportedMasks extends MaskSource {
  readonly format: MaskFormat;
  readonly report: MaskImportReport;
}

/**
 * Reads masks and hands them over frame by frame. What cannot be used is left out and named in the report.
 * @throws CaptureError when there is nothing to read, or the signal's reason
 */
export async function importMasks(path: string, options: ImportMasksOptions): Promise<ImportedMasks> {
  const { frames, write, signal, onProgress, pngFolder } = options;
  const format = options.format ?? (await detectFormat(path));
  const matcher = new FrameMatcher(frames);
  const mots = format === 'mots-txt' || format === 'mots-png';
  const classes: MaskClass[] = mots ? [...MOTS_CLASSES] : [];
  const sink = new MaskSink(matcher, (frame) => write(frame, { classes, consistentIds: mots }));
  const job: ImportJob = { matcher, sink, classes, signal, onProgress };
  const wantsFolder = format === 'id-png' || format === 'mots-png';
  if (!(await (wantsFolder ? isDirectory(path) : isRegularFile(path)))) {
    throw new CaptureError({
      code: 'not-found',
      file: path,
      problem: wantsFolder ? 'is not a folder.' : 'is not a file.',
      advice: `Format ${format} is ${wantsFolder ? 'a folder of PNG files' : 'one file'}.`,
    });
  }
  switch (format) {
    case 'id-png':
      await importIdPngs(path, job);
      break;
    case 'mots-png':
      await importMotsPngs(path, job);
      break;
    case 'mots-txt':
      await importMotsText(path, job);
      break;
    case 'coco-panoptic':
      await importCocoPanoptic(path, job, pngFolder);
      break;
    case 'coco-instances':
      await importCocoInstances(path, job);
      break;
    default:
      format satisfies never;
  }
  return {
    format,
    classes,
    consistentIds: mots,
    report: sink.report(format),
  };
}

async function detectFormat(path: string): Promise<MaskFormat> {
  if (await isDirectory(path)) return 'id-png';
  if (!(await isRegularFile(path))) {
    throw new CaptureError({
      code: 'not-found',
      file: path,
      problem: 'there is no such file or folder.',
      advice: 'Check the path.',
    });
  }
  const name = basename(path).toLowerCase();
  if (name.endsWith('.txt')) return 'mots-txt';
  if (name.endsWith('.json')) {
    const bytes = await readWhole(path, maxJsonBytes);
    return bytes.includes('"segments_info"') ? 'coco-panoptic' : 'coco-instances';
  }
  throw new CaptureError({
    code: 'unknown-format',
    file: path,
    problem: 'its name does not tell its format.',
    advice: `Name it: --format ${maskFormatSchema.options.join(', ')}.`,
  });
}
