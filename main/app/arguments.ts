import { resolve } from 'node:path';

/**
 * The project named on the command line or by the file manager: the first argument that is no option. A `project.sqlite`
 * stands for its folder.
 */
export function projectOf(argv: readonly string[], workingDirectory: string = process.cwd()): string | undefined {
  const named = argv.find((argument) => !argument.startsWith('-'));
  if (named === undefined || named === '') return undefined;
  return resolve(workingDirectory, named).replace(/[\\/]project\.sqlite$/, '');
}
