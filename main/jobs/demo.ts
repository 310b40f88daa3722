import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import {
  type BackendChoice,
  type EvaluationResult,
  LiftscopeError,
  liftQualitySchema,
  type OrderedEvent,
  SCENE_TRUTH_FILE,
  sceneResultSchema,
  sceneSeedSchema,
  trainingResultSchema,
} from '../../contract/index.ts';
import { findModelFolder } from '../models/index.ts';
import { openProject, type Project } from '../project/index.ts';
import { askDemoQuestions, type DemoAnswer, demoAnswerSchema, demoQuestions } from './demo-queries.ts';
import { evaluateProject } from './evaluate.ts';
import { importIntoProject } from './import.ts';
import { SHIPPED_MODEL, trainLanguageProject } from './language.ts';
import { liftProject } from './lift.ts';
import { savedTraining } from './saved-training.ts';
import { generateScene } from './scene.ts';
import { trainProject } from './train.ts';

/** What a demo does; every field decides the result. */
const planSchema = z.object({
  quick: z.boolean(),
  seed: sceneSeedSchema,
  scene: z.literal('messy-rooms'),
  objects: z.number(),
  views: z.number(),
  size: z.number(),
  iterations: z.number(),
});
export type DemoPlan = z.infer<typeof planSchema>;

/** Fits in five minutes on two cores; the quick one in a minute and a half. */
export function demoPlan(quick: boolean, seed: number): DemoPlan {
  return quick
    ? { quick, seed, scene: 'messy-rooms', objects: 12, views: 30, size: 128, iterations: 1000 }
    : { quick, seed, scene: 'messy-rooms', objects: 25, views: 60, size: 160, iterations: 3000 };
}

const STATE_FILE = 'demo.json';
const STATE_FORMAT = 'liftscope-demo';

const liftedSchema = z.object({ objects: z.number(), recipe: z.string(), quality: liftQualitySchema.optional() });

/** What a demo's folder knows about itself; a stage that is in here is finished. */
const stateSchema = z.object({
  format: z.literal(STATE_FORMAT),
  plan: planSchema,
  scene: sceneResultSchema.optional(),
  seconds: z
    .object({
      ...{ scene: z.number(), import: z.number(), train: z.number() },
      ...{ lift: z.number(), language: z.number(), queries: z.number() },
    })
    .partial(),
  lift: liftedSchema.optional(),
  language: z.object({ recipe: z.string(), fieldId: z.number() }).optional(),
  queries: z.array(demoAnswerSchema).optional(),
});
type DemoState = z.infer<typeof stateSchema>;

export interface DemoOptions {
  /** Holds the scene and the project afterwards; new, empty, or of an earlier demo with the same plan. */
  readonly folder: string;
  readonly plan: DemoPlan;
  readonly backend?: BackendChoice;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly killSignal?: AbortSignal;
  readonly onEvent?: (event: OrderedEvent) => void;
  readonly onNote?: (text: string) => void;
}

const trainedSchema = trainingResultSchema.pick({
  splatsHash: true,
  iterations: true,
  gaussians: true,
  backend: true,
  seconds: true,
});

export interface DemoStage {
  readonly name: 'scene' | 'import' | 'train' | 'lift' | 'language' | 'queries' | 'evaluate';
  /** Of the run that did the work. */
  readonly seconds: number;
  /** It was found finished. */
  readonly reused: boolean;
}

export interface DemoOutcome {
  readonly plan: DemoPlan;
  readonly scene: z.infer<typeof sceneResultSchema>;
  readonly stages: readonly DemoStage[];
  readonly training: z.infer<typeof trainedSchema>;
  readonly quality: EvaluationResult;
  readonly lift: z.infer<typeof liftedSchema>;
  /** Questions in words; none without the dual encoder that comes with the program. */
  readonly queries: readonly DemoAnswer[];
  /** Absolute path. */
  readonly project: string;
  /** A held-out frame to look at. */
  readonly frame: string;
}

/**
 * From nothing to a measured project: generates a scene, imports it, trains splats, lifts the simulated masks to objects, trains a
 * language field, asks it three questions, evaluates splats and objects against the truth. Finished stages of an earlier run in the same folder are kept, an interrupted training is resumed.
 *
 * @throws LiftscopeError; `bad-input` for a folder that holds anything else
 */
