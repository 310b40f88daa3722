/** `segment`: the frames of the current capture through a 2D segmenter, into a mask set of the project. */
import { rm } from 'node:fs/promises';
import type { z } from 'zod';
import {
  graphSegmentationSchema,
  type JobRequestOf,
  LiftscopeError,
  MASKS_EXTENSION,
  type MaskSetInfo,
  maskSetNameSchema,
  type SegmentationResult,
  samSegmentationSchema,
} from '../../contract/index.ts';
import { modelFolderOf } from '../models/index.ts';
import type { Project } from '../project/index.ts';
import { framesForWorker } from './frames.ts';
import { type RunJobOptions, runJob } from './run-job.ts';

export interface SegmentOptions
  extends Pick<
    RunJobOptions,
    'signal' | 'killSignal' | 'onSpawn' | 'onEvent' | 'onLog' | 'workerPath' | 'nodePath' | 'ladder'
  > {
  readonly method: 'graph' | 'sam';
  /** Default: the current one. */
  readonly captureId?: number | undefined;
  /** The job that the set belongs to; the caller keeps its record. */
  readonly jobId?: number | undefined;
  /** SAM: name of a model in the user's folder or `native-models`, or the path of one. */
  readonly model?: string | undefined;
  /** Name of the mask set; default the method's, with the model's. */
  readonly name?: string | undefined;
  /** Parameters of the method, by its schema in the contract. */
  readonly parameters?: { readonly [name: string]: unknown } | undefined;
  /** Graph: use the depth of the newest splats where there are some; default true. */
  readonly useSplats?: boolean | undefined;
  readonly threads?: number | undefined;
}

export interface SegmentOutcome {
  readonly result: SegmentationResult;
  readonly set: MaskSetInfo;
  /** Whether depth of splats was used. */
  readonly depth: boolean;
}

/** A frame of a large model takes minutes on a slow machine; its prompts send signs of life from the worker's own timer. */
const SEGMENT_SILENCE_MS = 10 * 60_000;

/**
 * Segments every frame of the current capture. The set replaces an earlier one of the same name, unless a person made that.
 * @throws LiftscopeError
 */
export async function segmentProject(project: Project, options: SegmentOptions): Promise<SegmentOutcome> {
  const { method: kind, captureId, jobId, model, name, parameters, useSplats = true, threads, ...run } = options;
  const stored = captureId === undefined ? project.captures.current() : project.captures.get(captureId);
  if (stored === undefined) {
    throw new LiftscopeError({ code: 'not-found', message: `The project has no capture ${captureId}.` });
  }
  const setName = maskSetNameSchema.safeParse(name ?? (kind === 'sam' ? `sam ${model ?? ''}`.trim() : kind));
  if (!setName.success) {
    const message = `"${name ?? ''}" is no name for a mask set: it ${setName.error.issues[0]?.message ?? 'is not valid'}.`;
    throw new LiftscopeError({ code: 'usage', message, hint: 'Choose another with --name.' });
  }
  const frames = await framesForWorker(stored.capture);
  const splats = kind === 'graph' && useSplats ? project.splats.latest(stored.id) : undefined;
  const method: JobRequestOf<'segment-frames'>['method'] =
    kind === 'graph'
      ? {
          kind,
          parameters: parsed(graphSegmentationSchema, parameters),
          ...(splats !== undefined && { splatsPath: project.artifacts.path(splats.artifact) }),
        }
      : {
          kind,
          parameters: parsed(samSegmentationSchema, parameters),
          modelDir: await modelFolderOf(model, 'Method sam'),
        };
  const depth = method.kind === 'graph' && method.splatsPath !== undefined && method.parameters.geometry > 0;
  const set: MaskSetInfo = {
    name: setName.data,
    provenance: {
      kind: 'model',
      source: kind === 'graph' ? `graph segmenter${depth ? ', with splat depth' : ''}` : `SAM ${model}`,
      parameters: { ...method.parameters },
    },
    consistentIds: false,
    classes: [],
  };
  const temporary = await project.artifacts.temporaryPath(MASKS_EXTENSION);
  try {
    const result = await runJob(
      'segment-frames',
      { frames, method, set, outputPath: temporary, ...(threads !== undefined && { threads }) },
      { silenceMs: SEGMENT_SILENCE_MS, ...run },
    );
    const artifact = await project.artifacts.adopt(temporary, MASKS_EXTENSION);
    project.maskSets.add({ captureId: stored.id, info: set, artifact, frames: result.frames, jobId: jobId ?? null });
    return {
      result: { ...result, masksPath: project.artifacts.path(artifact) },
      set,
      depth,
    };
  } finally {
    await rm(temporary, { force: true });
  }
}

function parsed<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new LiftscopeError({
    code: 'usage',
    message: `Parameter ${issue?.path.join('.') || 'list'}: ${issue?.message ?? 'not valid'}`,
    hint: 'See segment --help for the parameters of each method.',
  });
}
