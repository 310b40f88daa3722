import { expect, test } from 'vitest';
import type { ViewQueryCall } from '../../contract/index.ts';
import { answerQuery, type OpenField, type QueryScene } from './answer.ts';
import type { QueryField } from './query-field.ts';
import { FakeEncoder } from './testing.ts';
import { TextVectors } from './texts.ts';

/** A nested field of one Gaussian: 0.51 in the composite, 0.52 and 0.6 at its scales. No view is asked for. */
async function ask(gates: Readonly<Record<string, number>> | undefined, scale: ViewQueryCall['scale'], names = 2) {
  const maxima = Float32Array.of(0.52, 0.6).slice(0, names);
  const field = {
    ...{ gaussians: 1, automatic: 'composite', scales: ['coarse', 'fine'].slice(0, names) },
    maxima: async () => ({ maxima, best: maxima.indexOf(Math.max(...maxima)) }),
    relevancy: async (_: unknown, asked: 'composite' | number) =>
      Float32Array.of(asked === 'composite' ? 0.51 : maxima[asked]!),
  } as unknown as QueryField;
  const encoder = Object.assign(new FakeEncoder(8), gates && { gates });
  const open = {
    ...{ field, visibility: Float32Array.of(1), texts: new TextVectors(encoder) },
    header: { recipe: 'n2f2' },
  } as unknown as OpenField;
  const call = { text: 'red', negatives: ['object'], sharpness: 1, scale, views: [] } as unknown as ViewQueryCall;
  return answerQuery(call, open, {} as QueryScene);
}

test('a nested field answers with its composite, or by a search where the text model states a gate for its recipe', async () => {
  expect(await ask(undefined, 'auto')).toMatchObject({ scale: 'composite', gate: 0.5, found: true });
  expect(await ask({ lerf: 0.55 }, 'auto')).toMatchObject({ scale: 'composite', gate: 0.5, found: true });
  expect(await ask({ n2f2: 0.55 }, 'auto')).toMatchObject({ scale: 1, gate: 0.55, found: true });
  expect(await ask({ n2f2: 0.65 }, 'auto')).toMatchObject({ scale: 1, gate: 0.65, found: false });
  // What is asked for by name is not a search.
  expect(await ask({ n2f2: 0.65 }, 'composite')).toMatchObject({ scale: 'composite', gate: 0.5, found: true });
  expect(await ask({ n2f2: 0.65 }, 0)).toMatchObject({ scale: 0, gate: 0.5, found: true });
});

test('a field whose scales are not in memory has its composite alone, whatever is stated', async () => {
  expect(await ask({ n2f2: 0.65 }, 'auto', 0)).toMatchObject({ scale: 'composite', gate: 0.5, found: true });
});
