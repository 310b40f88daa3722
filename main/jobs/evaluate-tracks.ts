import { rm } from 'node:fs/promises';
import { LiftscopeError, MASKS_EXTENSION, type TracksEvaluationResult } from '../../contract/index.ts';
import { writeMasksFile } from '../masks/index.ts';
import type { Project } from '../project/index.ts';
import { trackMasks } from '../tracks/index.ts';
import { type RunJobOptions, runJob } from './run-job.ts';
import { findSceneTruth } from './scene-truth.ts';

type EvaluateTracksOptions = Pick<RunJobOptions, 'signal' | 'killSignal' | 'onEvent' | 'onLog' | 'workerPath'>;

/**
 * The project's tracks as they would be exported, corrections included, against the truth of the generated scene.
 * @throws LiftscopeError `not-found` without tracks or truth
 */
export async function evaluateTracksOf(
  project: Project,
  options: EvaluateTracksOptions = {},
): Promise<TracksEvaluationResult> {
  const { capture } = project.captures.current();
  const truthDir = await findSceneTruth(capture);
  if (truthDir === undefined) {
    throw new LiftscopeError({
      code: 'not-found',
      message: 'The capture has no truth to compare its tracks with.',
      hint: 'Only generated scenes have one, where they were imported from.',
    });
  }
  const { set, frames } = trackMasks(project, options.signal);
  const masksPath = await project.artifacts.temporaryPath(MASKS_EXTENSION);
  try {
    await writeMasksFile(
      masksPath,
      () => set,
      async (add) => {
        for await (const frame of frames) await add(frame);
      },
    );
    const sizes = capture.frames.map(({ name, width, height }) => ({ name, width, height }));
    return await runJob('evaluate-tracks', { masksPath, truthDir, frames: sizes }, options);
  } finally {
    await rm(masksPath, { force: true });
  }
}
