/** Trains Gaussian splats from posed photos (methods section 1): the job behind `train`. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type FrameQuality,
  LiftscopeError,
  type TrainingEvent,
  type TrainingFrame,
  type TrainingRequest,
  type TrainingResult,
} from '../../contract/index.ts';
import { type Backend, DeviceLostError } from '../compute/index.ts';
import { encodeImage, loadImage, requireImageSize } from '../images/index.ts';
import { cameraCentre, type ShDegree } from '../kernels/index.ts';
import { SSIM_WINDOW_SIZE } from '../metrics/index.ts';
import { startBackend } from './backend.ts';
import { readNewestCheckpoint, restoreModel, writeCheckpoint } from './checkpoint.ts';
import { writeSplats } from './file.ts';
import { fingerprintByPath, fingerprintOf } from './fingerprint.ts';
import { initialSplats, randomPoints, readPoints } from './initialise.ts';
import { SplatModel } from './model.ts';
import { SplatOptimiser } from './optimiser.ts';
import { imageQuality, SplatRenderer } from './render.ts';
import { activeShDegree, densifiesAfter, downscaleLevel, FrameOrder, sceneExtentOf } from './schedule.ts';
import { Targets, viewOf } from './targets.ts';

export interface TrainingContext {
  readonly signal: AbortSignal;
  readonly emit: (event: TrainingEvent) => void;
  /**
   * Asked before every iteration (0-based); the training waits for a promise that it returns, and that time is not
   * training time. For trainings that take turns on one machine.
   */
  readonly turn?: (iteration: number) => Promise<void> | undefined;
}

/** What a budget that is not given leaves for photos kept on the device. */
const DEFAULT_PHOTO_CACHE_BYTES = 2 ** 30;
/** How long the loop may run before messages (cancel, ping) are looked at, and how often progress is told. */
const TURN_MS = 50;
const PROGRESS_MS = 500;
/** Longest side of a preview sent by time: enough to look at, cheap to make. */
const PREVIEW_SIDE_PIXELS = 640;
/** Previews by time take at most this part of the training's time. */
const PREVIEW_SHARE = 0.1;
/** Lost devices after which training goes on on the CPU. */
const MAX_DEVICE_LOSSES = 2;
/** Below this side an image says nothing about structure: no further halving. */
const MIN_COARSE_SIDE = 32;

/**
 * Runs a whole training: loads, optimises, evaluates on the held-out frames, writes the `.splats` file.
 * Cancelling writes a checkpoint first. Same seed and data give the same Gaussians on wasm, whatever the thread count,
 * interrupted or not.
 * @throws LiftscopeError ('cancelled', 'bad-input'), OutOfMemoryError, ImageFileError
 */
export async function trainSplats(request: TrainingRequest, context: TrainingContext): Promise<TrainingResult> {
  await requirePhotos(request.frames, context.signal);
  const fingerprint = await fingerprintOf(request, context.signal);
  for (let attempt = request, losses = 0; ; ) {
    const backend = await startBackend(attempt);
    try {
      return await new Training(backend, attempt, fingerprint, context).run();
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      losses += 1;
      // A device that is lost twice is not to be trusted with the rest.
      attempt = { ...attempt, resume: true, backend: losses < MAX_DEVICE_LOSSES ? attempt.backend : 'wasm' };
      const next = attempt.backend === 'wasm' ? 'wasm' : 'a new device';
      context.emit({
        type: 'warning',
        message: `${error.message}. Training goes on from its last checkpoint on ${next}.`,
      });
    } finally {
      await backend.dispose();
    }
  }
}

class Training {
  readonly #backend: Backend;
  readonly #request: TrainingRequest;
  readonly #context: TrainingContext;
  readonly #train: readonly TrainingFrame[];
  readonly #holdout: readonly TrainingFrame[];
  readonly #fingerprint: string;
  readonly #model: SplatModel;
  readonly #renderer: SplatRenderer;
  readonly #targets: Targets;
  readonly #optimiser: SplatOptimiser;
  /** Seconds of training, without evaluations, previews and checkpoints. */
  #seconds = 0;

