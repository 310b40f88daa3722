import { join } from 'node:path';

/** A drive or a share: a path of Windows, where a backslash separates and is no part of a name. */
const WINDOWS_PATH = /^(?:[A-Za-z]:[\\/]|\\\\)/;

/** What of `path` is below `folder`, or undefined when it is not inside; both as their own system writes them. */
export function insideOf(path: string, folder: string): string[] | undefined {
  const separators = WINDOWS_PATH.test(folder) ? /[\\/]+/ : /\/+/;
  const [parts, root] = [path, folder].map((text) => text.split(separators).filter((part) => part !== ''));
  const absolute = separators.test(path.slice(0, 1)) === separators.test(folder.slice(0, 1));
  if (!absolute || parts!.length < root!.length || root!.some((part, index) => part !== parts![index]))
    return undefined;
  return parts!.slice(root!.length);
}

/** `path` with `to` in place of `from`; paths elsewhere, and all of them without a move, stay. */
export function relocated(path: string, from: string | null, to: string | null): string {
  const inside = from === null || to === null ? undefined : insideOf(path, from);
  return inside === undefined ? path : join(to!, ...inside);
}
