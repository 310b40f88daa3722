import { type Command, Option } from 'commander';
import { backendChoiceSchema, type OrderedEvent } from '../../contract/index.ts';
import type { Interrupts } from './interrupts.ts';
import { formatQuality, type Output } from './output.ts';
import { threadCount } from './values.ts';

/** What every verb gets. */
export interface Invocation {
  readonly output: Output;
  readonly interrupts: Interrupts;
}

export interface ComputeFlags {
  readonly backend?: 'auto' | 'wasm' | 'webgpu';
  readonly threads?: number;
}

export function addComputeOptions(command: Command): void {
  command
    .addOption(new Option('--backend <name>', 'what computes (default: auto)').choices(backendChoiceSchema.options))
    .option('--threads <n>', 'threads of the wasm backend (default: one per core)', threadCount);
}

/** What a user wants to see of a job's events. */
export function showEvent(output: Output, event: OrderedEvent): void {
  switch (event.type) {
    case 'started':
      output.note(
        `${event.iteration > 0 ? `Resuming at iteration ${event.iteration}` : 'Training'} on ${event.device}: ${event.trainFrames} frames, ${event.holdoutFrames} held out, ${event.gaussians} Gaussians`,
      );
      return;
    case 'progress':
      output.progress({
        label: 'train',
        done: event.iteration,
        total: event.iterations,
        secondsLeft: event.secondsLeft,
        detail: `${event.iterationsPerSecond.toFixed(1)} it/s, ${event.gaussians} Gaussians, loss ${event.loss.toFixed(4)}`,
      });
      return;
    case 'evaluation':
      output.note(`iteration ${event.iteration}: ${formatQuality(event)}`);
      return;
    case 'checkpoint':
      output.note(`Checkpoint at iteration ${event.iteration}`);
      return;
    case 'warning':
      output.note(`Warning: ${event.message}`);
      return;
    case 'work':
      output.progress({ label: event.stage, done: event.done, total: event.total, secondsLeft: event.secondsLeft });
      return;
    case 'finished':
      output.endProgress();
      return;
    default:
      event satisfies never;
  }
}

/** Without the keys whose value is undefined, as optional properties want it. */
export function present<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
