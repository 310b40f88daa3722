/**
 * `bench studio`: what a person feels. The browser shell on a synthetic project of the size annotators have, in a real browser;
 * a large splat PLY through the view worker; and the page's long tasks while a training uses the same cores.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright';
import { type BenchmarkResult, type BenchmarkTarget, LiftscopeError } from '../../contract/index.ts';
import { createSyntheticProject } from '../project/index.ts';
import { benchView } from './view-bench.ts';

export interface StudioBenchOptions {
  readonly quick?: boolean;
  readonly seed?: number;
  /** Folder with `fox` and `fox-quarter`. */
  readonly captures?: string;
  readonly note: (text: string) => void;
}

const OPEN_MS = 2000;
const STEP_MS = 50;
const IMPORT_MS = 5000;
const PREVIEW_MS = 5000;
const LONG_TASK_MS = 100;
const MEMORY_BYTES = 600e6;
const PAN_HZ = 30;
const STEPS = 100;
const PAN_SECONDS = 4;
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Memory is read per process, and the page must have one of its own.
  '--enable-precise-memory-info',
];

/** @throws LiftscopeError `unsupported` where there is no browser to measure with */
export async function benchStudio({
  quick = false,
  seed = 0,
  captures,
  note,
}: StudioBenchOptions): Promise<BenchmarkResult> {
  const folder = await mkdtemp(join(tmpdir(), 'liftscope-studio-'));
  const size = quick
    ? { frames: 1000, objects: 100, observations: 50_000 }
    : { frames: 10_000, objects: 1000, observations: 1_000_000 };
  const targets: BenchmarkTarget[] = [];
  const figures: Record<string, number | string | null> = { ...size, seed };
  try {
    note(`making a project of ${size.frames} frames, ${size.objects} objects and ${size.observations} observations`);
    await createSyntheticProject(join(folder, 'synthetic.liftscope'), { ...size, seed });
    await withBrowser(async (browser) => {
      figures.browser = `Chromium ${browser.version()}`;
      const large = await measureLarge(browser, folder, size.observations, note);
      targets.push(...large.targets);
      Object.assign(figures, large.figures);
      const fox = captures === undefined ? undefined : join(captures, 'fox');
      if (fox === undefined || !existsSync(fox))
        note('no fox capture: import, preview and long tasks are not measured');
      else {
        const live = await measureTraining(browser, folder, captures!, note);
        targets.push(...live.targets);
        Object.assign(figures, live.figures);
      }
    });
    if (!quick) note('a million splats through the view worker');
    const view = await benchView({ note, seed, ...(quick && { count: 100_000, frames: 20 }) });
    targets.push(...view);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { ...figures, targets };
}

interface Measured {
  readonly targets: BenchmarkTarget[];
  readonly figures: Record<string, number | string | null>;
}

function target(name: string, bound: string, value: number, met: boolean): BenchmarkTarget {
  return { name, target: bound, value: Math.round(value * 10) / 10, met };
}

async function withBrowser(use: (browser: Browser) => Promise<void>): Promise<void> {
  const executablePath = process.env.LIFTSCOPE_CHROMIUM ?? '/usr/bin/chromium';
  const playwright = existsSync(executablePath) ? await import('playwright').catch(() => undefined) : undefined;
  if (playwright === undefined) {
    throw new LiftscopeError({
      code: 'unsupported',
      message: `bench studio needs Chromium (looked for ${executablePath}) and the development dependency playwright.`,
      hint: 'apt-get install chromium, or name the browser in LIFTSCOPE_CHROMIUM.',
    });
  }
  const browser = await playwright.chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
  try {
    await use(browser);
  } finally {
    await browser.close();
  }
}

interface Server {
  readonly url: string;
  close(): Promise<void>;
}

/** The browser shell as a user starts it: a process of its own. */
async function startServer(folder: string, roots: readonly string[]): Promise<Server> {
  const entry = fileURLToPath(new URL('../server.ts', import.meta.url));
  const child: ChildProcess = fork(entry, [...roots.flatMap((root) => ['--root', root]), '--json'], {
    execArgv: [],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { ...process.env, LIFTSCOPE_CONFIG: join(folder, 'config'), LIFTSCOPE_CACHE: join(folder, 'cache') },
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  for await (const line of createInterface({ input: child.stdout! })) {
    if (!line.startsWith('{')) continue;
    const { url } = JSON.parse(line) as { url: string };
    return {
      url,
      close: async () => {
        child.kill('SIGTERM');
        await exited;
      },
    };
  }
  throw new LiftscopeError({ code: 'internal', message: 'The browser shell ended before it was ready.' });
}

async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.addInitScript(() => {
    const tasks: number[] = [];
    Object.assign(globalThis, { longTasks: tasks });
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
      type: 'longtask',
      buffered: true,
    });
  });
  await page.goto(url);
  await page.waitForSelector('body [role]');
  return page;
}

