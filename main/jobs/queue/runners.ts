/** The kinds of jobs that the studio's queue can run. A kind of the contract that is not in here does not compile. */
import { basename } from 'node:path';
import { z } from 'zod';
import {
  type BackendChoice,
  type BackendName,
  type LiftingRecipe,
  LiftscopeError,
  liftingRecipeSchema,
  liftingRecipes,
  trainingParametersSchema,
} from '../../../contract/index.ts';
import { lockForTraining, type Project, type SplatsRow, type StoredCapture } from '../../project/index.ts';
import { endAbandonedTrainings, newestCheckpoint } from '../abandoned.ts';
import { amodalOfCapture } from '../amodal.ts';
import { evaluateSplats } from '../evaluate.ts';
import { framesForWorker } from '../frames.ts';
import { importCaptureInto } from '../import.ts';
import { trainLanguageProject } from '../language.ts';
import { liftSplats } from '../lift.ts';
import { segmentProject } from '../segment.ts';
import { trackCapture } from '../track.ts';
import { runTraining, TRAINING_KIND, trainingOptions } from '../train.ts';
import type { ComputeChoice, JobRun, JobRunner, RunnerTable, SpecOf } from './runner.ts';

/** A training that crashes is started again from its checkpoint this often; a second crash is no accident. */
const MAX_RESTARTS = 1;
const PREVIEW_INTERVAL_MS = 1000;
const CHECKPOINT_EVERY = 500;

/** One of each at a time, whatever the devices: a training holds the project, an import the disk. */
const TRAINING = 'training';
const IMPORT = 'import';

const importCapture: JobRunner<'import-capture'> = {
  title: (spec) => `Import ${basename(spec.path)}`,
  prepare: ({ kind: _, ...options }) => ({ captureId: null, options: withoutUndefined(options) }),
  needs: () => [IMPORT],
  resumable: false,
  run: async (spec, { project, signal, report }) => {
    report.progress({ progress: null, detail: 'Reading the capture', secondsLeft: null });
    const summary = await importCaptureInto(project, spec.path, {
      scale: spec.scale,
      holdout: spec.holdout,
      signal,
      onProgress: (done, total) =>
        report.progress({
          progress: total > 0 ? done / total : null,
          detail: `${done} of ${total} images`,
          secondsLeft: null,
        }),
    });
    for (const warning of summary.warnings) report.log('warning', warning.message);
    report.log(
      'info',
      `${summary.trainFrames} frames to train on, ${summary.holdoutFrames} held out, ${summary.points} sparse points.`,
    );
    return { result: toJson(summary), stored: ['captures'] };
  },
};

const trainSplats: JobRunner<typeof TRAINING_KIND> = {
  title: (spec, captureName) =>
    `Train ${captureName ?? 'splats'}, ${spec.parameters.iterations ?? trainingParametersSchema.parse({}).iterations} iterations`,
  prepare: (spec, project, compute) => {
    requireCapture(project, spec.captureId);
    const { backend, threads } = chosen(spec, compute);
    const parameters = trainingParametersSchema.parse(spec.parameters);
    const memoryBudgetBytes = spec.memoryBudgetBytes === 0 ? undefined : spec.memoryBudgetBytes;
    return { captureId: spec.captureId, options: trainingOptions({ parameters, backend, threads, memoryBudgetBytes }) };
  },
  needs: (spec, deviceOf) => [deviceOf(spec.backend), TRAINING],
  resumable: true,
  run: async (spec, run) => {
    const { project, job, report } = run;
    using _lock = lockForTraining(project.folder);
    await endAbandonedTrainings(project, TRAINING_KIND, job.id);
    report.progress({ progress: 0, detail: 'Reading photos', secondsLeft: null });
    const frames = await framesForWorker(requireCapture(project, spec.captureId).capture);
    for (let restarts = 0; ; restarts++) {
      try {
        const { result } = await runTraining(project, project.jobs.get(job.id), {
          ...steering(run),
          frames,
          resume: job.resumedFrom !== null || restarts > 0,
          checkpointEvery: CHECKPOINT_EVERY,
          previewIntervalMs: PREVIEW_INTERVAL_MS,
          onSnapshot: report.snapshot,
          worker: run.worker,
        });
        return { result: toJson(result), stored: ['splats', 'metrics'] };
      } catch (error) {
        if (!(error instanceof LiftscopeError) || error.code !== 'crashed' || run.signal.aborted) throw error;
        const iteration = newestCheckpoint(project, project.jobs.get(job.id));
        if (iteration === undefined) throw error;
        if (restarts === MAX_RESTARTS) {
          throw new LiftscopeError({
            ...error.toFailure(),
            message: `${error.message}\nIt had crashed before and been started again from its checkpoint.`,
          });
        }
        report.log('warning', `${error.message}\nIt is started again from its checkpoint at iteration ${iteration}.`);
      }
    }
  },
};

