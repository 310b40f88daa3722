import { describe, expect, it } from 'vitest';
import { freeMaskName, maskNameProblem } from './segment.ts';

describe('name of a mask set', () => {
  it('is free', () => {
    expect(freeMaskName('graph', [])).toBe('graph');
    expect(freeMaskName('graph', ['graph', 'graph 2'])).toBe('graph 3');
  });

  it('is one that the project takes', () => {
    expect(maskNameProblem(' graph 2 ')).toBeNull();
    for (const bad of ['', '  ', '@objects', 'a/b', '.hidden']) expect(maskNameProblem(bad)).toMatch(/\w/);
  });
});
