import type { Output } from './output.ts';

/** First Ctrl-C asks, the second insists. */
export interface Interrupts extends Disposable {
  readonly signal: AbortSignal;
  readonly killSignal: AbortSignal;
}

export function watchInterrupts(output: Output): Interrupts {
  const ask = new AbortController();
  const kill = new AbortController();
  const onInterrupt = (): void => {
    if (!ask.signal.aborted) {
      output.note('Stopping; a training writes a checkpoint first. Ctrl-C again ends it at once.');
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
