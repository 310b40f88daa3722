import type { CaptureFormat, CaptureWarning } from '../../contract/index.ts';
import { type HoldoutRule, importCapture, prepareCapture, type SparsePoints } from '../capture/index.ts';
import { openProject, type Project } from '../project/index.ts';
import { findSceneTruth, testSplitOf } from './scene-truth.ts';

export interface ImportOptions {
  /** Factor for the images' width and height, at most 1. */
  readonly scale?: number | undefined;
  /** `N`: every Nth frame by name; `0`: none; else names with commas between. Absent: the source's own split, which a generated scene has. */
  readonly holdout?: string | undefined;
  /** Where the images are, when they are not inside the capture. */
  readonly imagesPath?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ImportIntoProjectOptions extends ImportOptions {
  /** Made when there is none. */
  readonly projectFolder: string;
}

export interface ImportSummary {
  /** Absolute path of the project. */
  readonly project: string;
  readonly captureId: number;
  readonly name: string;
  readonly format: CaptureFormat;
  readonly trainFrames: number;
  readonly holdoutFrames: number;
  /** Names of the held-out frames. */
  readonly holdout: readonly string[];
  /** Who chose them: the caller, a generated scene's truth, or whatever the capture's own files say. */
  readonly holdoutFrom: 'option' | 'generated-scene' | 'capture';
  readonly points: number;
  /** Images that had to be converted; the others are used where they lie. */
  readonly writtenImages: number;
  /** Mean distance in pixels between sparse points as photographed and as projected; null without observations. */
  readonly reprojectionErrorPx: number | null;
  readonly warnings: readonly CaptureWarning[];
  readonly warningCounts: { readonly [code: string]: number };
}

/**
 * Reads a capture, prepares it for training and stores it in a project, where it becomes the current one. The capture is
 * stored as a whole or not at all; no project is made for one that cannot be read.
 *
 * @throws CaptureError, LiftscopeError, or the signal's reason
 */
export async function importIntoProject(path: string, options: ImportIntoProjectOptions): Promise<ImportSummary> {
  const source = await readSource(path, options);
  using project = await openProject(options.projectFolder, { create: true });
  return await storeSource(project, source, options);
}

/** As {@link importIntoProject}, into a project that is open. */
export async function importCaptureInto(
  project: Project,
  path: string,
  options: ImportOptions = {},
): Promise<ImportSummary> {
  return storeSource(project, await readSource(path, options), options);
}

interface Source {
  readonly imported: Awaited<ReturnType<typeof importCapture>>;
  readonly holdout: HoldoutRule | undefined;
  readonly holdoutFrom: ImportSummary['holdoutFrom'];
}

async function readSource(path: string, options: ImportOptions): Promise<Source> {
  const imported = await importCapture(
    path,
    options.imagesPath === undefined ? {} : { imagesPath: options.imagesPath },
    contextOf(options),
  );
  const asked = parseHoldout(options.holdout);
  if (asked !== undefined) return { imported, holdout: asked, holdoutFrom: 'option' };
  const scene = await findSceneTruth(imported.capture);
  return scene === undefined
    ? { imported, holdout: undefined, holdoutFrom: 'capture' }
    : { imported, holdout: await testSplitOf(scene), holdoutFrom: 'generated-scene' };
}

function contextOf({ signal }: ImportOptions): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

async function storeSource(
  project: Project,
  { imported, holdout, holdoutFrom }: Source,
  options: ImportOptions,
): Promise<ImportSummary> {
  const { signal, onProgress } = options;
  const { capture, points, writtenImages } = await prepareCapture(
    imported,
    { ...(options.scale !== undefined && { scale: options.scale }), ...(holdout !== undefined && { holdout }) },
    {
      ...contextOf(options),
      ...(onProgress !== undefined && { onProgress }),
      writeImage: async (_name, png) => project.artifacts.path(await project.artifacts.put(png, 'png')),
    },
  );
  const pointsArtifact = points.count === 0 ? undefined : await project.artifacts.put(encodePoints(points), 'points');
  signal?.throwIfAborted();
  const captureId = project.captures.add(capture, pointsArtifact, {
    scale: options.scale ?? 1,
    holdout: options.holdout ?? null,
  });
  const held = capture.frames.filter((frame) => frame.role === 'holdout');
  return {
    project: project.folder,
    captureId,
    name: capture.name,
    format: capture.format,
    trainFrames: capture.frames.length - held.length,
    holdoutFrames: held.length,
    holdout: held.map((frame) => frame.name),
    holdoutFrom,
    points: points.count,
    writtenImages,
    reprojectionErrorPx: imported.reprojection?.meanErrorPx ?? null,
    warnings: capture.warnings,
    warningCounts: capture.warningCounts,
  };
}

/** See {@link ImportIntoProjectOptions.holdout}. */
export function parseHoldout(text: string | undefined): HoldoutRule | undefined {
  if (text === undefined) return undefined;
  const trimmed = text.trim();
  if (trimmed === '0' || trimmed === '') return [];
  // "0074" is a frame's name; a rule has no leading zero.
  if (/^[1-9]\d{0,5}$/.test(trimmed)) return Number(trimmed);
  const names = trimmed.split(',').map((name) => name.trim());
  return names.filter((name) => name !== '');
}

/** Float32 little-endian positions [M, 3], then uint8 colours [M, 3]: the sparse points file of the contract. */
export function encodePoints(points: SparsePoints): Uint8Array {
  const bytes = new Uint8Array(points.count * 15);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < points.count * 3; i++) view.setFloat32(i * 4, points.positions[i] ?? 0, true);
  bytes.set(points.colors.subarray(0, points.count * 3), points.count * 12);
  return bytes;
}
