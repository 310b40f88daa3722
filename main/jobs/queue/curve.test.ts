import { describe, expect, test } from 'vitest';
import type { CurvePoint, OrderedEvent } from '../../../contract/index.ts';
import type { JobRow, Project } from '../../project/index.ts';
import { curveOf, curvePointOf, MAX_CURVE_POINTS, thin } from './curve.ts';

const progress = (iteration: number, loss = 1): OrderedEvent => ({
  type: 'progress',
  iteration,
  iterations: 1000,
  loss,
  gaussians: 5,
  iterationsPerSecond: 60,
  secondsLeft: 1,
});
const evaluation = (iteration: number, psnr: number | null): OrderedEvent => ({
  type: 'evaluation',
  iteration,
  psnr,
  ssim: psnr === null ? null : 0.5,
  perFrame: [],
  seconds: 1,
});
const started = (iteration: number): OrderedEvent => ({
  type: 'started',
  backend: 'wasm',
  device: 'SIMD',
  threads: 1,
  trainFrames: 1,
  holdoutFrames: 1,
  gaussians: 5,
  iteration,
  iterations: 1000,
});

/** A project with these jobs, each of which continues the one before it. */
function chain(...jobs: readonly OrderedEvent[][]): { project: Project; last: JobRow } {
  const rows = jobs.map((_, index) => ({ id: index + 1, resumedFrom: index === 0 ? null : index }) as JobRow);
  const events = (id: number) => jobs[id - 1]?.map((event, sequence) => ({ sequence, type: event.type, event })) ?? [];
  const table = { events, find: (id: number) => rows[id - 1] };
  return { project: { jobs: table } as unknown as Project, last: rows.at(-1)! };
}

const iterations = (points: readonly CurvePoint[]): number[] => points.map((point) => point.iteration);

describe('curve', () => {
  test('has no points of what was not measured, and no infinities', () => {
    expect(curvePointOf(evaluation(7, null))).toBeUndefined();
    expect(curvePointOf({ type: 'warning', message: 'dark' })).toBeUndefined();
    expect(curvePointOf(progress(7, Number.NaN))).toMatchObject({ iteration: 7, loss: null, gaussians: 5 });
    expect(curvePointOf(evaluation(7, 20))).toMatchObject({ psnr: 20, ssim: 0.5, loss: null });
  });

  test('of a resumed job begins with those before it, without what was done again', () => {
    const { project, last } = chain(
      [started(0), progress(100), progress(200), progress(290)],
      [started(200), progress(250), evaluation(300, 20), progress(390)],
      [started(300), progress(400)],
    );
    expect(iterations(curveOf(project, last))).toEqual([100, 200, 250, 300, 400]);
  });

  test('of a job whose worker crashed has each iteration once', () => {
    const crashed = [started(0), progress(100), progress(200), started(150), progress(180), progress(220)];
    const { project, last } = chain(crashed);
    expect(iterations(curveOf(project, last))).toEqual([100, 180, 220]);
  });

  test('of a job that waits is that of the one it will continue', () => {
    const { project, last } = chain([started(0), progress(100)], []);
    expect(iterations(curveOf(project, last))).toEqual([100]);
  });

  test('is thinned to a bound, with its ends and its evaluations', () => {
    const points = Array.from({ length: 9999 }, (_, i) => {
      return curvePointOf(i % 100 === 50 ? evaluation(i, 20) : progress(i, i))!;
    });
    const thinned = thin(points);
    expect(thinned.length).toBe(MAX_CURVE_POINTS);
    expect([thinned[0], thinned.at(-1)]).toEqual([points[0], points.at(-1)]);
    expect(thinned.filter(({ psnr }) => psnr !== null).length).toBe(100);
    expect(iterations(thinned)).toEqual(iterations(thinned).toSorted((a, b) => a - b));
    expect(thin(points.slice(0, MAX_CURVE_POINTS))).toEqual(points.slice(0, MAX_CURVE_POINTS));
  });
});
