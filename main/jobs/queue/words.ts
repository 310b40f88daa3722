/** What the studio says about jobs. */
import type { Failure, OrderedEvent } from '../../../contract/index.ts';
import type { Progress } from './runner.ts';

/** Failures after which the job's checkpoints, if any, are as good as before. */
const INTERRUPTIONS: readonly Failure['code'][] = [
  'cancelled',
  'crashed',
  'killed',
  'out-of-memory',
  'disk-full',
  'not-responding',
];

/** Said by who does not know whether there is one. */
const RESUMES = 'Resume continues from the last checkpoint.';

/** The failure with where the job can go on, and without the options of commands. */
export function interruptedFailure(failure: Failure, lastCheckpoint: number | undefined): Failure {
  if (!INTERRUPTIONS.includes(failure.code)) return withoutOptions(failure);
  if (lastCheckpoint === undefined) {
    const hint = failure.hint?.replace(RESUMES, 'Start it again.');
    return withoutOptions({ ...failure, ...(hint !== undefined && { hint }) });
  }
  const message =
    failure.code === 'cancelled'
      ? `Cancelled; the last checkpoint is at iteration ${lastCheckpoint}.`
      : `${failure.message.replace(/\.?$/, '.')} Its last checkpoint is at iteration ${lastCheckpoint}.`;
  const hint = withoutOptions(failure).hint?.replace(
    / ?Resume continues from the last checkpoint\.| ?Start it again\./g,
    '',
  );
  const resume = `Resume continues from iteration ${lastCheckpoint}.`;
  return { code: failure.code, message, hint: hint === undefined || hint === '' ? resume : `${hint} ${resume}` };
}

/** A hint that names an option of a command helps nobody in the studio. */
function withoutOptions(failure: Failure): Failure {
  if (failure.hint === undefined || !/--\w/.test(failure.hint)) return failure;
  const sentences = failure.hint.split(/(?<=[.;:]) /).filter((sentence) => !/--\w/.test(sentence));
  const { hint: _, ...rest } = failure;
  return sentences.length === 0 ? rest : { ...rest, hint: sentences.join(' ') };
}

/** The line of the log that an event makes, if it does. */
export function logLineOf(event: OrderedEvent): { level: 'info' | 'warning'; text: string } | undefined {
  switch (event.type) {
    case 'started':
      return {
        level: 'info',
        text: `Started ${event.iteration > 0 ? `from iteration ${event.iteration} ` : ''}on ${event.device.startsWith(event.backend) ? event.device : `${event.backend}, ${event.device}`}; ${event.trainFrames} frames to train on, ${event.holdoutFrames} held out.`,
      };
    case 'evaluation':
      return event.psnr === null || event.ssim === null
        ? undefined
        : {
            level: 'info',
            text: `Iteration ${event.iteration}: PSNR ${event.psnr.toFixed(2)} dB, SSIM ${event.ssim.toFixed(3)} on the held-out frames.`,
          };
    case 'checkpoint':
      return { level: 'info', text: `Checkpoint at iteration ${event.iteration}.` };
    case 'warning':
      return { level: 'warning', text: event.message };
    case 'finished':
      return { level: 'info', text: `Trained ${event.gaussians} Gaussians in ${event.iteration} iterations.` };
    case 'progress':
    case 'work':
      return undefined;
    default:
      return event satisfies never;
  }
}

/** How far an event says that its job has come, if it says so. */
export function progressOf(event: OrderedEvent): Progress | undefined {
  switch (event.type) {
    case 'started':
      return {
        progress: event.iteration / event.iterations,
        detail: `${event.iteration} of ${event.iterations} iterations`,
        secondsLeft: null,
      };
    case 'progress': {
      const { iteration, iterations, iterationsPerSecond, secondsLeft } = event;
      const rate = iterationsPerSecond >= 10 ? iterationsPerSecond.toFixed(0) : iterationsPerSecond.toPrecision(2);
      return {
        progress: iteration / iterations,
        detail: `${iteration} of ${iterations} iterations, ${rate} it/s`,
        secondsLeft: Number.isFinite(secondsLeft) ? secondsLeft : null,
      };
    }
    case 'work':
      return {
        progress: event.total > 0 ? Math.min(1, event.done / event.total) : null,
        detail: event.total > 0 ? `${event.stage}, ${event.done} of ${event.total}` : event.stage,
        secondsLeft: event.secondsLeft ?? null,
      };
    default:
      return undefined;
  }
}
