/** `amodal-masks`: whole silhouettes of the current capture's tracked objects as a mask set, and the splats of each object. */
import { rm } from 'node:fs/promises';
import {
  type AmodalResult,
  type JobInputOf,
  LiftscopeError,
  MASKS_EXTENSION,
  type MaskSetInfo,
} from '../../contract/index.ts';
import type { Project } from '../project/index.ts';
import { AMODAL_MASKS, keepObjectSplats, type ObjectSplats, prepareAmodal } from '../tracks/index.ts';
import { framesForWorker } from './frames.ts';
import { type RunJobOptions, runJob } from './run-job.ts';
import { findSceneTruth } from './scene-truth.ts';
import { chooseDepth } from './track.ts';

export interface AmodalOptions
  extends Pick<RunJobOptions, 'signal' | 'killSignal' | 'onEvent' | 'onLog' | 'onSpawn' | 'workerPath' | 'nodePath'> {
  /** Ids; default: all that are occluded in some frame and stand still. */
  readonly objects?: readonly number[];
  /** Names of the frames to mask; default: all. */
  readonly frames?: readonly string[];
  /** As tracking takes it. */
  readonly depth?: string;
  readonly fit?: JobInputOf<'amodal-masks'>['fit'];
  readonly backend?: 'auto' | 'wasm' | 'webgpu';
  readonly threads?: number;
}

export interface AmodalOutcome {
  readonly jobId: number;
  /** Name of the mask set. */
  readonly masks: string;
  readonly result: AmodalResult;
}

const AMODAL_KIND = 'amodal-masks';

/** The masks and splats of an earlier run make way for those of this one. @throws LiftscopeError naming what is missing */
export async function makeAmodal(project: Project, options: AmodalOptions = {}): Promise<AmodalOutcome> {
  const { objects: wanted, frames: names, depth: kind, fit, backend, threads, ...run } = options;
  const stored = project.captures.current();
  const captureId = stored.id;
  const frames = await framesForWorker(stored.capture);
  const truthDir = await findSceneTruth(stored.capture);
  const positions = positionsOf(frames, names);
  const depth = await chooseDepth(project, captureId, kind, truthDir !== undefined, 0);
  const seenPath = await project.artifacts.temporaryPath(MASKS_EXTENSION);
  const outputPath = await project.artifacts.temporaryPath(MASKS_EXTENSION);
  const temporaries = [seenPath, outputPath];
  try {
    const { objects, classes } = await prepareAmodal(project, wanted, seenPath, run.signal);
    if (depth.kind === 'none') {
      throw new LiftscopeError({
        code: 'not-found',
        message: 'The capture has no splats, and nothing else that tells where its objects stand.',
        hint: 'Run liftscope train first, or name an installed depth model with --depth.',
      });
    }
    const set: MaskSetInfo = {
      name: AMODAL_MASKS,
      provenance: {
        kind: 'lifted',
        source: 'object-only splats',
        parameters: JSON.parse(JSON.stringify({ ...fit, depth: depth.kind })),
      },
      consistentIds: true,
      classes: [...classes],
    };
    const chosen = { objects: objects.map(({ record }) => record.id), depth: depth.kind, fit: { ...fit } };
    const job = project.jobs.create({
      kind: AMODAL_KIND,
      captureId,
      options: JSON.parse(JSON.stringify({ ...chosen, frames: positions.length })),
      checkpointDir: null,
      resumedFrom: null,
    });
    const onAbort = (): void => project.jobs.cancelling(job.id);
    run.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const result = await runJob(
        AMODAL_KIND,
        {
          ...{ frames, masksPath: seenPath, depth, positions, set, outputPath },
          ...(stored.pointsArtifact !== undefined && {
            points: { path: project.artifacts.path(stored.pointsArtifact), count: stored.capture.points.count },
          }),
          ...(truthDir !== undefined && { truthDir }),
          objects: objects.map(({ record, classId, absent }) => ({
            ...{ id: record.id, name: `Object ${record.id} (${record.name})`.slice(0, 200), absent: [...absent] },
            ...(classId !== undefined && { classId }),
            required: wanted !== undefined,
          })),
          ...{ fit, backend, threads },
        },
        {
          ...run,
          onSpawn: (pid) => {
            project.jobs.started(job.id, pid);
            run.onSpawn?.(pid);
          },
          onEvent: (event) => {
            project.jobs.appendEvent(job.id, event);
            run.onEvent?.(event);
          },
        },
      );
      const kept = await keep(project, captureId, job.id, result, set);
      project.jobs.finished(job.id, JSON.parse(JSON.stringify(kept)));
      return { jobId: job.id, masks: set.name, result: kept };
    } catch (error) {
      const failure =
        error instanceof LiftscopeError
          ? error
          : new LiftscopeError(
              { code: 'internal', message: `Amodal masks failed: ${String(error)}` },
              { cause: error },
            );
      project.jobs.failed(job.id, failure.toFailure());
      throw failure;
    } finally {
      run.signal?.removeEventListener('abort', onAbort);
    }
  } finally {
    for (const file of temporaries) await rm(file, { force: true });
  }
}

/** The files become artifacts, the masks a set, the splats those of the objects. */
async function keep(
  project: Project,
  captureId: number,
  jobId: number,
  result: AmodalResult,
  info: MaskSetInfo,
): Promise<AmodalResult> {
  const splats: ObjectSplats[] = [];
  const objects: AmodalResult['objects'] = [];
  for (const object of result.objects) {
    const intervals: AmodalResult['objects'][number]['intervals'] = [];
    for (const { splatsPath, ...interval } of object.intervals) {
      const artifact = await project.artifacts.adopt(splatsPath, 'splats');
      const { from, to, gaussians } = interval;
      splats.push({ objectId: object.id, from, to, gaussians, artifact });
      intervals.push({ ...interval, splatsPath: project.artifacts.path(artifact) });
    }
    objects.push({ ...object, intervals });
  }
  const artifact = await project.artifacts.adopt(result.masksPath, MASKS_EXTENSION);
  project.maskSets.add({ captureId, info, artifact, frames: result.frames, jobId });
  keepObjectSplats(project, captureId, splats);
  return { ...result, objects, masksPath: project.artifacts.path(artifact) };
}

function positionsOf(frames: readonly { readonly name: string }[], names: readonly string[] | undefined): number[] {
  if (names === undefined) return frames.map((_, position) => position);
  const known = new Map(frames.map(({ name }, position) => [name, position]));
  const positions = new Set<number>();
  for (const name of names) {
    const position = known.get(name);
    if (position === undefined) {
      throw new LiftscopeError({
        code: 'not-found',
        message: `The capture has no frame "${name}".`,
        hint: `Its frames are named like ${frames[0]?.name ?? ''}.`,
      });
    }
    positions.add(position);
  }
  return [...positions].sort((a, b) => a - b);
}
