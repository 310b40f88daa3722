/** Trains a feature field on cached blending weights: one image, one batch of its pixels per step (methods section 2.1). */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import { AssignmentObjective } from './assignment-objective.ts';
import { BatchSampler, type PixelBatch, partOf } from './batches.ts';
import { DinoObjective } from './dino-objective.ts';
import { type FieldBatch, TableField, type TrainableField } from './field.ts';
import { type LiftFrame, requireFrames } from './frames.ts';
import { MlpField } from './mlp-field.ts';
import { HostObjective, type Objective, PairObjective } from './objective.ts';
import { checkedParameters, type FieldParameters, type Readout, readoutOf } from './parameters.ts';
import { RegulariserStep } from './regulariser.ts';
import { SemanticObjective } from './semantic-objective.ts';
import { startOfTable } from './start.ts';
import { cancelled, type WeightCache } from './weight-cache.ts';

export interface FieldProgress {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly secondsLeft: number;
}

export interface TrainFieldOptions {
  readonly backend: Backend;
  /** W of the frames' pixels; instance losses need at least those inside segments. */
  readonly cache: WeightCache;
  /** frames[i] is what cache.views[i] sees. */
  readonly frames: readonly LiftFrame[];
  /** [N, 3] centres of the Gaussians. */
  readonly means: Float32Array;
  readonly parameters: FieldParameters;
  readonly seed: number;
  /** [N, dimensions] to start a table from, in place of random features. */
  readonly warmStart?: Float32Array;
  /** Steps after which the features are kept beside the result. */
  readonly snapshotsAt?: readonly number[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FieldProgress) => void;
}

/** Wall time of the parts of a step in milliseconds: the middle one of all steps. */
export interface StepTimes {
  readonly total: number;
  /** Drawing the pixels and telling the device. */
  readonly draw: number;
  readonly forward: number;
  readonly loss: number;
  readonly backward: number;
  readonly update: number;
}

export interface FieldReport {
  readonly parameters: FieldParameters;
  readonly seed: number;
  readonly seconds: number;
  readonly losses: readonly {
    readonly step: number;
    readonly loss: number;
    readonly terms: Readonly<Record<string, number>>;
  }[];
  readonly millisecondsPerStep: StepTimes;
  /** Mean contributors per pixel of the cache. */
  readonly contributorsPerPixel: number;
  readonly peakBackendBytes: number;
}

export interface TrainedField {
  readonly gaussians: number;
  readonly dimensions: number;
  /** [N, dimensions] of the (fast) field at every Gaussian. */
  readonly features: Float32Array;
  readonly readout: Readout;
  /** [N, dimensions] at the steps asked for. */
  readonly snapshots: readonly { readonly step: number; readonly features: Float32Array }[];
  readonly report: FieldReport;
}

/** How long the loop may run before messages are looked at, and how often progress is told. */
const TURN_MS = 50;
const PROGRESS_MS = 250;
/** Losses kept in the report. */
const REPORTED_LOSSES = 100;

/**
 * The same seed and data give the same bits on any number of threads.
 * @throws LiftscopeError ('bad-input', 'cancelled'), OutOfMemoryError; RangeError for arrays that do not fit together.
 */
export async function trainField(given: TrainFieldOptions): Promise<TrainedField> {
  const options = { ...given, parameters: checkedParameters(given.parameters) };
  requireFrames(options.frames);
  const { cache, frames, means } = options;
  if (cache.views.length !== frames.length) {
    throw new RangeError(`${frames.length} frames for the weights of ${cache.views.length} views`);
  }
  if (means.length !== 3 * cache.gaussians) {
    throw new RangeError(`${means.length} coordinates for ${cache.gaussians} Gaussians`);
  }
  const training = new FieldTraining(options, await initialTable(options));
  try {
    return await training.run();
  } finally {
    training.dispose();
  }
}

