/** `track`: 2D tracks of the current capture refined in 3D, into the project's objects, tracks and observations. */
import { basename } from 'node:path';
import type { z } from 'zod';
import {
  type DepthSource,
  type FeatureSource,
  LiftscopeError,
  MASKS_EXTENSION,
  type MaskSetInfo,
  type TeacherNoise,
  TRACKS_EXTENSION,
  type TrackingRecipe,
  type TrackingResult,
  type TracksSource,
} from '../../contract/index.ts';
import { MasksFile } from '../masks/index.ts';
import { installedModels, modelFolderOf } from '../models/index.ts';
import type { Project } from '../project/index.ts';
import {
  AMODAL_MASKS,
  beginReview,
  locksOfProject,
  type StoredTracks,
  stateOfTracks,
  storeTracks,
} from '../tracks/index.ts';
import { framesForWorker } from './frames.ts';
import { type JobSupervision, runJob } from './run-job.ts';
import { findSceneTruth } from './scene-truth.ts';

type Json = z.core.util.JSONType;

export interface TrackOptions extends JobSupervision {
  readonly recipe?: TrackingRecipe;
  /**
   * Name of a mask set with consistent ids, or `simulated`, `simulated:none`, `simulated:harsh` for a generated scene. Default: the
   * newest set with consistent ids, else the simulated tracker.
   */
  readonly masks?: string;
  /**
   * `simulated`, `splats`, `none`, or a depth network by its name or folder. Default: `simulated` for a generated scene, else the
   * newest splats, else none.
   */
  readonly depth?: string;
  /**
   * `gradients`, or a network of visual features by its name or folder. Default `auto`: the first that is installed, else
   * gradients.
   */
  readonly features?: string;
  readonly parameters?: Readonly<Record<string, Json>>;
  readonly seed?: number;
  /** A job that is in the project already and that the caller ends where this rejects; absent: one is made. */
  readonly jobId?: number;
  /** Also propose masks and merges, and keep what was before until a person decides: for the studio. */
  readonly interactive?: boolean;
}

export interface TrackOutcome {
  readonly jobId: number;
  readonly masks: string;
  readonly result: TrackingResult;
  readonly stored: StoredTracks;
}

const TRACKING_KIND = 'track-objects';
/** Name of the set that the simulated tracker's masks go to. */
const SIMULATED_SET = 'simulated tracker';

/**
 * Tracks the current capture. What a person locked, made or corrected is kept, and tracking goes by it.
 * @throws LiftscopeError
 */
export async function trackProject(project: Project, options: TrackOptions = {}): Promise<TrackOutcome> {
  return trackCapture(project, project.captures.current().id, options);
}

