import { type ComputeOptions, LiftscopeError } from '../../contract/index.ts';
import { type Backend, createBackend } from '../compute/index.ts';

/** The backend a request asks for, within its memory budget. @throws LiftscopeError when the budget leaves nothing. */
export function startBackend({ backend, threads, memoryBudgetBytes }: ComputeOptions): Promise<Backend> {
  return createBackend(backend, {
    ...(threads > 0 ? { threads } : {}),
    ...(memoryBudgetBytes > 0 ? { memoryBudgetBytes: deviceBudget(memoryBudgetBytes) } : {}),
  });
}

/** The budget covers the process; what it uses before any buffer exists is not available to buffers. */
function deviceBudget(budgetBytes: number): number {
  const base = process.memoryUsage.rss();
  if (budgetBytes > base) return budgetBytes - base;
  const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
  throw new LiftscopeError({
    code: 'out-of-memory',
    message: `A memory budget of ${mib(budgetBytes)} MiB is less than the ${mib(base)} MiB that the process needs by itself.`,
    hint: 'Raise the memory budget.',
  });
}
