/** Paths are the host's: this side joins and shortens them by the separator they already have. */

export function joinPath(parent: string, name: string): string {
  const separator = parent.includes('\\') && !parent.includes('/') ? '\\' : '/';
  return parent.endsWith(separator) ? `${parent}${name}` : `${parent}${separator}${name}`;
}

/** What is wrong with a name for a new file or folder, or null. */
export function nameProblem(name: string): string | null {
  if (name.trim() === '') return 'Give it a name.';
  if (name === '.' || name === '..') return 'This name has a meaning of its own.';
  const bad = /[\\/:*?"<>|]/.exec(name);
  if (bad !== null) return `A name cannot contain ${bad[0]}`;
  return name.length > 255 ? 'The name is too long.' : null;
}
