import { totalmem } from 'node:os';
import { type Failure, LiftscopeError } from '../../contract/index.ts';

/** Whom a failure advises: someone at a command line, with its options, or someone in the studio, with its buttons. */
export type Audience = 'terminal' | 'studio';

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Tail of what the worker printed. */
  readonly log: string;
  /** Resident set at the last heartbeat. */
  readonly lastMemoryBytes: number | undefined;
  readonly totalMemoryBytes?: number;
  /** Processes that the kernel ended for lack of memory while the worker ran; absent where it does not say. */
  readonly oomKills?: number;
  readonly audience?: Audience;
  /** The job has checkpoints. */
  readonly resumable: boolean;
}

/** A worker this large when it was killed was most likely the kernel's choice. */
const LIKELY_OOM_FRACTION = 0.5;

const LESS_MEMORY: { readonly [A in Audience]: string } = {
  terminal: 'Use fewer Gaussians (--max-gaussians), import at a smaller --scale, or close other programs.',
  studio: 'Train with fewer Gaussians, import the capture at a smaller scale, or close other programs.',
};
const RESUME: { readonly [A in Audience]: string } = {
  terminal: 'Start again with --resume to continue from the last checkpoint.',
  studio: 'Resume continues from the last checkpoint.',
};

/** Why a worker that gave neither result nor error ended, in words for people. */
export function explainExit(exit: WorkerExit): LiftscopeError {
  const { code, signal, log } = exit;
  const audience = exit.audience ?? 'terminal';
  const again = exit.resumable ? RESUME[audience] : 'Start it again.';
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
      hint: `${LESS_MEMORY[audience]} ${again}`,
    });
  }
  if (signal === 'SIGKILL') {
    const large = exit.lastMemoryBytes !== undefined && exit.lastMemoryBytes >= totalBytes * LIKELY_OOM_FRACTION;
    // A large one is suspect all the same: some sandboxes have a counter that never moves.
    if (exit.oomKills === 0 && !large) {
      return new LiftscopeError({
        code: 'killed',
        message: `The worker was killed from outside (SIGKILL), by a person or another program; the system has ended no process for lack of memory.${memory}`,
        hint: again,
      });
    }
    const certain = exit.oomKills !== undefined && exit.oomKills > 0;
    const why = certain
      ? 'The worker was killed by the system because memory ran out.'
      : large
        ? 'The worker was killed by the system, most likely because memory ran out.'
        : 'The worker was killed from outside (SIGKILL): by a person, or by the system when memory runs out.';
    return new LiftscopeError({
      code: certain || large ? 'out-of-memory' : 'killed',
      message: `${why}${memory}`,
      hint: certain || large ? `${LESS_MEMORY[audience]} ${again}` : again,
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
    hint: audience === 'studio' ? again : `${again} "doctor" shows which part of this machine may be at fault.`,
  });
}

/** What a worker or the host said of an error, in words for people where it is the disk that is full. */
export function explainReported(failure: Failure): Failure {
  if (failure.code !== 'internal' && failure.code !== 'bad-input') return failure;
  // Node, SQLite and libvips each have their own words for it.
  if (!/ENOSPC|EDQUOT|SQLITE_FULL|database or disk is full|no space left on device/i.test(failure.message))
    return failure;
  const line = failure.message.split('\n', 1)[0] ?? '';
  return {
    code: 'disk-full',
    message: `The disk is full: ${line}`,
    hint: 'Make room on the disk that holds the project, then start or resume the job again.',
  };
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