export async function runDemo(options: DemoOptions): Promise<DemoOutcome> {
  const { plan, backend, threads, signal, killSignal, onEvent } = options;
  const folder = resolve(options.folder);
  const state = await openFolder(folder, plan);
  const run = { ...(signal && { signal }), ...(killSignal && { killSignal }), ...(onEvent && { onEvent }) };
  const compute = { ...(backend && { backend }), ...(threads !== undefined && { threads }) };
  const stages: DemoStage[] = [];
  const stage = async (name: Exclude<DemoStage['name'], 'evaluate'>, done: boolean, work: () => Promise<void>) => {
    if (!done) {
      signal?.throwIfAborted();
      const startedAt = performance.now();
      await work();
      state.seconds[name] = (performance.now() - startedAt) / 1000;
      await save(folder, state);
    } else options.onNote?.(`The ${name} stage of an earlier run is kept.`);
    stages.push({ name, seconds: state.seconds[name] ?? 0, reused: done });
  };

  const sceneFolder = join(folder, 'scene');
  const projectFolder = join(folder, 'sample.liftscope');
  const sceneDone = state.scene !== undefined && existsSync(join(sceneFolder, SCENE_TRUTH_FILE));
  await stage('scene', sceneDone, async () => {
    // Of a run that ended before it could say that the scene is complete; the same plan gives the same scene again.
    await rm(sceneFolder, { recursive: true, force: true });
    const { scene, seed, objects, views, size } = plan;
    const request = { scene, seed, objects, views, size, outputDir: sceneFolder };
    state.scene = await generateScene({ ...request, ...(threads !== undefined && { threads }), ...run });
  });
  await stage('import', await hasCapture(projectFolder), async () => {
    await importIntoProject(sceneFolder, { projectFolder, ...(signal && { signal }) });
  });

  using project = await openProject(projectFolder);
  const capture = project.captures.current();
  await stage('train', project.splats.latest(capture.id) !== undefined, async () => {
    const resume = hasInterrupted(project, capture.id);
    if (resume) options.onNote?.('Going on with the training that was interrupted.');
    const parameters = { iterations: plan.iterations, seed: plan.seed };
    await trainProject(project, { parameters, ...compute, evaluateEvery: 0, resume, ...run });
  });
  await stage('lift', state.lift !== undefined, async () => {
    const { result } = await liftProject(project, { recipe: 'closed-form', seed: plan.seed, ...compute, ...run });
    const { recipe, objects, quality } = result;
    state.lift = { recipe, objects: objects.length, ...(quality !== undefined && { quality }) };
  });
  if ((await findModelFolder(SHIPPED_MODEL)) === undefined) {
    options.onNote?.(`The dual encoder ${SHIPPED_MODEL} is missing from native-models: no question in words is asked.`);
  } else {
    await stage('language', state.language !== undefined, async () => {
      const recipe = plan.quick ? 'language-closed-form' : 'n2f2';
      const { fieldId } = await trainLanguageProject(project, { recipe, seed: plan.seed, ...compute, ...run });
      state.language = { recipe, fieldId };
    });
    await stage('queries', state.queries?.every(({ map }) => existsSync(map)) === true, async () => {
      const questions = await demoQuestions(sceneFolder);
      const steering = { ...compute, ...(signal && { signal }) };
      state.queries = await askDemoQuestions(project, questions, join(folder, 'maps'), steering);
    });
  }
  const startedAt = performance.now();
  const { result: quality, splats } = await evaluateProject(project, { ...compute, ...run });
  stages.push({ name: 'evaluate', seconds: (performance.now() - startedAt) / 1000, reused: false });

  const training = splats.jobId === null ? undefined : project.jobs.result(splats.jobId, trainedSchema);
  const frame = quality.perFrame[0]?.name;
  if (state.scene === undefined || state.lift === undefined || training === undefined || frame === undefined) {
    throw new LiftscopeError({
      code: 'damaged-project',
      message: `${folder} lacks the results of a stage that it says is finished.`,
      hint: 'Run the demo in another folder: --out DIR',
    });
  }
  const queries = state.queries ?? [];
  return {
    plan,
    scene: state.scene,
    stages,
    training,
    quality,
    lift: state.lift,
    queries,
    project: project.folder,
    frame,
  };
}

/** @throws LiftscopeError `bad-input` when the folder is somebody else's, or of a demo with another plan */
async function openFolder(folder: string, plan: DemoPlan): Promise<DemoState> {
  const refuse = (message: string, hint: string): never => {
    throw new LiftscopeError({ code: 'bad-input', message, hint });
  };
  const elsewhere = 'Run it in another folder: --out DIR';
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    return refuse(`${folder} cannot be used: ${error.message}`, elsewhere);
  });
  if (entries.length === 0) {
    const state: DemoState = { format: STATE_FORMAT, plan, seconds: {} };
    await mkdir(folder, { recursive: true });
    await save(folder, state);
    return state;
  }
  if (!entries.includes(STATE_FILE)) return refuse(`${folder} is not empty and holds no demo.`, elsewhere);
  const state = await readState(join(folder, STATE_FILE));
  if (state === undefined) return refuse(`${join(folder, STATE_FILE)} is damaged.`, elsewhere);
  for (const key of Object.keys(plan) as (keyof DemoPlan)[]) {
    if (state.plan[key] === plan[key]) continue;
    const hint = `${elsewhere}. To go on with this one, give the options it was started with.`;
    refuse(`${folder} holds a demo with ${key} ${state.plan[key]}; this one would have ${key} ${plan[key]}.`, hint);
  }
  return state;
}

async function readState(file: string): Promise<DemoState | undefined> {
  try {
    return stateSchema.safeParse(JSON.parse(await readFile(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

async function save(folder: string, state: DemoState): Promise<void> {
  const file = join(folder, STATE_FILE);
  await writeFile(`${file}.partial`, `${JSON.stringify(state, null, 1)}\n`);
  await rename(`${file}.partial`, file);
}

async function hasCapture(projectFolder: string): Promise<boolean> {
  if (!existsSync(projectFolder)) return false;
  try {
    using project = await openProject(projectFolder);
    project.captures.current();
    return true;
  } catch (error) {
    if (error instanceof LiftscopeError && error.code === 'not-found') return false;
    throw error;
  }
}

/** A training of a version whose trainer had other parameters cannot go on; a new one is started then. */
function hasInterrupted(project: Project, captureId: number): boolean {
  const job = project.jobs.list('train-splats', captureId)[0];
  if (job === undefined || job.checkpointDir === null || job.state === 'finished') return false;
  try {
    savedTraining(job);
    return true;
  } catch {
    return false;
  }
}
