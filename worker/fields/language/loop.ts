/** The loop around a step: cancelling, progress, and what a report says about losses and time. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cancelled } from '../weight-cache.ts';
import type { LanguageProgress } from './types.ts';

/** How long the loop may run before messages are looked at, and how often progress is told. */
const TURN_MS = 50;
const PROGRESS_MS = 250;
const REPORTED_LOSSES = 100;

export interface LoopOptions {
  readonly steps: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LanguageProgress) => void) | undefined;
}

export interface LoopResult {
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
  readonly millisecondsPerStep: number;
}

/** @param take does one step, from 1; gives the loss only where it is asked for @throws LiftscopeError 'cancelled' */
export async function trainingLoop(
  { steps, signal, onProgress }: LoopOptions,
  take: (step: number, wantsLoss: boolean) => Promise<number | undefined>,
): Promise<LoopResult> {
  const started = performance.now();
  const every = Math.max(1, Math.floor(steps / REPORTED_LOSSES));
  const losses: { step: number; loss: number }[] = [];
  const times: number[] = [];
  let [lastTurn, lastProgress] = [started, started];
  for (let step = 1; step <= steps; step++) {
    if (signal?.aborted) throw cancelled();
    const before = performance.now();
    const loss = await take(step, step % every === 0 || step === 1 || step === steps);
    const now = performance.now();
    times.push(now - before);
    if (loss !== undefined) losses.push({ step, loss });
    if (now - lastProgress > PROGRESS_MS || step === steps) {
      lastProgress = now;
      const secondsLeft = ((now - started) / 1000 / step) * (steps - step);
      onProgress?.({ step, steps, loss: losses.at(-1)?.loss ?? 0, secondsLeft });
    }
    if (now - lastTurn > TURN_MS) {
      lastTurn = now;
      await nextTurn();
    }
  }
  times.sort((a, b) => a - b);
  return { losses, millisecondsPerStep: times[times.length >> 1] ?? 0 };
}

/** A rate that falls geometrically to `finalShare` of itself at the last step. */
export function rateAt(rate: number, finalShare: number, step: number, steps: number): number {
  return rate * finalShare ** (step / steps);
}
