import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { userModelsFolder } from '../user-folders.ts';
import { findModelFolder, installedModels, modelFolderOf, modelFolders } from './folders.ts';

const root = mkdtempSync(join(tmpdir(), 'liftscope-folders-'));
const before = process.env.LIFTSCOPE_MODELS;
const add = (name: string, manifest: string): void => {
  mkdirSync(join(root, name));
  writeFileSync(join(root, name, 'manifest.json'), manifest);
};
beforeAll(() => {
  process.env.LIFTSCOPE_MODELS = root;
  add('features', JSON.stringify({ format: 'liftscope-model', kind: 'dino' }));
  add('broken', '{');
  add('tiny-sam', '{}');
});
afterAll(() => {
  if (before === undefined) delete process.env.LIFTSCOPE_MODELS;
  else process.env.LIFTSCOPE_MODELS = before;
  rmSync(root, { recursive: true });
});

test('the user’s folder is the variable’s, else beside the settings', () => {
  expect(modelFolders().user).toBe(root);
  expect(userModelsFolder({ LIFTSCOPE_CONFIG: '/c' })).toBe(join('/c', 'models'));
});

test('a name means the user’s model before one that ships; nothing leads out', async () => {
  expect(await findModelFolder('tiny-sam')).toBe(join(root, 'tiny-sam'));
  rmSync(join(root, 'tiny-sam'), { recursive: true });
  expect(await findModelFolder('tiny-sam')).toBe(join(modelFolders().shipped, 'tiny-sam'));
  for (const name of ['..', '.', '', 'none', '../features', 'a/b', 'a\\b', `x${'y'.repeat(300)}`]) {
    expect(await findModelFolder(name)).toBeUndefined();
  }
  expect(await modelFolderOf('none', 'It')).toBe(join(root, 'none'));
  expect(await modelFolderOf('./a', 'It')).toBe(join(process.cwd(), 'a'));
  await expect(modelFolderOf(' ', 'Method sam')).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringMatching(/Method sam/),
  });
});

test('installed models of a kind', async () => {
  expect(await installedModels('dino')).toEqual(['features']);
  expect(await installedModels('sam')).toEqual(['tiny-sam']);
});
