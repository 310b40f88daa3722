/** Mask sets of a project: in from files of other programs, out to them. */
import { rm } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { LiftscopeError, MASKS_EXTENSION, type MaskSetInfo, maskSetNameSchema } from '../../contract/index.ts';
import type { Project } from '../project/index.ts';
import { type ExportMasksOptions, exportMasks, type MaskExportReport } from './export.ts';
import { importMasks, type MaskFormat, type MaskSource } from './import.ts';
import { MasksFile, writeMasksFile } from './masks-file.ts';
import type { MaskImportReport } from './report.ts';

export interface ImportIntoProjectMasksOptions {
  /** Default: the name of the file or folder. */
  readonly name?: string | undefined;
  readonly format?: MaskFormat | undefined;
  /** COCO panoptic: the folder of the PNGs. */
  readonly pngFolder?: string | undefined;
  /** Who made them; default `model`. A job never replaces a person's. */
  readonly madeBy?: 'human' | 'model' | undefined;
  /** Whether an id means the same object in all frames; default: what the format promises. */
  readonly consistentIds?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface ProjectMasksImport {
  readonly set: MaskSetInfo;
  readonly report: MaskImportReport;
}

/**
 * Reads masks for the current capture and stores them as a set, as a whole or not at all.
 * @throws CaptureError, LiftscopeError, or the signal's reason
 */
export async function importProjectMasks(
  project: Project,
  path: string,
  options: ImportIntoProjectMasksOptions = {},
): Promise<ProjectMasksImport> {
  const stored = project.captures.current();
  const name = nameOf(options.name ?? basename(resolve(path)).replace(/\.(json|txt|png)$/i, ''));
  const frames = stored.capture.frames.map((frame) => ({ name: frame.name, width: frame.width, height: frame.height }));
  const temporary = await project.artifacts.temporaryPath(MASKS_EXTENSION);
  const { format, pngFolder, signal, onProgress } = options;
  let set: MaskSetInfo | undefined;
  let report: MaskImportReport | undefined;
  try {
    const madeBy = options.madeBy ?? 'model';
    let source: MaskSource = { classes: [], consistentIds: false };
    await writeMasksFile(
      temporary,
      () => {
        set = {
          name,
          classes: [...source.classes],
          consistentIds: options.consistentIds ?? source.consistentIds,
          provenance: { kind: madeBy, source: `import of ${basename(resolve(path))}` },
        };
        return set;
      },
      async (add) => {
        const imported = await importMasks(path, {
          format,
          pngFolder,
          frames,
          signal,
          onProgress,
          write: async (frame, from) => {
            source = from;
            await add(frame);
          },
        });
        report = imported.report;
      },
    );
    if (report!.frames === 0) throw nothingFits(path, report!);
    const artifact = await project.artifacts.adopt(temporary, MASKS_EXTENSION);
    project.maskSets.add({ captureId: stored.id, info: set!, artifact, frames: report!.frames, jobId: null });
    return { set: set!, report: report! };
  } finally {
    await rm(temporary, { force: true });
  }
}

function nothingFits(path: string, report: MaskImportReport): LiftscopeError {
  const { masksWithoutFrames, framesWithoutMasks, notes } = report;
  const first = notes[0]?.message;
  return new LiftscopeError({
    code: 'bad-input',
    message: `${path}: none of its masks could be used for the ${framesWithoutMasks.count} frames of the capture${first === undefined ? '' : ` (first of all: ${first})`}.`,
    hint: `Masks are found by the frames' names, like ${framesWithoutMasks.names.slice(0, 3).join(', ')}${masksWithoutFrames.count === 0 ? '' : `; these are called ${masksWithoutFrames.names.slice(0, 3).join(', ')}`}.`,
  });
}

function nameOf(text: string): string {
  const parsed = maskSetNameSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new LiftscopeError({
    code: 'usage',
    message: `"${text}" is no name for a mask set: it ${parsed.error.issues[0]?.message ?? 'is not valid'}.`,
    hint: 'Choose one with --name.',
  });
}

/**
 * Writes a mask set of the current capture in another program's format.
 * @param name of the set; may be left out where there is only one
 * @throws LiftscopeError, or the signal's reason
 */
export async function exportProjectMasks(
  project: Project,
  name: string | undefined,
  options: ExportMasksOptions,
): Promise<MaskExportReport> {
  const stored = project.captures.current();
  const sets = project.maskSets.list(stored.id);
  const named =
    sets.find(({ info }) => info.name === name) ?? (name === undefined && sets.length === 1 ? sets[0] : undefined);
  if (named === undefined) {
    const names = sets.map(({ info }) => `"${info.name}"`).join(', ');
    throw new LiftscopeError({
      code: 'not-found',
      message:
        name === undefined ? `The project holds ${sets.length} mask sets.` : `The project holds no mask set "${name}".`,
      hint:
        sets.length === 0
          ? 'Make one with: liftscope segment DIR, or liftscope masks import DIR PATH'
          : `Choose with --name: ${names}.`,
    });
  }
  await using file = await MasksFile.open(project.artifacts.path(named.artifact));
  return await exportMasks(file.set, file.frames(), options);
}
