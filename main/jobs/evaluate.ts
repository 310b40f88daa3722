import type { z } from 'zod';
import {
  type BackendChoice,
  type EvaluationResult,
  LiftscopeError,
  type TrainingFrame,
  trainingResultSchema,
} from '../../contract/index.ts';
import type { Project, SplatsRow, StoredCapture } from '../project/index.ts';
import { framesForWorker } from './frames.ts';
import { type RunJobOptions, runJob } from './run-job.ts';
import { findSceneTruth } from './scene-truth.ts';

export interface EvaluateOptions
  extends Pick<
    RunJobOptions,
    | 'signal'
    | 'killSignal'
    | 'onSpawn'
    | 'onEvent'
    | 'onLog'
    | 'onMemory'
    | 'workerPath'
    | 'nodePath'
    | 'ladder'
    | 'silenceMs'
    | 'audience'
    | 'backgroundPriority'
  > {
  readonly backend?: BackendChoice;
  readonly threads?: number;
  /** Which frames to score; default the held-out ones. */
  readonly frames?: 'holdout' | 'train' | 'all';
}

const figuresSchema = trainingResultSchema.pick({
  seconds: true,
  iterationsPerSecond: true,
  iterations: true,
  seed: true,
});

/** How the evaluated splats came to be; null for splats that were not trained here. */
export type TrainingFigures = { [K in keyof z.infer<typeof figuresSchema>]: number | null };

export interface EvaluationOutcome {
  readonly result: EvaluationResult;
  readonly splats: SplatsRow;
  readonly training: TrainingFigures;
}

/**
 * Renders the newest splats of the project's capture from its own cameras and compares with the photos, and with the truth
 * where the capture is a generated scene that still lies where it was imported from.
 * @throws LiftscopeError
 */
export async function evaluateProject(project: Project, options: EvaluateOptions = {}): Promise<EvaluationOutcome> {
  const stored = project.captures.current();
  return evaluateSplats(project, stored, latestSplats(project, stored.id), options);
}

/** As {@link evaluateProject}, for any splats of any capture. */
export async function evaluateSplats(
  project: Project,
  stored: StoredCapture,
  splats: SplatsRow,
  options: EvaluateOptions = {},
): Promise<EvaluationOutcome> {
  const { frames: which = 'holdout', backend, threads, ...run } = options;
  const all = await framesForWorker(stored.capture);
  const frames = all.filter((frame: TrainingFrame) => which === 'all' || frame.role === which);
  if (frames.length === 0) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `The capture has no ${which === 'holdout' ? 'held-out' : 'training'} frames to evaluate on.`,
      hint: 'Import it with --holdout 8 (every 8th frame), or evaluate with --frames all.',
    });
  }
  const splatsPath = project.artifacts.path(splats.artifact);
  const truthDir = await findSceneTruth(stored.capture);
  const truth = truthDir !== undefined && {
    truthDir,
    baselineFrames: all.filter((frame) => frame.role === 'train'),
  };
  const result = await runJob('evaluate-splats', { splatsPath, frames, ...truth, backend, threads }, run);
  if (which === 'holdout') project.splats.recordQuality(splats.id, null, null, result);
  const trained = splats.jobId === null ? undefined : project.jobs.result(splats.jobId, figuresSchema);
  const training = trained ?? { seconds: null, iterationsPerSecond: null, iterations: null, seed: null };
  return { result, splats, training };
}

/** @throws LiftscopeError `not-found` when nothing has been trained yet */
export function latestSplats(project: Project, captureId: number): SplatsRow {
  const splats = project.splats.latest(captureId);
  if (splats !== undefined) return splats;
  throw new LiftscopeError({
    code: 'not-found',
    message: 'This project holds no trained splats yet.',
    hint: 'Train them with: liftscope train DIR',
  });
}
