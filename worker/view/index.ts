/** Job `view-splats`: answers calls about splat models until it is told to stop. */
import type { JobEvent, ViewSplatsRequest, ViewSplatsResult } from '../../contract/index.ts';
import { LastingView } from './lasting.ts';

interface ViewContext {
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
  readonly answerCalls: (answer: (call: unknown, signal: AbortSignal) => Promise<unknown>) => void;
}

/** @throws LiftscopeError when the backend cannot be started */
export async function viewSplats(request: ViewSplatsRequest, context: ViewContext): Promise<ViewSplatsResult> {
  const view = await LastingView.start(request, (message) => context.emit({ type: 'warning', message }));
  try {
    const stopped = new Promise<void>((resolve) => {
      if (context.signal.aborted) resolve();
      else context.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    context.answerCalls((call, signal) => view.answer(call, signal));
    await stopped;
    return { calls: view.calls, peakMemoryBytes: process.resourceUsage().maxRSS * 1024 };
  } finally {
    await view.dispose();
  }
}
