import { expect, test } from 'vitest';
import { formatFigure, formatRecords, formatTable } from './table.ts';

test('text to the left, numbers to the right, four digits', () => {
  expect(
    formatTable([
      ['a', 1],
      ['bcd', 12.34567],
    ]),
  ).toEqual(['a        1', 'bcd  12.35']);
});

test('records share one heading; what a record lacks stays empty', () => {
  expect(
    formatRecords([
      { kernel: 'blend', ms: 1.5 },
      { kernel: 'sort', ms: 10, note: 'radix' },
    ]),
  ).toEqual(['kernel   ms  note', 'blend   1.5', 'sort     10  radix']);
});

test('figures of a document', () => {
  expect(formatFigure('psnr', 32.34567)).toEqual(['psnr: 32.35']);
  expect(formatFigure('every8th', null)).toEqual(['every8th: -']);
  expect(formatFigure('timings', { blend: 1.23456 })).toEqual(['timings: {"blend":1.235}']);
  expect(formatFigure('rows', [{ n: 1 }])).toEqual(['rows:', '  n', '  1']);
  expect(formatFigure('list', [1, 2])).toEqual(['list: [1,2]']);
});
