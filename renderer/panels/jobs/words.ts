/** States and times of jobs in words. */
import type { JobView } from '../../../contract/index.ts';
import { formatDuration, type Tone } from '../../ui/index.ts';

export function stateOf(job: JobView): { readonly text: string; readonly tone: Tone } {
  switch (job.state) {
    case 'queued':
      return { text: 'Waiting', tone: 'neutral' };
    case 'running':
      return { text: 'Running', tone: 'accent' };
    case 'cancelling':
      return { text: 'Stopping', tone: 'warn' };
    case 'finished':
      return { text: 'Done', tone: 'good' };
    case 'failed':
      return { text: job.failure?.code === 'out-of-memory' ? 'Out of memory' : 'Failed', tone: 'bad' };
    case 'cancelled':
      return { text: 'Cancelled', tone: 'neutral' };
    default:
      return job.state satisfies never;
  }
}

/** `18 s left`, `took 47 s`, or nothing where it is not known. */
export function timeOf(job: JobView): string {
  if (job.state === 'running' && job.secondsLeft !== null) return `${formatDuration(job.secondsLeft)} left`;
  if (job.startedAt !== null && job.finishedAt !== null)
    return `took ${formatDuration((job.finishedAt - job.startedAt) / 1000)}`;
  return '';
}
