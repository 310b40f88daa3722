import type { JobLogLine } from '../../../contract/index.ts';
import type { Project } from '../../project/index.ts';

/** Lines kept of one job; the oldest go first. */
export const MAX_LOG_LINES = 1000;
/** A longer line is cut. */
const MAX_LINE_CHARS = 2000;
/** What a worker prints is written in batches of this much time; of a batch, only so many lines. */
const FLUSH_MS = 200;
const MAX_LINES_PER_BATCH = 100;

/**
 * The log of one job: words of ours at once, what the worker prints in batches, so that one that floods its output slows
 * neither the database nor the window.
 */
export class JobLog {
  private readonly project: Project;
  private readonly jobId: number;
  private readonly onLines: (lines: JobLogLine[]) => void;
  private partial = '';
  private batch: string[] = [];
  private leftOut = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(project: Project, jobId: number, onLines: (lines: JobLogLine[]) => void) {
    this.project = project;
    this.jobId = jobId;
    this.onLines = onLines;
  }

  write(level: JobLogLine['level'], text: string): void {
    this.flush();
    this.put([{ level, text }]);
  }

  /** Whatever the worker printed, in pieces of any size. */
  output(text: string): void {
    const lines = (this.partial + text).split('\n');
    // A progress bar without line ends must not gather for ever.
    this.partial = (lines.pop() ?? '').slice(-MAX_LINE_CHARS);
    for (const line of lines) {
      const visible = line.slice(line.lastIndexOf('\r') + 1).trimEnd();
      if (visible === '') continue;
      if (this.batch.length < MAX_LINES_PER_BATCH) this.batch.push(visible);
      else this.leftOut += 1;
    }
    this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.leftOut > 0) this.batch.push(`(${this.leftOut} more lines were left out.)`);
    const lines = this.batch.map((text) => ({ level: 'info', text }) as const);
    this.batch = [];
    this.leftOut = 0;
    this.put(lines);
  }

  /** Writes what is left, an unfinished line included. */
  close(): void {
    if (this.partial.trim() !== '') this.output('\n');
    this.flush();
  }

  private put(entries: readonly Pick<JobLogLine, 'level' | 'text'>[]): void {
    if (entries.length === 0) return;
    const at = Date.now();
    const lines = entries.map(({ level, text }) => ({ at, level, text: cut(text) }));
    try {
      this.project.jobs.appendLog(this.jobId, lines, MAX_LOG_LINES);
    } catch {
      // A full disk: the lines are shown, and the failure that follows says why they are not kept.
    }
    this.onLines(lines);
  }
}

function cut(text: string): string {
  return text.length <= MAX_LINE_CHARS ? text : `${text.slice(0, MAX_LINE_CHARS)} …`;
}
