/** LERF-style (Kerr et al. 2023): one field that is asked for an embedding at a physical scale. */
import { createBackbone } from './backbone.ts';
import { rateAt, trainingLoop } from './loop.ts';
import { NetworkTraining } from './network.ts';
import type { ConditionedParameters } from './parameters.ts';
import { LanguageSampler } from './segment-index.ts';
import { OwnedBuffers, SegmentLoss } from './step-buffers.ts';
import type { LanguageTraining } from './train.ts';
import type { DecodedField } from './types.ts';

export async function trainConditioned(training: LanguageTraining<ConditionedParameters>): Promise<DecodedField> {
  const started = performance.now();
  const { backend, cache, index, means, extent, parameters, seed } = training;
  const { steps, finalRateShare, scaleFrequencies, batchPixels: capacity } = parameters;
  const owned = new OwnedBuffers(backend);
  const backbone = createBackbone(backend, cache, means, parameters.backbone, seed);
  const conditionOf = new Float32Array(index.segmentCount * (1 + 2 * scaleFrequencies));
  const ranks = scaleRanks(index.scales);
  const conditionSize = 1 + 2 * scaleFrequencies;
  for (let s = 0; s < index.segmentCount; s++) {
    conditionOf.set(scaleCondition(ranks[s]!, scaleFrequencies), s * conditionSize);
  }
  const network = new NetworkTraining(
    backend,
    {
      ...{ inputs: backbone.channels + conditionSize, width: parameters.width, layers: parameters.layers },
      ...{ outputs: index.dimensions, inputGradients: true },
    },
    ...([capacity, seed, 1] as const),
  );
  try {
    const { inputStride, outputStride } = network.parameters;
    const loss = new SegmentLoss(
      ...([backend, owned, index] as const),
      { targets: index.embeddings, columns: index.dimensions, stride: outputStride, capacity },
      parameters.loss,
    );
    const sampler = new LanguageSampler(index, capacity, seed);
    const rendered = owned.create('rendered features', capacity * backbone.stride);
    const renderedGradients = owned.create('gradients of rendered features', capacity * backbone.stride);
    const inputs = owned.create('inputs', capacity * inputStride);
    const inputGradients = owned.create('gradients of inputs', capacity * inputStride);
    const embeddings = owned.create('embeddings', capacity * outputStride);
    const planeRate = parameters.planeRate * (parameters.planeRateTimesExtent ? extent : 1);

    const { losses, millisecondsPerStep } = await trainingLoop({ ...training, steps }, async (step, wantsLoss) => {
      const batch = sampler.draw(step);
      const count = batch.rows.length;
      await backbone.forward(batch.view, batch.rows, rendered);
      const features = new Float32Array(await backend.read(rendered, 0, count * backbone.stride * 4));
      const rows = new Float32Array(count * inputStride);
      for (let i = 0; i < count; i++) {
        const [from, to] = [i * backbone.stride, i * inputStride];
        rows.set(features.subarray(from, from + backbone.channels), to);
        const condition = batch.segments[i]! * conditionSize;
        rows.set(conditionOf.subarray(condition, condition + conditionSize), to + backbone.channels);
      }
      backend.write(inputs, rows);
      network.forward(inputs, count, embeddings);
      loss.run(embeddings, batch.segments);
      network.backward(count, loss.gradients, inputGradients);
      const upstream = new Float32Array(await backend.read(inputGradients, 0, count * inputStride * 4));
      const down = new Float32Array(count * backbone.stride);
      for (let i = 0; i < count; i++) {
        down.set(upstream.subarray(i * inputStride, i * inputStride + backbone.channels), i * backbone.stride);
      }
      backend.write(renderedGradients, down);
      backbone.backward(renderedGradients, step);
      backbone.update(step, rateAt(planeRate, finalRateShare, step, steps));
      network.update(step, rateAt(parameters.networkRate, finalRateShare, step, steps));
      return wantsLoss ? loss.value(count) : undefined;
    });

    const features = await backbone.features();
    return {
      ...{ kind: 'decoded', gaussians: cache.gaussians, embeddingDimensions: index.dimensions },
      ...{ channels: backbone.channels, network: await network.network() },
      levels: Array.from({ length: parameters.scales }, (_, i) => {
        // The middles of as many equal shares of the segments.
        const rank = (i + 0.5) / parameters.scales;
        return { name: `scale ${i + 1}`, features, condition: scaleCondition(rank, scaleFrequencies) };
      }),
      report: {
        ...{ parameters, seed, losses, millisecondsPerStep, figures: {} },
        seconds: (performance.now() - started) / 1000,
      },
    };
  } finally {
    owned.dispose();
    backbone.dispose();
    network.dispose();
  }
}

/** [S] share of the segments that are smaller, in [0, 1]: the scale on which segments are evenly spread. */
export function scaleRanks(scales: Float64Array): Float64Array {
  const sorted = scales.toSorted();
  return scales.map((scale) => {
    const first = sorted.findIndex((value) => value >= scale);
    const last = sorted.findLastIndex((value) => value <= scale);
    return (first + last + 1) / (2 * scales.length);
  });
}

/** In [−1, 1], then sines and cosines of π 2^k times it. */
function scaleCondition(rank: number, frequencies: number): number[] {
  const at = 2 * rank - 1;
  const waves = Array.from({ length: frequencies }, (_, k) => Math.PI * 2 ** k * at);
  return [at, ...waves.flatMap((angle) => [Math.sin(angle), Math.cos(angle)])];
}
