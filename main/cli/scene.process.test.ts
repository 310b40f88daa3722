import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { evaluationResultSchema, sceneResultSchema, trainingResultSchema } from '../../contract/index.ts';
import { runDemo } from '../jobs/index.ts';
import { main } from './index.ts';

/** Several workers in a row, on a machine that may be busy. */
const SLOW_MS = 180_000;

async function run(...argv: string[]) {
  const written = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    write: (text: string): void => {
      written[name] += text;
    },
  });
  const code = await main(argv, { stdout: sink('stdout'), stderr: sink('stderr') });
  return { code, ...written };
}

function errorOf(stdout: string): { code: string; message: string; hint?: string | undefined } {
  const failure = z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });
  return z.strictObject({ error: failure }).parse(JSON.parse(stdout)).error;
}

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-scene-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('what scene and demo refuse', () => {
  test.each([
    ['an unknown scene', ['scene', 'garage', '--out', 'x'], /garage.*messy-rooms, kitchen, turntable/],
    ['no objects', ['scene', 'messy-rooms', '--out', 'x', '--objects', '0'], /--objects.*>=1/],
    ['too many objects', ['scene', 'messy-rooms', '--out', 'x', '--objects', '2001'], /--objects.*<=2000/],
    ['half an object', ['scene', 'messy-rooms', '--out', 'x', '--objects', '1.5'], /--objects/],
    ['images too large', ['scene', 'messy-rooms', '--out', 'x', '--size', '4096'], /--size.*<=1024/],
    ['a single view', ['scene', 'kitchen', '--out', 'x', '--views', '1'], /--views.*>=2/],
    ['an unknown noise', ['scene', 'kitchen', '--out', 'x', '--noise', 'loud'], /none, default, harsh/],
    ['a negative seed', ['scene', 'kitchen', '--out', 'x', '--seed', '-1'], /--seed/],
    ['nothing to write', ['scene', 'kitchen'], /Nothing would be written/],
    ['a seed above 32 bit', ['demo', '--seed', '4294967296'], /--seed/],
  ])('%s: exit code 2, before anything runs', async (_name, argv, message) => {
    const { code, stdout } = await run(...argv, '--json');
    expect(code).toBe(2);
    expect(errorOf(stdout)).toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
  });

  test('what only the scene itself knows: exit code 2', { timeout: SLOW_MS }, async () => {
    const { code, stdout } = await run('scene', 'turntable', '--out', join(root, 'never'), '--views', '7', '--json');
    expect(code).toBe(2);
    expect(errorOf(stdout)).toMatchObject({ code: 'usage', message: expect.stringMatching(/five views/) });
    expect(readdirSync(root)).not.toContain('never');
  });

  test('a folder that is in use is left as it was: exit code 3', { timeout: SLOW_MS }, async () => {
    const used = join(root, 'used');
    mkdirSync(used);
    writeFileSync(join(used, 'thesis.txt'), 'mine');
    const [scene, demo] = [
      await run('scene', 'messy-rooms', '--out', used, '--json'),
      await run('demo', '--out', used, '--json'),
    ];
    for (const { code, stdout } of [scene, demo]) {
      expect(code).toBe(3);
      expect(errorOf(stdout)).toMatchObject({ code: 'bad-input', message: expect.stringContaining(used) });
      expect(errorOf(stdout).hint).toMatch(/--out DIR/);
    }
    expect(readdirSync(used)).toEqual(['thesis.txt']);
    expect(readFileSync(join(used, 'thesis.txt'), 'utf8')).toBe('mine');
  });
});

