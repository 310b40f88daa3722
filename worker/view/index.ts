/** Job `view-splats`: answers calls about splat models until it is told to stop. */
import type { ViewSplatsRequest, ViewSplatsResult } from '../../contract/index.ts';
import { startBackend } from '../splats/index.ts';
import { ViewService } from './service.ts';

interface ViewContext {
  readonly signal: AbortSignal;
  readonly answerCalls: (answer: (call: unknown, signal: AbortSignal) => Promise<unknown>) => void;
}

/** @throws LiftscopeError when the backend cannot be started */
export async function viewSplats(request: ViewSplatsRequest, context: ViewContext): Promise<ViewSplatsResult> {
  const backend = await startBackend(request);
  const service = new ViewService(backend, request.modelBudgetBytes);
  try {
    const stopped = new Promise<void>((resolve) => {
      if (context.signal.aborted) resolve();
      else context.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    context.answerCalls((call, signal) => service.answer(call, signal));
    await stopped;
    return { calls: service.calls, peakMemoryBytes: process.resourceUsage().maxRSS * 1024 };
  } finally {
    await backend.dispose();
  }
}
