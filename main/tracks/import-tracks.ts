/** Tracks of other programs into a project, as a mask set whose ids go on from frame to frame. */
import { rm } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import {
  type FrameMasks,
  LiftscopeError,
  MASKS_EXTENSION,
  type MaskClass,
  maskSetInfoSchema,
} from '../../contract/index.ts';
import { writeMasksFile } from '../masks/index.ts';
import type { Project } from '../project/index.ts';
import { readMot } from './mot.ts';
import { readVisor } from './visor.ts';

const trackImportFormats = ['mot', 'visor'] as const;
export type TrackImportFormat = (typeof trackImportFormats)[number];

export interface ImportTracksOptions {
  /** Default: MOT for text, VISOR for JSON. */
  readonly format?: TrackImportFormat | undefined;
  /** Name of the mask set; default that of the file. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ImportedTracks {
  readonly name: string;
  readonly format: TrackImportFormat;
  readonly frames: number;
  readonly segments: number;
  readonly tracks: number;
  /** Lines, annotations or frames that cannot be used, the first ones in words. */
  readonly skipped: number;
  readonly notes: readonly string[];
}

/** MOTS and COCO come in by `masks import`. @throws LiftscopeError, CaptureError, the signal's reason */
export async function importProjectTracks(
  project: Project,
  path: string,
  { format: given, name: wanted, signal }: ImportTracksOptions = {},
): Promise<ImportedTracks> {
  const { id: captureId, capture } = project.captures.current();
  const format = given ?? (extname(path).toLowerCase() === '.json' ? 'visor' : 'mot');
  const name = wanted ?? basename(resolve(path)).replace(/\.(json|txt|csv)$/i, '');
  const info = maskSetInfoSchema.safeParse({
    name,
    provenance: { kind: 'model', source: `import of ${basename(resolve(path))}` },
    consistentIds: true,
    classes: [],
  });
  if (!info.success) {
    const hint = 'Choose one with --name.';
    throw new LiftscopeError({ code: 'usage', message: `"${name}" is no name for a mask set.`, hint });
  }
  const read: { frames: readonly FrameMasks[]; classes: MaskClass[]; skipped: number; notes: readonly string[] } =
    format === 'mot'
      ? await readMot(path, capture.frames, signal).then(({ frames, report }) => ({
          frames,
          classes: [],
          ...noted(report),
        }))
      : await readVisor(path, capture.frames, signal);
  const temporary = await project.artifacts.temporaryPath(MASKS_EXTENSION);
  try {
    const set = { ...info.data, classes: read.classes };
    await writeMasksFile(
      temporary,
      () => set,
      async (add) => {
        for (const frame of read.frames) await add(frame);
      },
    );
    const artifact = await project.artifacts.adopt(temporary, MASKS_EXTENSION);
    project.maskSets.add({ captureId, info: set, artifact, frames: read.frames.length, jobId: null });
  } finally {
    await rm(temporary, { force: true });
  }
  const { skipped, notes } = read;
  return {
    ...{ name, format, skipped, notes, frames: read.frames.length },
    segments: read.frames.reduce((sum, { segments }) => sum + segments.length, 0),
    tracks: new Set(read.frames.flatMap(({ segments }) => segments.map(({ id }) => id))).size,
  };
}

function noted({ skipped, notes }: { readonly skipped: number; readonly notes: readonly string[] }) {
  return { skipped, notes };
}
