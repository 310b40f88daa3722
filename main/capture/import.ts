/** Detection of the format and the import of a capture. */
import { realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type CaptureFormat, maxPathLength } from '../../contract/index.ts';
import { assembleCapture, type ImportedCapture, type OrientationRule } from './assemble.ts';
import { readColmapBinary } from './colmap-binary.ts';
import { readColmapText } from './colmap-text.ts';
import { looksLikeEpicFields, readEpicFields } from './epic-fields.ts';
import { CaptureError } from './errors.ts';
import { defaultMaxImagePixels } from './images.ts';
import { readJson } from './json.ts';
import { type ParsedModel, Warnings } from './model.ts';
import { captureNameOf, isDirectory, isRegularFile, type ResolveRule } from './paths.ts';
import { looksLikeTransforms, readTransforms } from './transforms.ts';

export interface ImportOptions {
  /** Folder of the images, when they are not where the capture's layout puts them. References may then leave it by links. */
  readonly imagesPath?: string;
  /** Skips detection where a folder holds more than one model. */
  readonly format?: CaptureFormat;
  /** Observed points kept for each frame; 0 keeps none. Default 64. */
  readonly observationsPerFrame?: number;
  /** Images with more pixels are left out with a warning. Default `defaultMaxImagePixels`. */
  readonly maxImagePixels?: number;
  /** What to do about EXIF orientation. 'auto' (default) goes by the camera's size (see `matchCamera`). */
  readonly orientation?: OrientationRule;
  /** Turns frame numbers of EPIC-Fields names into timestamps. */
  readonly framesPerSecond?: number;
}

export interface ImportProgress {
  readonly stage: 'model' | 'images';
  readonly done: number;
  readonly total: number;
}

export interface ImportContext {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ImportProgress) => void;
}

/** Where a capture's model lies and how it is read. */
export interface DetectedCapture {
  readonly kind: 'colmap-bin' | 'colmap-txt' | 'transforms' | 'epic-fields';
  /** Folder of the COLMAP model, or the JSON file. */
  readonly modelPath: string;
  /** Folder that image references may not leave. */
  readonly capturePath: string;
  /** Folder that image references are relative to. */
  readonly imagesPath: string;
}

const defaultObservationsPerFrame = 64;

/**
 * Finds the model in a folder (or takes the given file). Where several are present: COLMAP in the folder itself,
 * `sparse/0` or `sparse`, before transforms.json, before COLMAP in `colmap/sparse/0`, before an EPIC-Fields JSON.
 *
 * @throws CaptureError `not-found` or `unknown-format`
 */
export async function detectCapture(
  path: string,
  format?: CaptureFormat,
  signal?: AbortSignal,
): Promise<DetectedCapture> {
  const absolute = resolve(path);
  if (absolute.length > maxPathLength || absolute.includes('\0')) {
    throw notFound(absolute.slice(0, 200), 'the path is not valid.');
  }
  if (await isRegularFile(absolute)) return await detectFile(absolute, signal);
  if (!(await isDirectory(absolute))) throw notFound(absolute, 'there is no file or folder here.');
  const wants = (kind: DetectedCapture['kind']): boolean =>
    format === undefined ||
    format === kind ||
    (kind === 'transforms' && (format === 'nerfstudio' || format === 'instant-ngp'));
  const colmapIn = async (folders: readonly string[]): Promise<DetectedCapture | undefined> => {
    for (const folder of folders) {
      for (const [kind, extension] of [
        ['colmap-bin', 'bin'],
        ['colmap-txt', 'txt'],
      ] as const) {
        const modelPath = join(absolute, folder);
        if (!wants(kind) || !(await isRegularFile(join(modelPath, `cameras.${extension}`)))) continue;
        if (!(await isRegularFile(join(modelPath, `images.${extension}`)))) continue;
        return { kind, modelPath, ...(await colmapImages(absolute, folder)) };
      }
    }
    return undefined;
  };
  const outer = await colmapIn(['', 'sparse/0', 'sparse', '0']);
  if (outer !== undefined) return outer;
  const transforms = join(absolute, 'transforms.json');
  if (wants('transforms') && (await isRegularFile(transforms))) {
    return { kind: 'transforms', modelPath: transforms, capturePath: absolute, imagesPath: absolute };
  }
  const inner = await colmapIn(['colmap/sparse/0', 'colmap/sparse']);
  if (inner !== undefined) return inner;
  throw new CaptureError({
    code: 'unknown-format',
    file: absolute,
    problem: `no ${format ?? 'known'} capture was found in this folder.`,
    advice:
      'Expected cameras.bin + images.bin or cameras.txt + images.txt (here, in sparse/0 or in sparse), transforms.json, or the path of an EPIC-Fields JSON file.',
  });
}

function notFound(file: string, problem: string): CaptureError {
  return new CaptureError({ code: 'not-found', file, problem, advice: 'Check the path.' });
}