const callProcedure = (page: Page, name: string, input: object): Promise<unknown> =>
  page.evaluate(
    async ([path, body]) => {
      const response = await fetch(path!, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: body!,
      });
      if (!response.ok) throw new Error(await response.text());
      return response.json();
    },
    [`/api/${name}`, JSON.stringify(input)],
  );

async function measureLarge(
  browser: Browser,
  folder: string,
  observations: number,
  note: (text: string) => void,
): Promise<Measured> {
  const server = await startServer(folder, [folder]);
  try {
    const page = await openPage(browser, server.url);
    note('opening it in the browser');
    // From the request until the first photo and every lane are on the screen.
    const openMs = await page.evaluate(
      async ([path, count]) => {
        const started = performance.now();
        const answer = await fetch('/api/project.open', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ folder: path }),
        });
        if (!answer.ok) throw new Error(await answer.text());
        for (;;) {
          const timeline = document.querySelector<HTMLElement>('[data-testid="timeline-canvas"]');
          const frame = document.querySelector<HTMLElement>('[data-testid="frames-canvas"]');
          if (timeline?.dataset.observations === count && frame?.dataset.shown === '0')
            return performance.now() - started;
          if (performance.now() - started > 60_000) throw new Error('the project did not appear within a minute');
          await new Promise((resolve) => requestAnimationFrame(resolve));
        }
      },
      [join(folder, 'synthetic.liftscope'), String(observations)] as const,
    );
    await page.waitForTimeout(1500);

    note('stepping through frames');
    const steps = await page.evaluate(async (count) => {
      const canvas = document.querySelector<HTMLElement>('[data-testid="frames-canvas"]')!;
      const times: number[] = [];
      for (let i = 0; i < count; i++) {
        const before = Number(canvas.dataset.shown);
        const started = performance.now();
        document.body.dispatchEvent(
          new KeyboardEvent('keydown', { key: '.', code: 'Period', bubbles: true, cancelable: true }),
        );
        while (Number(canvas.dataset.shown) !== before + 1) {
          if (performance.now() - started > 5000) throw new Error(`frame ${before + 1} did not appear`);
          await new Promise((resolve) => setTimeout(resolve));
        }
        times.push(performance.now() - started);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      return times.sort((a, b) => a - b);
    }, STEPS);

    note('panning the timeline');
    const pan = await page.evaluate(
      async ([seconds, hz]) => {
        const canvas = document.querySelector<HTMLElement>('[data-testid="timeline-canvas"]')!;
        const box = canvas.getBoundingClientRect();
        const at = {
          clientX: box.left + box.width / 2,
          clientY: box.top + box.height / 2,
          bubbles: true,
          cancelable: true,
        };
        const wheel = (init: WheelEventInit) => canvas.dispatchEvent(new WheelEvent('wheel', { ...at, ...init }));
        // Into the middle of the zoom range, where lanes have the most runs in sight.
        for (let i = 0; i < 6; i++) wheel({ deltaY: -300, ctrlKey: true });
        const gaps: number[] = [];
        const started = performance.now();
        let last = started;
        let direction = 1;
        while (last - started < seconds! * 1000) {
          const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
          gaps.push(now - last);
          last = now;
          if (gaps.length % 40 === 0) direction = -direction;
          wheel({ deltaX: 24 * direction, deltaY: 11 * direction });
        }
        gaps.splice(0, 2);
        // At 30 Hz a frame is dropped when two are a whole period further apart than they should be.
        return {
          dropped: gaps.filter((gap) => gap > 2000 / hz!).length,
          late: gaps.filter((gap) => gap > 1000 / hz!).length,
          gaps: gaps.length,
          worst: Math.max(...gaps),
        };
      },
      [PAN_SECONDS, PAN_HZ] as const,
    );
    const memory = await rendererBytes();
    await page.close();
    const median = steps[steps.length >> 1]!;
    const p95 = steps[Math.floor(steps.length * 0.95)]!;
    return {
      targets: [
        target('open the project, to the first photo and all lanes', `≤ ${OPEN_MS} ms`, openMs, openMs <= OPEN_MS),
        target('frame step, median', `≤ ${STEP_MS} ms`, median, median <= STEP_MS),
        target('frames dropped while panning the timeline at 30 Hz', '0', pan.dropped, pan.dropped === 0),
        {
          name: 'memory of the renderer process',
          target: `≤ ${MEMORY_BYTES / 1e6} MB`,
          value: memory,
          met: memory <= MEMORY_BYTES,
        },
      ],
      figures: {
        frameStepMsMedian: median,
        frameStepMs95: p95,
        frameStepMsWorst: steps.at(-1)!,
        panFrames: pan.gaps,
        panFramesOver33Ms: pan.late,
        panWorstGapMs: pan.worst,
      },
    };
  } finally {
    await server.close();
  }
}

