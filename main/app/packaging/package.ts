/** `npm run package`: stages the program and lets electron-builder pack it, or says what this machine lacks for it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { electronBinary } from './electron-binary.ts';
import { stageDesktop } from './stage.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** Not an error of ours, and not a success: the same code as other verbs use for a part that is missing. */
const EXIT_UNSUPPORTED = 6;

// A folder with Electron's files, for machines that got them another way than by npm.
const dist = process.env.ELECTRON_OVERRIDE_DIST_PATH;
if (dist === undefined && electronBinary() === undefined) {
  process.stderr.write(
    [
      'Nothing was packaged: the Electron binary is not here.',
      '  npm installs the package `electron` without its binary; fetch it with: npx install-electron',
      '  or name a folder that has it: ELECTRON_OVERRIDE_DIST_PATH=DIR npm run package',
      '  The installers also need downloads of electron-builder (AppImage runtime, NSIS) at the first run.',
      '',
    ].join('\n'),
  );
  process.exit(EXIT_UNSUPPORTED);
}

process.stderr.write(`Staged ${await stageDesktop(root)}\n`);
const builder = join(root, 'node_modules', 'electron-builder', 'cli.js');
const { status } = spawnSync(
  process.execPath,
  [builder, '--publish', 'never', ...(dist === undefined ? [] : [`-c.electronDist=${dist}`]), ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
process.exit(status ?? 1);
