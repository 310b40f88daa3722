import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { FrameImages, FrameView, RenderScene } from './scene.ts';
import { createTracer } from './tracer.ts';

export interface RenderOptions {
  /** Render threads; 0 renders on the calling thread. Default: all cores. The images do not depend on it. */
  readonly threads?: number;
  readonly labelsOnly?: boolean;
  readonly signal?: AbortSignal;
}

export interface RenderRequest {
  readonly frame: number;
  readonly view: FrameView;
  readonly labelsOnly: boolean;
}
export type RenderReply = { readonly frame: number; readonly images: FrameImages };

/** Frames rendered ahead of the consumer, per thread: bounds memory when the consumer is slower than the threads. */
const FRAMES_AHEAD_PER_THREAD = 4;

/**
 * Renders views in order, on worker threads. Rejects with the signal's reason when aborted, and with the thread's error when one
 * dies; threads are gone when the iteration ends for whatever reason.
 */
export async function* renderFrames(
  scene: RenderScene,
  views: readonly FrameView[],
  options: RenderOptions = {},
): AsyncGenerator<FrameImages, void, void> {
  const labelsOnly = options.labelsOnly ?? false;
  const threads = Math.min(options.threads ?? availableParallelism(), views.length);
  if (threads <= 0) {
    const tracer = createTracer(scene);
    for (const view of views) {
      options.signal?.throwIfAborted();
      yield labelsOnly ? tracer.renderLabels(view) : tracer.render(view);
    }
    return;
  }
  const pending = views.map(() => Promise.withResolvers<FrameImages>());
  // A rejection may arrive before its frame is awaited; the awaiting loop below still sees it.
  for (const { promise } of pending) promise.catch(() => undefined);
  const failAll = (error: unknown): void => {
    for (const entry of pending) entry.reject(error);
  };
  const onAbort = (): void => failAll(options.signal?.reason);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) onAbort();

  let next = 0;
  let consumed = 0;
  const idle: Worker[] = [];
  const feed = (): void => {
    while (idle.length > 0 && next < views.length && next < consumed + threads * FRAMES_AHEAD_PER_THREAD) {
      const frame = next++;
      idle.pop()!.postMessage({ frame, view: views[frame]!, labelsOnly } satisfies RenderRequest);
    }
  };
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: scene });
    worker.on('message', (reply: RenderReply) => {
      pending[reply.frame]!.resolve(reply.images);
      idle.push(worker);
      feed();
    });
    worker.on('error', failAll);
    worker.on('exit', (code) => {
      if (code !== 0) failAll(new Error(`a render thread exited with code ${code}`));
    });
    idle.push(worker);
    return worker;
  });
  feed();
  try {
    for (const { promise } of pending) {
      yield await promise;
      consumed++;
      feed();
    }
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
