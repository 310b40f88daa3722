import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OBJECT_PALETTE } from '../../contract/index.ts';
import { formatAgo, formatBytes, formatCount, formatDuration, formatFixed, formatShort, plural } from './format.ts';
import { errorColor, objectColor } from './palette.ts';
import { visibleRows } from './window.ts';

const css = readFileSync(new URL('./theme.css', import.meta.url), 'utf8');

function tokens(selector: string): Record<string, string> {
  const start = css.indexOf(`${selector} {`);
  const block = css.slice(start, css.indexOf('}', start));
  return Object.fromEntries(
    [...block.matchAll(/(--[\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]),
  );
}

/** WCAG 2.2 relative luminance. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

const dark = tokens(':root');
const light = tokens(':root[data-theme="light"]');

describe.each([
  ['dark', dark],
  ['light', light],
])('%s theme', (_, theme) => {
  it('defines the same colours as the other', () => {
    expect(Object.keys(theme).length).toBeGreaterThan(20);
    expect(Object.keys(theme).sort()).toEqual(Object.keys(dark).sort());
  });

  const pairs: [string, string[]][] = [
    ['--text', ['--bg-app', '--bg-panel', '--bg-raised', '--bg-control', '--bg-hover', '--bg-inset', '--bg-selected']],
    [
      '--text-muted',
      [
        '--bg-app',
        '--bg-panel',
        '--bg-raised',
        '--bg-control',
        '--bg-hover',
        '--bg-inset',
        '--bg-selected',
        '--canvas',
        '--good-bg',
        '--warn-bg',
        '--bad-bg',
      ],
    ],
    ['--text-faint', ['--bg-app', '--bg-panel', '--bg-raised', '--bg-control', '--bg-inset']],
    ['--accent', ['--bg-app', '--bg-panel', '--bg-raised', '--bg-inset', '--bg-selected']],
    ['--good', ['--bg-panel', '--bg-raised', '--good-bg']],
    ['--warn', ['--bg-panel', '--bg-raised', '--warn-bg']],
    ['--bad', ['--bg-panel', '--bg-raised', '--bad-bg']],
    ['--on-accent', ['--accent-fill', '--accent-fill-hover', '--bad-fill']],
  ];
  it.each(pairs)('%s can be read on everything it stands on', (text, grounds) => {
    for (const ground of grounds) {
      const ratio = contrast(theme[text] ?? '#000000', theme[ground] ?? '#000000');
      expect(ratio, `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  it('shows the focus', () => {
    for (const ground of ['--bg-app', '--bg-panel', '--bg-raised', '--bg-control'])
      expect(contrast(theme['--focus'] ?? '', theme[ground] ?? ''), ground).toBeGreaterThanOrEqual(3);
  });
});

describe('colours of objects', () => {
  it('are distinct for three rounds of the palette, differ from their neighbours, and repeat', () => {
    const rounds = 3 * OBJECT_PALETTE.length;
    const colours = Array.from({ length: rounds }, (_, i) => objectColor(i));
    expect(colours.slice(0, OBJECT_PALETTE.length)).toEqual([...OBJECT_PALETTE]);
    expect(new Set(colours).size).toBe(rounds);
    const channels = (colour: string) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
    for (let i = 0; i < rounds; i++) {
      const [a, b] = [channels(objectColor(i)), channels(objectColor(i + 1))];
      expect(Math.hypot(...a.map((value, k) => value - b[k]!)), `${i} and the next`).toBeGreaterThan(50);
    }
    expect(objectColor(rounds + 1)).toBe(OBJECT_PALETTE[1]);
    expect(objectColor(-1)).toMatch(/^#/);
  });

  it('go from calm to loud with the error', () => {
    expect(errorColor(0)).toBe('#3b528b');
    expect(errorColor(1)).toBe('#f03b20');
    expect(errorColor(5)).toBe('#f03b20');
    expect(errorColor(Number.NaN)).toBe('#3b528b');
  });
});

describe('numbers for people', () => {
  it('says what is not known', () => {
    for (const format of [formatCount, formatBytes, formatDuration, formatShort]) {
      expect(format(null)).toBe('–');
      expect(format(Number.NaN)).toBe('–');
    }
  });

  it('keeps figures short', () => {
    expect(formatCount(45000)).toBe('45,000');
    expect(formatShort(45000)).toBe('45k');
    expect(formatShort(999_499)).toBe('999k');
    expect(formatShort(999_600)).toBe('1M');
    expect(formatShort(12)).toBe('12');
    expect(formatBytes(999)).toBe('999 B');
    expect(formatBytes(265_400_000)).toBe('265 MB');
    expect(formatFixed(31.516, 2, 'dB')).toBe('31.52 dB');
    expect(formatDuration(59.6)).toBe('1 min 00 s');
    expect(formatDuration(7500)).toBe('2 h 05 min');
    expect(plural(1, 'frame')).toBe('1 frame');
    expect(plural(0, 'frame')).toBe('0 frames');
  });

  it('tells how long ago', () => {
    const now = Date.UTC(2026, 10, 20, 12);
    expect(formatAgo(now - 500, now)).toBe('just now');
    expect(formatAgo(now - 2500, now)).toBe('2 s ago');
    expect(formatAgo(now - 3.7e6, now)).toBe('1 h ago');
    expect(formatAgo(now - 9e7, now)).toBe('19 Nov 2026');
  });
});

describe('rows in sight', () => {
  it('draws a handful of ten thousand', () => {
    expect(visibleRows(0, 280, 28, 10_000)).toEqual({ first: 0, last: 16 });
    expect(visibleRows(28_000, 280, 28, 10_000)).toEqual({ first: 994, last: 1016 });
  });

  it('stays within the rows there are', () => {
    expect(visibleRows(1e9, 280, 28, 5)).toEqual({ first: 5, last: 5 });
    expect(visibleRows(0, 280, 28, 0)).toEqual({ first: 0, last: 0 });
  });
});
