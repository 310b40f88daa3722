import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Failure } from '../../contract/index.ts';
import type { JobRow, Project } from '../project/index.ts';

/** A worker that lost its host ends itself within 8 s; whoever still has its process id after this is somebody else. */
const ORPHAN_WAIT_MS = 12_000;
const ORPHAN_POLL_MS = 50;

/** Resolves when the worker of a dead host has ended too, is certain not to be ours, or nobody waits for it any more. */
export async function orphanEnded(workerPid: number | null, givenUp = () => false): Promise<void> {
  const deadline = performance.now() + ORPHAN_WAIT_MS;
  while (workerPid !== null && isAlive(workerPid) && performance.now() < deadline && !givenUp()) {
    await sleep(ORPHAN_POLL_MS);
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process of that number is alive as well.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return !isZombie(pid);
}

/** Where nobody collects orphans (containers without an init process), one that has ended keeps its number for ever. */
function isZombie(pid: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * Iteration of the newest checkpoint; undefined without one. Looks at the files: what a worker wrote after its host had
 * died is in no table.
 */
export function newestCheckpoint(project: Project, job: Pick<JobRow, 'checkpointDir'>): number | undefined {
  if (job.checkpointDir === null) return undefined;
  let newest: number | undefined;
  for (const name of namesIn(project.insidePath(job.checkpointDir))) {
    const digits = /(\d{1,9})\.checkpoint$/.exec(name)?.[1];
    if (digits !== undefined && Number(digits) >= (newest ?? 0)) newest = Number(digits);
  }
  return newest;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * Ends trainings of commands and studios that died. Only for who holds the training lock: then none of them can be at work.
 * Waiting jobs of a studio's queue are left to it.
 */
export async function endAbandonedTrainings(project: Project, kind: string, exceptId?: number): Promise<void> {
  for (const job of project.jobs.unfinished()) {
    if (job.kind !== kind || job.id === exceptId || (job.state === 'queued' && job.priority !== null)) continue;
    await orphanEnded(job.workerPid);
    project.jobs.failed(job.id, abandonedFailure('The program ended while this training was running', project, job));
  }
}

/** @param what without its full stop */
export function abandonedFailure(what: string, project: Project, job: JobRow): Failure {
  const iteration = newestCheckpoint(project, job);
  return iteration === undefined
    ? { code: 'crashed', message: `${what}.`, hint: 'Start it again.' }
    : {
        code: 'crashed',
        message: `${what}; its last checkpoint is at iteration ${iteration}.`,
        hint: `Resume continues from iteration ${iteration}.`,
      };
}
