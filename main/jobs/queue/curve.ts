import { z } from 'zod';
import { type CurvePoint, type OrderedEvent, trainingEventSchema } from '../../../contract/index.ts';
import type { JobRow, Project } from '../../project/index.ts';

/** More than a plot has pixels. */
export const MAX_CURVE_POINTS = 2000;
/** A resumed job begins with the points of those before it; a longer chain is cut at its oldest end. */
const MAX_CHAIN = 100;

/** The point that an event adds to the live curve, if it does. */
export function curvePointOf(event: OrderedEvent): CurvePoint | undefined {
  if (event.type === 'progress') {
    const { iteration, loss, gaussians, iterationsPerSecond } = event;
    return {
      iteration,
      loss: finite(loss),
      gaussians,
      iterationsPerSecond: finite(iterationsPerSecond),
      psnr: null,
      ssim: null,
    };
  }
  // Without a held-out frame there is nothing to show.
  if (event.type !== 'evaluation' || event.psnr === null) return undefined;
  const { iteration, psnr, ssim } = event;
  return {
    iteration,
    loss: null,
    gaussians: null,
    iterationsPerSecond: null,
    psnr: finite(psnr),
    ssim: ssim === null ? null : finite(ssim),
  };
}

/** JSON has no infinities; a training that diverges has. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

const startedSchema = z.object({ iteration: z.number() });

/**
 * All points of a job in the order of their iterations, thinned. Those of the jobs that it continues come first, as far as it
 * has not done their iterations again.
 */
export function curveOf(project: Project, job: JobRow): CurvePoint[] {
  let points: CurvePoint[] = [];
  let current: JobRow | undefined = job;
  let before = Number.POSITIVE_INFINITY;
  for (let length = 0; current !== undefined && length < MAX_CHAIN; length++) {
    const { own, startIteration } = pointsOf(project, current.id);
    points = [...own.filter((point) => point.iteration <= before), ...points];
    before = Math.min(before, startIteration);
    current = current.resumedFrom === null ? undefined : project.jobs.find(current.resumedFrom);
  }
  return thin(points);
}

/** A worker that followed a crashed one has done some iterations again: the later values count. */
function pointsOf(project: Project, jobId: number): { own: CurvePoint[]; startIteration: number } {
  let own: CurvePoint[] = [];
  let startIteration: number | undefined;
  for (const { type, event } of project.jobs.events(jobId)) {
    if (type === 'started') {
      const from = startedSchema.safeParse(event).data?.iteration ?? 0;
      startIteration ??= from;
      own = own.filter((point) => point.iteration <= from);
    }
    if (type !== 'progress' && type !== 'evaluation') continue;
    const parsed = trainingEventSchema.safeParse(event);
    const point = parsed.success && parsed.data.type !== 'preview' ? curvePointOf(parsed.data) : undefined;
    if (point !== undefined) own.push(point);
  }
  return { own, startIteration: startIteration ?? Number.POSITIVE_INFINITY };
}

/**
 * At most {@link MAX_CURVE_POINTS} of them, evenly chosen, the first and the last among them. Measured values are kept as
 * they are: no means. Evaluations are few and precious: they are thinned only among themselves.
 */
export function thin(points: readonly CurvePoint[], limit = MAX_CURVE_POINTS): CurvePoint[] {
  if (points.length <= limit) return [...points];
  const evaluations = points.filter((point) => point.psnr !== null || point.ssim !== null);
  const keptEvaluations = new Set(every(evaluations, Math.floor(limit / 2)));
  const rest = points.filter((point) => point.psnr === null && point.ssim === null);
  const kept = new Set([...keptEvaluations, ...every(rest, limit - keptEvaluations.size)]);
  return points.filter((point) => kept.has(point));
}

function every(points: readonly CurvePoint[], limit: number): readonly CurvePoint[] {
  if (points.length <= limit) return points;
  return Array.from({ length: limit }, (_, i) => points[Math.round((i * (points.length - 1)) / (limit - 1))]!);
}
