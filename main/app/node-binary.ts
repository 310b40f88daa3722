import { join } from 'node:path';

/**
 * The Node binary that runs the workers: `resources/node/` in a package, the one of the npm package `node` in development.
 * @param resources folder of the package's resources; undefined in development
 * @throws when it is not there, naming where it was looked for
 */
export function shippedNode(
  resources: string | undefined,
  root: string,
  exists: (path: string) => boolean,
  platform: NodeJS.Platform = process.platform,
): string {
  const file = platform === 'win32' ? 'node.exe' : 'node';
  const candidates =
    resources === undefined
      ? // Staged two folders below the project, whose node_modules it shares.
        [root, join(root, '..', '..')].map((folder) => join(folder, 'node_modules', 'node', 'bin', file))
      : [join(resources, 'node', file)];
  const found = candidates.find(exists);
  if (found === undefined)
    throw new Error(`Liftscope needs its own Node binary, looked for at ${candidates.join(' and ')}`);
  return found;
}
