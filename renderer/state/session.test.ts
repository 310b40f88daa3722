import { describe, expect, it } from 'vitest';
import { sampleJob, sampleProject } from '../testing/samples.ts';
import {
  applyEvent,
  applySnapshot,
  initialSession,
  mergeCurve,
  mergeLog,
  replaceJob,
  type SessionState,
} from './session.ts';

const point = (iteration: number, change: object = {}) => ({
  iteration,
  loss: null,
  gaussians: null,
  iterationsPerSecond: null,
  psnr: null,
  ssim: null,
  ...change,
});

describe('session', () => {
  it('keeps jobs newest first and replaces by id', () => {
    const jobs = replaceJob(replaceJob([sampleJob({ id: 2 })], sampleJob({ id: 5 })), sampleJob({ id: 2, title: 'x' }));
    expect(jobs.map(({ id, title }) => `${id} ${title}`)).toEqual(['5 Train fox, 3000 iterations', '2 x']);
  });

  it('joins evaluations and losses of one iteration', () => {
    const merged = mergeCurve(
      [point(10, { loss: 1 }), point(20, { loss: 0.5 })],
      [point(20, { psnr: 30 }), point(15, { loss: 0.7 })],
    );
    expect(merged.map(({ iteration, loss, psnr }) => [iteration, loss, psnr])).toEqual([
      [10, 1, null],
      [15, 0.7, null],
      [20, 0.5, 30],
    ]);
  });

  it('joins a fetched log with lines that came meanwhile', () => {
    const line = (at: number, text: string) => ({ at, level: 'info' as const, text });
    expect(mergeLog([line(1, 'a'), line(2, 'b')], [line(2, 'b'), line(3, 'c')]).map(({ text }) => text)).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  it('forgets everything of a removed job', () => {
    let state: SessionState = { ...initialSession, jobs: [sampleJob({ id: 2 })] };
    state = applyEvent(state, { type: 'job-curve', jobId: 2, points: [point(1, { loss: 1 })] });
    state = applyEvent(state, { type: 'job-log', jobId: 2, lines: [{ at: 1, level: 'info', text: 'x' }] });
    state = applySnapshot(state, { type: 'job-preview', jobId: 2, preview: 1, iteration: 10 });
    state = applyEvent(state, { type: 'job-removed', jobId: 2 });
    expect(state).toEqual(initialSession);
  });

  it('lets no late snapshot undo what is known', () => {
    const project = sampleProject({ revision: 20, savedAt: 500 });
    const state: SessionState = { ...initialSession, project, jobs: [sampleJob({ id: 2, state: 'failed' })] };
    expect(applySnapshot(state, { type: 'saved', revision: 19, savedAt: 400 })).toBe(state);
    expect(applySnapshot(state, { type: 'job-progress', job: sampleJob({ id: 2, state: 'running' }) })).toBe(state);
    const shown = applySnapshot(state, { type: 'job-preview', jobId: 2, preview: 4, iteration: 40 });
    expect(applySnapshot(shown, { type: 'job-preview', jobId: 2, preview: 3, iteration: 30 })).toBe(shown);
    expect(applySnapshot(state, { type: 'saved', revision: 21, savedAt: 600 }).project?.savedAt).toBe(600);
  });
});