/** As {@link trackProject}, for any capture. @throws LiftscopeError */
export async function trackCapture(project: Project, captureId: number, options: TrackOptions): Promise<TrackOutcome> {
  const {
    recipe = 'spatial',
    masks: wanted,
    depth: kind,
    features: look,
    parameters,
    seed = 0,
    jobId,
    interactive = false,
    ...run
  } = options;
  const stored = project.captures.get(captureId);
  if (stored === undefined) {
    throw new LiftscopeError({ code: 'not-found', message: `The project has no capture ${captureId}.` });
  }
  const frames = await framesForWorker(stored.capture);
  const truthDir = await findSceneTruth(stored.capture);
  const simulatedMasks = await project.artifacts.temporaryPath(MASKS_EXTENSION);
  const masks = chooseMasks(project, captureId, wanted, truthDir !== undefined, seed, simulatedMasks);
  const features = await chooseFeatures(look);
  const depth = await chooseDepth(project, captureId, kind, truthDir !== undefined, seed);
  const locks = await locksOfProject(project, captureId);
  const appearance = features.kind === 'model' ? basename(features.modelDir) : features.kind;
  const chosen = {
    recipe,
    masks: masks.name,
    depth: depth.kind,
    features: appearance,
    parameters: { ...parameters },
    seed,
  };
  const job =
    jobId !== undefined
      ? { id: jobId }
      : project.jobs.create({
          kind: TRACKING_KIND,
          captureId,
          options: JSON.parse(JSON.stringify({ ...chosen, locks: locks.length })),
          checkpointDir: null,
          resumedFrom: null,
        });
  const onAbort = (): void => project.jobs.cancelling(job.id);
  run.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const outputPath = await project.artifacts.temporaryPath(TRACKS_EXTENSION);
    const result = await runJob(
      TRACKING_KIND,
      {
        ...{ frames, recipe, masks: masks.source, depth, features, parameters: chosen.parameters, locks, outputPath },
        proposals: interactive,
        ...(stored.pointsArtifact !== undefined && {
          points: { path: project.artifacts.path(stored.pointsArtifact), count: stored.capture.points.count },
        }),
        ...(truthDir !== undefined && { truthDir }),
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
    if (result.masksPath !== undefined) await adoptSimulated(project, captureId, result, job.id);
    const artifact = await project.artifacts.adopt(result.tracksPath, TRACKS_EXTENSION);
    const tracksPath = project.artifacts.path(artifact);
    const set = project.maskSets.get(captureId, masks.name);
    if (set === undefined) throw new LiftscopeError({ code: 'internal', message: 'The tracked masks are gone.' });
    await using file = await MasksFile.open(project.artifacts.path(set.artifact));
    const { signal } = run;
    const before = interactive ? stateOfTracks(project, captureId) : undefined;
    const written = await storeTracks(project, { captureId, jobId: job.id, tracksPath, masks: file, signal });
    if (before !== undefined) await beginReview(project, captureId, job.id, before);
    const { masksPath: _, ...kept } = result;
    const final = { ...kept, tracksPath };
    project.jobs.finished(job.id, JSON.parse(JSON.stringify(final)));
    return { jobId: job.id, masks: masks.name, result: final, stored: written };
  } catch (error) {
    const failure =
      error instanceof LiftscopeError
        ? error
        : new LiftscopeError({ code: 'internal', message: `Tracking failed: ${String(error)}` }, { cause: error });
    if (jobId === undefined) project.jobs.failed(job.id, failure.toFailure());
    throw failure;
  } finally {
    run.signal?.removeEventListener('abort', onAbort);
  }
}

/** The simulated tracker's masks become a set of the project, as if they had been imported. */
async function adoptSimulated(
  project: Project,
  captureId: number,
  { masksPath, frames }: TrackingResult,
  jobId: number,
): Promise<void> {
  const file = await MasksFile.open(masksPath!);
  const info: MaskSetInfo = file.set;
  await file[Symbol.asyncDispose]();
  const artifact = await project.artifacts.adopt(masksPath!, MASKS_EXTENSION);
  project.maskSets.add({ captureId, info: { ...info, name: SIMULATED_SET }, artifact, frames, jobId });
}

/** @throws LiftscopeError `not-found` naming the sets that there are */
function chooseMasks(
  project: Project,
  captureId: number,
  name: string | undefined,
  hasTruth: boolean,
  seed: number,
  writeMasksTo: string,
): { name: string; source: TracksSource } {
  const sets = project.maskSets.list(captureId);
  const usable = sets.filter(
    ({ info }) => info.consistentIds && info.name !== SIMULATED_SET && info.name !== AMODAL_MASKS,
  );
  const wanted = name ?? usable.at(-1)?.info.name ?? (hasTruth ? 'simulated' : undefined);
  const set = wanted === undefined ? undefined : project.maskSets.get(captureId, wanted);
  if (wanted !== undefined && set !== undefined) {
    return { name: wanted, source: { kind: 'file', path: project.artifacts.path(set.artifact) } };
  }
  const noise = /^simulated(?::(none|default|harsh))?$/.exec(wanted ?? '');
  if (noise !== null && hasTruth) {
    const preset = (noise[1] ?? 'default') as TeacherNoise;
    return { name: SIMULATED_SET, source: { kind: 'simulated', noise: preset, seed, writeMasksTo } };
  }
  const known = [...sets.map(({ info }) => info.name), ...(hasTruth ? ['simulated'] : [])];
  throw new LiftscopeError({
    code: 'not-found',
    message:
      name === undefined
        ? 'The capture has no masks whose ids go on from frame to frame.'
        : `The capture has no masks named "${name}".`,
    hint:
      known.length === 0
        ? 'Import tracks first: liftscope masks import DIR FILE --consistent'
        : `Known: ${known.join(', ')}.`,
  });
}

async function chooseFeatures(wanted = 'auto'): Promise<FeatureSource> {
  if (wanted === 'gradients') return { kind: wanted };
  if (wanted !== 'auto') return { kind: 'model', modelDir: await modelFolderOf(wanted, 'Option --features') };
  const [first] = await installedModels('dino');
  return first === undefined
    ? { kind: 'gradients' }
    : { kind: 'model', modelDir: await modelFolderOf(first, 'Option --features') };
}

/** @throws LiftscopeError `not-found` for splats that are not there */
export async function chooseDepth(
  project: Project,
  captureId: number,
  kind: string | undefined,
  hasTruth: boolean,
  seed: number,
): Promise<DepthSource> {
  const splats = project.splats.latest(captureId);
  const chosen = kind ?? (hasTruth ? 'simulated' : splats === undefined ? 'none' : 'splats');
  switch (chosen) {
    case 'none':
      return { kind: chosen };
    case 'simulated':
      return { kind: chosen, noise: 'default', seed };
    case 'splats':
      if (splats !== undefined) return { kind: chosen, path: project.artifacts.path(splats.artifact) };
      throw new LiftscopeError({
        code: 'not-found',
        message: 'The capture has no splats that depth could come from.',
        hint: 'Run liftscope train first, or use --depth none.',
      });
    default:
      return { kind: 'model', modelDir: await modelFolderOf(chosen, 'Option --depth') };
  }
}