const evaluateModel: JobRunner<'evaluate-splats'> = {
  title: (spec, captureName) => `Evaluate model ${spec.splatsId}${captureName === null ? '' : ` of ${captureName}`}`,
  prepare: ({ splatsId }, project) => ({ captureId: requireModel(project, splatsId).stored.id, options: { splatsId } }),
  needs: (_spec, deviceOf) => [deviceOf()],
  resumable: false,
  run: async (spec, run) => {
    const { stored, splats } = requireModel(run.project, spec.splatsId);
    run.report.progress({ progress: null, detail: 'Rendering the held-out frames', secondsLeft: null });
    const { result } = await evaluateSplats(run.project, stored, splats, {
      ...steering(run),
      ...run.worker,
      ...run.compute,
      onSpawn: run.report.spawned,
    });
    return { result: toJson(result), stored: ['metrics'] };
  },
};

const liftObjects: JobRunner<'lift-objects'> = {
  title: (spec, captureName) => `Lift objects${captureName === null ? '' : ` of ${captureName}`} (${spec.recipe})`,
  prepare: ({ kind: _, ...spec }, project) => {
    requireRecipe(spec.recipe);
    return { captureId: requireModel(project, spec.splatsId).stored.id, options: withoutUndefined(spec) };
  },
  needs: (_spec, deviceOf) => [deviceOf()],
  resumable: false,
  run: async (spec, run) => {
    const { stored, splats } = requireModel(run.project, spec.splatsId);
    run.report.progress({ progress: null, detail: 'Reading masks', secondsLeft: null });
    const { result, found, kept } = await liftSplats(run.project, stored.id, splats, {
      ...steering(run),
      ...run.worker,
      ...run.compute,
      jobId: run.job.id,
      recipe: requireRecipe(spec.recipe),
      ...(spec.masks !== undefined && { masks: spec.masks }),
      ...(spec.parameters !== undefined && { parameters: spec.parameters }),
      ...(spec.seed !== undefined && { seed: spec.seed }),
    });
    for (const warning of result.warnings) run.report.log('warning', warning);
    const known = found === 0 ? '' : `, ${found} of them known from before`;
    run.report.log('info', `${result.objects.length} objects from ${result.framesLifted} frames${known}.`);
    if (kept > 0) run.report.log('info', `${kept} records that a person made or locked were left as they are.`);
    return { result: toJson(result), stored: ['fields', 'objects', 'observations', 'masks'] };
  },
};

