/** Entry of the desktop shell, run by Electron from the folder that `packaging/stage.ts` makes. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { app, BrowserWindow, dialog, ipcMain, Menu, nativeTheme, protocol, screen, session, shell } from 'electron';
import { cacheFolder, configFolder, createHost } from '../host/index.ts';
import { runDesktop } from './desktop.ts';
import { shippedNode } from './node-binary.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

// Not awaited: Electron becomes ready only when this module has been evaluated.
runDesktop({
  electron: { app, BrowserWindow, dialog, ipcMain, Menu, nativeTheme, protocol, screen, session, shell },
  createHost,
  version,
  root,
  configFolder: configFolder(),
  cacheFolder: cacheFolder(),
  nodePath: shippedNode(app.isPackaged ? process.resourcesPath : undefined, root, existsSync),
  // In development the first argument is the folder that Electron runs.
  arguments: process.argv.slice(app.isPackaged ? 1 : 2),
  platform: process.platform,
}).catch((error: unknown) => {
  dialog.showErrorBox('Liftscope could not start', error instanceof Error ? error.message : String(error));
  app.exit(1);
});
