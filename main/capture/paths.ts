/** Turning a path written in a model file into a path on this machine, without ever leaving the capture's folder. */
import { realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, normalize, relative, resolve, sep } from 'node:path';
import { maxFrameNameLength } from '../../contract/index.ts';
import { CaptureError } from './errors.ts';

/** Tried in this order where a reference has no extension, as instant-ngp's may. */
const imageExtensions = ['.png', '.jpg', '.jpeg', '.PNG', '.JPG', '.JPEG', '.webp', '.tif', '.tiff', '.exr'];

export interface ResolveRule {
  /** Folder that references are relative to. */
  readonly root: string;
  /** Real path (no links) that resolved files must lie in. */
  readonly jail: string;
  /** The user named the folder: links in it may lead anywhere, and leading folders of a reference may be dropped. */
  readonly explicit: boolean;
  readonly extensionOptional: boolean;
}

export interface Reference {
  readonly text: string;
  /** The model file and field that hold it, for messages. */
  readonly file: string;
  readonly field: string;
}

/** Forward slashes, no leading `./`; refuses what cannot be a name of a file. */
export function cleanReference(reference: Reference): string {
  const refuse = (problem: string, advice: string): never => {
    throw new CaptureError({ code: 'invalid', file: reference.file, field: reference.field, problem, advice });
  };
  const { text } = reference;
  if (text.length > maxFrameNameLength) {
    refuse(`is a path longer than ${maxFrameNameLength} characters.`, 'Shorten it.');
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused.
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    refuse(`is a path with control characters: ${JSON.stringify(text)}.`, 'Rename the file.');
  }
  // Windows programs write backslashes; a backslash in a POSIX file name is rarer than those captures.
  const cleaned = text
    .replaceAll('\\', '/')
    .replace(/^(\.\/+)+/, '')
    .replace(/\/{2,}/g, '/');
  if (cleaned === '' || cleaned === '.' || cleaned.endsWith('/')) {
    refuse(`is not the path of a file: ${JSON.stringify(text)}.`, 'Give the path of an image.');
  }
  return cleaned;
}

function escapes(cleaned: string): boolean {
  return isAbsolute(cleaned) || /^[A-Za-z]:/.test(cleaned) || cleaned.split('/').includes('..');
}

function escapeError(reference: Reference, problem: string): CaptureError {
  return new CaptureError({
    code: 'path-escape',
    file: reference.file,
    field: reference.field,
    problem,
    advice: 'Move the images into the capture, or name their folder explicitly (images folder option).',
  });
}

/** Path of an existing file, or undefined when there is none. Throws when the reference leaves the folder. */
export async function resolveReference(reference: Reference, rule: ResolveRule): Promise<string | undefined> {
  const cleaned = cleanReference(reference);
  let candidates: string[];
  if (rule.explicit) {
    // The longest tail of the reference that exists wins: captures move, and their folders get renamed.
    const parts = normalize(cleaned)
      .split(/[/\\]/)
      .filter((part) => part !== '' && part !== '.' && part !== '..' && !/^[A-Za-z]:$/.test(part));
    candidates = parts.map((_, i) => parts.slice(i).join('/')).slice(0, 16);
  } else {
    if (escapes(cleaned)) {
      throw escapeError(reference, `leads out of the capture: ${JSON.stringify(reference.text)}.`);
    }
    candidates = [cleaned];
  }
  for (const candidate of candidates) {
    const full = resolve(rule.root, candidate);
    for (const path of rule.extensionOptional ? [full, ...imageExtensions.map((e) => full + e)] : [full]) {
      if (!(await isRegularFile(path))) continue;
      if (!rule.explicit) await assertInside(path, rule.jail, reference);
      return path;
    }
  }
  return undefined;
}

export async function isRegularFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function assertInside(path: string, jail: string, reference: Reference): Promise<void> {
  const inside = relative(jail, await realpath(path));
  if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw escapeError(reference, `is a link that leads out of the capture: ${JSON.stringify(reference.text)}.`);
  }
}

export async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Name of a capture at a path: its folder's, or the file's without extension. */
export function captureNameOf(path: string): string {
  const name = basename(resolve(path)).replace(/\.(json|ply)$/i, '');
  return name === '' ? 'capture' : name.slice(0, maxFrameNameLength);
}
