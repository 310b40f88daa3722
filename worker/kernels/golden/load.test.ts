import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GoldenError, goldenFile, goldenFolder, loadOwnSplatCases, loadSplatCases } from './index.ts';
import { OWN_CASES_FOLDER, readSplatCase, splatCaseFiles } from './load.ts';

describe('golden loader', () => {
  let root: string;
  const whole = readFileSync(join(OWN_CASES_FOLDER, 'splat_plain.json'), 'utf8');
  const write = (text: string): string => {
    const file = join(root, 'splat', 'splat_0.json');
    writeFileSync(file, text);
    return file;
  };
  const damaged = (change: (golden: ReturnType<typeof readSplatCase>) => void): string => {
    const golden = JSON.parse(whole);
    change(golden);
    return write(JSON.stringify(golden));
  };
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'golden-'));
    mkdirSync(join(root, 'splat'));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it('has cases of its own that exercise culling, stopping and every SH degree', () => {
    const own = loadOwnSplatCases().map(({ golden }) => golden);
    expect(new Set(own.map(({ shDegree }) => shDegree))).toEqual(new Set([0, 1, 2, 3]));
    expect(own.some(({ exercised }) => exercised.culled > 0)).toBe(true);
    expect(own.some(({ exercised }) => exercised.stopped > 0)).toBe(true);
  });

  it('reads a named folder and appends its own cases', () => {
    write(whole);
    const folder = goldenFolder(root);
    expect(folder).toEqual({ path: root, named: true, exists: true });
    expect(splatCaseFiles(folder)).toHaveLength(1);
    expect(loadSplatCases(folder).map(({ name }) => name)).toEqual([
      'splat_0.json',
      ...loadOwnSplatCases().map(({ name }) => name),
    ]);
    expect(goldenFile('splat/splat_0.json', folder)).toBe(join(root, 'splat', 'splat_0.json'));
    expect(goldenFile('tracking.json', folder)).toBeUndefined();
  });

  it('refuses a named folder without cases, and falls back when none is named', () => {
    const missing = goldenFolder(join(root, 'missing'));
    expect(() => loadSplatCases(missing)).toThrow(/LIFTSCOPE_GOLDEN names .*missing, which does not exist/);
    expect(() => loadSplatCases(goldenFolder(tmpdir()))).toThrow(/holds no splat/);
    expect(loadSplatCases({ ...missing, named: false }).length).toBe(loadOwnSplatCases().length);
    expect(goldenFolder('')).toEqual(goldenFolder(undefined));
  });

  it.each([
    ['truncated', () => write(whole.slice(0, 500)), /splat_0\.json: not JSON/],
    ['no object', () => write('[]'), /field \(whole file\)/],
    ['short array', () => damaged((g) => g.inputs.sh.pop()), /field inputs\.sh: 2 values, expected 3/],
    ['NaN written as null', () => damaged((g) => (g.gradients.means[0] = Number.NaN)), /field gradients\.means\.0/],
    ['huge count', () => damaged((g) => (g.N = 1e12)), /field N/],
    ['negative size', () => damaged((g) => (g.width = -1)), /field width/],
    ['pixel outside', () => damaged((g) => (g.ambiguousPixels = [99])), /field ambiguousPixels/],
  ])('names file and field: %s', (_, make, message) => {
    const file = make();
    expect(() => readSplatCase(file)).toThrow(GoldenError);
    expect(() => readSplatCase(file)).toThrow(message);
  });
});