const segmentFrames: JobRunner<'segment-frames'> = {
  title: (spec, captureName) =>
    `Segment the frames${captureName === null ? '' : ` of ${captureName}`} (${spec.method})`,
  prepare: ({ kind: _, ...spec }, project) => {
    requireCapture(project, spec.captureId);
    segmenterOf(spec.method);
    return { captureId: spec.captureId, options: { method: spec.method, name: spec.name } };
  },
  needs: (_spec, deviceOf) => [deviceOf()],
  resumable: false,
  run: async (spec, run) => {
    run.report.progress({ progress: null, detail: 'Reading photos', secondsLeft: null });
    const { result, set } = await segmentProject(run.project, {
      ...{ signal: run.signal, killSignal: run.killSignal, onLog: run.report.output, onSpawn: run.report.spawned },
      ...run.worker,
      ...segmenterOf(spec.method),
      onEvent: (event) => {
        run.project.jobs.appendEvent(run.job.id, event);
        run.report.event(event);
      },
      captureId: spec.captureId,
      jobId: run.job.id,
      name: spec.name,
      threads: run.compute.threads,
    });
    run.report.log('info', `${result.segments} segments in ${result.frames} frames, as masks "${set.name}".`);
    return { result: toJson(result), stored: ['masks'] };
  },
};

const trainLanguage: JobRunner<'train-language'> = {
  title: (spec, captureName) =>
    `Train a language field${captureName === null ? '' : ` of ${captureName}`} (${spec.recipe})`,
  prepare: ({ kind: _, ...spec }, project) => ({
    captureId: requireModel(project, spec.splatsId).stored.id,
    options: withoutUndefined(spec),
  }),
  needs: (_spec, deviceOf) => [deviceOf()],
  resumable: false,
  run: async ({ kind: _, ...spec }, run) => {
    requireModel(run.project, spec.splatsId);
    run.report.progress({ progress: null, detail: 'Reading photos and segments', secondsLeft: null });
    const { result, segments } = await trainLanguageProject(run.project, {
      ...steering(run),
      ...run.worker,
      ...run.compute,
      ...spec,
      jobId: run.job.id,
    });
    for (const warning of result.warnings) run.report.log('warning', warning);
    const scales = result.scales.length === 1 ? 'one scale' : `${result.scales.length} scales`;
    run.report.log(
      'info',
      `${result.segments} segments of ${result.framesUsed} frames (${segments.join(', ')}) embedded by ${result.model.name}; ${scales}.`,
    );
    return { result: toJson(result), stored: ['fields', 'masks'] };
  },
};

const trackObjects: JobRunner<'track-objects'> = {
  title: (spec, captureName) => `Track objects${captureName === null ? '' : ` of ${captureName}`} (${spec.recipe})`,
  prepare: ({ kind: _, ...spec }, project) => {
    requireCapture(project, spec.captureId);
    return { captureId: spec.captureId, options: withoutUndefined(spec) };
  },
  needs: (_spec, deviceOf) => [deviceOf()],
  resumable: false,
  run: async ({ kind: _, captureId, ...spec }, run) => {
    run.report.progress({ progress: null, detail: 'Reading segments', secondsLeft: null });
    const { result, stored, masks } = await trackCapture(run.project, captureId, {
      ...{ signal: run.signal, killSignal: run.killSignal, onLog: run.report.output, onSpawn: run.report.spawned },
      ...run.worker,
      ...withoutUndefined(spec),
      onEvent: run.report.event,
      onMemory: run.report.memory,
      jobId: run.job.id,
      interactive: true,
    });
    run.report.log('info', `${stored.objects} objects from ${result.initialTracks} tracks of "${masks}".`);
    if (stored.skipped > 0) {
      run.report.log('info', `${stored.skipped} records that a person made or locked were left as they are.`);
    }
    return { result: toJson(result), stored: ['objects', 'observations', 'masks'] };
  },
};

