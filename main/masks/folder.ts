/** Mask files in a folder and its folders. */
import { type Dirent, readdirSync, realpathSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import { CaptureError, isRegularFile } from '../capture/index.ts';

/** More files than frames a capture may have are no masks of it. */
const maxFiles = 1_000_000;
const maxDepth = 16;
/** Larger PNGs hold no id image within the pixel limit. */
export const maxPngBytes = 512 * 2 ** 20;

/** Names relative to `folder`, with forward slashes, sorted; links to folders are not followed. @throws CaptureError */
export function pngsBelow(folder: string): string[] {
  const names: string[] = [];
  const visit = (path: string, prefix: string, depth: number): void => {
    let entries: Dirent[];
    try {
      entries = readdirSync(path, { withFileTypes: true });
    } catch (error) {
      throw new CaptureError({
        code: 'unreadable',
        file: path,
        problem: 'the folder cannot be listed.',
        advice: 'Check that it may be read.',
        cause: error,
      });
    }
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory() && depth < maxDepth) visit(join(path, entry.name), `${prefix}${entry.name}/`, depth + 1);
      else if (/\.png$/i.test(entry.name)) names.push(prefix + entry.name);
    }
    if (names.length > maxFiles) {
      throw new CaptureError({
        code: 'too-large',
        file: folder,
        problem: `holds more than ${maxFiles} PNG files.`,
        advice: 'Name the folder of the masks alone.',
      });
    }
  };
  visit(folder, '', 0);
  return names.sort();
}

/** Path of a file that a JSON names, relative to `root` and inside it; undefined when there is none. */
export async function fileInside(root: string, reference: string): Promise<string | undefined> {
  const cleaned = reference.replaceAll('\\', '/');
  if (cleaned === '' || cleaned.includes('\0') || isAbsolute(cleaned) || cleaned.split('/').includes('..'))
    return undefined;
  const path = join(root, cleaned);
  if (!(await isRegularFile(path))) return undefined;
  const inside = relative(realpathSync(root), realpathSync(path));
  return inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside) ? undefined : path;
}
