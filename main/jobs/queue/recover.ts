/** What a studio that was killed, or a command, has left in a project. */
import type { Failure } from '../../../contract/index.ts';
import { type JobRow, lockForTraining, type Project } from '../../project/index.ts';
import { abandonedFailure, isAlive, orphanEnded } from '../abandoned.ts';

export interface Recovery {
  /** Jobs whose worker still lives: it has lost its host and will end by itself, a training after a last checkpoint. */
  readonly orphans: readonly number[];
  /** Waits for those workers and ends their jobs, unless `given up` says that nobody is interested any more. */
  readonly ended: (givenUp: () => boolean) => Promise<void>;
}

/**
 * Ends, in words, every job that no living process answers for. Whoever holds the queue's lock may call this, before it
 * starts anything. Waiting jobs of the queue are left to wait; what a command is at work on is left to the command.
 */
export function recover(project: Project, end: (job: JobRow, failure: Failure) => void): Recovery {
  const unfinished = project.jobs.unfinished();
  const ofCommands = commandIsAtWork(project) ? [] : unfinished.filter(({ priority }) => priority === null);
  const ofStudio = unfinished.filter(({ priority, state }) => priority !== null && state !== 'queued');
  const abandoned = [
    ...ofStudio.map((job) => ({ job, what: 'The studio was closed or killed while this job ran' })),
    ...ofCommands.map((job) => ({ job, what: 'The command that ran this job was ended or killed' })),
  ];
  const living = abandoned.filter(({ job }) => job.workerPid !== null && isAlive(job.workerPid));
  for (const { job, what } of abandoned) {
    if (!living.some((other) => other.job.id === job.id)) end(job, abandonedFailure(what, project, job));
  }
  for (const { job } of living) project.jobs.cancelling(job.id);
  return {
    orphans: living.map(({ job }) => job.id),
    ended: async (givenUp) => {
      for (const { job, what } of living) {
        await orphanEnded(job.workerPid, givenUp);
        if (!givenUp()) end(job, abandonedFailure(what, project, job));
      }
    },
  };
}

/** A training holds its lock from before its row exists until after its end. */
function commandIsAtWork(project: Project): boolean {
  try {
    lockForTraining(project.folder)[Symbol.dispose]();
    return false;
  } catch {
    return true;
  }
}