const amodalMasks: JobRunner<'amodal-masks'> = {
  title: ({ objects }, captureName) => {
    const whose =
      objects === undefined ? '' : ` of ${objects.length === 1 ? 'one object' : `${objects.length} objects`}`;
    return `Amodal masks${whose}${captureName === null ? '' : ` in ${captureName}`}`;
  },
  prepare: ({ kind: _, ...spec }, project) => {
    requireCapture(project, spec.captureId);
    return { captureId: spec.captureId, options: withoutUndefined(spec) };
  },
  needs: (_spec, deviceOf) => [deviceOf()],
  resumable: false,
  run: async ({ kind: _, captureId, ...spec }, run) => {
    run.report.progress({ progress: null, detail: 'Reading tracks', secondsLeft: null });
    const { result } = await amodalOfCapture(run.project, captureId, {
      ...steering(run),
      ...run.worker,
      ...run.compute,
      ...withoutUndefined(spec),
      onSpawn: run.report.spawned,
      jobId: run.job.id,
    });
    const unseen = result.objects.reduce((sum, { unseenMasks }) => sum + unseenMasks, 0);
    run.report.log(
      'info',
      `${result.masks} masks of ${result.objects.length} objects, ${unseen} of them where nothing of the object is seen.`,
    );
    return { result: toJson(result), stored: ['masks'] };
  },
};

/** `graph`, or `sam:MODEL`. */
function segmenterOf(method: string): { method: 'graph' } | { method: 'sam'; model: string } {
  if (method === 'graph') return { method };
  const model = /^sam:(.+)$/.exec(method)?.[1];
  if (model !== undefined) return { method: 'sam', model };
  return unknownRecipe('segmentation', method, ['graph', 'sam:MODEL']);
}

export const runners: RunnerTable = {
  'import-capture': importCapture,
  'train-splats': trainSplats,
  'evaluate-splats': evaluateModel,
  'lift-objects': liftObjects,
  'segment-frames': segmentFrames,
  'track-objects': trackObjects,
  'amodal-masks': amodalMasks,
  'train-language': trainLanguage,
};

/** The device that a kind of job computes on, by the backend that it asks for. */
export function deviceOfBackend(backend: BackendChoice): string {
  const device: { readonly [B in BackendName]: string } = { wasm: 'cpu', webgpu: 'gpu' };
  return backend === 'auto' ? device.wasm : device[backend];
}

function requireRecipe(name: string): LiftingRecipe {
  return liftingRecipeSchema.safeParse(name).data ?? unknownRecipe('lifting', name, liftingRecipes);
}

function unknownRecipe(what: string, name: string, known: readonly string[] = []): never {
  throw new LiftscopeError({
    code: 'unsupported',
    message: `This version of Liftscope has no ${what} named "${name}".`,
    hint: known.length === 0 ? 'Update Liftscope.' : `It has: ${known.join(', ')}.`,
  });
}

/** What every worker job is steered and watched by. */
function steering({ signal, killSignal, report }: JobRun) {
  return { signal, killSignal, onEvent: report.event, onLog: report.output, onMemory: report.memory };
}

/** "auto" and 0 are the schema's way to say that the spec leaves it open. */
function chosen(spec: SpecOf<'train-splats'>, compute: ComputeChoice): ComputeChoice {
  return {
    backend: spec.backend === undefined || spec.backend === 'auto' ? compute.backend : spec.backend,
    threads: spec.threads === undefined || spec.threads === 0 ? compute.threads : spec.threads,
  };
}

function requireCapture(project: Project, captureId: number): StoredCapture {
  const stored = project.captures.get(captureId);
  if (stored !== undefined) return stored;
  throw new LiftscopeError({ code: 'not-found', message: `This project has no capture ${captureId}.` });
}

function requireModel(project: Project, splatsId: number): { splats: SplatsRow; stored: StoredCapture } {
  const splats = project.splats.get(splatsId);
  if (splats === undefined) {
    throw new LiftscopeError({ code: 'not-found', message: `This project has no model ${splatsId}.` });
  }
  if (splats.captureId === null) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `Model ${splatsId} was opened from a file and belongs to no capture: there are no photos to compare it with.`,
    });
  }
  return { splats, stored: requireCapture(project, splats.captureId) };
}

function toJson(value: unknown): z.core.util.JSONType {
  return z.json().parse(JSON.parse(JSON.stringify(value)));
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
