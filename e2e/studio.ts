/** A running studio in either shell, and what tests do to it from outside. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  _electron,
  type Browser,
  type BrowserContext,
  type ElectronApplication,
  expect,
  type Page,
} from 'playwright/test';
import type { ProcedureInput, ProcedureName, ProcedureOutput } from '../contract/index.ts';
import { electronBinary, stageDesktop } from '../main/app/index.ts';
import { modelsFolder, PROGRAM } from './environment.ts';

export interface StudioOptions extends WindowOptions {
  readonly project?: string;
  /** Folders that the folder browser may look into. */
  readonly roots: readonly string[];
  /** Settings and thumbnails of this studio; two starts with the same folder are the same user. */
  readonly home: string;
  /** The user's models; absent: those that every test shares. */
  readonly models?: string;
}

/** How long a studio may take to say where it is: the first one builds the page. */
const START_TIMEOUT_MS = 150_000;
const STOP_TIMEOUT_MS = 30_000;
const VIEWPORT = { width: 1440, height: 900 };

/** Counts tasks of the page that keep it from answering for 50 ms and more (Long Tasks API). */
const WATCH_LONG_TASKS = `
  globalThis.longTasksMs = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) globalThis.longTasksMs.push(entry.duration);
  }).observe({ type: 'longtask', buffered: true });`;

export interface WindowOptions {
  /** Device pixels of a CSS pixel. */
  readonly scale?: number;
  readonly theme?: 'dark' | 'light';
  readonly viewport?: { readonly width: number; readonly height: number };
}

interface Shown {
  readonly page: Page;
  /** Opens another window; only the browser shell can. */
  readonly open?: (options: WindowOptions) => Promise<Page>;
  /** Process that answers: the browser shell's server, or Electron's main process. */
  readonly host: ChildProcess;
  readonly server?: { readonly url: string; readonly port: number; readonly token: string };
  readonly electron?: ElectronApplication;
  readonly leave: () => Promise<void>;
}

export class Studio {
  readonly page: Page;
  readonly server: Shown['server'];
  readonly electron: ElectronApplication | undefined;
  /** Exceptions that nobody caught, and what the content security policy stopped. A sound page has none. */
  readonly pageErrors: string[] = [];
  readonly #shown: Shown;
  #ended = false;

  constructor(shown: Shown) {
    this.#shown = shown;
    this.page = shown.page;
    this.server = shown.server;
    this.electron = shown.electron;
    this.#watch(this.page);
  }

