import { describe, expect, it } from 'vitest';
import { sampleCurve, sampleJob } from '../../testing/samples.ts';
import { newest, seriesOf } from './curves.ts';
import { stateOf, timeOf } from './words.ts';

describe('curves', () => {
  it('draws only what a point carries, and always the newest', () => {
    const points = sampleCurve(1900);
    const [x, y] = seriesOf(points, 'psnr');
    expect(x).toEqual([500, 1000, 1500]);
    expect(y.every(Number.isFinite)).toBe(true);
    expect(newest(points, 'psnr')).toBe(y.at(-1));
    expect(newest([], 'loss')).toBeNull();
  });

  it('thins long curves and keeps their end', () => {
    const points = sampleCurve(500_000);
    const [x] = seriesOf(points, 'loss');
    expect(x.length).toBeLessThanOrEqual(1201);
    expect(x.at(-1)).toBe(points.at(-1)?.iteration);
  });
});

describe('words', () => {
  it('names states and times', () => {
    expect(stateOf(sampleJob()).text).toBe('Running');
    const oom = { code: 'out-of-memory' as const, message: 'x' };
    expect(stateOf(sampleJob({ state: 'failed', failure: oom }))).toEqual({ text: 'Out of memory', tone: 'bad' });
    expect(timeOf(sampleJob({ secondsLeft: 18 }))).toBe('18 s left');
    expect(timeOf(sampleJob({ state: 'finished', startedAt: 1000, finishedAt: 48_000 }))).toBe('took 47 s');
    expect(timeOf(sampleJob({ state: 'queued', startedAt: null }))).toBe('');
  });
});
