import { totalmem } from 'node:os';
import { LiftscopeError } from '../../contract/index.ts';

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Tail of what the worker printed. */
  readonly log: string;
  /** Resident set at the last heartbeat. */
  readonly lastMemoryBytes: number | undefined;
  readonly totalMemoryBytes?: number;
  /** The job has checkpoints. */
  readonly resumable: boolean;
}

/** A worker this large when it was killed was most likely the kernel's choice. */
const LIKELY_OOM_FRACTION = 0.5;

const LESS_MEMORY = 'Use fewer Gaussians (--max-gaussians), import at a smaller --scale, or close other programs.';

/** Why a worker that gave neither result nor error ended, in words for people. */
export function explainExit(exit: WorkerExit): LiftscopeError {
  const { code, signal, log } = exit;
  const again = exit.resumable ? 'Start again with --resume to continue from the last checkpoint.' : 'Start it again.';
  const totalBytes = exit.totalMemoryBytes ?? totalmem();
  const memory =
    exit.lastMemoryBytes === undefined
      ? ''
      : ` It last used ${gigabytes(exit.lastMemoryBytes)} of this machine's ${gigabytes(totalBytes)}.`;

  // V8 reports its own out-of-memory on stderr and aborts; wasm and native allocations fail in their own words.
  if (/heap out of memory|Array buffer allocation failed|std::bad_alloc|Cannot allocate memory/i.test(log)) {
    return new LiftscopeError({
      code: 'out-of-memory',
      message: `The worker ran out of memory.${memory}`,
      hint: `${LESS_MEMORY} ${again}`,
    });
  }
  if (signal === 'SIGKILL') {
    const likely = exit.lastMemoryBytes !== undefined && exit.lastMemoryBytes >= totalBytes * LIKELY_OOM_FRACTION;
    return new LiftscopeError({
      code: likely ? 'out-of-memory' : 'killed',
      message: likely
        ? `The worker was killed by the system, most likely because memory ran out.${memory}`
        : `The worker was killed from outside (SIGKILL): by a person, or by the system when memory runs out.${memory}`,
      hint: likely ? `${LESS_MEMORY} ${again}` : again,
    });
  }
  if (signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGHUP') {
    return new LiftscopeError({
      code: 'killed',
      message: `The worker was ended from outside (${signal}).`,
      hint: again,
    });
  }
  const how = signal !== null ? (SIGNAL_WORDS[signal] ?? `signal ${signal}`) : `exit code ${code ?? 'unknown'}`;
  const tail = log.trim().split('\n').slice(-8).join('\n');
  return new LiftscopeError({
    code: 'crashed',
    message: `The worker crashed (${how}).${memory}${tail === '' ? '' : `\nIt last printed:\n${tail}`}`,
    hint: `${again} "doctor" shows which part of this machine may be at fault.`,
  });
}

const SIGNAL_WORDS: { readonly [signal: string]: string } = {
  SIGSEGV: 'SIGSEGV: it touched memory that is not its own, a fault in native code',
  SIGBUS: 'SIGBUS: a memory access failed, often a full disk behind a mapped file',
  SIGILL: 'SIGILL: this processor lacks an instruction the program was built for',
  SIGFPE: 'SIGFPE: an arithmetic fault in native code',
  SIGABRT: 'SIGABRT: native code gave up',
};

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
