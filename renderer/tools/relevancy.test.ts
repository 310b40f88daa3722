import { describe, expect, it } from 'vitest';
import { relevancyGradient, relevancyTable } from './relevancy.ts';

const bytes = (word: number) => [word & 0xff, (word >> 8) & 0xff, (word >> 16) & 0xff, word >>> 24];
const value = (relevancy: number) => Math.round(255 * relevancy);

describe('colours of relevancy', () => {
  const color = '#0072b2';

  it('are the same for the same value, whatever else is in the picture', () => {
    const [low, high] = [relevancyTable(color, 0), relevancyTable(color, 0.6)];
    for (let grey = value(0.6) + 1; grey < 256; grey++) expect(high[grey]).toBe(low[grey]);
  });

  it('hide what is not above the threshold, and where there is nothing', () => {
    const table = relevancyTable(color, 0.6);
    expect([...table].findIndex((word) => word !== 0)).toBe(Math.ceil(255 * 0.6) + 1);
    // A relevancy of exactly 0.5 may be rounded either way.
    const gate = relevancyTable(color, 0.5);
    expect([gate[127], gate[128], gate[129] !== 0]).toEqual([0, 0, true]);
    expect(relevancyTable(color, 0)[0]).toBe(0);
    expect([...relevancyTable(color, 1)].filter((word) => word !== 0)).toHaveLength(0);
  });

  it('are grey up to the gate and the query’s own above, stronger with every step', () => {
    const table = relevancyTable(color, 0);
    const [r, g, b] = bytes(table[value(0.5) - 1]!);
    expect(r === g && g === b).toBe(true);
    const above = bytes(table[129]!);
    expect(above[2]).toBeGreaterThan(above[0]! + 60);
    // Most answers are not far above it, and must be seen.
    expect(above[3]).toBeGreaterThanOrEqual(128);
    for (let grey = 130; grey < 256; grey++) {
      expect(bytes(table[grey]!)[3]).toBeGreaterThanOrEqual(bytes(table[grey - 1]!)[3]!);
    }
    expect(bytes(table[255]!)[3]).toBe(255);
  });

  it('are those of the legend', () => {
    const [r, g, b, a] = bytes(relevancyTable(color, 0)[255]!);
    expect(relevancyGradient(color)).toContain(`rgb(${r} ${g} ${b} / ${(a! / 255).toFixed(3)}) 100.0%`);
    expect(relevancyGradient(color)).toContain('50.0%');
  });
});