  constructor(backend: Backend, request: TrainingRequest, fingerprint: string, context: TrainingContext) {
    this.#backend = backend;
    this.#request = request;
    this.#context = context;
    this.#train = request.frames.filter((frame) => frame.role === 'train');
    this.#holdout = request.frames.filter((frame) => frame.role === 'holdout');
    this.#fingerprint = fingerprint;
    const { parameters } = request;
    this.#model = new SplatModel(backend, parameters.maxGaussians, parameters.shDegree as ShDegree, {
      trainable: true,
    });
    this.#renderer = new SplatRenderer(backend, this.#model);
    const { limitBytes, usedBytes } = backend.memory;
    const cacheBytes = request.memoryBudgetBytes > 0 ? (limitBytes - usedBytes) / 2 : DEFAULT_PHOTO_CACHE_BYTES;
    this.#targets = new Targets(backend, this.#train, cacheBytes);
    this.#optimiser = new SplatOptimiser(backend, this.#model, parameters, sceneExtentOf(this.#cameraCentres()));
  }

  async run(): Promise<TrainingResult> {
    const { parameters } = this.#request;
    const started = performance.now();
    const first = await this.#start();
    this.#context.emit({
      type: 'started',
      backend: this.#backend.kind,
      device: this.#backend.description,
      threads: this.#request.threads,
      trainFrames: this.#train.length,
      holdoutFrames: this.#holdout.length,
      gaussians: this.#model.count,
      iteration: first,
      iterations: parameters.iterations,
    });
    this.#seconds += (performance.now() - started) / 1000;
    await this.#loop(first);
    return this.#finish();
  }

  /** Fills the model from a checkpoint or from points. @returns iterations already done. */
  async #start(): Promise<number> {
    const { parameters, resume, checkpointDir, points } = this.#request;
    if (resume) {
      const fingerprints = [this.#fingerprint, fingerprintByPath(this.#request)];
      const { checkpoint, skipped, others } = await readNewestCheckpoint(checkpointDir, fingerprints);
      if (checkpoint === undefined && others > 0 && this.#request.refuseOtherCheckpoints) throw otherTraining(skipped);
      for (const problem of skipped) this.#warn(`Checkpoint passed over: ${problem}.`);
      if (checkpoint !== undefined) {
        restoreModel(checkpoint, this.#backend, this.#model);
        this.#seconds = checkpoint.header.seconds;
        return checkpoint.header.iteration;
      }
      this.#warn('There is no checkpoint of this training: it starts from the beginning.');
    }
    let cloud = points === undefined ? undefined : await readPoints(points);
    if (cloud === undefined || cloud.positions.length === 0) {
      this.#warn(
        'The capture has no sparse points: training starts from random ones, which takes longer and may look worse.',
      );
      const centres = this.#cameraCentres();
      const mean = [0, 1, 2].map((axis) => centres.reduce((sum, centre) => sum + centre[axis]!, 0) / centres.length);
      cloud = randomPoints(parameters, mean as [number, number, number], 2 * sceneExtentOf(centres));
    }
    if (cloud.positions.length / 3 > parameters.maxGaussians) {
      this.#warn(
        `${cloud.positions.length / 3} sparse points exceed the cap of ${parameters.maxGaussians} Gaussians: a random part is used.`,
      );
    }
    this.#model.upload(await initialSplats(cloud, parameters, this.#backend));
    await this.#optimiser.sortSpatially();
    return 0;
  }

  async #loop(first: number): Promise<void> {
    const { parameters, checkpointEvery, evaluateEvery, evaluateAt, previewEvery, previewIntervalMs } = this.#request;
    const { signal } = this.#context;
    const order = new FrameOrder(parameters.seed, this.#train.length);
    const coarsest = this.#coarsestLevel();
    const loopStart = performance.now();
    let pausedMs = 0;
    let lastTurn = loopStart;
    let lastProgress = loopStart;
    const pause = async (work: () => Promise<unknown>) => {
      const before = performance.now();
      await work();
      pausedMs += performance.now() - before;
    };
    const trainedSeconds = () => (performance.now() - loopStart - pausedMs) / 1000;
    const base = this.#seconds;
    let nextPreview = Number.POSITIVE_INFINITY;
    const previewByTime = async (done: number) => {
      const before = performance.now();
      await pause(() => this.#preview(done, PREVIEW_SIDE_PIXELS));
      const now = performance.now();
      nextPreview = now + Math.max(previewIntervalMs, (now - before) / PREVIEW_SHARE);
    };
    if (previewIntervalMs > 0) await previewByTime(first);

    for (let iteration = first; iteration < parameters.iterations; iteration++) {
      const turn = this.#context.turn?.(iteration);
      if (turn !== undefined) {
        await this.#backend.synchronise();
        await pause(() => turn);
      }
      if (signal.aborted) {
        this.#seconds = base + trainedSeconds();
        await this.#checkpoint(iteration);
        throw new LiftscopeError({
          code: 'cancelled',
          message: `Training was stopped after ${iteration} iterations; a checkpoint was written.`,
          hint: 'Train again with --resume to continue.',
        });
      }
      const frame = order.at(iteration);
      const level = Math.min(coarsest, downscaleLevel(parameters, iteration));
      const target =
        this.#targets.cached(frame, level) ?? (await this.#targets.get(frame, level, order.rest(iteration)));
      this.#optimiser.step(iteration, target);
      await this.#backend.pace();
      if (densifiesAfter(parameters, iteration)) await this.#optimiser.densify(iteration);

      const done = iteration + 1;
      const last = done === parameters.iterations;
      const now = performance.now();
      // The first one too, however fast the training is: a curve starts where the training does.
      if (iteration === first || now - lastProgress > PROGRESS_MS || last) {
        lastProgress = now;
        const rate = (done - first) / trainedSeconds();
        this.#context.emit({
          type: 'progress',
          iteration: done,
          iterations: parameters.iterations,
          loss: await this.#optimiser.loss(),
          gaussians: this.#model.count,
          iterationsPerSecond: rate,
          secondsLeft: (parameters.iterations - done) / rate,
        });
      }
      if (previewEvery > 0 && done % previewEvery === 0) await pause(() => this.#preview(done));
      if (now >= nextPreview) await previewByTime(done);
      if (!last && ((evaluateEvery > 0 && done % evaluateEvery === 0) || evaluateAt.includes(done))) {
        await pause(() => this.#evaluate(done, base + trainedSeconds()));
      }
      if (!last && checkpointEvery > 0 && done % checkpointEvery === 0) {
        this.#seconds = base + trainedSeconds();
        await pause(() => this.#checkpoint(done));
      }
      if (now - lastTurn > TURN_MS) {
        lastTurn = now;
        await nextTurn();
      }
    }
    await this.#backend.synchronise();
    this.#seconds = base + trainedSeconds();
  }

  async #finish(): Promise<TrainingResult> {
    const { parameters, outputPath, threads } = this.#request;
    const splats = await this.#model.download();
    const bad = splats.means.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw new LiftscopeError({
        code: 'internal',
        message: `Training diverged: Gaussian ${Math.floor(bad / 3)} has no finite position.`,
        hint: 'Lower the learning rates.',
      });
    const splatsHash = await writeSplats(outputPath, splats, {
      generator: 'liftscope',
      iterations: parameters.iterations,
      seed: parameters.seed,
      backend: this.#backend.kind,
      parameters,
      dataFingerprint: this.#fingerprint,
    });
    const perFrame = await this.#evaluate(parameters.iterations, this.#seconds);
    this.#context.emit({ type: 'finished', iteration: parameters.iterations, gaussians: this.#model.count });
    return {
      ...meanQuality(perFrame),
      perFrame,
      seconds: this.#seconds,
      iterationsPerSecond: parameters.iterations / Math.max(this.#seconds, 1e-9),
      gaussians: this.#model.count,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      backend: this.#backend.kind,
      threads,
      seed: parameters.seed,
      iterations: parameters.iterations,
      splatsPath: outputPath,
      splatsHash,
      parameters,
      timings: this.#optimiser.timings,
    };
  }

  async #evaluate(iteration: number, seconds: number): Promise<FrameQuality[]> {
    const perFrame = await evaluateFrames(
      this.#renderer,
      this.#holdout,
      activeShDegree(this.#request.parameters, iteration - 1),
    );
    this.#context.emit({ type: 'evaluation', iteration, seconds, ...meanQuality(perFrame), perFrame });
    return perFrame;
  }

  async #checkpoint(iteration: number): Promise<void> {
    const { checkpointDir } = this.#request;
    const progress = { iteration, fingerprint: this.#fingerprint, seconds: this.#seconds };
    const path = await writeCheckpoint(checkpointDir, this.#backend, this.#model, progress);
    this.#context.emit({ type: 'checkpoint', iteration, path });
  }

  /** @param side the image is halved until no side is longer */
  async #preview(iteration: number, side = Number.POSITIVE_INFINITY): Promise<void> {
    const { frames, previewFrame } = this.#request;
    const frame = frames.find(({ name }) => name === previewFrame) ?? this.#holdout[0] ?? this.#train[0]!;
    const halvings = Math.max(0, Math.ceil(Math.log2(Math.max(frame.width, frame.height) / side)));
    const degree = activeShDegree(this.#request.parameters, Math.max(0, iteration - 1));
    const image = await this.#renderer.colour(viewOf(frame, halvings), degree);
    const { width, height } = image;
    this.#context.emit({ type: 'preview', iteration, frame: frame.name, width, height, png: await encodeImage(image) });
  }

  #coarsestLevel(): number {
    const side = Math.min(...this.#train.map(({ width, height }) => Math.min(width, height)));
    return Math.max(0, Math.floor(Math.log2(side / MIN_COARSE_SIDE)));
  }

  #cameraCentres(): [number, number, number][] {
    return this.#train.map((frame) => cameraCentre(viewOf(frame)));
  }

  #warn(message: string): void {
    this.#context.emit({ type: 'warning', message });
  }
}

