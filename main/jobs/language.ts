/** Language fields of a project: training one, and asking it without the studio. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import {
  type BackendChoice,
  LANGUAGE_NEGATIVES,
  type LanguageRecipe,
  type LanguageTrainingResult,
  LiftscopeError,
  MAX_QUERY_VIEWS,
  type PinholeView,
  type QueryScale,
  type SegmentSource,
  type TeacherNoise,
  type TrainingFrame,
  type ViewQueryAnswer,
} from '../../contract/index.ts';
import { liftsOf, Memberships } from '../instances/index.ts';
import { modelFolderOf } from '../models/index.ts';
import type { FieldRow, Project, SplatsRow, StoredCapture } from '../project/index.ts';
import { latestSplats } from './evaluate.ts';
import { framesForWorker } from './frames.ts';
import { type JobSupervision, runJob } from './run-job.ts';
import { findSceneTruth } from './scene-truth.ts';
import { segmentProject } from './segment.ts';
import { ViewClient } from './view-client.ts';

type Json = z.core.util.JSONType;

/** The dual encoder that comes with the program. */
export const SHIPPED_MODEL = 'mini-clip';
const LANGUAGE_EXTENSION = 'language';
const RELEVANCY_EXTENSION = 'relevancy';
/** The set that a capture without any gets: wholes and their parts. */
const NESTED_SET = 'graph nested';
/** A step of a wide network or a photo full of segments may take this long between two looks at messages. */
const TRAINING_SILENCE_MS = 10 * 60_000;

export interface LanguageOptions extends JobSupervision {
  readonly recipe: LanguageRecipe;
  /**
   * Names of mask sets, together the layers of segments; or one of `simulated`, `simulated:none`, `simulated:harsh` for a
   * generated scene. Default: what a generated scene's truth gives, else all sets that did not come out of a lift, else the
   * graph segmenter's nested regions, which are made then.
   */
  readonly segments?: readonly string[] | undefined;
  /** Name or folder of a dual encoder; default the one that comes with the program. */
  readonly model?: string | undefined;
  readonly parameters?: Readonly<Record<string, Json>> | undefined;
  readonly seed?: number | undefined;
  /** Of the current capture; default its newest ones. */
  readonly splatsId?: number | undefined;
  readonly backend?: BackendChoice | undefined;
  readonly threads?: number | undefined;
  /** A job that is in the project already and that the caller ends where this rejects; absent: one is made. */
  readonly jobId?: number | undefined;
}

export interface LanguageOutcome {
  readonly jobId: number;
  readonly fieldId: number;
  readonly result: LanguageTrainingResult;
  /** The mask sets that were used. */
  readonly segments: readonly string[];
}

