/**
 * The desktop shell: one window whose page comes from the privileged scheme `studio://`, answered by the same host as the
 * browser shell. Everything Electron offers and this shell does not need is switched off.
 *
 * Electron is a parameter, not an import, so that a test can run this file where there is no Electron binary.
 */
import { join } from 'node:path';
import type { BrowserWindow } from 'electron';
import { z } from 'zod';
import type { Host, HostOptions } from '../host/index.ts';
import { projectOf } from './arguments.ts';
import type { Electron } from './electron.ts';
import { listenToPage } from './ipc.ts';
import { applicationMenu } from './menu.ts';
import { answerScheme, lockSession, PAGE_URL, privilegedSchemes } from './scheme.ts';
import { keepWindowState, readWindowState } from './window-state.ts';

const openedSchema = z.object({ project: z.object({ folder: z.string() }) });

export interface DesktopOptions {
  readonly electron: Electron;
  readonly createHost: (options: HostOptions) => Promise<Host>;
  readonly version: string;
  /** Folder that holds `build/renderer`, this file's preload, the icon. */
  readonly root: string;
  readonly configFolder: string;
  readonly cacheFolder: string;
  /** The Node 24 binary for workers: never Electron itself. */
  readonly nodePath: string;
  readonly arguments: readonly string[];
  readonly platform: NodeJS.Platform;
}

/** Runs until the application quits. Resolves when the first window is there, or at once when another instance takes over. */
export async function runDesktop(options: DesktopOptions): Promise<void> {
  const { electron } = options;
  const { app } = electron;
  // Before `ready`, or not at all.
  electron.protocol.registerSchemesAsPrivileged(privilegedSchemes());
  app.enableSandbox();
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return;
  }
  const shell = new Desktop(options);
  shell.listen();
  await app.whenReady();
  await shell.start();
}

class Desktop {
  private readonly options: DesktopOptions;
  private readonly electron: Electron;
  private host: Host | undefined;
  private window: BrowserWindow | undefined;
  /** Named on the command line or by the file manager before the window was there. */
  private pending: string | undefined;
  private closing = false;

  constructor(options: DesktopOptions) {
    this.options = options;
    this.electron = options.electron;
    this.pending = projectOf(options.arguments);
  }

  listen(): void {
    const { app } = this.electron;
    app.on('second-instance', (_event, argv, workingDirectory) => {
      this.show();
      this.open(projectOf(argv.slice(1), workingDirectory));
    });
    app.on('open-file', (event, path) => {
      event.preventDefault();
      this.open(projectOf([path]));
    });
    app.on('web-contents-created', (_event, contents) => {
      contents.setWindowOpenHandler(() => ({ action: 'deny' }));
      contents.on('will-attach-webview', (event) => event.preventDefault());
      contents.on('will-navigate', stayOnPage);
      contents.on('will-redirect', stayOnPage);
    });
    app.on('activate', () => {
      if (this.window === undefined && this.host !== undefined) this.createWindow();
    });
    app.on('window-all-closed', () => app.quit());
    app.on('before-quit', (event) => this.beforeQuit(event));
  }

  async start(): Promise<void> {
    const { options, electron } = this;
    this.host = await options.createHost({
      version: options.version,
      configFolder: options.configFolder,
      cacheFolder: options.cacheFolder,
      roots: [],
      pageFolder: join(options.root, 'build', 'renderer'),
      nodePath: options.nodePath,
    });
    const host = this.host;
    lockSession(electron.session.defaultSession, () => this.window?.webContents.id);
    answerScheme(electron.protocol, (request) => this.answer(host, request));
    listenToPage(electron, {
      window: () => this.window,
      grant: (path) => host.grant(path),
      setMenu: (commands) => this.setMenu(commands),
    });
    this.setMenu([]);
    const first = this.pending;
    this.pending = undefined;
    // Opened before the page loads, so that its first question already has the answer. What fails is told by the page.
    let failed: string | undefined;
    if (first !== undefined) await host.openProject(first).catch(() => (failed = first));
    this.createWindow();
    if (failed !== undefined) this.open(failed);
  }

  /** Projects that were opened appear among the system's recent documents too. */
  private async answer(host: Host, request: Request): Promise<Response> {
    const response = await host.handle(request);
    if (response.ok && /\/api\/project\.(open|create)$/.test(request.url)) {
      const opened = openedSchema.safeParse(await response.clone().json());
      if (opened.success) this.electron.app.addRecentDocument(opened.data.project.folder);
    }
    return response;
  }

  private setMenu(commands: Parameters<typeof applicationMenu>[0]): void {
    const { Menu, app } = this.electron;
    const template = applicationMenu(commands, {
      platform: this.options.platform,
      name: app.name,
      run: (id) => this.window?.webContents.send('desktop:command', id),
    });
    Menu.setApplicationMenu(Menu.buildFromTemplate(template));
  }

  private createWindow(): void {
    const { electron, options } = this;
    const state = readWindowState(options.configFolder, electron.screen);
    const window = new electron.BrowserWindow({
      ...state.bounds,
      minWidth: 900,
      minHeight: 600,
      title: 'Liftscope',
      show: false,
      backgroundColor: electron.nativeTheme.shouldUseDarkColors ? '#16181d' : '#f5f6f8',
      icon: join(options.root, 'assets', 'icon.png'),
      webPreferences: {
        preload: join(options.root, 'main', 'app', 'preload.cjs'),
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
        devTools: !electron.app.isPackaged,
      },
    });
    this.window = window;
    if (state.maximised) window.maximize();
    keepWindowState(window, options.configFolder);
    window.once('ready-to-show', () => window.show());
    window.on('closed', () => {
      this.window = undefined;
    });
    window.webContents.on('did-finish-load', () => {
      const project = this.pending;
      this.pending = undefined;
      this.open(project);
    });
    window.webContents.on('render-process-gone', (_event, details) => {
      if (details.reason === 'clean-exit' || this.closing) return;
      // The host and its jobs are untouched: a fresh page finds everything as it was saved.
      const choice = electron.dialog.showMessageBoxSync(window, {
        type: 'error',
        message: `The window's process ended (${details.reason}).`,
        detail: 'Jobs go on and nothing that was saved is lost. Show the window again?',
        buttons: ['Show again', 'Quit'],
        defaultId: 0,
        cancelId: 1,
      });
      if (choice === 0) window.reload();
      else electron.app.quit();
    });
    void window.loadURL(PAGE_URL);
  }

  private show(): void {
    if (this.window === undefined) return;
    if (this.window.isMinimized()) this.window.restore();
    this.window.show();
    this.window.focus();
  }

  /** The page opens it, so that what fails is shown where every other failure is. */
  private open(project: string | undefined): void {
    if (project === undefined) return;
    if (this.window === undefined || this.window.webContents.isLoading()) {
      this.pending = project;
      return;
    }
    this.host?.grant(project);
    this.window.webContents.send('desktop:command', `open-project:${project}`);
  }

  /** Closing never asks: jobs write their checkpoints, the project is closed, then the application ends. */
  private beforeQuit(event: { preventDefault(): void }): void {
    const { host } = this;
    if (host === undefined || this.closing) return;
    this.closing = true;
    this.host = undefined;
    event.preventDefault();
    void host
      .close()
      .catch((error: unknown) => process.stderr.write(`Closing: ${String(error)}\n`))
      .then(() => this.electron.app.exit(0));
  }
}

function stayOnPage(event: { readonly url: string; preventDefault(): void }): void {
  if (!event.url.startsWith(PAGE_URL)) event.preventDefault();
}
