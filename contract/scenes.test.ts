import { expect, test } from 'vitest';
import { jobSchemas } from './jobs.ts';
import { sceneSplitSchema, truthQualitySchema } from './scenes.ts';

const { request } = jobSchemas['generate-scene'];

test('a scene request fills in its defaults', () => {
  expect(request.parse({ scene: 'kitchen', outputDir: '/x' })).toEqual({
    ...{ scene: 'kitchen', outputDir: '/x', seed: 0, noise: 'default', threads: 0 },
  });
});

test.each([
  ['an unknown scene', { scene: 'garage' }, 'scene'],
  ['no objects', { objects: 0 }, 'objects'],
  ['more objects than label images can number', { objects: 70_000 }, 'objects'],
  ['images that would need gigabytes', { size: 2048 }, 'size'],
  ['a size that is no number', { size: Number.NaN }, 'size'],
  ['a seed of more than 32 bit', { seed: 2 ** 32 }, 'seed'],
  ['unknown noise', { noise: 'loud' }, 'noise'],
  ['nothing to write', { outputDir: undefined }, 'outputDir'],
])('%s is refused by field', (_name, change, field) => {
  const result = request.safeParse({ scene: 'messy-rooms', outputDir: '/x', ...change });
  expect(result.error?.issues[0]?.path.join('.')).toBe(field);
});

test('the split is read from a truth that holds more, and from no other file', () => {
  const frames = [{ name: 'a', split: 'test', fx: 1 }];
  expect(sceneSplitSchema.parse({ format: 'liftscope-scene-truth', version: 1, frames }).frames).toEqual([
    { name: 'a', split: 'test' },
  ]);
  for (const other of [{ frames }, { format: 'other', frames }, { format: 'liftscope-scene-truth', frames: [] }]) {
    expect(sceneSplitSchema.safeParse(other).success).toBe(false);
  }
});

test('a depth error that is not a number never passes as a figure', () => {
  const frame = { name: 'a', depthAbsoluteRelative: 0.1, depthDelta125: 1, coverage: 1 };
  const quality = { depthAbsoluteRelative: 0.1, depthDelta125: 1, coverage: 1, perFrame: [frame] };
  expect(truthQualitySchema.safeParse(quality).success).toBe(true);
  for (const bad of [Number.NaN, -Infinity, '0.1', undefined]) {
    expect(truthQualitySchema.safeParse({ ...quality, depthAbsoluteRelative: bad }).success).toBe(false);
  }
});
