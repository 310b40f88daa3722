import { join } from 'node:path';

/** What of `path` is below `folder`, or undefined when it is not inside; both as their system writes them. */
export function insideOf(path: string, folder: string): string[] | undefined {
  const root = folder.replace(/[\\/]+$/, '');
  if (path === folder || path === root) return [];
  if (!path.startsWith(root) || !/^[\\/]/.test(path.slice(root.length))) return undefined;
  const separator = path.includes('/') ? /\/+/ : /[\\/]+/;
  return path
    .slice(root.length)
    .split(separator)
    .filter((part) => part !== '');
}

/** `path` with `to` in place of `from`; paths elsewhere, and all of them without a move, stay. */
export function relocated(path: string, from: string | null, to: string | null): string {
  const inside = from === null || to === null ? undefined : insideOf(path, from);
  return inside === undefined ? path : join(to!, ...inside);
}
