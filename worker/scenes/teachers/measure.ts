import { type PanopticFrame, panopticQuality, type TrackingFrame } from '../../metrics/index.ts';
import { VISIBLE_SHARE } from '../truth/index.ts';
import { areasOf, requireSize, TeacherInputError } from './label-images.ts';

const BACKGROUND = 0;
const FOREGROUND = 1;
const VOID = 2;

/**
 * Two-class panoptic frame of the `messy-rooms` protocol: every pixel is foreground with an instance, or background. True segments
 * under 1e-3 of the image are void for everyone.
 */
export function panopticFrame(
  instance: Uint16Array,
  predicted: Uint16Array,
  width: number,
  height: number,
): PanopticFrame {
  requireSize('true instance labels', instance.length, width, height);
  requireSize('predicted labels', predicted.length, width, height);
  const least = VISIBLE_SHARE * width * height;
  const areas = areasOf(instance);
  const targetClasses = new Uint32Array(instance.length);
  for (let i = 0; i < instance.length; i++) {
    const id = instance[i]!;
    targetClasses[i] = id === 0 ? BACKGROUND : areas.get(id)! < least ? VOID : FOREGROUND;
  }
  return {
    width,
    height,
    targetClasses,
    targetInstances: Uint32Array.from(instance),
    predictedClasses: Uint32Array.from(predicted, (id) => (id === 0 ? BACKGROUND : FOREGROUND)),
    predictedInstances: Uint32Array.from(predicted),
  };
}

export interface SegmenterQuality {
  /** Mean over frames of PQ over the foreground class, in percent; frames without anything to score are left out. */
  readonly perFramePqThings: number;
  readonly framesScored: number;
}

/** Quality of a segmenter's output against the truth, frame by frame. Throws when there is no frame to score. */
export function measureSegmenter(frames: readonly PanopticFrame[]): SegmenterQuality {
  let sum = 0;
  let scored = 0;
  for (const frame of frames) {
    const { classes } = panopticQuality([frame], { things: [FOREGROUND], stuff: [BACKGROUND], minClassShare: 0 });
    const things = classes.find(({ id }) => id === FOREGROUND);
    if (!things) continue;
    sum += things.pq;
    scored++;
  }
  if (scored === 0) throw new TeacherInputError(`none of the ${frames.length} frames has a segment to score`);
  return { perFramePqThings: (100 * sum) / scored, framesScored: scored };
}

/** One frame's masks as the tracking metrics want them: IoU of every visible true object with every tracked segment. */
export function trackingFrame(
  instance: Uint16Array,
  tracked: Uint16Array,
  width: number,
  height: number,
): TrackingFrame {
  requireSize('true instance labels', instance.length, width, height);
  requireSize('track labels', tracked.length, width, height);
  const least = VISIBLE_SHARE * width * height;
  const truthAreas = new Map([...areasOf(instance)].filter(([, area]) => area >= least));
  const trackAreas = areasOf(tracked);
  const truthIds = [...truthAreas.keys()];
  const overlaps = new Map<number, number>();
  const underSmall = new Map<number, number>();
  for (let i = 0; i < instance.length; i++) {
    const track = tracked[i]!;
    if (track === 0) continue;
    const truth = instance[i]!;
    if (truth !== 0 && !truthAreas.has(truth)) underSmall.set(track, (underSmall.get(track) ?? 0) + 1);
    const key = truth * 65536 + track;
    overlaps.set(key, (overlaps.get(key) ?? 0) + 1);
  }
  // A segment that lies mostly on an object too small to be scored is neither right nor wrong.
  const predictedIds = [...trackAreas.keys()].filter((id) => (underSmall.get(id) ?? 0) <= trackAreas.get(id)! / 2);
  const similarity = new Float64Array(truthIds.length * predictedIds.length);
  truthIds.forEach((truth, row) => {
    predictedIds.forEach((track, column) => {
      const overlap = overlaps.get(truth * 65536 + track) ?? 0;
      similarity[row * predictedIds.length + column] =
        overlap / (truthAreas.get(truth)! + trackAreas.get(track)! - overlap);
    });
  });
  return { truthIds, predictedIds, similarity };
}
