import { expect, test } from 'vitest';
import type { ModelSummary, ModelsResult } from '../../../contract/index.ts';
import { originOf, stateOf, withChecked } from './words.ts';

const model = (more: Partial<ModelSummary>): ModelSummary => ({
  ...{
    id: 'a',
    name: 'a',
    kind: 'dino',
    from: 'user',
    folder: '/m/a',
    source: 'not stated',
    licence: '',
    sizeBytes: 2_000_000,
  },
  state: 'listed',
  ...more,
});
const result = (models: ModelSummary[]): ModelsResult => ({
  folders: { shipped: '/s', user: '/m' },
  kinds: [],
  models,
  leftOut: 0,
});

test('what is not stated is said so', () => {
  expect(originOf(model({}))).toMatch(/licence not stated · yours · source not stated$/);
  expect(originOf(model({ licence: 'MIT', source: 'a paper', from: 'shipped' }))).toMatch(
    /MIT · comes with the program · a paper$/,
  );
  expect(stateOf({ state: 'broken' }).tone).toBe('bad');
});

test('checking one model keeps what is known of the others, and only of those that are there', () => {
  const before = result([
    model({ state: 'ok', detail: 'fast' }),
    model({ id: 'gone', folder: '/m/gone', state: 'ok', detail: 'x' }),
  ]);
  const after = result([model({}), model({ id: 'b', folder: '/m/b', state: 'broken', problem: 'p' })]);
  expect(withChecked(before, after).models.map(({ id, state }) => [id, state])).toEqual([
    ['a', 'ok'],
    ['b', 'broken'],
  ]);
});
