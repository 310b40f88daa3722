/** What a person should know before training: each check in words, with a tone. Pure: the dialog draws it, the tests read it. */
import type { ImportPreview } from '../../../contract/index.ts';
import { formatCount, plural, type Tone } from '../../ui/index.ts';
import { convergence, nearestAxis, placeCameras, visibleShare } from './geometry.ts';

export interface ImportCheck {
  readonly id: 'frames' | 'cameras' | 'axes' | 'up' | 'scale' | 'points' | 'masks';
  readonly tone: Extract<Tone, 'good' | 'warn' | 'bad' | 'neutral'>;
  readonly title: string;
  readonly detail: string;
}

/** Points that a camera of a sound capture sees, at least. Flipped axes leave about none. */
const MIN_VISIBLE = 0.05;
/** Pixels beyond which projected and photographed points visibly disagree. */
const MAX_REPROJECTION_PX = 3;
/** Mean of unit up vectors: 1 when all cameras are upright alike. */
const MIN_UP_AGREEMENT = 0.6;
/** Share of ignored pixels beyond which the masks are probably the wrong way round. */
const MAX_MASKED = 0.9;

function number(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function framesCheck({ frames, skippedCount, skipped }: ImportPreview): ImportCheck {
  if (skippedCount === 0)
    return {
      id: 'frames',
      tone: 'good',
      title: `${plural(frames, 'frame')}`,
      detail: 'Every frame has a photo and a pose.',
    };
  const first = skipped[0];
  return {
    id: 'frames',
    tone: 'warn',
    title: `${plural(frames, 'frame')}, ${formatCount(skippedCount)} left out`,
    detail:
      first === undefined
        ? 'They cannot be used.'
        : `${first.name}: ${first.reason}${skippedCount > 1 ? ' (and others)' : ''}`,
  };
}

function camerasCheck({ cameras }: ImportPreview): ImportCheck {
  const sizes = new Set(cameras.map(({ width, height }) => `${width} × ${height}`));
  const models = new Set(cameras.map(({ model }) => model));
  return {
    id: 'cameras',
    tone: 'neutral',
    title: `${plural(cameras.length, 'camera')}: ${[...models].slice(0, 3).join(', ')}`,
    detail: `${[...sizes].slice(0, 3).join(', ')} pixels${sizes.size > 3 ? ' and other sizes' : ''}. Lens distortion is removed at import.`,
  };
}

function axesCheck(preview: ImportPreview): ImportCheck {
  const share = visibleShare(preview.poses, preview.intrinsics, preview.samplePoints);
  const { reprojectionErrorPx } = preview;
  const base = { id: 'axes' as const };
  if (reprojectionErrorPx !== null) {
    const error = `${number(reprojectionErrorPx)} px`;
    return reprojectionErrorPx <= MAX_REPROJECTION_PX
      ? {
          ...base,
          tone: 'good',
          title: 'Poses fit the photos',
          detail: `Sparse points land ${error} from where they were seen.`,
        }
      : {
          ...base,
          tone: 'bad',
          title: 'Poses do not fit the photos',
          detail: `Sparse points land ${error} from where they were seen: wrong photos, sizes or axes.`,
        };
  }
  if (share !== null) {
    const percent = `${Math.round(share * 100)} %`;
    return share >= MIN_VISIBLE
      ? {
          ...base,
          tone: 'good',
          title: 'Axes look right',
          detail: `A camera sees ${percent} of the sparse points on average.`,
        }
      : {
          ...base,
          tone: 'bad',
          title: 'Cameras look away from the points',
          detail: `A camera sees ${percent} of the sparse points: the axes are probably of another convention.`,
        };
  }
  const meeting = convergence(placeCameras(preview.poses));
  if (meeting === null)
    return {
      ...base,
      tone: 'neutral',
      title: 'Axes not checked',
      detail: 'No sparse points, and the views do not meet.',
    };
  const percent = `${Math.round(meeting.inFront * 100)} %`;
  if (meeting.inFront >= 0.8)
    return {
      ...base,
      tone: 'good',
      title: 'Axes look right',
      detail: `${percent} of the cameras face what the views have in common.`,
    };
  return meeting.inFront <= 0.2
    ? {
        ...base,
        tone: 'bad',
        title: 'Cameras look away from each other',
        detail: `${percent} of the cameras face the common centre. Fine for a capture from the inside out, else the axes are flipped.`,
      }
    : {
        ...base,
        tone: 'neutral',
        title: 'Axes not certain',
        detail: `${percent} of the cameras face a common centre.`,
      };
}

function upCheck({ up }: ImportPreview): ImportCheck {
  const axis = nearestAxis(up.direction);
  const name = axis.cosine > 0.97 ? axis.name : `near ${axis.name}`;
  return up.agreement >= MIN_UP_AGREEMENT
    ? {
        id: 'up',
        tone: 'good',
        title: `Up is ${name}`,
        detail: `The cameras agree on it (${up.agreement.toFixed(2)} of 1).`,
      }
    : {
        id: 'up',
        tone: 'warn',
        title: 'Up is not clear',
        detail: `The cameras' up axes differ (${up.agreement.toFixed(2)} of 1). Training does not mind; views may look tilted.`,
      };
}

function scaleCheck({ bounds, cameraSpan }: ImportPreview): ImportCheck {
  const size = bounds.max.map((high, axis) => high - (bounds.min[axis] ?? 0));
  const detail = `Scene ${size.map(number).join(' × ')}; cameras within ${number(cameraSpan.radius)} of their centre. Units are the source's own.`;
  if (cameraSpan.radius > 1e-4 && cameraSpan.radius < 1e5)
    return { id: 'scale', tone: 'good', title: 'Scale is workable', detail };
  return {
    id: 'scale',
    tone: cameraSpan.radius === 0 ? 'bad' : 'warn',
    title: cameraSpan.radius === 0 ? 'All cameras stand at one point' : 'Unusual scale',
    detail,
  };
}

function pointsCheck({ points }: ImportPreview): ImportCheck {
  return points > 0
    ? { id: 'points', tone: 'good', title: plural(points, 'sparse point'), detail: 'Training starts from them.' }
    : { id: 'points', tone: 'neutral', title: 'No sparse points', detail: 'Training starts from random points.' };
}

function masksCheck({ maskedShare }: ImportPreview): ImportCheck {
  if (maskedShare === null)
    return { id: 'masks', tone: 'neutral', title: 'No masks', detail: 'Every pixel of every photo is used.' };
  const percent = `${Math.round(maskedShare * 100)} %`;
  return maskedShare <= MAX_MASKED
    ? { id: 'masks', tone: 'good', title: 'Masks', detail: `${percent} of the pixels are ignored.` }
    : {
        id: 'masks',
        tone: 'warn',
        title: 'Masks may be inverted',
        detail: `${percent} of the pixels would be ignored. Black means ignore, white means use.`,
      };
}

export function importChecks(preview: ImportPreview): readonly ImportCheck[] {
  return [
    framesCheck(preview),
    camerasCheck(preview),
    axesCheck(preview),
    upCheck(preview),
    scaleCheck(preview),
    pointsCheck(preview),
    masksCheck(preview),
  ];
}

/** Factors offered for the photos' size. */
export const SCALES = [1, 0.5, 0.25, 0.125] as const;

/** Longest side that trains comfortably on a CPU. */
const COMFORTABLE_SIDE_PX = 1000;

/** The largest factor that brings every photo to a comfortable size; the smallest one when none does. */
export function suggestedScale({ cameras }: Pick<ImportPreview, 'cameras'>): number {
  const side = Math.max(1, ...cameras.map(({ width, height }) => Math.max(width, height)));
  return SCALES.find((scale) => side * scale <= COMFORTABLE_SIDE_PX) ?? SCALES[SCALES.length - 1] ?? 1;
}
