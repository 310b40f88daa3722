/** What a step minimises: the value, and the gradient by the rendered features of the batch. */
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import { anchorsWithPositive, marginLoss, padded, slowFastLoss, unpadded, vanillaLoss } from '../kernels/index.ts';
import type { PixelBatch } from './batches.ts';
import {
  associative,
  clusteringWeight,
  concentration,
  gaussianClustering,
  leastSegmentPixels,
  releasedConcentration,
} from './losses/index.ts';
import type { FieldLoss } from './parameters.ts';

/** The rendered features of a step. */
export interface ObjectiveInput {
  readonly step: number;
  readonly dimensions: number;
  readonly stride: number;
  readonly fast: { readonly pixels: PixelBatch; readonly features: DeviceBuffer };
  /** Only for objectives that use the slow field: other pixels of the same image. */
  readonly slow: { readonly pixels: PixelBatch; readonly features: DeviceBuffer } | undefined;
  /** Pixels of the image, and by segment those that could have been drawn. */
  readonly imagePixels: number;
  /** [fast count, stride] out: gradient by the fast features; padding 0. */
  readonly upstream: DeviceBuffer;
}

export interface ObjectiveValue {
  readonly value: number;
  /** The parts of the value, by name. */
  readonly terms: Readonly<Record<string, number>>;
}

export interface Objective {
  /** Half of a batch is rendered from the slow field. */
  readonly usesSlow: boolean;
  /** Which pixels it draws from. */
  readonly pixels: 'instances' | 'all';
  evaluate(input: ObjectiveInput): Promise<ObjectiveValue>;
  /** After the field's own step: parameters of the objective itself. */
  update?(step: number, rate: number): void;
  dispose(): void;
}

