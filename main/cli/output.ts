import type { EvaluationResult, Failure } from '../../contract/index.ts';

/** Where the command line writes; the real streams, or stand-ins under test. */
export interface Streams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
}

/** Progress as the terminal shows it. */
export interface Progress {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly secondsLeft?: number | undefined;
  readonly detail?: string;
}

const BAR_CELLS = 16;
const REDRAW_MS = 100;
/** Without a terminal, one line this often: enough for a log, not too much for one. */
const LINE_MS = 5000;

/**
 * One result on stdout, all else on stderr. On a terminal the progress is one line that redraws itself; notes are printed
 * above it.
 */
export class Output {
  readonly json: boolean;
  private readonly streams: Streams;
  private readonly nowMs: () => number;
  private barShown = false;
  private lastProgressMs = Number.NEGATIVE_INFINITY;
  private lastProgress: Progress | undefined;
  private resultWritten = false;

  constructor(streams: Streams, json: boolean, nowMs: () => number = () => performance.now()) {
    this.streams = streams;
    this.json = json;
    this.nowMs = nowMs;
  }

  /** The answer of a verb: the document with --json, else the text. Once per run. */
  result(document: object, text: string): void {
    this.once();
    this.streams.stdout.write(this.json ? `${toJson(document)}\n` : `${text}\n`);
  }

  /** What a verb that goes on running says when it is ready; its only document, on one line for whoever waits for it. */
  announce(document: object, text: string): void {
    this.once();
    this.streams.stdout.write(`${this.json ? JSON.stringify(document) : text}\n`);
  }

  failure(failure: Failure): void {
    this.clearBar();
    if (this.json) {
      this.once();
      this.streams.stdout.write(`${toJson({ error: failure })}\n`);
    }
    this.streams.stderr.write(`Error: ${failure.message}\n${failure.hint === undefined ? '' : `${failure.hint}\n`}`);
  }

  note(text: string): void {
    this.clearBar();
    this.streams.stderr.write(`${text}\n`);
    if (this.lastProgress !== undefined && this.streams.stderr.isTTY === true) this.draw(this.lastProgress);
  }

  progress(progress: Progress): void {
    this.lastProgress = progress;
    const now = this.nowMs();
    const terminal = this.streams.stderr.isTTY === true;
    if (now - this.lastProgressMs < (terminal ? REDRAW_MS : LINE_MS)) return;
    this.lastProgressMs = now;
    if (terminal) this.draw(progress);
    else this.streams.stderr.write(`${describeProgress(progress)}\n`);
  }

  /** Removes the progress line. */
  endProgress(): void {
    this.clearBar();
    this.lastProgress = undefined;
    this.lastProgressMs = Number.NEGATIVE_INFINITY;
  }

  private once(): void {
    if (this.resultWritten) throw new Error('A second document for stdout.');
    this.resultWritten = true;
    this.endProgress();
  }

  private draw(progress: Progress): void {
    const columns = this.streams.stderr.columns ?? 80;
    this.streams.stderr.write(`\r\x1b[2K${drawBar(progress).slice(0, columns - 1)}`);
    this.barShown = true;
  }

  private clearBar(): void {
    if (!this.barShown) return;
    this.streams.stderr.write('\r\x1b[2K');
    this.barShown = false;
  }
}

function fractionOf(progress: Progress): number {
  return progress.total > 0 ? Math.min(1, progress.done / progress.total) : 0;
}

function drawBar(progress: Progress): string {
  const fraction = fractionOf(progress);
  const filled = Math.round(fraction * BAR_CELLS);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled);
  return [`${progress.label} ${bar} ${Math.floor(fraction * 100)} %`, ...tail(progress)].join('  ');
}

export function describeProgress(progress: Progress): string {
  return [`${progress.label} ${progress.done}/${progress.total}`, ...tail(progress)].join(', ');
}

function tail(progress: Progress): string[] {
  return [
    ...(progress.secondsLeft === undefined ? [] : [`${formatDuration(progress.secondsLeft)} left`]),
    ...(progress.detail === undefined ? [] : [progress.detail]),
  ];
}

/** `42 s`, `3 min 05 s`, `2 h 10 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

export function formatQuality(quality: { readonly psnr: number | null; readonly ssim: number | null }): string {
  if (quality.psnr === null || quality.ssim === null) return 'no held-out frames';
  return `${quality.psnr.toFixed(2)} dB, SSIM ${quality.ssim.toFixed(4)}`;
}

/** What a generated scene's truth adds to the quality; nothing for other captures. */
export function formatTruth({ truth, baseline }: Pick<EvaluationResult, 'truth' | 'baseline'>): string[] {
  const percent = (share: number | null): string => (share === null ? 'nothing' : `${(100 * share).toFixed(1)} %`);
  const relative = truth?.depthAbsoluteRelative ?? null;
  return [
    ...(truth === undefined
      ? []
      : [
          `against the truth: depth abs-rel ${relative === null ? 'not measurable' : relative.toFixed(4)}, ${percent(truth.depthDelta125)} within a factor of 1.25, ${percent(truth.coverage)} of the pixels covered`,
        ]),
    ...(baseline === undefined ? [] : [`per-pixel mean of the training images: ${formatQuality(baseline)}`]),
  ];
}

/** JSON knows no infinity; the PSNR of equal images is written as null. */
function toJson(document: object): string {
  return JSON.stringify(document, null, 2);
}