/** Largest resident set of Chromium's renderer processes below this one, in bytes. Linux only; NaN elsewhere. */
async function rendererBytes(): Promise<number> {
  if (process.platform !== 'linux') return Number.NaN;
  let largest = 0;
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!command.includes('--type=renderer') || !(await isBelow(Number(pid)))) continue;
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    largest = Math.max(largest, 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0));
  }
  return largest;
}

async function isBelow(pid: number): Promise<boolean> {
  for (let at = pid; at > 1; ) {
    if (at === process.pid) return true;
    const stat = await readFile(`/proc/${at}/stat`, 'utf8').catch(() => '');
    at = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
  }
  return false;
}

/** Import and training of the fox with the page open: waiting times, and how long the page is ever blocked. */
async function measureTraining(
  browser: Browser,
  folder: string,
  captures: string,
  note: (text: string) => void,
): Promise<Measured> {
  const server = await startServer(folder, [folder, captures]);
  try {
    const page = await openPage(browser, server.url);
    await callProcedure(page, 'project.create', { folder: join(folder, 'fox.liftscope') });
    note('importing the full-size fox');
    const importMs = await waitForJob(page, { kind: 'import-capture', path: join(captures, 'fox') });
    note('importing and training the quarter-size fox');
    await waitForJob(page, { kind: 'import-capture', path: join(captures, 'fox-quarter') });
    await page.waitForTimeout(2000);
    await page.evaluate(() => (globalThis as unknown as { longTasks: number[] }).longTasks.splice(0));
    const state = (await callProcedure(page, 'app.state', {})) as { project: { currentCaptureId: number } };
    const previewMs = await page.evaluate(async (captureId) => {
      const started = performance.now();
      const post = async (name: string, input: object): Promise<unknown> => {
        const response = await fetch(`/api/${name}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(input),
        });
        if (!response.ok) throw new Error(await response.text());
        return response.json();
      };
      const { job } = (await post('jobs.start', {
        spec: { kind: 'train-splats', captureId, parameters: { iterations: 600 } },
      })) as { job: { id: number } };
      let preview = 0;
      for (;;) {
        const { jobs } = (await post('jobs.list', {})) as { jobs: { id: number; preview: number; state: string }[] };
        const now = jobs.find(({ id }) => id === job.id)!;
        if (preview === 0 && now.preview > 0) preview = performance.now() - started;
        if (now.state === 'finished') return preview;
        if (now.state === 'failed') throw new Error('the training failed');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }, state.project.currentCaptureId);
    const tasks = await page.evaluate(() => (globalThis as unknown as { longTasks: number[] }).longTasks);
    await page.close();
    const longest = Math.max(0, ...tasks);
    return {
      targets: [
        target('import of the fox', `≤ ${IMPORT_MS} ms`, importMs, importMs <= IMPORT_MS),
        target('first preview after Train', `≤ ${PREVIEW_MS} ms`, previewMs, previewMs > 0 && previewMs <= PREVIEW_MS),
        target('longest task of the page while training', `≤ ${LONG_TASK_MS} ms`, longest, longest <= LONG_TASK_MS),
      ],
      figures: { longTasks: tasks.length },
    };
  } finally {
    await server.close();
  }
}

/** Milliseconds from starting a job to its end. */
async function waitForJob(page: Page, spec: object): Promise<number> {
  return page.evaluate(async (asked) => {
    const post = async (name: string, input: object): Promise<unknown> => {
      const response = await fetch(`/api/${name}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(input),
      });
      if (!response.ok) throw new Error(await response.text());
      return response.json();
    };
    const started = performance.now();
    const { job } = (await post('jobs.start', { spec: asked })) as { job: { id: number } };
    for (;;) {
      const { jobs } = (await post('jobs.list', {})) as {
        jobs: { id: number; state: string; failure: { message: string } | null }[];
      };
      const now = jobs.find(({ id }) => id === job.id)!;
      if (now.state === 'finished') return performance.now() - started;
      if (now.state === 'failed') throw new Error(now.failure?.message ?? 'the job failed');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }, spec);
}