  #watch(page: Page): void {
    page.on('pageerror', (error) => this.pageErrors.push(String(error.stack ?? error)));
    page.on('console', (message) => {
      if (/content security policy|unhandled|Minified React/i.test(message.text()))
        this.pageErrors.push(message.text());
    });
  }

  /** The same studio in a window of its own; in the desktop, which has one, that one in another theme. */
  async window(options: WindowOptions): Promise<Page> {
    const page = (await this.#shown.open?.(options)) ?? this.page;
    if (page === this.page) await page.emulateMedia({ colorScheme: options.theme ?? 'dark' });
    else this.#watch(page);
    return page;
  }

  /** A procedure, asked as the page asks. */
  async call<N extends ProcedureName>(name: N, input: ProcedureInput<N>): Promise<ProcedureOutput<N>> {
    const answer = await this.page.evaluate(
      async ([url, body]) => {
        const headers = { 'content-type': 'application/json' };
        const response = await fetch(url, { method: 'POST', headers, body });
        return { ok: response.ok, body: await response.json() };
      },
      [`/api/${name}`, JSON.stringify(input)] as const,
    );
    expect(answer.ok, `${name}: ${JSON.stringify(answer.body)}`).toBe(true);
    return answer.body as ProcedureOutput<N>;
  }

  get hostPid(): number {
    return this.#shown.host.pid as number;
  }

  /** Worker processes of this studio that compute, by process id. */
  workerPids(): number[] {
    return childrenOf(this.hostPid)
      .filter(({ command }) => /worker\/host\/main\.[jt]s/.test(command))
      .map(({ pid }) => pid);
  }

  /** `kill -9` of the host, as a power cut would. */
  async crash(): Promise<void> {
    this.#ended = true;
    const gone = once(this.#shown.host, 'exit');
    this.#shown.host.kill('SIGKILL');
    await gone;
    await this.#shown.leave();
  }

  /** As Ctrl-C or closing the window. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#shown.leave();
    const { host } = this.#shown;
    if (host.exitCode !== null || host.signalCode !== null) return;
    const gone = once(host, 'exit');
    host.kill('SIGINT');
    const timer = setTimeout(() => host.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(timer);
  }
}

function childrenOf(parent: number): { pid: number; command: string }[] {
  const all = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid, ppid, command]) => ({ pid: Number(pid), ppid: Number(ppid), command: command ?? '' }));
  const direct = all.filter(({ ppid }) => ppid === parent);
  return direct.flatMap(({ pid, command }) => [{ pid, command }, ...childrenOf(pid)]);
}

function environmentOf({ home, models }: StudioOptions): Record<string, string> {
  const inherited = Object.entries(process.env).filter(([, value]) => value !== undefined) as [string, string][];
  return {
    ...Object.fromEntries(inherited),
    LIFTSCOPE_CONFIG: join(home, 'config'),
    LIFTSCOPE_CACHE: join(home, 'cache'),
    LIFTSCOPE_MODELS: models ?? modelsFolder(),
  };
}

/** The browser shell in a process of its own, and a browser window of its own that has just opened the printed address. */
export async function startBrowserStudio(browser: Browser, options: StudioOptions): Promise<Studio> {
  mkdirSync(options.home, { recursive: true });
  const roots = options.roots.flatMap((root) => ['--root', root]);
  const project = options.project === undefined ? [] : [options.project];
  const host = spawn(process.execPath, [join(PROGRAM, 'main/server.ts'), ...project, ...roots, '--json'], {
    cwd: PROGRAM,
    env: environmentOf(options),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const line = await firstLine(host);
  const server = JSON.parse(line) as { url: string; port: number; token: string };
  const contexts: BrowserContext[] = [];
  const open = async ({ scale = 1, theme = 'dark', viewport = VIEWPORT }: WindowOptions): Promise<Page> => {
    const context = await browser.newContext({ deviceScaleFactor: scale, colorScheme: theme, viewport });
    contexts.push(context);
    await context.addInitScript(WATCH_LONG_TASKS);
    const page = await context.newPage();
    await page.goto(server.url);
    return page;
  };
  const leave = async () => {
    for (const context of contexts) await context.close();
  };
  return new Studio({ page: await open(options), open, host, server, leave });
}

/** The desktop window. */
export async function startElectronStudio(options: StudioOptions): Promise<Studio> {
  const executablePath = electronBinary();
  if (executablePath === undefined) throw new Error('the Electron binary is not installed');
  mkdirSync(options.home, { recursive: true });
  const electron = await _electron.launch({
    executablePath,
    args: [await stageDesktop(), ...(options.project === undefined ? [] : [options.project]), '--no-sandbox'],
    env: environmentOf(options),
    colorScheme: options.theme ?? 'dark',
    timeout: START_TIMEOUT_MS,
  });
  const page = await electron.firstWindow();
  await electron.context().addInitScript(WATCH_LONG_TASKS);
  await page.reload();
  return new Studio({ page, host: electron.process(), electron, leave: () => electron.close().catch(() => undefined) });
}

async function firstLine(host: ChildProcess): Promise<string> {
  if (host.stdout === null) throw new Error('the studio has no output');
  const lines = createInterface({ input: host.stdout });
  let said = '';
  host.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000);
  });
  const ended = once(host, 'exit').then(([code]) => {
    throw new Error(`the studio ended with ${code} before it said where it is: ${said}`);
  });
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error('the studio did not say where it is')), START_TIMEOUT_MS).unref();
  });
  const [line] = (await Promise.race([once(lines, 'line'), ended, late])) as [string];
  ended.catch(() => undefined);
  return line;
}

/** Whether a process is there and is no zombie. */
export function isAlive(pid: number): boolean {
  if (existsSync('/proc/self')) return existsSync(`/proc/${pid}/exe`);
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
