/** The jobs `lift-objects` and `evaluate-lift`. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  clusteringParametersSchema,
  type JobEvent,
  type LiftEvaluationRequest,
  type LiftEvaluationResult,
  type LiftingRequest,
  type LiftingResult,
  LiftscopeError,
  type MaskSource,
  type TrainingFrame,
} from '../../contract/index.ts';
import { type Backend, DeviceLostError } from '../compute/index.ts';
import type { ShDegree } from '../kernels/index.ts';
import {
  InstanceRenderer,
  type NamedSegments,
  objectsOfGaussians,
  objectsTable,
  WeightReader,
} from '../objects/index.ts';
import { readSplats, type SplatArrays, SplatModel, splatsHash, startBackend } from '../splats/index.ts';
import { type Lift, liftHash, readLift, writeLift } from './artifact.ts';
import { writeInstances } from './instances.ts';
import { type LoadedMasks, loadMasks } from './masks.ts';
import { scoreLift } from './quality.ts';
import { recipeNamed } from './recipes.ts';

interface LiftContext {
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
}

/** A model on a device, ready to be looked at. */
export interface OpenedSplats {
  readonly splats: SplatArrays;
  readonly backend: Backend;
  readonly model: SplatModel;
  readonly reader: WeightReader;
}

type ComputeChoice = Pick<LiftingRequest, 'backend' | 'threads' | 'memoryBudgetBytes'>;

/**
 * Runs `work` on the splats of a file. When the GPU is lost it is run once more from its start, on wasm.
 * @param warn is told of a lost GPU
 * @throws LiftscopeError `no-backend`, `bad-input` for a damaged file
 */
export async function withSplats<Result>(
  path: string,
  choice: ComputeChoice,
  work: (opened: OpenedSplats) => Promise<Result>,
  warn: (message: string) => void = () => {},
): Promise<Result> {
  const { splats } = await readSplats(path);
  for (let attempt = choice; ; ) {
    const backend = await startBackend(attempt);
    try {
      const model = new SplatModel(backend, splats.count, splats.shDegree as ShDegree, { trainable: false });
      model.upload(splats);
      return await work({ splats, backend, model, reader: new WeightReader(backend, model) });
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      attempt = { ...attempt, backend: 'wasm' };
      warn(`${error.message}. The job starts again on wasm.`);
    } finally {
      await backend.dispose();
    }
  }
}

/** Masks in, objects out. @throws LiftscopeError, the signal's reason */
export async function liftObjects(request: LiftingRequest, context: LiftContext): Promise<LiftingResult> {
  const masks = await masksOf(request.masks, request.frames, request.truthDir);
  const warnings = [...masks.warnings];
  for (const message of warnings.slice(0, MOST_WARNING_EVENTS)) context.emit({ type: 'warning', message });
  const frames = request.frames
    .filter(({ role }) => role === 'train')
    .flatMap(({ name }) => masks.frames.get(name) ?? []);
  requireSegments(frames, request.masks);
  return withSplats(
    request.splatsPath,
    request,
    async (opened) => {
      const { splats, backend, reader } = opened;
      const recipe = await recipeNamed(request.recipe);
      const progress = progressOf(context);
      const began = performance.now();
      const outcome = await recipe({
        ...opened,
        frames,
        consistentIds: masks.set.consistentIds,
        parameters: request.parameters,
        clustering: clusteringParametersSchema.parse(request.clustering),
        seed: request.seed,
        signal: context.signal,
        onProgress: progress,
      });
      for (const message of outcome.warnings ?? []) {
        warnings.push(message);
        context.emit({ type: 'warning', message });
      }
      const objects = objectsOfGaussians(outcome.lifted);
      const total = (performance.now() - began) / 1000;

      const renderer = new InstanceRenderer(backend, reader, outcome.lifted);
      const areas: { frame: string; areaPx: Uint32Array }[] = [];
      const shown =
        request.instances &&
        (await writeInstances(renderer, outcome.lifted, {
          ...{ backend, reader },
          ...{ target: request.instances, recipe: request.recipe, frames: request.frames, masks: masks.frames },
          consistentIds: masks.set.consistentIds,
          signal: context.signal,
          onProgress: (done, all) => progress('instance maps', done, all),
        }));
      const lifted = new Set(frames.map(({ name }) => name));
      // Every frame has been looked at then.
      areas.push(...(shown?.areas ?? []).filter(({ frame }) => lifted.has(frame)));
      for (const [index, { name, view }] of (shown === undefined ? frames : []).entries()) {
        context.signal.throwIfAborted();
        progress('objects table', index, frames.length);
        const areaPx = new Uint32Array(outcome.lifted.objects + 1);
        for (const object of await renderer.map(view)) areaPx[object]!++;
        areas.push({ frame: name, areaPx });
      }
      const { means, logitOpacities } = splats;
      const table = objectsTable({ ...objects, objects: outcome.lifted.objects, means, logitOpacities }, areas);
      const lift: Lift = {
        header: {
          recipe: request.recipe,
          parameters: { ...outcome.parameters },
          seed: request.seed,
          fingerprints: { masks: masks.fingerprint, splats: splatsHash(splats) },
          generator: 'liftscope',
          objects: table,
        },
        lifted: outcome.lifted,
        objects,
      };
      const held = request.frames.filter(({ role }) => role === 'holdout');
      const quality =
        request.truthDir !== undefined && held.length > 0
          ? await scoreLift(renderer, held, masks.frames, request.truthDir)
          : undefined;
      renderer.dispose();
      await mkdir(dirname(request.outputPath), { recursive: true });
      await writeLift(request.outputPath, lift);
      return {
        recipe: request.recipe,
        objects: table,
        liftPath: request.outputPath,
        liftHash: liftHash(lift),
        parameters: lift.header.parameters,
        seed: request.seed,
        fingerprints: lift.header.fingerprints,
        framesLifted: frames.length,
        segments: frames.reduce((sum, { segments }) => sum + countSegments(segments), 0),
        warnings,
        ...(quality && { quality }),
        ...(shown && { instances: shown.written }),
        seconds: { ...outcome.seconds, total },
        report: { ...outcome.report },
        gaussians: splats.count,
        peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
        backend: backend.kind,
        threads: backend.threads,
      };
    },
    (message) => context.emit({ type: 'warning', message }),
  );
}

