/** The Electron entry itself, run against a recorded stand-in, with the real host behind it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as electron from './testing/electron-stand-in.ts';

vi.mock('electron', () => import('./testing/electron-stand-in.ts'));

const folder = mkdtempSync(join(tmpdir(), 'liftscope-desktop-'));
const ROOT = new URL('../../', import.meta.url);
type Answer = (answer: unknown) => void;

beforeAll(async () => {
  process.env.LIFTSCOPE_CONFIG = join(folder, 'config');
  process.env.LIFTSCOPE_CACHE = join(folder, 'cache');
  vi.spyOn(process, 'argv', 'get').mockReturnValue(['electron', '.', join(folder, 'missing.liftscope')]);
  await import('./main.ts');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function until<T>(what: () => T | undefined): Promise<T> {
  for (;;) {
    const found = what();
    if (found !== undefined) return found;
    await sleep(5);
  }
}

function handler(channel: string): (event: unknown, ...input: unknown[]) => unknown {
  const call = electron.calls.find((one) => one.name === 'ipcMain.handle' && one.arguments[0] === channel);
  if (call === undefined) throw new Error(`nothing handles ${channel}`);
  return call.arguments[1] as (event: unknown, ...input: unknown[]) => unknown;
}

const window = () => electron.BrowserWindow.made[0]!;
const page = () => ({ sender: window().webContents, senderFrame: window().webContents.mainFrame });

describe('before Electron is ready', () => {
  it('registers the scheme with exactly these privileges, and the sandbox', () => {
    expect(electron.argumentsOf('protocol.registerSchemesAsPrivileged')).toEqual([
      [
        {
          scheme: 'studio',
          privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true, corsEnabled: true },
        },
      ],
    ]);
    const order = ['protocol.registerSchemesAsPrivileged', 'app.enableSandbox', 'app.requestSingleInstanceLock'];
    const indices = [...order, 'app.whenReady'].map(electron.indexOf);
    expect(indices).toEqual([...indices].sort((a, b) => a - b));
    expect(indices[0]).toBe(0);
    expect(electron.indexOf('new BrowserWindow')).toBe(-1);
  });
});

describe('once it is ready', () => {
  beforeAll(async () => {
    electron.becomeReady();
    await until(() => electron.BrowserWindow.made[0]);
  });

  it('opens one window with every security option set', () => {
    const { webPreferences, show } = window().options as { webPreferences: Record<string, unknown>; show: boolean };
    expect(show).toBe(false);
    expect(webPreferences).toEqual({
      preload: join(ROOT.pathname, 'main', 'app', 'preload.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
      devTools: true,
    });
    expect(electron.argumentsOf('window.loadURL')).toEqual(['studio://app/']);
  });

  it('answers the scheme by the host: state, policy, and nothing for another host name', async () => {
    const [scheme, answer] = electron.argumentsOf('protocol.handle') as [
      string,
      (request: Request) => Promise<Response>,
    ];
    expect(scheme).toBe('studio');
    const post = (url: string) =>
      answer(new Request(url, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }));
    const state = await post('studio://app/api/app.state');
    expect(state.status).toBe(200);
    const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { version: string };
    expect(await state.json()).toMatchObject({ version, roots: [], project: null });
    const policy = state.headers.get('content-security-policy');
    for (const part of ["default-src 'self'", "script-src 'self' 'wasm-unsafe-eval'", "connect-src 'self'"]) {
      expect(policy).toContain(part);
    }
    expect((await post('studio://other/api/app.state')).status).toBe(404);
    expect((await post('studio://app/api/no.such')).status).toBe(404);
  });

  it('grants no permission and lets no request out', () => {
    const asked: unknown[] = [];
    const [onPermission] = electron.argumentsOf('session.setPermissionRequestHandler') as [
      (contents: unknown, permission: string, answer: Answer) => void,
    ];
    for (const permission of ['media', 'geolocation', 'notifications', 'fullscreen', 'clipboard-read']) {
      onPermission({}, permission, (granted) => asked.push(granted));
    }
    expect(asked).toEqual([false, false, false, false, false]);
    expect((electron.argumentsOf('session.setPermissionCheckHandler')[0] as () => boolean)()).toBe(false);
    expect((electron.argumentsOf('session.setDevicePermissionHandler')[0] as () => boolean)()).toBe(false);

    const [onRequest] = electron.argumentsOf('session.onBeforeRequest') as [(details: object, answer: Answer) => void];
    const cancelled = (url: string, webContentsId?: number): boolean => {
      let answer: { cancel: boolean } | undefined;
      onRequest({ url, webContentsId }, (value) => {
        answer = value as { cancel: boolean };
      });
      return answer!.cancel;
    };
    const own = window().webContents.id;
    for (const url of ['studio://app/', 'studio://app/data/x', 'blob:studio://app/1', 'data:image/png;base64,'])
      expect(cancelled(url, own), url).toBe(false);
    expect(cancelled('studio://app/assets/worker.js')).toBe(false);
    for (const url of ['https://example.org/', 'http://127.0.0.1/', 'file:///etc/passwd', 'ws://x/', 'studio://other/'])
      expect(cancelled(url, own), url).toBe(true);
    expect(cancelled('studio://app/api/app.state', own + 1)).toBe(true);
  });

  it('stays on its page: no navigation, no new window, no webview', () => {
    const { webContents } = window();
    const [openHandler] = electron.argumentsOf('webContents.setWindowOpenHandler') as [() => object];
    expect(openHandler()).toEqual({ action: 'deny' });
    for (const [name, url, prevented] of [
      ['will-navigate', 'https://example.org/', true],
      ['will-navigate', 'file:///etc/passwd', true],
      ['will-redirect', 'https://example.org/', true],
      ['will-navigate', 'studio://app/', false],
      ['will-attach-webview', '', true],
    ] as const) {
      const event = { url, preventDefault: vi.fn() };
      webContents.emit(name, event);
      expect(event.preventDefault).toHaveBeenCalledTimes(prevented ? 1 : 0);
    }
  });

  it('a project that cannot be opened at start is opened again by the page, which tells why', () => {
    window().webContents.emit('did-finish-load');
    expect(electron.argumentsOf('webContents.send')).toEqual([
      'desktop:command',
      `open-project:${join(folder, 'missing.liftscope')}`,
    ]);
  });

  it('a second instance brings the window to the front and hands over its project', () => {
    electron.app.emit('second-instance', {}, ['liftscope', '--flag', 'b.liftscope/project.sqlite'], folder);
    expect(electron.indexOf('window.focus')).toBeGreaterThan(0);
    expect(electron.calls.at(-1)?.arguments).toEqual([
      'desktop:command',
      `open-project:${join(folder, 'b.liftscope')}`,
    ]);
    const event = { preventDefault: vi.fn() };
    electron.app.emit('open-file', event, join(folder, 'c.liftscope'));
    expect(event.preventDefault).toHaveBeenCalled();
    expect(electron.calls.at(-1)?.arguments).toEqual([
      'desktop:command',
      `open-project:${join(folder, 'c.liftscope')}`,
    ]);
  });

  it('a path chosen in a dialog may be used afterwards, and no other', async () => {
    const [, answer] = electron.argumentsOf('protocol.handle') as [string, (request: Request) => Promise<Response>];
    const create = (path: string) =>
      answer(
        new Request('studio://app/api/project.create', {
          method: 'POST',
          body: JSON.stringify({ folder: path }),
          headers: { 'content-type': 'application/json' },
        }),
      );
    const chosen = join(folder, 'new.liftscope');
    expect((await create(chosen)).status).toBe(400);
    electron.state.savePath = chosen;
    expect(await handler('desktop:choose-save-path')(page(), 'Create a project', 'new.liftscope')).toBe(chosen);
    expect((await create(chosen)).status).toBe(200);
    expect(electron.argumentsOf('app.addRecentDocument')).toEqual([chosen]);
    electron.state.chosen = [];
    expect(await handler('desktop:choose-folder')(page(), 'Open')).toBeNull();
  });

  it('answers only its own page, and only what the schema knows', async () => {
    const foreign = { sender: {}, senderFrame: { url: 'studio://app/' } };
    const frame = { sender: window().webContents, senderFrame: { url: 'studio://app/' } };
    for (const event of [foreign, frame]) {
      await expect(async () => handler('desktop:choose-folder')(event, 'Open')).rejects.toThrow(/not from/);
    }
    await expect(async () => handler('desktop:choose-file')(page(), 'x', ['../ply'])).rejects.toThrow();
    await expect(async () => handler('desktop:choose-save-path')(page(), 'x', '../../x')).rejects.toThrow();
    await expect(async () => handler('desktop:set-menu')(page(), [{ id: 'x' }])).rejects.toThrow();
  });

  it('shows the commands of the page in the menu and sends back what was chosen', async () => {
    const command = { id: 'edit.undo', title: 'Undo rename', menu: 'Edit', accelerator: 'Ctrl+Z', enabled: true };
    await handler('desktop:set-menu')(page(), [command]);
    const { template } = electron.calls.findLast((call) => call.name === 'Menu.setApplicationMenu')!.arguments[0] as {
      template: { label: string; submenu: { id?: string; click?: () => void; registerAccelerator?: boolean }[] }[];
    };
    const item = template.find((menu) => menu.label === 'Edit')?.submenu.find((one) => one.id === 'edit.undo');
    expect(item?.registerAccelerator).toBe(false);
    item?.click?.();
    expect(electron.calls.at(-1)?.arguments).toEqual(['desktop:command', 'edit.undo']);
  });

  it('quitting closes the host first, once', async () => {
    const event = { preventDefault: vi.fn() };
    electron.app.emit('before-quit', event);
    expect(event.preventDefault).toHaveBeenCalledTimes(1);
    await until(() => (electron.indexOf('app.exit') < 0 ? undefined : true));
    expect(electron.argumentsOf('app.exit')).toEqual([0]);
    electron.app.emit('before-quit', event);
    expect(event.preventDefault).toHaveBeenCalledTimes(1);
  });
});

it('the preload exposes these seven names, and no Electron object', () => {
  const exposed: [string, Record<string, unknown>][] = [];
  const sent: unknown[][] = [];
  const fake = {
    contextBridge: { exposeInMainWorld: (name: string, api: Record<string, unknown>) => exposed.push([name, api]) },
    ipcRenderer: {
      invoke: (...input: unknown[]) => sent.push(input),
      on: () => undefined,
      removeListener: () => undefined,
    },
  };
  const code = readFileSync(new URL('./preload.cjs', import.meta.url), 'utf8');
  new Function('require', code)((name: string) => (name === 'electron' ? fake : undefined));
  expect(exposed.map(([name]) => name)).toEqual(['liftscopeDesktop']);
  const api = exposed[0]![1];
  expect(Object.keys(api).sort()).toEqual(
    ['chooseFile', 'chooseFolder', 'chooseSavePath', 'onCommand', 'platform', 'setMenu', 'showInFolder'].sort(),
  );
  (api.chooseFolder as (title: string) => void)('Open');
  expect(sent).toEqual([['desktop:choose-folder', 'Open']]);
});
