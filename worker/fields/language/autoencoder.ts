/** The autoencoder of LangSplat (Qin et al. 2024): embeddings of one scene's segments as a few numbers. */
import type { Backend, DeviceBuffer } from '../../compute/index.ts';
import { drawWithoutRepetition, fieldRandom } from '../frames.ts';
import { applyNetwork, NetworkTraining } from './network.ts';
import type { LatentParameters } from './parameters.ts';
import type { SegmentIndex } from './segment-index.ts';
import { OwnedBuffers, paddedRows, SegmentLoss } from './step-buffers.ts';
import type { LanguageNetwork } from './types.ts';

export interface Autoencoder {
  readonly decoder: LanguageNetwork;
  /** [S, latent] codes of the segments. */
  readonly codes: Float32Array;
  /** Mean over segments of the cosine of an embedding and what its code says. */
  readonly meanCosine: number;
  readonly seconds: number;
}

/** @param pause called between batches: lets messages in, throws to stop */
export async function trainAutoencoder(
  backend: Backend,
  index: SegmentIndex,
  { latent, autoencoder }: LatentParameters,
  seed: number,
  pause: () => Promise<void>,
): Promise<Autoencoder> {
  const started = performance.now();
  const { layers, width, epochs, rate } = autoencoder;
  const { dimensions, segmentCount } = index;
  const batch = Math.min(autoencoder.batch, segmentCount);
  const owned = new OwnedBuffers(backend);
  const encoder = new NetworkTraining(
    backend,
    { inputs: dimensions, width, outputs: latent, layers },
    ...([batch, seed, 2] as const),
  );
  const decoder = new NetworkTraining(
    backend,
    { inputs: latent, width, outputs: dimensions, layers, inputGradients: true },
    ...([batch, seed, 3] as const),
  );
  try {
    const loss = new SegmentLoss(
      ...([backend, owned, index] as const),
      { targets: index.embeddings, columns: dimensions, stride: decoder.parameters.outputStride, capacity: batch },
      autoencoder.loss,
    );
    const inputs = owned.create('embeddings of segments', batch * encoder.parameters.inputStride);
    const codes = owned.create('codes', batch * encoder.parameters.outputStride);
    const codeGradients = owned.create('gradients of codes', batch * encoder.parameters.outputStride);
    const outputs = owned.create('decoded', batch * decoder.parameters.outputStride);
    let step = 0;
    const train = (chosen: Uint32Array) => {
      step++;
      writeRows(backend, inputs, index, chosen, encoder.parameters.inputStride);
      encoder.forward(inputs, chosen.length, codes);
      decoder.forward(codes, chosen.length, outputs);
      loss.run(outputs, chosen);
      decoder.backward(chosen.length, loss.gradients, codeGradients);
      encoder.backward(chosen.length, codeGradients);
      decoder.update(step, rate);
      encoder.update(step, rate);
    };
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = drawWithoutRepetition(segmentCount, segmentCount, fieldRandom(seed, 'pairs', epoch));
      for (let first = 0; first < segmentCount; first += batch) train(order.slice(first, first + batch));
      await pause();
    }
    const trained = { encoder: await encoder.network(), decoder: await decoder.network() };
    const allCodes = await applyNetwork(backend, trained.encoder, index.embeddings, dimensions);
    const decoded = await applyNetwork(backend, trained.decoder, allCodes, latent);
    return {
      ...{ decoder: trained.decoder, codes: allCodes, meanCosine: meanCosine(decoded, index.embeddings, dimensions) },
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    owned.dispose();
    encoder.dispose();
    decoder.dispose();
  }
}

function writeRows(backend: Backend, to: DeviceBuffer, index: SegmentIndex, chosen: Uint32Array, stride: number): void {
  const { dimensions, embeddings } = index;
  const rows = new Float32Array(chosen.length * dimensions);
  chosen.forEach((segment, i) => {
    rows.set(embeddings.subarray(segment * dimensions, (segment + 1) * dimensions), i * dimensions);
  });
  backend.write(to, paddedRows(rows, dimensions, stride));
}

function meanCosine(a: Float32Array, b: Float32Array, dimensions: number): number {
  const rows = a.length / dimensions;
  let sum = 0;
  for (let r = 0; r < rows; r++) {
    let [product, own, other] = [0, 1e-24, 1e-24];
    for (let i = r * dimensions; i < (r + 1) * dimensions; i++) {
      product += a[i]! * b[i]!;
      own += a[i]! ** 2;
      other += b[i]! ** 2;
    }
    sum += product / Math.sqrt(own * other);
  }
  return sum / rows;
}
