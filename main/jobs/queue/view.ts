/** Jobs as the studio shows them: what the project keeps, and for one at work what only the queue knows. */
import { z } from 'zod';
import {
  type Failure,
  type JobSpec,
  type JobView,
  jobSpecSchema,
  type StudioJobKind,
  studioJobKindSchema,
  trainingEventSchema,
} from '../../../contract/index.ts';
import type { JobRow, Project } from '../../project/index.ts';
import { newestCheckpoint } from '../abandoned.ts';
import { type Progress, type RunnerTable, runnerOf } from './runner.ts';

/** Of a job whose choices this version does not understand, or that a command has made with choices of its own. */
const TITLES: { readonly [K in StudioJobKind]: string } = {
  'import-capture': 'Import a capture',
  'train-splats': 'Train splats',
  'evaluate-splats': 'Evaluate a model',
  'lift-objects': 'Lift objects',
  'segment-frames': 'Segment frames',
  'track-objects': 'Track objects',
  'amodal-masks': 'Amodal masks',
  'train-language': 'Train a language field',
};

export interface LiveJob {
  readonly progress: Progress;
  readonly device: string | null;
  readonly memoryBytes: number | null;
}

/** What the project could not keep of a job's end, because the disk was full. */
export interface UnsavedEnd {
  readonly failure: Failure;
  readonly finishedAt: number;
}

export interface ViewContext {
  readonly project: Project;
  readonly runners: RunnerTable;
  readonly live: LiveJob | undefined;
  readonly unsaved: UnsavedEnd | undefined;
  /** Number of the newest preview image; 0 without one. */
  readonly preview: number;
}

/** The job as it was asked for; undefined where this version does not understand it. */
export function specOf(row: JobRow): JobSpec | undefined {
  return jobSpecSchema.safeParse({ kind: row.kind, captureId: row.captureId, ...row.options }).data;
}

/** Undefined for a kind that the studio does not list. */
export function viewOf(row: JobRow, context: ViewContext): JobView | undefined {
  const kind = studioJobKindSchema.safeParse(row.kind).data;
  if (kind === undefined) return undefined;
  const { project, live, unsaved } = context;
  const ended = unsaved !== undefined || row.finishedAt !== null;
  const state = unsaved === undefined ? row.state : unsaved.failure.code === 'cancelled' ? 'cancelled' : 'failed';
  const spec = specOf(row);
  const asked = spec !== undefined && 'splatsId' in spec ? spec.splatsId : null;
  return {
    id: row.id,
    kind,
    title: spec === undefined ? TITLES[kind] : runnerOf(context.runners, spec).title(spec, row.captureName),
    state,
    priority: row.priority ?? 0,
    captureId: row.captureId,
    splatsId: project.jobs.splatsOf(row.id) ?? asked,
    progress: state === 'finished' ? 1 : (live?.progress.progress ?? null),
    detail: ended ? endOf(row, project) : (live?.progress.detail ?? (state === 'queued' ? 'Waiting' : '')),
    secondsLeft: ended ? null : (live?.progress.secondsLeft ?? null),
    device: live?.device ?? deviceOf(row, project),
    memoryBytes: ended ? null : (live?.memoryBytes ?? null),
    failure: unsaved?.failure ?? row.failure,
    resumable: ended && isResumable(project, row, context.runners),
    preview: context.preview,
    createdAt: row.createdAt,
    startedAt: row.startedAt,
    finishedAt: unsaved?.finishedAt ?? row.finishedAt,
  };
}

/** There is a checkpoint to go on from, and no other job does so already. */
export function isResumable(project: Project, row: JobRow, runners: RunnerTable): boolean {
  const kind = studioJobKindSchema.safeParse(row.kind).data;
  if (kind === undefined || !runners[kind].resumable || row.state === 'finished') return false;
  return newestCheckpoint(project, row) !== undefined && project.jobs.successorOf(row.id) === undefined;
}

function deviceOf(row: JobRow, project: Project): string | null {
  if (row.startedAt === null) return null;
  const started = trainingEventSchema.safeParse(project.jobs.firstEvent(row.id, 'started')?.event).data;
  return started?.type === 'started' ? deviceWords(started) : null;
}

export function deviceWords({
  backend,
  threads,
  device,
}: {
  backend: string;
  threads: number;
  device: string;
}): string {
  return backend === 'wasm' ? `wasm, ${threads} ${threads === 1 ? 'thread' : 'threads'}` : `${backend}, ${device}`;
}

const endSchema = z.object({
  seconds: z.number().optional(),
  gaussians: z.number().optional(),
  psnr: z.number().nullish(),
  trainFrames: z.number().optional(),
  holdoutFrames: z.number().optional(),
});

/** The figures of a finished job. */
function endOf(row: JobRow, project: Project): string {
  if (row.state !== 'finished') return '';
  const end = project.jobs.result(
    row.id,
    z.unknown().transform((value) => endSchema.safeParse(value).data ?? {}),
  );
  if (end === undefined) return '';
  const parts = [
    ...(end.trainFrames === undefined ? [] : [`${end.trainFrames + (end.holdoutFrames ?? 0)} frames`]),
    ...(end.psnr == null ? [] : [`PSNR ${end.psnr.toFixed(2)} dB`]),
    ...(end.gaussians === undefined ? [] : [`${end.gaussians} Gaussians`]),
    ...(end.seconds === undefined ? [] : [`${end.seconds < 10 ? end.seconds.toFixed(1) : end.seconds.toFixed(0)} s`]),
  ];
  return parts.join(', ');
}
