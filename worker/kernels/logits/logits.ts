import type { DeviceBuffer, Kernel } from '../../compute/index.ts';

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
  wasm(backend, { count, classes, stride, logits, probabilities }) {
    if (!(classes >= 1 && classes <= stride)) throw new RangeError(`logits: ${classes} classes in rows of ${stride}`);
    requireRows('logits', logits, { count, stride });
    requireRows('probabilities', probabilities, { count, stride });
    const addresses = [backend.address(logits), backend.address(probabilities)];
    backend.dispatch('logits.softmax', ...addresses, count, classes, stride);
  },
};

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
  wasm(backend, { count, stride, rows, segmentOf, segments, sums }) {
    requireRows('rows', rows, { count, stride });
    requireRows('sums', sums, { count: segments, stride });
    const addresses = [backend.address(rows), backend.address(segmentOf)];
    backend.dispatch('logits.segmentSums', ...addresses, count, segments, stride, backend.address(sums));
  },
};

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
  wasm(backend, { count, stride, probabilities, targets, weights, losses, gradients }) {
    requireRows('probabilities', probabilities, { count, stride });
    requireRows('gradients', gradients, { count, stride });
    for (const [name, buffer] of Object.entries({ targets, weights, losses })) {
      requireRows(name, buffer, { count, stride: 1 });
    }
    backend.dispatch(
      'logits.crossEntropy',
      ...[probabilities, targets, weights].map((buffer) => backend.address(buffer)),
      ...[count, stride, backend.address(losses), backend.address(gradients)],
    );
  },
};

function requireRows(name: string, buffer: DeviceBuffer, { count, stride }: LogitRows): void {
  if (buffer.sizeBytes >= count * stride * 4) return;
  throw new RangeError(
    `logits: ${name} (${buffer.label}) holds ${buffer.sizeBytes} bytes, ${count * stride * 4} are needed`,
  );
}
