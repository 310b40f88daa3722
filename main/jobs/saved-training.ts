import { z } from 'zod';
import {
  backendChoiceSchema,
  LiftscopeError,
  type TrainingParameters,
  trainingParametersSchema,
} from '../../contract/index.ts';
import type { JobRow } from '../project/index.ts';

/** What of a training's choices a later one that continues it must repeat. */
const savedTrainingSchema = z.object({
  parameters: trainingParametersSchema,
  backend: backendChoiceSchema,
  threads: z.number().int(),
  memoryBudgetBytes: z.number().int().optional(),
});
export type SavedTraining = z.infer<typeof savedTrainingSchema>;

const rawSchema = z.object({ parameters: z.record(z.string(), z.json()) });

/**
 * The choices of an earlier training, exactly as it ran.
 *
 * A version with other parameters is told apart from a damaged row: filling in today's default for a parameter that did
 * not exist then would be another training, under the old one's name.
 *
 * @throws LiftscopeError `bad-input` naming what has changed between the versions
 */
export function savedTraining(job: Pick<JobRow, 'options'>): SavedTraining {
  const raw = rawSchema.safeParse(job.options);
  const known = Object.keys(trainingParametersSchema.shape);
  const before = Object.keys(raw.data?.parameters ?? {});
  const added = known.filter((name) => !before.includes(name));
  const dropped = before.filter((name) => !known.includes(name));
  const saved = savedTrainingSchema.safeParse(job.options);
  if (saved.success && added.length === 0) return saved.data;
  const changes = [
    ...(added.length > 0 ? [`it did not know ${added.join(', ')}`] : []),
    ...(dropped.length > 0 ? [`it knew ${dropped.join(', ')}, which this one does not`] : []),
  ];
  if (changes.length === 0) {
    const issue = saved.error?.issues[0];
    changes.push(
      `this one does not accept its ${issue?.path.join('.') ?? 'options'}: ${issue?.message ?? 'not valid'}`,
    );
  }
  throw new LiftscopeError({
    code: 'bad-input',
    message: `This training was started by another version of Liftscope, whose trainer has changed since: ${changes.join('; ')}. It cannot be continued exactly.`,
    hint: 'Start a new training, or continue this one with the version that started it.',
  });
}

/** @throws LiftscopeError when a resumed training is asked to go on with other parameters than it began with */
export function mergeParameters(
  asked: Partial<TrainingParameters>,
  saved: TrainingParameters | undefined,
): TrainingParameters {
  if (saved === undefined) return trainingParametersSchema.parse(asked);
  for (const [name, value] of Object.entries(asked)) {
    const before: unknown = saved[name as keyof TrainingParameters];
    if (JSON.stringify(value) !== JSON.stringify(before)) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `The interrupted training has ${name} ${String(before)}; it cannot go on with ${String(value)}.`,
        hint: 'Leave the option out to resume, or leave out --resume to start a new training.',
      });
    }
  }
  return saved;
}
