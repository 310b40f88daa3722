import { resolve } from 'node:path';
import type { JobInputOf, SceneResult } from '../../contract/index.ts';
import { type RunJobOptions, runJob } from './run-job.ts';

export type SceneOptions = JobInputOf<'generate-scene'> &
  Pick<RunJobOptions, 'signal' | 'killSignal' | 'onEvent' | 'onLog' | 'workerPath'>;

/** Rendering is done in threads of the worker; this long without a sign of life it hangs. */
const SCENE_SILENCE_MS = 10 * 60_000;

/**
 * Generates a scene in a worker process: a capture with its truth, a contact sheet, or both.
 * @throws LiftscopeError
 */
export function generateScene(options: SceneOptions): Promise<SceneResult> {
  const { signal, killSignal, onEvent, onLog, workerPath, outputDir, sheetPath, ...request } = options;
  return runJob(
    'generate-scene',
    {
      ...request,
      ...(outputDir !== undefined && { outputDir: resolve(outputDir) }),
      ...(sheetPath !== undefined && { sheetPath: resolve(sheetPath) }),
    },
    {
      silenceMs: SCENE_SILENCE_MS,
      ...(signal && { signal }),
      ...(killSignal && { killSignal }),
      ...(onEvent && { onEvent }),
      ...(onLog && { onLog }),
      ...(workerPath !== undefined && { workerPath }),
    },
  );
}