/** Trains a language field on the project's splats; the field, its job and its events are in the project then. @throws LiftscopeError */
export async function trainLanguageProject(project: Project, options: LanguageOptions): Promise<LanguageOutcome> {
  const { recipe, segments, model, parameters, seed = 0, splatsId, backend, threads, jobId, ...run } = options;
  const { stored, splats } = chosenSplats(project, splatsId);
  const frames = await framesForWorker(stored.capture);
  const truthDir = await findSceneTruth(stored.capture);
  const modelDir = await modelFolderOf(model ?? SHIPPED_MODEL, 'A language field');
  const source = await segmentSource(project, stored.id, segments, truthDir !== undefined, seed, { threads, run });
  const chosen = { recipe, segments: source.names, model: basename(modelDir), parameters: { ...parameters }, seed };
  const job =
    jobId !== undefined
      ? { id: jobId }
      : project.jobs.create({
          kind: 'train-language',
          captureId: stored.id,
          options: JSON.parse(JSON.stringify(chosen)),
          checkpointDir: null,
          resumedFrom: null,
        });
  const onAbort = (): void => project.jobs.cancelling(job.id);
  run.signal?.addEventListener('abort', onAbort, { once: true });
  const outputPath = await project.artifacts.temporaryPath(LANGUAGE_EXTENSION);
  try {
    const result = await runJob(
      'train-language',
      {
        splatsPath: project.artifacts.path(splats.artifact),
        ...{ frames, segments: source.source, modelDir, recipe, parameters: chosen.parameters, seed, outputPath },
        cacheDir: join(project.folder, 'cache', 'embeddings'),
        ...(truthDir !== undefined && { truthDir }),
        ...(backend !== undefined && { backend }),
        ...(threads !== undefined && { threads }),
      },
      {
        silenceMs: TRAINING_SILENCE_MS,
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
    const artifact = await project.artifacts.adopt(result.languagePath, LANGUAGE_EXTENSION);
    const final = { ...result, languagePath: project.artifacts.path(artifact) };
    const field = project.fields.add({
      ...{ splatsId: splats.id, jobId: job.id, kind: 'language', recipe, dimensions: result.dimensions, artifact },
      // By the name of its folder the model is found again.
      options: { segments: [...source.names], seed, model: { ...result.model, name: chosen.model } },
    });
    project.jobs.finished(job.id, JSON.parse(JSON.stringify(final)));
    return { jobId: job.id, fieldId: field.id, result: final, segments: source.names };
  } catch (error) {
    const failure =
      error instanceof LiftscopeError
        ? error
        : new LiftscopeError({ code: 'internal', message: `Training failed: ${String(error)}` }, { cause: error });
    if (jobId === undefined) project.jobs.failed(job.id, failure.toFailure());
    throw failure;
  } finally {
    run.signal?.removeEventListener('abort', onAbort);
    await rm(outputPath, { force: true });
  }
}

function chosenSplats(project: Project, splatsId: number | undefined): { stored: StoredCapture; splats: SplatsRow } {
  const splats = splatsId === undefined ? undefined : project.splats.get(splatsId);
  if (splatsId !== undefined && splats === undefined) {
    throw new LiftscopeError({ code: 'not-found', message: `The project has no model ${splatsId}.` });
  }
  if (splats === undefined) {
    const stored = project.captures.current();
    return { stored, splats: latestSplats(project, stored.id) };
  }
  const stored = splats.captureId === null ? undefined : project.captures.get(splats.captureId);
  if (stored !== undefined) return { stored, splats };
  throw new LiftscopeError({
    code: 'bad-input',
    message: `Model ${splatsId} belongs to no capture: there are no photos to learn words from.`,
  });
}

interface SegmentingRun {
  readonly threads: number | undefined;
  readonly run: Pick<LanguageOptions, 'signal' | 'killSignal' | 'onEvent' | 'onLog' | 'workerPath' | 'nodePath'>;
}

/** @throws LiftscopeError `not-found` naming the sets that there are */
async function segmentSource(
  project: Project,
  captureId: number,
  wanted: readonly string[] | undefined,
  hasTruth: boolean,
  seed: number,
  { threads, run }: SegmentingRun,
): Promise<{ names: readonly string[]; source: SegmentSource }> {
  const given = project.maskSets.list(captureId).filter(({ info }) => info.provenance.kind !== 'lifted');
  const names = [...(wanted ?? (hasTruth ? ['simulated'] : given.map(({ info }) => info.name)))];
  const noise = names.length === 1 ? /^simulated(?::(none|default|harsh))?$/.exec(names[0]!) : null;
  if (noise !== null && hasTruth && project.maskSets.get(captureId, names[0]!) === undefined) {
    return { names, source: { kind: 'simulated', noise: (noise[1] ?? 'default') as TeacherNoise, seed } };
  }
  if (names.length === 0) {
    const { signal, killSignal, onEvent, onLog, workerPath, nodePath } = run;
    const steering = { signal, killSignal, onEvent, onLog, workerPath, nodePath };
    await segmentProject(project, {
      ...{ captureId, method: 'graph', name: NESTED_SET, parameters: { output: 'nested' }, threads },
      ...definedOf(steering),
    });
    names.push(NESTED_SET);
  }
  const paths = names.map((name) => {
    const set = project.maskSets.get(captureId, name);
    if (set !== undefined) return project.artifacts.path(set.artifact);
    const known = [...given.map(({ info }) => info.name), ...(hasTruth ? ['simulated'] : [])];
    throw new LiftscopeError({
      code: 'not-found',
      message: `The capture has no masks named "${name}".`,
      hint: known.length === 0 ? 'Import masks or segment the frames first.' : `Known: ${known.join(', ')}.`,
    });
  });
  return { names, source: { kind: 'files', paths } };
}

function definedOf<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

export interface QueryOptions {
  readonly text: string;
  readonly negatives?: readonly string[] | undefined;
  readonly scale?: QueryScale | undefined;
  readonly threshold?: number | undefined;
  readonly order?: 'splatted' | 'rendered' | undefined;
  /** Where the answer is wanted; default it is looked for in up to {@link MAX_QUERY_VIEWS} frames. */
  readonly frame?: string | undefined;
  /** PNG of raw relevancy in that frame, or in the best one. */
  readonly outputPath?: string | undefined;
  /** Name or folder of the dual encoder that the field was made with; default: found by the name of its folder. */
  readonly model?: string | undefined;
  /** Default: the newest field of the newest splats. */
  readonly fieldId?: number | undefined;
  readonly backend?: BackendChoice | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface QueryOutcome extends Omit<ViewQueryAnswer, 'views' | 'objects'> {
  readonly text: string;
  readonly queryId: number;
  readonly fieldId: number;
  readonly objects: readonly {
    readonly id: number;
    readonly name: string;
    readonly relevancy: number;
    readonly maximum: number;
    readonly share: number;
    readonly bestFrames: readonly string[];
  }[];
  /** Best first; `point`: the most relevant pixel, null where nothing in the frame is an answer. */
  readonly frames: readonly {
    readonly frame: string;
    readonly maximum: number;
    readonly point: { readonly x: number; readonly y: number } | null;
    readonly areaPx: number;
  }[];
  /** The map that was written, if one was asked for. */
  readonly map: { readonly path: string; readonly frame: string } | null;
}

/** Asks the newest language field of the project. The query and its relevancy are in the project then. @throws LiftscopeError */
export async function queryProject(project: Project, options: QueryOptions): Promise<QueryOutcome> {
  const { backend, threads } = options;
  const views = new ViewClient({
    ...(backend !== undefined && { backend }),
    ...(threads !== undefined && { threads }),
  });
  try {
    return await askProject(project, views, options);
  } finally {
    await views.dispose();
  }
}

/** As {@link queryProject}, of a view process that is there already: further questions are answered in milliseconds. */
export async function askProject(project: Project, views: ViewClient, options: QueryOptions): Promise<QueryOutcome> {
  const stored = project.captures.current();
  const splats = latestSplats(project, stored.id);
  const field = chosenField(project, splats, options.fieldId);
  const frames = chosenFrames(await framesForWorker(stored.capture), options.frame);
  const { text, threshold, order, scale = 'auto', negatives = [...LANGUAGE_NEGATIVES], signal } = options;
  const modelDir = await modelFolderOf(options.model ?? modelOf(field), 'The query');
  const relevancyPath = await project.artifacts.temporaryPath(RELEVANCY_EXTENSION);
  const idsPath = await membershipFile(project, splats);
  try {
    const answer = await views.query(
      {
        splatsPath: project.artifacts.path(splats.artifact),
        languagePath: project.artifacts.path(field.artifact),
        ...{ modelDir, text, negatives: [...negatives], scale, relevancyPath },
        ...(threshold !== undefined && { threshold }),
        ...(order !== undefined && { order }),
        ...(idsPath !== undefined && { idsPath }),
        views: frames.map(viewOfFrame),
        withMaps: options.outputPath !== undefined,
      },
      { ...(signal && { signal }) },
    );
    const artifact = await project.artifacts.adopt(relevancyPath, RELEVANCY_EXTENSION);
    const query = project.queries.add({
      ...{ captureId: stored.id, text, negatives: [...negatives], threshold: answer.threshold, scale, saved: false },
    });
    project.queries.putMap(query.id, { fieldId: field.id, position: null, artifact, answer: null });
    return await outcomeOf(project, options, answer, { queryId: query.id, fieldId: field.id, frames });
  } finally {
    await rm(relevancyPath, { force: true });
    if (idsPath !== undefined) await rm(idsPath, { force: true });
  }
}

async function outcomeOf(
  project: Project,
  { text, outputPath }: QueryOptions,
  { views, objects, ...answer }: ViewQueryAnswer,
  { frames, ...ids }: { queryId: number; fieldId: number; frames: readonly TrainingFrame[] },
): Promise<QueryOutcome> {
  const order = [...views.keys()].sort((a, b) => views[b]!.maximum - views[a]!.maximum || a - b);
  const best = order[0];
  let map: QueryOutcome['map'] = null;
  if (outputPath !== undefined && best !== undefined) {
    await writeMap(outputPath, frames[best]!, views[best]!.map!);
    map = { path: outputPath, frame: frames[best]!.name };
  }
  return {
    ...answer,
    ...ids,
    text,
    objects: objects.map(({ id, views: seen, ...figures }) => ({
      ...{ id, ...figures },
      name: project.objects.get(id)?.name ?? `object ${id}`,
      bestFrames: seen.map(({ view }) => frames[view]!.name),
    })),
    frames: order.map((view) => {
      const { maximum, best: point, areaPx } = views[view]!;
      return { frame: frames[view]!.name, maximum, point, areaPx };
    }),
    map,
  };
}

/** Grey, raw relevancy of 0 black and of 1 white. */
async function writeMap(path: string, { width, height }: TrainingFrame, grey: Uint8Array): Promise<void> {
  const { default: sharp } = await import('sharp');
  const bytes = await sharp(grey, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, bytes);
}

function chosenField(project: Project, splats: SplatsRow, fieldId: number | undefined): FieldRow {
  const fields = project.fields.list(splats.id, 'language');
  const field = fieldId === undefined ? fields[0] : fields.find(({ id }) => id === fieldId);
  if (field !== undefined) return field;
  throw new LiftscopeError({
    code: 'not-found',
    message:
      fieldId === undefined
        ? 'The splats have no language field yet.'
        : `The splats have no language field ${fieldId}.`,
    hint: 'Train one with: liftscope train-language DIR',
  });
}

const optionsSchema = z.object({ model: z.object({ name: z.string().min(1).max(200) }) });

/** Name of the folder of the dual encoder that a field was made with. */
function modelOf({ options }: FieldRow): string {
  return optionsSchema.safeParse(options).data?.model.name ?? SHIPPED_MODEL;
}

function chosenFrames(frames: readonly TrainingFrame[], name: string | undefined): readonly TrainingFrame[] {
  if (name !== undefined) {
    const frame = frames.find((candidate) => candidate.name === name);
    if (frame !== undefined) return [frame];
    throw new LiftscopeError({
      code: 'bad-input',
      message: `The capture has no frame named "${name}".`,
      hint: `Frames are named like ${frames
        .slice(0, 3)
        .map((one) => one.name)
        .join(', ')}.`,
    });
  }
  if (frames.length <= MAX_QUERY_VIEWS) return frames;
  const step = (frames.length - 1) / (MAX_QUERY_VIEWS - 1);
  return Array.from({ length: MAX_QUERY_VIEWS }, (_, i) => frames[Math.round(i * step)]!);
}

function viewOfFrame({ name: _name, imagePath: _path, role: _role, ...view }: TrainingFrame): PinholeView {
  return view;
}

/** What the view process reads of who belongs where; undefined where nothing was lifted. */
async function membershipFile(project: Project, splats: SplatsRow): Promise<string | undefined> {
  if (liftsOf(project, splats.id).length === 0) return undefined;
  const membership = await new Memberships(project).of(splats.id);
  if (membership === undefined) return undefined;
  const { ids, confidence } = membership;
  const bytes = new Uint8Array(8 * ids.length);
  bytes.set(new Uint8Array(ids.buffer));
  bytes.set(new Uint8Array(confidence.buffer), 4 * ids.length);
  const path = await project.artifacts.temporaryPath('ids');
  await writeFile(path, bytes);
  return path;
}