class FieldTraining {
  readonly #options: TrainFieldOptions;
  readonly #objective: Objective;
  readonly #field: TrainableField;
  readonly #sampler: BatchSampler;
  readonly #regulariser: RegulariserStep | undefined;
  readonly #buffers: Record<'fastRows' | 'slowRows' | 'fast' | 'slow' | 'upstream', DeviceBuffer>;
  readonly #times: Record<keyof StepTimes, number[]> = {
    ...{ total: [], draw: [], forward: [], loss: [], backward: [], update: [] },
  };

  /** @param initial [N, dimensions] of a table */
  constructor(options: TrainFieldOptions, initial: Float32Array) {
    const { backend, cache, frames, parameters, seed, means } = options;
    const { batchPixels, loss } = parameters;
    this.#options = options;
    this.#objective = createObjective(options);
    this.#sampler = new BatchSampler(cache, frames, batchPixels, seed, this.#objective.pixels);
    this.#field = createField(options, initial, this.#objective.usesSlow);
    const create = (label: string, values: number) => backend.createBuffer(`field training: ${label}`, values * 4);
    const { stride } = this.#field;
    this.#buffers = {
      fastRows: create('rows', batchPixels),
      slowRows: create('rows of the slow field', batchPixels),
      fast: create('features', batchPixels * stride),
      slow: create('features of the slow field', this.#objective.usesSlow ? batchPixels * stride : 0),
      upstream: create('gradient', batchPixels * stride),
    };
    this.#regulariser =
      loss.kind === 'gaussian-clustering' && loss.regulariserEvery > 0
        ? new RegulariserStep(backend, means, loss.regulariserGaussians, stride, seed)
        : undefined;
  }

  async run(): Promise<TrainedField> {
    const { parameters, signal, onProgress, cache, backend, seed } = this.#options;
    const { steps } = parameters;
    const started = performance.now();
    const losses: FieldReport['losses'][number][] = [];
    const every = Math.max(1, Math.floor(steps / REPORTED_LOSSES));
    const snapshots: { step: number; features: Float32Array }[] = [];
    let lastTurn = started;
    let lastProgress = started;
    for (let step = 1; step <= steps; step++) {
      if (signal?.aborted) throw cancelled();
      const { value, terms } = await this.#step(step);
      if (step % every === 0 || step === 1) losses.push({ step, loss: value, terms });
      if (this.#options.snapshotsAt?.includes(step)) snapshots.push({ step, features: await this.#field.features() });
      const now = performance.now();
      if (now - lastProgress > PROGRESS_MS || step === steps) {
        lastProgress = now;
        const secondsLeft = ((now - started) / 1000 / step) * (steps - step);
        onProgress?.({ step, steps, loss: value, terms, secondsLeft });
      }
      if (now - lastTurn > TURN_MS) {
        lastTurn = now;
        await nextTurn();
      }
    }
    const features = await this.#field.features();
    return {
      ...{ gaussians: cache.gaussians, dimensions: parameters.dimensions, features, snapshots },
      readout: readoutOf(parameters.loss),
      report: {
        ...{ parameters, seed, losses },
        seconds: (performance.now() - started) / 1000,
        millisecondsPerStep: Object.fromEntries(
          Object.entries(this.#times).map(([part, values]) => [part, median(values)]),
        ) as unknown as StepTimes,
        contributorsPerPixel: cache.entryCount / Math.max(1, cache.rowCount),
        peakBackendBytes: backend.memory.peakBytes,
      },
    };
  }

  async #step(step: number): Promise<{ value: number; terms: Readonly<Record<string, number>> }> {
    const { parameters, frames } = this.#options;
    const times = [performance.now()];
    const lap = () => times.push(performance.now());
    const drawn = this.#sampler.draw(step, this.#objective.usesSlow ? 2 : 1);
    const half = this.#objective.usesSlow ? Math.ceil(drawn.rows.length / 2) : drawn.rows.length;
    const fastPixels = partOf(drawn, 0, half);
    const slowPixels = partOf(drawn, half, drawn.rows.length);
    const fast = this.#batch(fastPixels, this.#buffers.fastRows);
    lap();
    await this.#field.forward(fast, this.#buffers.fast);
    if (this.#objective.usesSlow) {
      await this.#field.forwardSlow(this.#batch(slowPixels, this.#buffers.slowRows), step, this.#buffers.slow);
    }
    lap();
    const result = await this.#objective.evaluate({
      ...{ step, dimensions: this.#field.dimensions, stride: this.#field.stride, upstream: this.#buffers.upstream },
      fast: { pixels: fastPixels, features: this.#buffers.fast },
      slow: this.#objective.usesSlow ? { pixels: slowPixels, features: this.#buffers.slow } : undefined,
      imagePixels: frames[drawn.view]!.segments.length,
    });
    lap();
    await this.#field.backward(fast, this.#buffers.upstream, step);
    const regularised = await this.#regularise(step);
    lap();
    const rate = parameters.rate * (parameters.finalRate / parameters.rate) ** (step / parameters.steps);
    this.#field.update(step, rate);
    this.#objective.update?.(step, rate);
    lap();
    const parts = ['draw', 'forward', 'loss', 'backward', 'update'] as const;
    for (const [i, part] of parts.entries()) this.#times[part].push(times[i + 1]! - times[i]!);
    this.#times.total.push(times[5]! - times[0]!);
    if (regularised === undefined) return result;
    return { value: result.value + regularised, terms: { ...result.terms, regulariser: regularised } };
  }

  async #regularise(step: number): Promise<number | undefined> {
    const { loss } = this.#options.parameters;
    if (this.#regulariser === undefined || loss.kind !== 'gaussian-clustering') return undefined;
    return step % loss.regulariserEvery === 0 ? this.#regulariser.add(this.#field, step) : undefined;
  }

  #batch({ view, rows }: PixelBatch, buffer: DeviceBuffer): FieldBatch {
    const { backend, cache } = this.#options;
    backend.write(buffer, rows);
    return { matrix: cache.views[view]!.matrix, rows: buffer, rowCount: rows.length, hostRows: rows };
  }

  dispose(): void {
    for (const buffer of Object.values(this.#buffers)) this.#options.backend.destroyBuffer(buffer);
    this.#regulariser?.dispose();
    this.#field.dispose();
    this.#objective.dispose();
  }
}

/** [N, dimensions] that a table starts from; empty for a network. */
async function initialTable({ cache, frames, means, parameters, seed, warmStart }: TrainFieldOptions) {
  const { field, dimensions } = parameters;
  const size = cache.gaussians * dimensions;
  if (warmStart !== undefined && field.kind === 'mlp') {
    throw new RangeError('warm start: a network has no rows to start from');
  }
  if (warmStart !== undefined && warmStart.length !== size) {
    throw new RangeError(`warm start: ${warmStart.length} values for ${cache.gaussians} Gaussians of ${dimensions}`);
  }
  if (field.kind === 'mlp') return new Float32Array(0);
  return warmStart ?? startOfTable(cache, frames, means, dimensions, field, seed);
}

function createField(options: TrainFieldOptions, initial: Float32Array, usesSlow: boolean): TrainableField {
  const { backend, means, parameters, seed } = options;
  const { field, dimensions, loss, slowDecay } = parameters;
  const slow = usesSlow ? { slowDecay } : {};
  const softmax = loss.kind === 'semantic' && loss.rendering === 'probabilities';
  if (field.kind === 'mlp') {
    if (softmax) throw new RangeError('rendered probabilities need a table: train the network on rendered logits');
    return new MlpField(backend, means, dimensions, field, { seed, ...slow });
  }
  return new TableField(backend, initial, dimensions, { softmax, ...slow });
}

function createObjective({ backend, frames, parameters, seed }: TrainFieldOptions): Objective {
  const { loss, batchPixels, steps, dimensions, slowDecay } = parameters;
  switch (loss.kind) {
    case 'slow-fast':
    case 'vanilla':
    case 'margin':
      return new PairObjective(backend, loss, batchPixels);
    case 'dino':
      return new DinoObjective(backend, loss, dimensions, slowDecay, seed);
    case 'linear-assignment':
      return new AssignmentObjective(backend, batchPixels);
    case 'semantic':
      return new SemanticObjective(backend, loss, steps);
    default:
      return new HostObjective(backend, loss, segmentSizes(frames));
  }
}

function segmentSizes(frames: readonly LiftFrame[]): (view: number) => ReadonlyMap<number, number> {
  const known = new Map<number, Map<number, number>>();
  return (view) => {
    let sizes = known.get(view);
    if (sizes === undefined) {
      sizes = new Map();
      for (const label of frames[view]!.segments) sizes.set(label, (sizes.get(label) ?? 0) + 1);
      known.set(view, sizes);
    }
    return sizes;
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
