import type { DeviceBuffer, Kernel } from '../../compute/index.ts';
import { crossEntropyOnWebgpu, segmentSumsOnWebgpu, softmaxOnWebgpu } from './kernel.wgsl.ts';

interface LogitRows {
  readonly count: number;
  /** Floats per row, a multiple of 4. */
  readonly stride: number;
}

export interface SoftmaxArgs extends LogitRows {
  readonly classes: number;
  /** [count, stride] */
  readonly logits: DeviceBuffer;
  /** [count, stride] out; padding 0. */
  readonly probabilities: DeviceBuffer;
}

/** softmaxRows is the definition. */
export const softmaxLogits: Kernel<SoftmaxArgs> = {
  name: 'softmaxLogits',
  wasm(backend, args) {
    requireSoftmax(args);
    const { count, classes, stride, logits, probabilities } = args;
    const addresses = [backend.address(logits), backend.address(probabilities)];
    backend.dispatch('logits.softmax', ...addresses, count, classes, stride);
  },
  webgpu(backend, args) {
    requireSoftmax(args);
    softmaxOnWebgpu(backend, args);
  },
};

function requireSoftmax({ count, classes, stride, logits, probabilities }: SoftmaxArgs): void {
  if (!(classes >= 1 && classes <= stride)) throw new RangeError(`logits: ${classes} classes in rows of ${stride}`);
  requireRows('logits', logits, { count, stride });
  requireRows('probabilities', probabilities, { count, stride });
}

export interface SegmentSumsArgs extends LogitRows {
  /** [count, stride] */
  readonly rows: DeviceBuffer;
  /** [count] uint32 below `segments` */
  readonly segmentOf: DeviceBuffer;
  readonly segments: number;
  /** [segments, stride] out */
  readonly sums: DeviceBuffer;
}

/** Sum of the rows of each segment, in order. */
export const segmentSums: Kernel<SegmentSumsArgs> = {
  name: 'segmentSums',
  wasm(backend, args) {
    requireSegments(args);
    const { count, stride, rows, segmentOf, segments, sums } = args;
    const addresses = [backend.address(rows), backend.address(segmentOf)];
    backend.dispatch('logits.segmentSums', ...addresses, count, segments, stride, backend.address(sums));
  },
  webgpu(backend, args) {
    requireSegments(args);
    segmentSumsOnWebgpu(backend, args);
  },
};

function requireSegments({ count, stride, rows, segments, sums }: SegmentSumsArgs): void {
  requireRows('rows', rows, { count, stride });
  requireRows('sums', sums, { count: segments, stride });
}

export interface CrossEntropyArgs extends LogitRows {
  /** [count, stride] */
  readonly probabilities: DeviceBuffer;
  /** [count] uint32 */
  readonly targets: DeviceBuffer;
  /** [count] float32 */
  readonly weights: DeviceBuffer;
  /** [count] out */
  readonly losses: DeviceBuffer;
  /** [count, stride] out, by the logits; may be the buffer of the probabilities. */
  readonly gradients: DeviceBuffer;
}

/** crossEntropyReference is the definition; its value is the sum of `losses`. */
export const crossEntropyLogits: Kernel<CrossEntropyArgs> = {
  name: 'crossEntropyLogits',
  wasm(backend, args) {
    requireCrossEntropy(args);
    const { count, stride, probabilities, targets, weights, losses, gradients } = args;
    backend.dispatch(
      'logits.crossEntropy',
      ...[probabilities, targets, weights].map((buffer) => backend.address(buffer)),
      ...[count, stride, backend.address(losses), backend.address(gradients)],
    );
  },
  webgpu(backend, args) {
    requireCrossEntropy(args);
    crossEntropyOnWebgpu(backend, args);
  },
};

function requireCrossEntropy(args: CrossEntropyArgs): void {
  const { count, stride, probabilities, targets, weights, losses, gradients } = args;
  requireRows('probabilities', probabilities, { count, stride });
  requireRows('gradients', gradients, { count, stride });
  for (const [name, buffer] of Object.entries({ targets, weights, losses })) {
    requireRows(name, buffer, { count, stride: 1 });
  }
}

function requireRows(name: string, buffer: DeviceBuffer, { count, stride }: LogitRows): void {
  if (buffer.sizeBytes >= count * stride * 4) return;
  throw new RangeError(
    `logits: ${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes, ${count * stride * 4} are needed`,
  );
}