/** Moves rendered features between a device and the losses that are computed in float64. */
export class HostRows {
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** [count, dimensions] */
  async read(buffer: DeviceBuffer, count: number, { dimensions, stride }: ObjectiveInput): Promise<Float32Array> {
    return unpadded(new Float32Array(await this.#backend.read(buffer, 0, count * stride * 4)), dimensions, stride);
  }

  write(gradient: Float64Array, { dimensions, stride, upstream }: ObjectiveInput): void {
    this.#backend.write(upstream, padded(Float32Array.from(gradient), dimensions, stride));
  }

  /** upstream += weight·gradient */
  async add(gradient: Float64Array, weight: number, input: ObjectiveInput): Promise<void> {
    const own = await this.read(input.upstream, gradient.length / input.dimensions, input);
    this.write(
      gradient.map((value, i) => own[i]! + weight * value),
      input,
    );
  }

  async sum(losses: DeviceBuffer, count: number): Promise<number> {
    return new Float32Array(await this.#backend.read(losses, 0, count * 4)).reduce((sum, value) => sum + value, 0);
  }
}

/** Losses over pairs of pixels, which run as kernels, and the concentration that goes with them. */
export class PairObjective implements Objective {
  readonly usesSlow: boolean;
  readonly pixels = 'instances';
  readonly #backend: Backend;
  readonly #rows: HostRows;
  readonly #loss: Extract<FieldLoss, { kind: 'slow-fast' | 'vanilla' | 'margin' }>;
  readonly #losses: DeviceBuffer;

  constructor(
    backend: Backend,
    loss: Extract<FieldLoss, { kind: 'slow-fast' | 'vanilla' | 'margin' }>,
    batchPixels: number,
  ) {
    this.#backend = backend;
    this.#rows = new HostRows(backend);
    this.#loss = loss;
    this.usesSlow = loss.kind === 'slow-fast';
    this.#losses = backend.createBuffer('losses of pixels', batchPixels * 4);
  }

  async evaluate(input: ObjectiveInput): Promise<ObjectiveValue> {
    const { fast, slow, dimensions, stride, upstream } = input;
    const loss = this.#loss;
    const shared = { dimensions, stride, weight: 1, losses: this.#losses, gradients: upstream };
    const rows = { features: fast.features, labels: fast.pixels.labels };
    const count = rows.labels.length;
    if (loss.kind === 'margin') {
      this.#backend.run(marginLoss, { ...shared, pixels: rows, margin: loss.margin });
      const value = (await this.#rows.sum(this.#losses, count)) / Math.max(1, count * (count - 1));
      return { value, terms: { margin: value } };
    }
    if (loss.kind === 'vanilla') {
      this.#backend.run(vanillaLoss, { ...shared, pixels: rows, gamma: loss.gamma });
    } else {
      if (slow === undefined) throw new TypeError('the slow-fast loss needs pixels of the slow field');
      const partners = { features: slow.features, labels: slow.pixels.labels };
      const { gamma, similarity } = loss;
      this.#backend.run(slowFastLoss, { ...shared, fast: rows, slow: partners, gamma, similarity });
    }
    const anchors = anchorsWithPositive(rows.labels, slow?.pixels.labels);
    const contrastive = (await this.#rows.sum(this.#losses, count)) / Math.max(1, anchors);
    if (loss.concentration === 0) return { value: contrastive, terms: { contrastive } };
    const own = { features: await this.#rows.read(fast.features, count, input), labels: rows.labels };
    const centres =
      slow === undefined
        ? own
        : {
            features: await this.#rows.read(slow.features, slow.pixels.labels.length, input),
            labels: slow.pixels.labels,
          };
    const pull =
      loss.kind === 'slow-fast' && loss.similarity === 'released'
        ? releasedConcentration(own, centres, fast.pixels.confidences, dimensions)
        : concentration(own, centres, dimensions);
    await this.#rows.add(pull.gradient, loss.concentration, input);
    const value = contrastive + loss.concentration * pull.value;
    return { value, terms: { contrastive, concentration: pull.value } };
  }

  dispose(): void {
    this.#backend.destroyBuffer(this.#losses);
  }
}

/** Losses whose cost is linear in the pixels of the batch: computed where they are defined, in float64. */
export class HostObjective implements Objective {
  readonly usesSlow = false;
  readonly pixels = 'instances';
  readonly #rows: HostRows;
  readonly #loss: Extract<FieldLoss, { kind: 'associative' | 'gaussian-clustering' }>;
  readonly #segmentSizes: (view: number) => ReadonlyMap<number, number>;

  /** @param segmentSizes pixels of every segment of a view, whether drawn or not. */
  constructor(
    backend: Backend,
    loss: Extract<FieldLoss, { kind: 'associative' | 'gaussian-clustering' }>,
    segmentSizes: (view: number) => ReadonlyMap<number, number>,
  ) {
    this.#rows = new HostRows(backend);
    this.#loss = loss;
    this.#segmentSizes = segmentSizes;
  }

  async evaluate(input: ObjectiveInput): Promise<ObjectiveValue> {
    const { fast, dimensions } = input;
    const { labels } = fast.pixels;
    const own = { features: await this.#rows.read(fast.features, labels.length, input), labels };
    switch (this.#loss.kind) {
      case 'associative': {
        const { value, gradient, pull, push } = associative(own, dimensions, this.#loss.sigma);
        this.#rows.write(gradient, input);
        return { value, terms: { pull, push } };
      }
      default: {
        const sizes = this.#segmentSizes(fast.pixels.view);
        const least = leastSegmentPixels(input.imagePixels);
        const takesPart = (label: number) => sizes.get(label)! >= least;
        const { value, gradient } = gaussianClustering(own, dimensions, { takesPart });
        // The published sum runs over all pixels of the image: a part of them stands for all.
        const weight = clusteringWeight(input.imagePixels) * (fast.pixels.available / labels.length);
        this.#rows.write(
          gradient.map((g) => weight * g),
          input,
        );
        return { value: weight * value, terms: { clustering: weight * value } };
      }
    }
  }

  dispose(): void {}
}