/** Scores a finished lift on the frames of the request. @throws LiftscopeError, SceneTruthError */
export async function evaluateLift(request: LiftEvaluationRequest): Promise<LiftEvaluationResult> {
  const began = performance.now();
  const { lifted } = await readLift(request.liftPath);
  const masks = request.masks && (await masksOf(request.masks, request.frames, request.truthDir));
  return withSplats(request.splatsPath, request, async ({ splats, backend, reader }) => {
    if (lifted.gaussians !== splats.count) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `The lift is of ${lifted.gaussians} Gaussians, the splats have ${splats.count}.`,
        hint: 'Lift the masks again on these splats.',
      });
    }
    const renderer = new InstanceRenderer(backend, reader, lifted);
    const quality = await scoreLift(renderer, request.frames, masks?.frames ?? new Map(), request.truthDir);
    return {
      quality,
      seconds: (performance.now() - began) / 1000,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    };
  });
}

/** Further ones are in the result. */
const MOST_WARNING_EVENTS = 50;

async function masksOf(
  source: MaskSource,
  frames: readonly TrainingFrame[],
  truthDir: string | undefined,
): Promise<LoadedMasks> {
  if (source.kind === 'file') return loadMasks(source.path, frames);
  if (truthDir === undefined) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: 'Simulated masks need a generated scene with its truth.',
      hint: 'Name masks of your own.',
    });
  }
  const { simulateMasks } = await import('./simulated.ts');
  return simulateMasks(truthDir, frames, source.noise, source.seed);
}

function requireSegments(frames: readonly NamedSegments[], source: MaskSource): void {
  const file = source.kind === 'file' ? source.path : 'The simulated segmenter';
  const problem =
    frames.length === 0
      ? 'holds no usable masks of a training frame'
      : frames.every(({ segments }) => segments.every((label) => label === 0))
        ? 'holds no segment in any training frame'
        : undefined;
  if (problem === undefined) return;
  throw new LiftscopeError({
    code: 'bad-input',
    message: `${file} ${problem}: there is nothing to lift.`,
    hint: 'Masks must be named like the frames of the capture and have their size.',
  });
}

function countSegments(segments: ArrayLike<number>): number {
  const seen = new Set<number>();
  for (let i = 0; i < segments.length; i++) seen.add(segments[i]!);
  seen.delete(0);
  return seen.size;
}

/** At most a few events per second: a step of a field takes milliseconds. */
const PROGRESS_MS = 250;

function progressOf({ emit }: LiftContext): (stage: string, done: number, total: number) => void {
  let [last, at, since] = ['', 0, 0];
  return (stage, done, total) => {
    const now = performance.now();
    if (stage === last && now - at < PROGRESS_MS) return;
    if (stage !== last) since = now;
    [last, at] = [stage, now];
    const secondsLeft = done > 0 ? { secondsLeft: ((now - since) / 1000 / done) * (total - done) } : {};
    emit({ type: 'work', stage, done, total, ...secondsLeft });
  };
}
