import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  LiftscopeError,
  type PreparedCapture,
  SCENE_TRUTH_FILE,
  SCENE_TRUTH_FORMAT,
  sceneSplitSchema,
} from '../../contract/index.ts';

type Place = Pick<PreparedCapture, 'sourcePath' | 'imagesPath'>;

/** A million frames of some 400 bytes each. */
const MAX_TRUTH_BYTES = 512 * 1024 * 1024;

/** Folder of a generated scene that a capture came from; undefined for any other capture, and once its truth is gone. */
export async function findSceneTruth(capture: Place): Promise<string | undefined> {
  const folders = new Set([capture.sourcePath, dirname(capture.imagesPath)]);
  for (const folder of folders) {
    const info = await stat(join(folder, SCENE_TRUTH_FILE)).catch(() => undefined);
    if (info?.isFile() !== true || info.size > MAX_TRUTH_BYTES) continue;
    if (isRecordOf(await readJson(join(folder, SCENE_TRUTH_FILE)), SCENE_TRUTH_FORMAT)) return folder;
  }
  return undefined;
}

/**
 * File names, without folder and extension, of a generated scene's test split.
 * @throws LiftscopeError `bad-input` when the scene's description is damaged
 */
export async function testSplitOf(sceneFolder: string): Promise<string[]> {
  const file = join(sceneFolder, SCENE_TRUTH_FILE);
  const parsed = sceneSplitSchema.safeParse(await readJson(file));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${file}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`,
      hint: 'Generate the scene again, or say which frames to hold out: --holdout 8',
    });
  }
  return parsed.data.frames.filter(({ split }) => split === 'test').map(({ name }) => basename(name));
}

/** Undefined for a file that cannot be read or is no JSON: other programs may keep a truth/scene.json too. */
async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function isRecordOf(value: unknown, format: string): boolean {
  return typeof value === 'object' && value !== null && 'format' in value && value.format === format;
}
