/** Frames through automatic mask generation of a SAM-style model. */
import {
  type ComputeOptions,
  encodeCounts,
  type FrameMasks,
  labelsOfFrame,
  type SamSegmentation,
  segmentsOfLabels,
} from '../../contract/index.ts';
import type { PlanarImage } from '../images/index.ts';
import { generateMasks, SamModel } from '../models/index.ts';

interface SamFrameSegmenter extends AsyncDisposable {
  segments(image: PlanarImage): Promise<FrameMasks['segments']>;
}

/** @throws LiftscopeError when the model is missing, damaged or of another interface */
export async function openSamSegmenter(
  folder: string,
  parameters: SamSegmentation,
  { threads }: Pick<ComputeOptions, 'threads'>,
  signal: AbortSignal,
): Promise<SamFrameSegmenter> {
  const model = await SamModel.open(folder, threads);
  return {
    segments: async (image) => {
      const masks = await generateMasks(model, image, parameters, { signal });
      const nested = masks.map(({ counts, predictedIou }, index) => ({
        id: index + 1,
        confidence: Math.min(1, Math.max(0, predictedIou)),
        rle: encodeCounts(counts),
      }));
      if (parameters.output === 'nested') return nested;
      const { labels } = labelsOfFrame({ width: image.width, height: image.height, segments: nested });
      return segmentsOfLabels(labels).map((part) => ({ ...part, confidence: nested[part.id - 1]!.confidence }));
    },
    [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
  };
}
