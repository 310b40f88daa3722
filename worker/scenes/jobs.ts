/** The job behind `scene`: a capture with its truth, what the simulated teachers are worth on it, and a contact sheet. */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type JobEvent, LiftscopeError, type SceneRequest, type SceneResult } from '../../contract/index.ts';
import { createScene } from './create.ts';
import type { Scene } from './scene.ts';
import { contactSheet } from './sheet.ts';
import { measureTeachers } from './teacher-quality.ts';
import { readSceneTruth, writeSceneCapture } from './truth/index.ts';

interface SceneJobContext {
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
}

/**
 * Generates one scene. The capture's folder is complete afterwards, or, after a failure or cancellation, as it was.
 * @throws LiftscopeError `usage` for an option that the scene does not take, `bad-input` for a folder that cannot be used
 */
export async function generateScene(request: SceneRequest, context: SceneJobContext): Promise<SceneResult> {
  const { outputDir, sheetPath } = request;
  const { signal, emit } = context;
  if (outputDir !== undefined) await requireEmpty(outputDir);
  if (sheetPath !== undefined) await mkdir(dirname(sheetPath), { recursive: true });

  emit({ type: 'work', stage: 'layout', done: 0, total: 1 });
  const [scene, layout] = await timed(() => create(request, signal));
  const [capture, captureSeconds] = await timed(async () =>
    outputDir === undefined ? null : await write(scene, outputDir, request, context),
  );
  const [teachers, teacherSeconds] = await timed(async () => {
    if (outputDir === undefined) return null;
    const progress = progressOf('teachers', emit);
    return measureTeachers(await readSceneTruth(outputDir), request.noise, request.seed, signal, progress);
  });
  const [, sheetSeconds] = await timed(async () => {
    if (sheetPath === undefined) return;
    emit({ type: 'work', stage: 'contact sheet', done: 0, total: 1 });
    await writeWhole(sheetPath, await contactSheet(scene, { ...threadsOf(request), signal }));
  });

  const { width, height } = scene.frames[0]!.view.intrinsics;
  return {
    scene: request.scene,
    seed: request.seed,
    objects: scene.objects.length,
    width,
    height,
    capture: capture && teachers && { ...capture, teachers },
    sheetPath: sheetPath ?? null,
    seconds: { layout, capture: captureSeconds, teachers: teacherSeconds, sheet: sheetSeconds },
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  };
}

async function create(request: SceneRequest, signal: AbortSignal): Promise<Scene> {
  const { scene: kind, seed, objects, views, size } = request;
  if (kind === 'turntable' && views !== undefined) {
    throw new LiftscopeError({
      code: 'usage',
      message: 'A turntable has five views of each object; their number cannot be chosen.',
      hint: 'Leave out --views, or choose the number of --objects.',
    });
  }
  try {
    return await createScene({
      kind,
      seed,
      ...(objects !== undefined && { objects }),
      ...(views !== undefined && { views }),
      ...(size !== undefined && { size }),
      signal,
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new LiftscopeError({ code: 'usage', message: `${kind}: ${error.message}` }, { cause: error });
  }
}

async function write(scene: Scene, outputDir: string, request: SceneRequest, { signal, emit }: SceneJobContext) {
  const { frames, points, checks } = await writeSceneCapture(scene, outputDir, {
    ...threadsOf(request),
    signal,
    onProgress: progressOf('frames', emit),
  });
  const testFrames = scene.frames.filter(({ split }) => split === 'test').length;
  return { path: outputDir, frames, testFrames, points, checks };
}

function threadsOf({ threads }: SceneRequest): { threads?: number } {
  return threads > 0 ? { threads } : {};
}

/** Before minutes of rendering are spent on it. */
async function requireEmpty(folder: string): Promise<void> {
  const hint = 'Name a folder that does not exist yet: --out DIR';
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return;
    const message = code === 'ENOTDIR' ? `${folder} is a file.` : `${folder} cannot be used: ${String(error)}`;
    throw new LiftscopeError({ code: 'bad-input', message, hint }, { cause: error });
  }
  if (entries.length === 0) return;
  const message = `${folder} is not empty; a scene would be mixed with what is there.`;
  throw new LiftscopeError({ code: 'bad-input', message, hint });
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await writeFile(partial, bytes);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw new LiftscopeError(
      {
        code: 'bad-input',
        message: `${path} cannot be written: ${String(error)}`,
        hint: 'Name another file: --sheet FILE',
      },
      { cause: error },
    );
  }
}

function progressOf(stage: string, emit: SceneJobContext['emit']): (done: number, total: number) => void {
  const startedAt = performance.now();
  return (done, total) => {
    const secondsLeft =
      done === 0 ? {} : { secondsLeft: ((performance.now() - startedAt) / 1000 / done) * (total - done) };
    emit({ type: 'work', stage, done, total, ...secondsLeft });
  };
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const startedAt = performance.now();
  const result = await work();
  return [result, (performance.now() - startedAt) / 1000];
}
