/** Several cells of a benchmark at the same time, where what is measured is not time. */
import { availableParallelism } from 'node:os';
import type { CellContext } from './room-cells.ts';

export interface Lanes {
  /** Rooms at the same time. */
  readonly count: number;
  readonly context: CellContext;
}

/** Rooms side by side leave fewer cores idle than threads that share a room; the bits are the same. */
export function lanesOf(rooms: number, context: CellContext): Lanes {
  const cores = availableParallelism();
  const count = Math.max(1, Math.min(rooms, Math.floor(cores / (context.threads ?? 1))));
  return { count, context: { ...context, threads: context.threads ?? Math.max(1, Math.floor(cores / count)) } };
}

/** @returns results in the order of the items */
export async function inLanes<T, R>(count: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...items.entries()];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: count }, lane));
  return results;
}