test('a tiny scene, through import and training to figures against its truth; the demo does the same', {
  timeout: SLOW_MS,
}, async () => {
  const capture = join(root, 'tiny');
  const sheet = join(root, 'tiny.png');
  const options = ['--objects', '3', '--views', '6', '--size', '32', '--seed', '3'];
  const made = await run('scene', 'messy-rooms', '--out', capture, '--sheet', sheet, ...options, '--json');
  expect(made.code, made.stderr).toBe(0);
  const scene = sceneResultSchema.parse(JSON.parse(made.stdout));
  expect(scene).toMatchObject({ scene: 'messy-rooms', seed: 3, objects: 3, width: 32, height: 32, sheetPath: sheet });
  expect(scene.capture).toMatchObject({ path: capture, frames: 6, testFrames: 1 });
  expect(scene.capture?.checks.map(({ name }) => name)).toContain('visible objects per image, mean');
  expect(scene.capture?.teachers.segmenter.pq).toBeGreaterThan(30);
  expect(scene.capture?.teachers.segmenter.pq).toBeLessThan(100);
  expect(readFileSync(sheet).subarray(1, 4).toString()).toBe('PNG');

  const project = join(root, 'tiny.liftscope');
  const imported = await run('import', capture, '--project', project, '--json');
  expect(imported.code, imported.stderr).toBe(0);
  expect(JSON.parse(imported.stdout)).toMatchObject({
    trainFrames: 5,
    holdout: ['frame_00005.png'],
    holdoutFrom: 'generated-scene',
  });
  const asked = await run('import', capture, '--project', join(root, 'asked.liftscope'), '--holdout', '3', '--json');
  expect(JSON.parse(asked.stdout)).toMatchObject({ holdoutFrames: 2, holdoutFrom: 'option' });

  const trained = await run('train', project, '--iterations', '20', '--seed', '3', '--json');
  expect(trained.code, trained.stderr).toBe(0);
  const { splatsHash } = trainingResultSchema.parse(JSON.parse(trained.stdout));
  const evaluated = await run('eval', project, '--json');
  expect(evaluated.code, evaluated.stderr).toBe(0);
  const { truth, baseline, psnr } = evaluationResultSchema.parse(JSON.parse(evaluated.stdout));
  expect(truth?.perFrame.map(({ name }) => name)).toEqual(['frame_00005.png']);
  // 20 iterations from points on the true surfaces: rough, but in the right place.
  expect(truth?.depthAbsoluteRelative).toBeGreaterThan(0);
  expect(truth?.depthAbsoluteRelative).toBeLessThan(0.3);
  expect(truth?.depthDelta125).toBeGreaterThan(0.5);
  expect(truth?.coverage).toBeGreaterThan(0.3);
  expect(baseline?.psnr).toBeGreaterThan(5);
  expect(psnr).toBeGreaterThan(5);

  const folder = join(root, 'demo');
  const plan = { quick: true, seed: 3, scene: 'messy-rooms', objects: 3, views: 6, size: 32, iterations: 20 } as const;
  const first = await runDemo({ folder, plan });
  expect(first.training.splatsHash).toBe(splatsHash);
  expect(first.quality.truth).toEqual(truth);
  expect(first.stages.map(({ name, reused }) => [name, reused])).toEqual([
    ['scene', false],
    ['import', false],
    ['train', false],
    ['lift', false],
    ['language', false],
    ['queries', false],
    ['evaluate', false],
  ]);
  expect(first.queries.map(({ map }) => existsSync(map))).toEqual([true, true, true]);
  const second = await runDemo({ folder, plan });
  expect(second.stages.map(({ reused }) => reused)).toEqual([true, true, true, true, true, true, false]);
  expect(second.training).toEqual(first.training);
  await expect(runDemo({ folder, plan: { ...plan, seed: 4 } })).rejects.toThrow(/seed 3.*seed 4/);

  await damagedTruth(capture, project);
});

/** A truth that has been damaged is named, not skipped over. */
async function damagedTruth(capture: string, project: string): Promise<void> {
  writeFileSync(join(capture, 'truth', 'depth', 'frame_00005.f32'), new Uint8Array(12));
  const evaluated = await run('eval', project, '--json');
  expect(evaluated.code).toBe(3);
  expect(errorOf(evaluated.stdout)).toMatchObject({
    code: 'bad-input',
    message: expect.stringContaining('frame_00005.f32'),
  });

  const broken = join(root, 'broken');
  await cp(capture, broken, { recursive: true });
  const file = join(broken, 'truth', 'scene.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"split": "test"', '"split": "exam"'));
  const imported = await run('import', broken, '--project', join(root, 'broken.liftscope'), '--json');
  expect(imported.code).toBe(3);
  expect(errorOf(imported.stdout).message).toMatch(/scene\.json: frames\.5\.split/);
}
