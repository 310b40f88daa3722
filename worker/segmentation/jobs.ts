/** The job behind `segment`: every frame by itself, into one mask set. */
import {
  type FrameMasks,
  type JobEvent,
  type SegmentationRequest,
  type SegmentationResult,
  segmentsOfLabels,
  type TrainingFrame,
} from '../../contract/index.ts';
import { loadImage, type PlanarImage } from '../images/index.ts';
import { openDepth } from './depth.ts';
import { type GraphSegmentation, segmentByGraph } from './graph-segmenter.ts';
import { MasksWriter } from './masks-writer.ts';
import { nestedSegments } from './nested.ts';

interface SegmentationContext {
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
}

interface FrameSegmenter extends AsyncDisposable {
  segments(image: PlanarImage, frame: TrainingFrame): Promise<FrameMasks['segments']>;
}

const MAX_NAMED = 100;

/**
 * Segments the frames in their order. The mask file is complete afterwards, or, after a failure or cancellation, absent.
 * @throws LiftscopeError, ImageFileError
 */
export async function segmentFrames(
  request: SegmentationRequest,
  { signal, emit }: SegmentationContext,
): Promise<SegmentationResult> {
  const startedAt = performance.now();
  const { frames, outputPath, set } = request;
  await using segmenter = await openSegmenter(request, signal);
  await using writer = await MasksWriter.create(outputPath, set);
  const times: number[] = [];
  const emptyFrames: string[] = [];
  let segments = 0;
  for (const [index, frame] of frames.entries()) {
    signal.throwIfAborted();
    const frameStartedAt = performance.now();
    const image = await loadImage(frame.imagePath, { expected: frame, signal });
    const found = await segmenter.segments(image, frame);
    await writer.add({ frame: frame.name, width: image.width, height: image.height, segments: found });
    segments += found.length;
    if (found.length === 0) emptyFrames.push(frame.name);
    times.push(performance.now() - frameStartedAt);
    const done = index + 1;
    const secondsLeft = ((performance.now() - startedAt) / 1000 / done) * (frames.length - done);
    emit({ type: 'work', stage: 'segment', done, total: frames.length, secondsLeft });
    // A frame takes long on one thread; messages (cancel, ping) are read between frames.
    await new Promise((resolve) => setImmediate(resolve));
  }
  signal.throwIfAborted();
  await writer.finish();
  return {
    masksPath: outputPath,
    frames: frames.length,
    segments,
    emptyFrames: emptyFrames.slice(0, MAX_NAMED),
    emptyFrameCount: emptyFrames.length,
    seconds: (performance.now() - startedAt) / 1000,
    medianFrameMs: times.sort((a, b) => a - b)[times.length >> 1] ?? 0,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  };
}

async function openSegmenter(request: SegmentationRequest, signal: AbortSignal): Promise<FrameSegmenter> {
  const { method } = request;
  switch (method.kind) {
    case 'graph': {
      const useDepth = method.splatsPath !== undefined && method.parameters.geometry > 0;
      const renderer = useDepth ? await openDepth(method.splatsPath!, request) : undefined;
      return {
        segments: async (image, frame) =>
          graphSegments(segmentByGraph(image, method.parameters, await renderer?.depth(frame))),
        [Symbol.asyncDispose]: async () => renderer?.[Symbol.asyncDispose](),
      };
    }
    case 'sam':
      return (await import('./sam-frames.ts')).openSamSegmenter(method.modelDir, method.parameters, request, signal);
    default:
      return method satisfies never;
  }
}

/** Ids from 1 in the order of the segments, with their confidences. */
export function graphSegments({ fine, fineCount, segments, disjoint }: GraphSegmentation): FrameMasks['segments'] {
  if (!disjoint) return nestedSegments(fine, fineCount, segments);
  const idOf = new Int32Array(fineCount);
  segments.forEach(({ leaves }, index) => {
    for (const leaf of leaves) idOf[leaf] = index + 1;
  });
  const masks = segmentsOfLabels(fine.map((leaf) => idOf[leaf]!));
  return masks.map((mask) => ({ ...mask, confidence: segments[mask.id - 1]!.confidence }));
}
