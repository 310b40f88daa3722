import { z } from 'zod';
import { trainingEventSchema } from './training.ts';

/**
 * Why a job (or any request to the host) failed. The code is for programs, the message and the hint are for people:
 * what is wrong and where; what to do about it.
 */
export const failureCodeSchema = z.enum([
  'usage',
  'bad-input',
  'not-found',
  'cancelled',
  'out-of-memory',
  'disk-full',
  'crashed',
  'killed',
  'not-responding',
  'no-backend',
  'unsupported',
  'newer-project',
  'damaged-project',
  'protocol',
  'internal',
]);
export type FailureCode = z.infer<typeof failureCodeSchema>;

export const failureSchema = z.object({
  code: failureCodeSchema,
  message: z.string(),
  hint: z.string().optional(),
});
export type Failure = z.infer<typeof failureSchema>;

/** An error that already knows what to tell the user; crosses process borders as its `Failure`. */
export class LiftscopeError extends Error {
  readonly code: FailureCode;
  readonly hint: string | undefined;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options);
    this.name = 'LiftscopeError';
    this.code = failure.code;
    this.hint = failure.hint;
  }

  toFailure(): Failure {
    return this.hint === undefined
      ? { code: this.code, message: this.message }
      : { code: this.code, message: this.message, hint: this.hint };
  }
}

export const jobStateSchema = z.enum(['queued', 'running', 'cancelling', 'finished', 'failed', 'cancelled']);
export type JobState = z.infer<typeof jobStateSchema>;

/** Progress of a job that is not a training: a fraction where it is known, and what is being done. */
const workEventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('work'),
    stage: z.string(),
    done: z.number().min(0),
    total: z.number().min(0),
    secondsLeft: z.number().min(0).optional(),
  }),
]);
export type WorkEvent = z.infer<typeof workEventSchema>;

/** Everything a worker may emit while it works. `preview` travels in the snapshot lane, all others in the ordered lane. */
export const jobEventSchema = z.discriminatedUnion('type', [
  ...trainingEventSchema.options,
  ...workEventSchema.options,
]);
export type JobEvent = z.infer<typeof jobEventSchema>;

/** Latest-wins: a newer snapshot replaces one that has not been delivered yet. */
export type SnapshotEvent = Extract<JobEvent, { type: 'preview' }>;
/** Ordered, never dropped. */
export type OrderedEvent = Exclude<JobEvent, SnapshotEvent>;

export function isSnapshot(event: JobEvent): event is SnapshotEvent {
  return event.type === 'preview';
}
