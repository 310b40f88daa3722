/** What the page may ask of the desktop itself. Everything else goes through `studio://`. */
import type { BrowserWindow, IpcMainInvokeEvent } from 'electron';
import { z } from 'zod';
import { type MenuCommand, menuSchema, pathSchema } from '../../contract/index.ts';
import type { Electron } from './electron.ts';
import { PAGE_URL } from './scheme.ts';

export interface PageListener {
  readonly window: () => BrowserWindow | undefined;
  /** The user chose this path. */
  readonly grant: (path: string) => void;
  readonly setMenu: (commands: readonly MenuCommand[]) => void;
}

const title = z.string().min(1).max(200);
const extensions = z.array(z.string().regex(/^[a-z0-9]{1,16}$/)).max(20);
const fileName = z
  .string()
  .max(255)
  .regex(/^[^/\\\0]*$/);

export function listenToPage({ ipcMain, dialog, shell }: Electron, listener: PageListener): void {
  const on = <T>(channel: string, schema: z.ZodType<T>, answer: (input: T, window: BrowserWindow) => unknown): void => {
    ipcMain.handle(channel, (event: IpcMainInvokeEvent, ...input: unknown[]) => {
      const window = listener.window();
      // Only the main frame of our own page; a frame that is gone has no address.
      const frame = event.senderFrame;
      if (window === undefined || event.sender !== window.webContents || frame !== window.webContents.mainFrame) {
        throw new Error(`${channel}: not from the studio's page`);
      }
      if (!frame.url.startsWith(PAGE_URL)) throw new Error(`${channel}: not from the studio's page`);
      return answer(schema.parse(input), window);
    });
  };
  const chosen = (path: string | undefined): string | null => {
    if (path === undefined || path === '') return null;
    listener.grant(path);
    return path;
  };

  on('desktop:choose-folder', z.tuple([title]), async ([text], window) => {
    const { filePaths } = await dialog.showOpenDialog(window, {
      title: text,
      properties: ['openDirectory', 'createDirectory'],
    });
    return chosen(filePaths[0]);
  });
  on('desktop:choose-file', z.tuple([title, extensions]), async ([text, types], window) => {
    const { filePaths } = await dialog.showOpenDialog(window, {
      title: text,
      properties: ['openFile'],
      filters: types.length === 0 ? [] : [{ name: types.map((type) => `.${type}`).join(', '), extensions: types }],
    });
    return chosen(filePaths[0]);
  });
  on('desktop:choose-save-path', z.tuple([title, fileName]), async ([text, suggested], window) => {
    const { filePath } = await dialog.showSaveDialog(window, { title: text, defaultPath: suggested });
    return chosen(filePath);
  });
  on('desktop:show-in-folder', z.tuple([pathSchema]), ([path]) => shell.showItemInFolder(path));
  on('desktop:set-menu', z.tuple([menuSchema]), ([commands]) => listener.setMenu(commands));
}
