import { expect, test } from 'vitest';
import { nothingHere } from './language.ts';

test('an empty answer blames the negatives, and the gate only where it is what kept the answer back', () => {
  const negatives = ['object', 'stuff'];
  expect(nothingHere({ maximum: 0.471, gate: 0.5, negatives })).toBe(
    'nothing here beats object, stuff (highest relevancy 0.471)',
  );
  expect(nothingHere({ maximum: 0.471, gate: 0.526, negatives })).toContain('nothing here beats object, stuff');
  const held = nothingHere({ maximum: 0.509, gate: 0.526, negatives });
  expect(held).toContain('0.526');
  expect(held).toContain('0.509');
  expect(held).not.toContain('object');
});
