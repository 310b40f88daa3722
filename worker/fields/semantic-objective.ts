/** Classes of pixels: cross entropy, and agreement within the segments of an image (methods section 2.1). */
import type { Backend } from '../compute/index.ts';
import type { PixelBatch } from './batches.ts';
import type { Loss } from './losses/index.ts';
import {
  argmax,
  compositedNegativeLogLikelihood,
  crossEntropy,
  segmentConsistency,
  segmentDistributions,
} from './losses/index.ts';
import { HostRows, type Objective, type ObjectiveInput, type ObjectiveValue } from './objective.ts';
import type { FieldLoss } from './parameters.ts';

type SemanticLoss = Extract<FieldLoss, { kind: 'semantic' }>;

export class SemanticObjective implements Objective {
  readonly usesSlow = false;
  readonly pixels = 'all';
  readonly #rows: HostRows;
  readonly #loss: SemanticLoss;
  readonly #consistencyFrom: number;

  constructor(backend: Backend, loss: SemanticLoss, steps: number) {
    this.#rows = new HostRows(backend);
    this.#loss = loss;
    this.#consistencyFrom = loss.consistencyFrom * steps;
  }

  async evaluate(input: ObjectiveInput): Promise<ObjectiveValue> {
    const { pixels } = input.fast;
    const classes = input.dimensions;
    const rendered = await this.#rows.read(input.fast.features, pixels.rows.length, input);
    const isComposited = this.#loss.rendering === 'probabilities';
    const supervised = (isComposited ? compositedNegativeLogLikelihood : crossEntropy)(
      ...([rendered, pixels.classes, pixels.confidences, classes] as const),
    );
    const { consistency } = this.#loss;
    if (consistency === 0 || input.step <= this.#consistencyFrom) {
      this.#rows.write(supervised.gradient, input);
      return { value: supervised.value, terms: { semantic: supervised.value } };
    }
    const agreed = this.#agreement(rendered, pixels, classes);
    this.#rows.write(
      supervised.gradient.map((value, i) => value + consistency * agreed.gradient[i]!),
      input,
    );
    return {
      value: supervised.value + consistency * agreed.value,
      terms: { semantic: supervised.value, consistency: agreed.value },
    };
  }

  /** Segment consistency of the pixels inside a segment; others weigh nothing. */
  #agreement(rendered: Float32Array, pixels: PixelBatch, classes: number): Loss {
    const { labels } = pixels;
    const weights = pixels.confidences.map((confidence, u) => (labels[u] === 0 ? 0 : confidence));
    if (this.#loss.rendering === 'logits') {
      return segmentConsistency(rendered, labels, weights, classes, this.#loss.consistencyTarget);
    }
    // The class that the segment's mean composited distribution is largest for; a soft target has no released form here.
    const normalised = Float64Array.from(rendered);
    for (let at = 0; at < normalised.length; at += classes) {
      const sum = normalised.subarray(at, at + classes).reduce((total, value) => total + value, 0);
      for (let k = 0; k < classes; k++) normalised[at + k]! /= Math.max(sum, 1e-6);
    }
    const means = segmentDistributions(normalised, labels, classes);
    const classOf = new Map(Array.from(means, ([label, mean]) => [label, argmax(mean)]));
    const targets = Array.from(labels, (label) => classOf.get(label)!);
    return compositedNegativeLogLikelihood(rendered, targets, weights, classes);
  }

  dispose(): void {}
}
