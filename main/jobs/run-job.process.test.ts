import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { LiftscopeError, type OrderedEvent } from '../../contract/index.ts';
import { explainExit, explainReported } from './explain-exit.ts';
import { countOomKills } from './oom-kills.ts';
import { type RunJobOptions, runJob, startJob } from './run-job.ts';

const workerPath = fileURLToPath(new URL('./fixtures/worker.ts', import.meta.url));
const ladder = { askMs: 200, terminateMs: 200 };

function run(behaviour: string, options: RunJobOptions = {}) {
  return runJob('bench', { name: behaviour }, { workerPath, ladder, ...options });
}

async function failureOf(promise: Promise<unknown>): Promise<LiftscopeError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LiftscopeError);
  return error as LiftscopeError;
}

describe('runJob', () => {
  test('delivers every ordered event, in order, before the result', async () => {
    const events: OrderedEvent[] = [];
    const result = await run('events-then-result', { onEvent: (event) => events.push(event) });
    expect(result).toEqual({ targets: [{ name: 'answer', target: '42', value: 42, met: true }], seconds: 1.5 });
    expect(events.map((event) => (event.type === 'warning' ? event.message : ''))).toEqual(
      Array.from({ length: 500 }, (_, index) => `number ${index}`),
    );
  });

  test('delivers snapshots one at a time, the next when the last was taken', async () => {
    let busy = 0;
    const iterations: number[] = [];
    await run('snapshots', {
      onSnapshot: async (event) => {
        busy += 1;
        expect(busy).toBe(1);
        expect([...event.png]).toEqual([1, 2, 3, event.iteration]);
        iterations.push(event.iteration);
        await new Promise((resolve) => setTimeout(resolve, 5));
        busy -= 1;
      },
    });
    expect(iterations).toEqual([0, 1, 2]);
  });

  test('a snapshot that cannot be shown does not end the job', async () => {
    const result = await run('snapshots', { onSnapshot: () => Promise.reject(new Error('no window')) });
    expect(result.targets).toHaveLength(1);
  });

  test.each([
    ['gap', 'protocol', /event 1 where 0 was due/],
    ['nonsense', 'protocol', /message it does not know/],
    ['bad-result', 'protocol', /targets/],
    ['report-error', 'bad-input', /no such image/],
    ['exit-3', 'crashed', /exit code 3[\s\S]*the last words/],
    ['exit-0', 'crashed', /exit code 0/],
    ['segfault', 'crashed', /SIGSEGV/],
    ['abort', 'crashed', /SIGABRT/],
    ['killed', 'killed', /SIGKILL/],
  ] as const)('%s is reported as %s', async (behaviour, code, message) => {
    const failure = await failureOf(run(behaviour));
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(message);
  });

  test('a silent worker is ended and said to be hung', async () => {
    const failure = await failureOf(run('hang', { silenceMs: 300 }));
    expect(failure.code).toBe('not-responding');
  });

  test('cancelling asks first and takes the answer of the worker', async () => {
    const abort = new AbortController();
    const patient = { askMs: 60_000, terminateMs: 60_000 };
    const job = run('cancel-politely', { signal: abort.signal, ladder: patient, onEvent: () => abort.abort() });
    const failure = await failureOf(job);
    expect(failure.code).toBe('cancelled');
    expect(failure.message).toBe('checkpoint written');
  });

  test('a worker that ignores the question and SIGTERM is killed', async () => {
    const abort = new AbortController();
    let pid = 0;
    const job = run('stuck', {
      signal: abort.signal,
      onEvent: () => abort.abort(),
      onSpawn: (id) => {
        pid = id;
      },
    });
    expect((await failureOf(job)).code).toBe('cancelled');
    expect(() => process.kill(pid, 0)).toThrow();
  });

  test('the answer of a worker that does not exit stands, and the worker is ended', async () => {
    expect((await run('linger')).targets).toHaveLength(1);
  });

  test('kill() ends it at once', async () => {
    const job = startJob('bench', { name: 'stuck' }, { workerPath, onEvent: () => job.kill() });
    expect((await failureOf(job.result)).code).toBe('cancelled');
  });

  test('the kill signal does so as well, whatever step the ladder is at', async () => {
    const [abort, kill] = [new AbortController(), new AbortController()];
    const onEvent = (): void => {
      abort.abort();
      kill.abort();
    };
    const slow = { askMs: 60_000, terminateMs: 60_000 };
    const job = run('stuck', { signal: abort.signal, killSignal: kill.signal, ladder: slow, onEvent });
    expect((await failureOf(job)).code).toBe('cancelled');
  });

  test('a worker in the background lets others go first', async () => {
    let niceness: number | undefined;
    const own = getPriority();
    await run('events-then-result', {
      backgroundPriority: true,
      onSpawn: (pid) => {
        niceness = getPriority(pid);
      },
    });
    expect(niceness).toBe(process.platform === 'win32' ? 10 : Math.max(10, own));
  });

  test('an exception of the event handler ends the job and is reported', async () => {
    const failure = await failureOf(
      run('stuck', {
        onEvent: () => {
          throw new Error('disk full');
        },
      }),
    );
    expect(failure.code).toBe('internal');
    expect(failure.message).toMatch(/disk full/);
  });

  test('a signal that has already aborted starts no process', async () => {
    const failure = await failureOf(run('hang', { signal: AbortSignal.abort(), onSpawn: () => expect.unreachable() }));
    expect(failure.code).toBe('cancelled');
  });

  test('a node binary that does not exist is said so', async () => {
    const failure = await failureOf(run('hang', { nodePath: '/nonexistent/node' }));
    expect(failure.message).toMatch(/could not be started/);
  });

  test('an invalid request starts no process and names the field', async () => {
    const failure = await failureOf(runJob('bench', { name: '' }, { workerPath }));
    expect(failure.code).toBe('bad-input');
    expect(failure.message).toMatch(/name/);
  });

  test('the real worker answers and exits by itself', async () => {
    const result = await runJob('inspect', { probe: 'wasm' });
    expect(result.lines.map((line) => line.name)).toEqual(['wasm SIMD', 'wasm threads', 'kernels']);
    expect(result.lines[0]?.state).toBe('ok');
  });

  test('the real worker refuses an unknown benchmark by name', async () => {
    const failure = await failureOf(runJob('bench', { name: 'no-such-benchmark' }));
    expect(failure.code).toBe('bad-input');
    expect(failure.hint).toMatch(/splat-kernels/);
  });
});

