import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Failure, LiftscopeError } from '../../../contract/index.ts';
import type { ReadRequest, ReadTask, ReadTasks, ThreadData } from './tasks.ts';

/** Beside this file, and in the packaged program JavaScript like it. */
const ENTRY = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);

type Answer = { readonly id: number } & ({ readonly output: unknown } | { readonly failure: Failure });

/** A thread with its own connection to the project. Started by the first task; a task that kills it fails alone. */
export class Reads {
  private readonly folder: string;
  private worker: Worker | undefined;
  private readonly pending = new Map<number, PromiseWithResolvers<unknown>>();
  private nextId = 0;
  private closed = false;
  private checked: boolean;

  /** @param checked the project is open, so that it need not be looked through again */
  constructor(projectFolder: string, checked: boolean) {
    this.folder = projectFolder;
    this.checked = checked;
  }

  /** Checks a project, or makes it. @throws LiftscopeError `not-found`, `newer-project`, `damaged-project` */
  async open(create: boolean): Promise<void> {
    await this.run('open', { create });
    this.checked = true;
  }

  /** @throws LiftscopeError what the task has to say; `cancelled` when the project is closed meanwhile */
  run<K extends ReadTask>(task: K, input: ReadTasks[K]['input']): Promise<ReadTasks[K]['output']> {
    if (this.closed) return Promise.reject(closedFailure());
    const id = this.nextId++;
    const settle = Promise.withResolvers<unknown>();
    this.pending.set(id, settle);
    this.thread().postMessage({ id, task, input } satisfies ReadRequest);
    return settle.promise as Promise<ReadTasks[K]['output']>;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.rejectAll(closedFailure());
    await this.worker?.terminate();
  }

  private thread(): Worker {
    if (this.worker !== undefined) return this.worker;
    const worker = new Worker(ENTRY, {
      workerData: { folder: this.folder, checked: this.checked } satisfies ThreadData,
      execArgv: [],
    });
    // An idle reader is no reason to keep the host alive.
    worker.unref();
    worker.on('message', (answer: Answer) => {
      const settle = this.pending.get(answer.id);
      this.pending.delete(answer.id);
      if ('failure' in answer) settle?.reject(new LiftscopeError(answer.failure));
      else settle?.resolve(answer.output);
    });
    const ended = (why: string): void => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      this.rejectAll(new LiftscopeError({ code: 'crashed', message: `Reading the project failed: ${why}` }));
    };
    worker.on('error', (error) => ended(error instanceof Error ? error.message : String(error)));
    worker.on('exit', (code) => ended(`its thread ended with ${code}.`));
    this.worker = worker;
    return worker;
  }

  private rejectAll(error: LiftscopeError): void {
    for (const settle of this.pending.values()) settle.reject(error);
    this.pending.clear();
  }
}

/**
 * One task in a thread of its own, so that short ones need not wait for it; ended with `signal`.
 * @throws LiftscopeError as {@link Reads.run}
 */
export async function runApart<K extends ReadTask>(
  projectFolder: string,
  task: K,
  input: ReadTasks[K]['input'],
  signal: AbortSignal,
): Promise<ReadTasks[K]['output']> {
  signal.throwIfAborted();
  const reads = new Reads(projectFolder, true);
  const onAbort = (): void => void reads.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await reads.run(task, input);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await reads.close();
  }
}

function closedFailure(): LiftscopeError {
  return new LiftscopeError({ code: 'cancelled', message: 'The project was closed.' });
}
