import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type BackendChoice, LiftscopeError, type RenderResult } from '../../contract/index.ts';
import type { Project } from '../project/index.ts';
import { latestSplats } from './evaluate.ts';
import { framesForWorker } from './frames.ts';
import { type RunJobOptions, runJob } from './run-job.ts';

export interface RenderOptions extends Pick<RunJobOptions, 'signal' | 'killSignal' | 'onLog' | 'workerPath'> {
  /** Name of the frame whose camera looks. */
  readonly frame: string;
  /** PNG to write. */
  readonly outputPath: string;
  readonly channel?: 'colour' | 'depth' | 'alpha';
  readonly backend?: BackendChoice;
  readonly threads?: number;
}

/**
 * Renders the newest splats from the camera of one frame.
 * @throws LiftscopeError
 */
export async function renderProject(project: Project, options: RenderOptions): Promise<RenderResult> {
  const { frame: name, outputPath, channel, backend, threads, ...run } = options;
  const stored = project.captures.current();
  const splats = latestSplats(project, stored.id);
  const frames = await framesForWorker(stored.capture);
  const frame = frames.find((candidate) => candidate.name === name);
  if (frame === undefined) {
    const examples = frames.slice(0, 3).map((candidate) => candidate.name);
    throw new LiftscopeError({
      code: 'bad-input',
      message: `The capture has no frame named "${name}".`,
      hint: `Frames are named like ${examples.join(', ')}${frames.length > 3 ? ', …' : ''}.`,
    });
  }
  const path = resolve(outputPath);
  if ((await stat(dirname(path)).catch(() => undefined))?.isDirectory() !== true) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `The folder ${dirname(path)} does not exist.`,
      hint: 'Create it first.',
    });
  }
  const { imagePath: _imagePath, name: _name, role: _role, ...view } = frame;
  return runJob(
    'render-splats',
    { splatsPath: project.artifacts.path(splats.artifact), view, outputPath: path, channel, backend, threads },
    run,
  );
}
