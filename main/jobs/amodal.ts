/** `amodal-masks`: whole silhouettes of a capture's tracked objects as a mask set, and the splats of each object. */
import { rm } from 'node:fs/promises';
import {
  type AmodalResult,
  type JobInputOf,
  LiftscopeError,
  MASKS_EXTENSION,
  type MaskSetInfo,
} from '../../contract/index.ts';
import type { Project } from '../project/index.ts';
import {
  AMODAL_MASKS,
  type AmodalInputs,
  keepObjectSplats,
  type ObjectSplats,
  prepareAmodal,
  withEarlierMasks,
} from '../tracks/index.ts';
import { framesForWorker } from './frames.ts';
import { type JobSupervision, runJob } from './run-job.ts';
import { findSceneTruth } from './scene-truth.ts';
import { chooseDepth } from './track.ts';

export interface AmodalOptions extends JobSupervision {
  /** Ids; default: all that are occluded in some frame and stand still. What earlier runs found of others stays. */
  readonly objects?: readonly number[];
  /** Names of the frames to mask; default: all. */
  readonly frames?: readonly string[];
  /** As tracking takes it. */
  readonly depth?: string;
  readonly fit?: JobInputOf<'amodal-masks'>['fit'];
  readonly backend?: 'auto' | 'wasm' | 'webgpu';
  readonly threads?: number;
  /** A job that is in the project already and that the caller ends where this rejects; absent: one is made. */
  readonly jobId?: number;
}

export interface AmodalOutcome {
  readonly jobId: number;
  /** Name of the mask set. */
  readonly masks: string;
  readonly result: AmodalResult;
}

const AMODAL_KIND = 'amodal-masks';

/**
 * Masks of the current capture's objects. Those and the splats of an earlier run make way for the new ones; where objects are named,
 * only theirs.
 * @throws LiftscopeError naming what is missing
 */
export async function makeAmodal(project: Project, options: AmodalOptions = {}): Promise<AmodalOutcome> {
  return amodalOfCapture(project, project.captures.current().id, options);
}

/** As {@link makeAmodal}, for any capture. @throws LiftscopeError naming what is missing */
export async function amodalOfCapture(
  project: Project,
  captureId: number,
  options: AmodalOptions,
): Promise<AmodalOutcome> {
  const { objects: wanted, frames: names, depth: kind, fit, backend, threads, jobId, ...run } = options;
  const stored = project.captures.get(captureId);
  if (stored === undefined) {
    throw new LiftscopeError({ code: 'not-found', message: `The project has no capture ${captureId}.` });
  }
  const frames = await framesForWorker(stored.capture);
  const truthDir = await findSceneTruth(stored.capture);
  const positions = positionsOf(frames, names);
  const depth = await chooseDepth(project, captureId, kind, truthDir !== undefined, 0);
  const seenPath = await project.artifacts.temporaryPath(MASKS_EXTENSION);
  const outputPath = await project.artifacts.temporaryPath(MASKS_EXTENSION);
  const mergedPath = await project.artifacts.temporaryPath(MASKS_EXTENSION);
  const temporaries = [seenPath, outputPath, mergedPath];
  try {
    const inputs = await prepareAmodal(project, stored, wanted, seenPath, run.signal);
    const { objects, classes } = inputs;
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
    const chosen = { objects: wanted, frames: names, depth: kind, fit };
    const job =
      jobId !== undefined
        ? { id: jobId }
        : project.jobs.create({
            kind: AMODAL_KIND,
            captureId,
            options: JSON.parse(JSON.stringify(chosen)),
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
            // Of several, those that never stand still are named and left out.
            required: wanted?.length === 1,
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
      const kept = await keep(project, captureId, job.id, { result, set, inputs, wanted, mergedPath });
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
      if (jobId === undefined) project.jobs.failed(job.id, failure.toFailure());
      throw failure;
    } finally {
      run.signal?.removeEventListener('abort', onAbort);
    }
  } finally {
    for (const file of temporaries) await rm(file, { force: true });
  }
}

interface Made {
  readonly result: AmodalResult;
  readonly set: MaskSetInfo;
  readonly inputs: AmodalInputs;
  readonly wanted: readonly number[] | undefined;
  readonly mergedPath: string;
}

/** The files become artifacts, the masks a set, the splats those of the objects. */
async function keep(
  project: Project,
  captureId: number,
  jobId: number,
  { result, set: info, inputs, wanted, mergedPath }: Made,
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
  const masks =
    wanted === undefined
      ? { path: result.masksPath, frames: result.frames }
      : await withEarlierMasks(
          ...([project, captureId, info, inputs.classIdOf, wanted, result.masksPath, mergedPath] as const),
        );
  const artifact = await project.artifacts.adopt(masks.path, MASKS_EXTENSION);
  project.maskSets.add({ captureId, info, artifact, frames: masks.frames, jobId });
  keepObjectSplats(project, captureId, splats, wanted);
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
