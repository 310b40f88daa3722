import { describe, expect, it } from 'vitest';
import { filterRows, histogram, sortRows, statistics, toCsv, toJson } from './rows.ts';

const row = (name: string, psnr: number, holdout = false, ssim = 0.9) => ({ name, psnr, ssim, holdout });
const rows = [row('10.jpg', 30), row('9.jpg', 25, true), row('a.jpg', Number.NaN), row('2.jpg', 30)];

describe('metrics', () => {
  it('puts the worst first, what is no number before all, and equal ones by name', () => {
    expect(sortRows(rows, 'psnr', false).map(({ name }) => name)).toEqual(['a.jpg', '9.jpg', '2.jpg', '10.jpg']);
    expect(sortRows(rows, 'name', true).map(({ name }) => name)).toEqual(['a.jpg', '10.jpg', '9.jpg', '2.jpg']);
  });

  it('keeps the splits apart', () => {
    expect(filterRows(rows, 'holdout').map(({ name }) => name)).toEqual(['9.jpg']);
    expect(filterRows(rows, 'train')).toHaveLength(3);
    expect(filterRows(rows, 'all')).toBe(rows);
  });

  it('has means that do not hide what is no number', () => {
    expect(statistics([1, 3])).toEqual({ mean: 2, deviation: 1 });
    expect(statistics([])).toBeNull();
    expect(statistics([1, Number.NaN])?.mean).toBeNaN();
  });

  it('counts every finite value once', () => {
    const values = [1, 2, 2.5, 9, 10, Number.NaN];
    const bins = histogram(values, 4);
    expect(bins.map(({ count }) => count)).toEqual([3, 0, 0, 2]);
    expect(bins[0]?.from).toBe(1);
    expect(bins.at(-1)?.to).toBe(10);
    expect(histogram([5, 5], 4)).toEqual([{ from: 5, to: 6, count: 2 }]);
    expect(histogram([Number.NaN], 4)).toEqual([]);
  });

  it('exports names that spreadsheets can neither break nor run', () => {
    const lines = toCsv([row('a,"b".jpg', 1, true), row('=cmd()', 2)]).split('\n');
    expect(lines).toEqual(['frame,split,psnr_db,ssim', '"a,""b"".jpg",holdout,1,0.9', "'=cmd(),train,2,0.9", '']);
  });

  it('exports JSON with means', () => {
    const parsed = JSON.parse(toJson({ splatsId: 4, frames: rows }, rows.slice(0, 2)));
    expect(parsed).toMatchObject({ splatsId: 4, mean: { psnr: 27.5, ssim: 0.9 } });
    expect(parsed.frames).toHaveLength(2);
  });
});
