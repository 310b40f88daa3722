/** Linear assignment of segments to slots (Panoptic Lifting). Its work per pixel is the number of slots: it runs as kernels. */
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import { crossEntropyLogits, segmentSums, softmaxLogits, unpadded } from '../kernels/index.ts';
import { assignSlots } from './losses/index.ts';
import { HostRows, type Objective, type ObjectiveInput, type ObjectiveValue } from './objective.ts';

/** linearAssignmentLoss is the definition. */
export class AssignmentObjective implements Objective {
  readonly usesSlow = false;
  readonly pixels = 'instances';
  readonly #backend: Backend;
  readonly #rows: HostRows;
  readonly #buffers: Record<'segments' | 'targets' | 'weights' | 'losses', DeviceBuffer>;
  #sums: DeviceBuffer | undefined;

  constructor(backend: Backend, batchPixels: number) {
    this.#backend = backend;
    this.#rows = new HostRows(backend);
    const create = (label: string) => backend.createBuffer(`linear assignment: ${label}`, batchPixels * 4);
    this.#buffers = {
      segments: create('segments'),
      targets: create('slots'),
      weights: create('weights'),
      losses: create('losses'),
    };
  }

  async evaluate({ fast, dimensions, stride, upstream }: ObjectiveInput): Promise<ObjectiveValue> {
    const { labels, confidences } = fast.pixels;
    const count = labels.length;
    const probabilities = upstream;
    this.#backend.run(softmaxLogits, { count, classes: dimensions, stride, logits: fast.features, probabilities });
    const indexOf = new Map<number, number>();
    for (const label of labels) if (!indexOf.has(label)) indexOf.set(label, indexOf.size);
    const means = await this.#means(probabilities, labels, indexOf, dimensions, stride);
    const slots = assignSlots(means, dimensions);
    const { targets, weights, losses } = this.#buffers;
    this.#backend.write(
      targets,
      Uint32Array.from(labels, (label) => slots.get(label) ?? 0),
    );
    this.#backend.write(
      weights,
      Float32Array.from(labels, (label, u) => (slots.has(label) ? confidences[u]! / count : 0)),
    );
    this.#backend.run(crossEntropyLogits, {
      ...{ count, stride, probabilities, targets, weights, losses, gradients: upstream },
    });
    const value = await this.#rows.sum(losses, count);
    return { value, terms: { crossEntropy: value } };
  }

  /** Mean probabilities of each segment. */
  async #means(
    rows: DeviceBuffer,
    labels: Int32Array,
    indexOf: ReadonlyMap<number, number>,
    dimensions: number,
    stride: number,
  ): Promise<Map<number, Float32Array>> {
    const segments = indexOf.size;
    const sizeBytes = segments * stride * 4;
    if (this.#sums === undefined || this.#sums.sizeBytes < sizeBytes) {
      if (this.#sums !== undefined) this.#backend.destroyBuffer(this.#sums);
      this.#sums = undefined;
      this.#sums = this.#backend.createBuffer('linear assignment: sums', sizeBytes);
    }
    const segmentOf = Uint32Array.from(labels, (label) => indexOf.get(label)!);
    this.#backend.write(this.#buffers.segments, segmentOf);
    this.#backend.run(segmentSums, {
      ...{ count: labels.length, stride, rows, segments, sums: this.#sums },
      segmentOf: this.#buffers.segments,
    });
    const sums = unpadded(new Float32Array(await this.#backend.read(this.#sums, 0, sizeBytes)), dimensions, stride);
    const sizes = new Float32Array(segments);
    for (const segment of segmentOf) sizes[segment]!++;
    return new Map(
      Array.from(indexOf, ([label, at]) => [
        label,
        sums.slice(at * dimensions, (at + 1) * dimensions).map((value) => value / sizes[at]!),
      ]),
    );
  }

  dispose(): void {
    for (const buffer of Object.values(this.#buffers)) this.#backend.destroyBuffer(buffer);
    if (this.#sums !== undefined) this.#backend.destroyBuffer(this.#sums);
  }
}