async function detectFile(path: string, signal: AbortSignal | undefined): Promise<DetectedCapture> {
  const capturePath = dirname(path);
  if (/\.json$/i.test(path)) {
    const json = await readJson(path, { signal });
    if (looksLikeTransforms(json)) return { kind: 'transforms', modelPath: path, capturePath, imagesPath: capturePath };
    if (looksLikeEpicFields(json)) {
      const candidates = ['images', 'frames', 'rgb_frames', captureNameOf(path)].map((name) => join(capturePath, name));
      return {
        kind: 'epic-fields',
        modelPath: path,
        capturePath,
        imagesPath: await firstFolder(candidates, capturePath),
      };
    }
    throw new CaptureError({
      code: 'unknown-format',
      file: path,
      field: 'top level',
      problem: 'has neither "frames" (transforms.json) nor "camera" and "images" (EPIC-Fields).',
      advice: 'Give the path of a capture.',
    });
  }
  const colmap = /[/\\](cameras|images|points3D)\.(bin|txt)$/.exec(path);
  if (colmap !== null)
    return await detectCapture(capturePath, colmap[2] === 'bin' ? 'colmap-bin' : 'colmap-txt', signal);
  throw new CaptureError({
    code: 'unknown-format',
    file: path,
    problem: /\.ply$/i.test(path) ? 'a PLY file has no photos and cameras.' : 'this is not a capture.',
    advice: 'Give a COLMAP folder, a transforms.json or an EPIC-Fields JSON file.',
  });
}

async function firstFolder(candidates: readonly string[], fallback: string): Promise<string> {
  for (const candidate of candidates) if (await isDirectory(candidate)) return candidate;
  return fallback;
}

/** `images` beside the model or up to two folders above it, so that CAPTURE, CAPTURE/sparse and CAPTURE/sparse/0 all work. */
async function colmapImages(given: string, folder: string): Promise<{ capturePath: string; imagesPath: string }> {
  const parents = folder === '' || folder === '0' ? [given, dirname(given), dirname(dirname(given))] : [given];
  for (const capturePath of parents) {
    const imagesPath = join(capturePath, 'images');
    if (await isDirectory(imagesPath)) return { capturePath, imagesPath };
  }
  return { capturePath: given, imagesPath: given };
}

/**
 * Reads a capture: cameras, poses, sparse points, and what the image files say about themselves. Pixels are not decoded
 * and nothing is written; `prepareCapture` does both.
 *
 * @throws CaptureError naming file and field; the signal's reason when aborted
 */
export async function importCapture(
  path: string,
  options: ImportOptions = {},
  context: ImportContext = {},
): Promise<ImportedCapture> {
  const { signal, onProgress } = context;
  const limit = options.observationsPerFrame ?? defaultObservationsPerFrame;
  if (!(limit >= 0)) throw new RangeError(`observationsPerFrame must be 0 or more, not ${limit}`);
  const detected = await detectCapture(path, options.format, signal);
  const explicit = options.imagesPath !== undefined;
  const root = explicit ? resolve(options.imagesPath!) : detected.imagesPath;
  if (explicit && !(await isDirectory(root))) throw notFound(root, 'the images folder does not exist.');
  const warnings = new Warnings();
  const read = {
    signal,
    onBytes: (done: number, total: number): void => onProgress?.({ stage: 'model', done, total }),
  };
  const jail = await realpath(detected.capturePath);
  const rule = (extensionOptional: boolean): ResolveRule => ({ root, jail, explicit, extensionOptional });
  let model: ParsedModel;
  switch (detected.kind) {
    case 'colmap-bin':
      model = await readColmapBinary(detected.modelPath, { ...read, observationsPerFrame: limit }, warnings);
      break;
    case 'colmap-txt':
      model = await readColmapText(detected.modelPath, { ...read, observationsPerFrame: limit }, warnings);
      break;
    case 'transforms': {
      const beside: ResolveRule = { root: detected.capturePath, jail, explicit: false, extensionOptional: false };
      model = await readTransforms(
        detected.modelPath,
        await readJson(detected.modelPath, read),
        beside,
        read,
        warnings,
      );
      break;
    }
    case 'epic-fields':
      model = readEpicFields(detected.modelPath, await readJson(detected.modelPath, read), options, warnings);
      break;
    default:
      detected.kind satisfies never;
      throw new Error('unreachable');
  }
  return await assembleCapture(
    model,
    {
      name: captureNameOf(detected.kind === 'epic-fields' ? detected.modelPath : detected.capturePath),
      sourcePath: resolve(path),
      rule: rule(model.imageExtensionOptional),
      maxImagePixels: options.maxImagePixels ?? defaultMaxImagePixels,
      orientation: options.orientation ?? 'auto',
      signal,
      onProgress: (done, total) => onProgress?.({ stage: 'images', done, total }),
    },
    warnings,
  );
}
