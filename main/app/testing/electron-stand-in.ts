/**
 * A recorded stand-in for the few Electron APIs that the shell uses: it keeps what it is told, in order, and lets a test fire the
 * events that Electron would.
 */
import { EventEmitter } from 'node:events';

interface Call {
  readonly name: string;
  readonly arguments: readonly unknown[];
}

/** Every call, in order, over all objects. */
export const calls: Call[] = [];

function record<T>(name: string, answer: T): (...input: unknown[]) => T {
  return (...input) => {
    calls.push({ name, arguments: input });
    return answer;
  };
}

export function argumentsOf(name: string): readonly unknown[] {
  const call = calls.find((candidate) => candidate.name === name);
  if (call === undefined)
    throw new Error(`${name} was never called; calls: ${calls.map((one) => one.name).join(', ')}`);
  return call.arguments;
}

export function indexOf(name: string): number {
  return calls.findIndex((call) => call.name === name);
}

let becomeReady: () => void = () => undefined;
const ready = new Promise<void>((resolve) => {
  becomeReady = resolve;
});

export { becomeReady };

export const state = { lock: true, packaged: false, chosen: [] as string[], savePath: '' };

class App extends EventEmitter {
  name = 'Liftscope';
  enableSandbox = record('app.enableSandbox', undefined);
  quit = record('app.quit', undefined);
  exit = record('app.exit', undefined);
  addRecentDocument = record('app.addRecentDocument', undefined);
  requestSingleInstanceLock = (): boolean => record('app.requestSingleInstanceLock', state.lock)();
  whenReady = (): Promise<void> => record('app.whenReady', ready)();
  get isPackaged(): boolean {
    return state.packaged;
  }
}

class WebContents extends EventEmitter {
  id = 7;
  mainFrame = { url: '' };
  loading = false;
  setWindowOpenHandler = record('webContents.setWindowOpenHandler', undefined);
  send = record('webContents.send', undefined);
  isLoading(): boolean {
    return this.loading;
  }
}

export class BrowserWindow extends EventEmitter {
  static readonly made: BrowserWindow[] = [];
  readonly webContents = new WebContents();
  readonly options: Record<string, unknown>;
  constructor(options: Record<string, unknown>) {
    super();
    this.options = options;
    BrowserWindow.made.push(this);
    calls.push({ name: 'new BrowserWindow', arguments: [options] });
    app.emit('web-contents-created', {}, this.webContents);
  }
  loadURL(url: string): Promise<void> {
    this.webContents.mainFrame.url = url;
    return Promise.resolve(record('window.loadURL', undefined)(url));
  }
  show = record('window.show', undefined);
  focus = record('window.focus', undefined);
  restore = record('window.restore', undefined);
  reload = record('window.reload', undefined);
  maximize = record('window.maximize', undefined);
  isMinimized = (): boolean => true;
  isMaximized = (): boolean => false;
  isFullScreen = (): boolean => false;
  isDestroyed = (): boolean => false;
  getNormalBounds = (): object => ({ x: 10, y: 20, width: 1000, height: 700 });
}

export const app = new App();
export const protocol = {
  registerSchemesAsPrivileged: record('protocol.registerSchemesAsPrivileged', undefined),
  handle: record('protocol.handle', undefined),
};
export const session = {
  defaultSession: {
    setPermissionRequestHandler: record('session.setPermissionRequestHandler', undefined),
    setPermissionCheckHandler: record('session.setPermissionCheckHandler', undefined),
    setDevicePermissionHandler: record('session.setDevicePermissionHandler', undefined),
    webRequest: { onBeforeRequest: record('session.onBeforeRequest', undefined) },
  },
};
export const ipcMain = { handle: record('ipcMain.handle', undefined) };
export const dialog = {
  showOpenDialog: (...input: unknown[]) =>
    Promise.resolve(record('dialog.showOpenDialog', { filePaths: state.chosen })(...input)),
  showSaveDialog: (...input: unknown[]) =>
    Promise.resolve(record('dialog.showSaveDialog', { filePath: state.savePath })(...input)),
  showMessageBoxSync: record('dialog.showMessageBoxSync', 0),
  showErrorBox: record('dialog.showErrorBox', undefined),
};
export const Menu = {
  buildFromTemplate: (template: unknown) => record('Menu.buildFromTemplate', { template })(template),
  setApplicationMenu: record('Menu.setApplicationMenu', undefined),
};
export const nativeTheme = { shouldUseDarkColors: true };
export const screen = { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] };
export const shell = { showItemInFolder: record('shell.showItemInFolder', undefined) };
