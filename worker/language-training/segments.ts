/** Class-agnostic segments of every image at several scales: layers of mask files, or noisy truth of a generated scene. */
import { createHash } from 'node:crypto';
import { LiftscopeError, type SegmentSource, type TrainingFrame } from '../../contract/index.ts';
import type { PinholeView } from '../kernels/index.ts';
import { viewOf } from '../splats/index.ts';
import { readMaskLayers } from './mask-layers.ts';
import { simulateLayers } from './simulated.ts';

/** A mask of one image; masks may overlap. */
export interface MaskSegment {
  /** Row-major pixels, ascending. */
  readonly pixels: Uint32Array;
  /** In [0, 1]. */
  readonly confidence: number;
}

/** What the layers say about one frame. */
export interface SegmentedFrame {
  readonly name: string;
  readonly imagePath: string;
  readonly view: PinholeView;
  readonly segments: readonly MaskSegment[];
}

export interface LoadedSegments {
  /** Training frames with at least one segment. */
  readonly frames: readonly SegmentedFrame[];
  /** What was wrong, and with which frame. */
  readonly warnings: readonly string[];
}

/** 100 px at 0.72 megapixels (N2F2's released settings), scaled to the image. */
const LEAST_AREA_SHARE = 100 / 720_000;
/** Fewer pixels than this have no shape, however small the image. */
const LEAST_AREA_PX = 6;
/** Masks that agree more than this are one: a part that is the whole object, or the same mask of two layers. */
const SAME_IOU = 0.95;

/**
 * Segments of the training frames, small ones and repetitions left out.
 * @throws LiftscopeError `bad-input` when nothing is left
 */
export async function loadSegments(
  source: SegmentSource,
  frames: readonly TrainingFrame[],
  truthDir: string | undefined,
): Promise<LoadedSegments> {
  const training = frames.filter(({ role }) => role === 'train');
  const { layers, warnings } =
    source.kind === 'files'
      ? await readMaskLayers(source.paths, training)
      : {
          layers: await simulateLayers(requireTruth(truthDir), training, source.noise, source.seed),
          warnings: [],
        };
  const segmented = training.flatMap((frame): SegmentedFrame[] => {
    const { name, imagePath, width, height } = frame;
    const segments = distinctSegments(layers.get(name) ?? [], width * height);
    return segments.length === 0 ? [] : [{ name, imagePath, view: viewOf(frame), segments }];
  });
  if (segmented.length === 0) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: 'No training frame has a segment that is large enough to be named.',
      hint: 'Segment the training frames first; masks must have the size of the images.',
    });
  }
  return { frames: segmented, warnings };
}

function requireTruth(truthDir: string | undefined): string {
  if (truthDir !== undefined) return truthDir;
  throw new LiftscopeError({
    code: 'bad-input',
    message: 'Simulated segments need a generated scene with its truth.',
    hint: 'Name mask sets of your own.',
  });
}

/** Large enough, and no two alike; of two alike the more confident one stays. */
export function distinctSegments(segments: readonly MaskSegment[], imagePixels: number): MaskSegment[] {
  const least = Math.max(LEAST_AREA_PX, LEAST_AREA_SHARE * imagePixels);
  const byConfidence = segments
    .filter(({ pixels }) => pixels.length >= least)
    .map((segment, order) => ({ segment, order }))
    .sort((a, b) => b.segment.confidence - a.segment.confidence || a.order - b.order);
  const kept: typeof byConfidence = [];
  for (const candidate of byConfidence) {
    if (!kept.some(({ segment }) => iou(segment.pixels, candidate.segment.pixels) > SAME_IOU)) kept.push(candidate);
  }
  return kept.sort((a, b) => a.order - b.order).map(({ segment }) => segment);
}

function iou(a: Uint32Array, b: Uint32Array): number {
  if (Math.min(a.length, b.length) < SAME_IOU * Math.max(a.length, b.length)) return 0;
  let common = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const difference = a[i]! - b[j]!;
    if (difference === 0) common++;
    if (difference <= 0) i++;
    if (difference >= 0) j++;
  }
  return common / (a.length + b.length - common);
}

/** sha256 of the masks of one frame, without confidences, hexadecimal. */
export function masksHash({ view, segments }: Pick<SegmentedFrame, 'view' | 'segments'>): string {
  const hash = createHash('sha256').update(`${view.widthPixels}x${view.heightPixels}`);
  for (const { pixels } of segments) {
    hash.update(`/${pixels.length}/`).update(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength));
  }
  return hash.digest('hex');
}