/** Quality of each frame; the photos are decoded one at a time. */
export async function evaluateFrames(
  renderer: SplatRenderer,
  frames: readonly TrainingFrame[],
  shDegree?: ShDegree,
): Promise<FrameQuality[]> {
  const perFrame: FrameQuality[] = [];
  for (const frame of frames) {
    const rendered = await renderer.colour(viewOf(frame), shDegree);
    perFrame.push(imageQuality(frame.name, rendered, await loadImage(frame.imagePath, { expected: frame })));
  }
  return perFrame;
}

export function meanQuality(perFrame: readonly FrameQuality[]): { psnr: number | null; ssim: number | null } {
  const mean = (values: number[]) =>
    values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  return { psnr: mean(perFrame.map((frame) => frame.psnr)), ssim: mean(perFrame.map((frame) => frame.ssim)) };
}

/**
 * A photo that is missing or of another size is told now, not when training has reached it.
 * @throws ImageFileError, LiftscopeError
 */
async function requirePhotos(frames: readonly TrainingFrame[], signal: AbortSignal): Promise<void> {
  for (const frame of frames) {
    await requireImageSize(frame.imagePath, { expected: frame, signal });
    if (frame.role === 'holdout' && Math.min(frame.width, frame.height) < SSIM_WINDOW_SIZE) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `Held-out frame ${frame.name} is ${frame.width}x${frame.height}: SSIM needs at least ${SSIM_WINDOW_SIZE} pixels a side.`,
        hint: 'Import the capture at a larger scale, or hold out nothing.',
      });
    }
  }
}

function otherTraining(skipped: readonly string[]): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `The interrupted training cannot be continued: its photos, sparse points or settings have changed since, or it was started by another version. ${skipped.join('; ')}.`,
    hint: 'Put the photos back as they were and try again, or start a new training.',
  });
}
