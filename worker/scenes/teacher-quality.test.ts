import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createScene } from './create.ts';
import { depthFromDisparity, measureTeachers } from './teacher-quality.ts';
import { readSceneTruth, type SceneTruth, writeSceneCapture } from './truth/index.ts';

let root: string;
let truth: SceneTruth;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-teachers-'));
  const scene = await createScene({ kind: 'messy-rooms', seed: 1, objects: 4, views: 4, size: 48 });
  await writeSceneCapture(scene, join(root, 'scene'));
  truth = await readSceneTruth(join(root, 'scene'));
}, 60_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const signal = new AbortController().signal;
const ignore = () => undefined;

test('teachers without noise are perfect, those with noise are not, and more noise is worse', async () => {
  const none = await measureTeachers(truth, 'none', 1, signal, ignore);
  expect(none).toMatchObject({
    noise: 'none',
    segmenter: { pq: 100, framesScored: 4 },
    tracker: { hota: 1, idf1: 1, mota: 1, idSwitches: 0 },
    depth: { delta125: 1 },
  });
  expect(none.depth.absoluteRelative).toBeLessThan(1e-5);
  const noisy = await measureTeachers(truth, 'default', 1, signal, ignore);
  const harsh = await measureTeachers(truth, 'harsh', 1, signal, ignore);
  expect(noisy.segmenter.pq).toBeLessThan(95);
  expect(noisy.depth.absoluteRelative).toBeGreaterThan(0.001);
  expect(harsh.depth.absoluteRelative).toBeGreaterThan(noisy.depth.absoluteRelative ?? Number.NaN);
  expect(await measureTeachers(truth, 'default', 1, signal, ignore)).toEqual(noisy);
});

test('an abort ends the measurement', async () => {
  const aborted = AbortSignal.abort(new Error('enough'));
  await expect(measureTeachers(truth, 'none', 1, aborted, ignore)).rejects.toThrow('enough');
});

test('the fit takes back any scale and shift; without contrast it gives the mean disparity', () => {
  const depth = Float32Array.of(1, 2, 4, 0);
  const fitted = depthFromDisparity(Float32Array.of(3.5, 2, 1.25, 9), depth);
  expect([...fitted].map((z) => Number(z.toFixed(5)))).toEqual([1, 2, 4, 0]);
  const flat = depthFromDisparity(Float32Array.of(1, 1, 1, 1), depth);
  expect(flat[0]).toBeCloseTo(3 / 1.75, 5);
  expect(flat[3]).toBe(0);
});
