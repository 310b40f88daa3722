/**
 * Which paths the studio may touch. The page asks by path; a path counts only when its real location (all links
 * resolved) lies in a folder that the user gave at start, chose in a native dialog, or opened as a project.
 */
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, parse, relative, resolve, sep } from 'node:path';
import { LiftscopeError, maxPathLength } from '../../contract/index.ts';

const RESERVED_NAMES = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;

/** Whether `path` is `folder` or lies in it; both real and absolute. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/**
 * Refuses what is no plain absolute path: NUL, network and device paths (`\\server`, `//server`, `\\?\`), a drive on a
 * system without drives, relative paths. `..` is resolved here, before anything is compared.
 * @throws LiftscopeError `bad-input`
 */
export function plainPath(path: string): string {
  const refuse = (why: string): never => {
    throw new LiftscopeError({ code: 'bad-input', message: `This path cannot be used: ${why}.` });
  };
  if (path.length > maxPathLength) return refuse(`it has more than ${maxPathLength} characters`);
  if (path.includes('\0')) return refuse('it holds a NUL character');
  if (/^[\\/]{2}/.test(path)) return refuse('it names another machine or a device');
  if (process.platform !== 'win32' && /^[A-Za-z]:[\\/]/.test(path)) return refuse('it names a drive');
  if (!isAbsolute(path)) return refuse('it is not absolute');
  // On Windows `\folder` is absolute too, and means whatever drive is current.
  if (process.platform === 'win32' && !/^[A-Za-z]:[\\/]/.test(path)) return refuse('it names no drive');
  return resolve(path);
}

/** Not allowed in names on some system that a project may be copied to; control characters besides. */
const SPECIAL = new Set('/\\:*?"<>|\u007f');

/** Name of one file or folder, for every such system. */
export function isPlainName(name: string): boolean {
  if (name.length === 0 || name.length > 255 || RESERVED_NAMES.test(name)) return false;
  // Windows drops dots and spaces at the end: two names would be one.
  if (name.endsWith('.') || name.endsWith(' ')) return false;
  return [...name].every((character) => character >= ' ' && !SPECIAL.has(character));
}

/** Real path of the deepest part that exists, and what follows it. */
async function realPart(path: string): Promise<{ real: string; rest: string[] }> {
  const rest: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    try {
      return { real: await realpath(at), rest };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      // A link that leads nowhere, or in a circle, has no real location; what lies behind it must not be made up.
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw outside();
      if ((await lstat(at).catch(() => undefined))?.isSymbolicLink() === true) throw outside();
      if (dirname(at) === at) throw outside();
      rest.unshift(basename(at));
    }
  }
}

function outside(): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: 'This path lies outside the folders that this studio may open.',
    hint: 'Start it with --root FOLDER (browser), or choose the folder in the dialog (desktop).',
  });
}

export class Confinement {
  /** As given; compared by their real paths at the time of the question, because a root may be a link or come later. */
  private readonly roots: readonly string[];
  private readonly granted = new Set<string>();

  constructor(roots: readonly string[]) {
    this.roots = roots.map((root) => resolve(root));
  }

  /** The user chose this path in a native dialog, or opened it as a project: it and what it holds may be used. */
  grant(path: string): void {
    this.granted.add(plainPath(path));
  }

  /**
   * Real path of something that exists.
   * @throws LiftscopeError `bad-input` outside (whether it exists or not: the answer must not tell), `not-found` inside
   */
  async existing(path: string): Promise<string> {
    const plain = plainPath(path);
    const { real, rest } = await realPart(plain);
    if (!(await this.allows(join(real, ...rest)))) throw outside();
    if (rest.length > 0) {
      throw new LiftscopeError({
        code: 'not-found',
        message: `There is no file or folder at ${plain}.`,
        hint: 'Check the path.',
      });
    }
    return real;
  }

  /**
   * Real path of something that may be written: its folder exists, and it is no link.
   * @throws LiftscopeError as {@link existing}, and `bad-input` for a name that not every system accepts
   */
  async writable(path: string): Promise<string> {
    const plain = plainPath(path);
    const name = basename(plain);
    if (!isPlainName(name)) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `"${name}" cannot be the name of a file.`,
        hint: 'Choose a name without / \\ : * ? " < > | that does not end in a dot or a space.',
      });
    }
    const { real, rest } = await realPart(plain);
    const target = join(real, ...rest);
    if (!(await this.allows(target))) throw outside();
    if (rest.length > 1) {
      throw new LiftscopeError({
        code: 'not-found',
        message: `There is no folder at ${dirname(plain)}.`,
        hint: 'Create it first.',
      });
    }
    return target;
  }

  /** Whether a real path may be used. */
  async allows(real: string): Promise<boolean> {
    for (const folder of [...this.roots, ...this.granted]) {
      const realFolder = await realpath(folder).catch(() => undefined);
      // A granted file that does not exist yet (a save dialog) is granted by its name in its real folder.
      const target =
        realFolder ??
        (await realpath(dirname(folder))
          .then((parent) => join(parent, basename(folder)))
          .catch(() => undefined));
      if (target !== undefined && isInside(target, real)) return true;
    }
    return false;
  }
}

/**
 * Real path of `path`, which must lie in `folder` after all links are resolved.
 * @throws LiftscopeError `not-found` when it is missing, `bad-input` when it leads out
 */
export async function realInside(folder: string, path: string, what: string): Promise<string> {
  const absolute = plainPath(path);
  const [jail, real] = await Promise.all([
    realpath(folder).catch(() => undefined),
    realpath(absolute).catch(() => undefined),
  ]);
  if (jail === undefined || real === undefined) {
    // Its absence is told only where it would have been allowed.
    if (isInside(resolve(folder), absolute)) {
      throw new LiftscopeError({
        code: 'not-found',
        message: `${what} is missing: ${absolute}`,
        hint: 'Relink the capture.',
      });
    }
    throw leadsOut(what);
  }
  if (jail === parse(jail).root || !isInside(jail, real)) throw leadsOut(what);
  return real;
}

function leadsOut(what: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${what} leads out of its folder and is not shown.`,
    hint: 'Copy the files into the folder, or import the capture again.',
  });
}