describe('explainExit', () => {
  const exit = {
    code: null,
    signal: null,
    log: '',
    lastMemoryBytes: undefined,
    totalMemoryBytes: 8e9,
    resumable: true,
  };

  test("V8's own out-of-memory abort is recognised by its words", () => {
    const log = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory';
    const failure = explainExit({ ...exit, signal: 'SIGABRT', log, lastMemoryBytes: 4e9 });
    expect(failure.code).toBe('out-of-memory');
    expect(failure.message).toMatch(/4\.0 GB of this machine's 8\.0 GB/);
  });

  test('SIGKILL of a large worker is put down to memory, of a small one is not', () => {
    expect(explainExit({ ...exit, signal: 'SIGKILL', lastMemoryBytes: 7e9 }).code).toBe('out-of-memory');
    expect(explainExit({ ...exit, signal: 'SIGKILL', lastMemoryBytes: 1e8 }).code).toBe('killed');
  });

  test("the kernel's count of kills for lack of memory decides, where there is one", () => {
    const small = { ...exit, signal: 'SIGKILL', lastMemoryBytes: 1e8 } as const;
    expect(explainExit({ ...small, oomKills: 1 })).toMatchObject({
      code: 'out-of-memory',
      message: expect.stringMatching(/by the system because memory ran out/),
    });
    expect(explainExit({ ...small, oomKills: 0 }).message).toMatch(/has ended no process for lack of memory/);
    // Some sandboxes have a counter that never moves.
    expect(explainExit({ ...small, oomKills: 0, lastMemoryBytes: 7e9 }).message).toMatch(/most likely/);
  });

  test('the count is read where the system has one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'liftscope-oom-'));
    const file = join(folder, 'memory.events');
    writeFileSync(file, 'low 0\noom 3\noom_kill 2\n');
    expect(countOomKills([join(folder, 'absent'), file])).toBe(2);
    expect(countOomKills([join(folder, 'absent')])).toBeUndefined();
    rmSync(folder, { recursive: true });
  });

  test('the studio is advised without options of commands', () => {
    for (const signal of ['SIGKILL', 'SIGSEGV'] as const) {
      const { hint } = explainExit({ ...exit, signal, audience: 'studio', lastMemoryBytes: 7e9 });
      expect(hint).toMatch(/Resume continues/);
      expect(hint).not.toMatch(/--|doctor/);
    }
  });

  test('a full disk is named, whoever ran into it', () => {
    const failure = {
      code: 'internal',
      message: 'Error: ENOSPC: no space left on device, write\n    at writev',
    } as const;
    expect(explainReported(failure)).toMatchObject({
      code: 'disk-full',
      message: 'The disk is full: Error: ENOSPC: no space left on device, write',
    });
    const other = { code: 'internal', message: 'TypeError: x' } as const;
    expect(explainReported(other)).toBe(other);
  });

  test('only jobs with checkpoints are told to resume', () => {
    expect(explainExit({ ...exit, signal: 'SIGSEGV' }).hint).toMatch(/--resume/);
    expect(explainExit({ ...exit, signal: 'SIGSEGV', resumable: false }).hint).not.toMatch(/--resume/);
  });
});
