import type { Output } from './output.ts';

/** First Ctrl-C asks, the second insists. */
export interface Interrupts extends Disposable {
  readonly signal: AbortSignal;
  readonly killSignal: AbortSignal;
}

/** npm and shells pass on a Ctrl-C that the terminal has already delivered: two signals, one keystroke. */
const ONE_KEYSTROKE_MS = 250;

export function watchInterrupts(output: Output): Interrupts {
  const ask = new AbortController();
  const kill = new AbortController();
  let askedAtMs = Number.NEGATIVE_INFINITY;
  const onInterrupt = (): void => {
    if (performance.now() - askedAtMs < ONE_KEYSTROKE_MS) return;
    if (!ask.signal.aborted) {
      output.note('Stopping; a training writes a checkpoint first. Ctrl-C again ends it at once.');
      askedAtMs = performance.now();
      ask.abort();
    } else {
      output.note('Ending the worker now.');
      kill.abort();
    }
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onInterrupt);
  return {
    signal: ask.signal,
    killSignal: kill.signal,
    [Symbol.dispose]: () => {
      for (const name of names) process.off(name, onInterrupt);
    },
  };
}
