import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as layout from './index.ts';
import { laneBlocks, laneBytes, packLanes, unpackLanes } from './index.ts';

describe('lane blocks', () => {
  it('puts component k of Gaussian 4 b + l at [b][k][l]', () => {
    const rows = [10, 11, 20, 21, 30, 31, 40, 41, 50, 51];
    const blocks = packLanes(rows, 5, 2, -1);
    expect([...blocks]).toEqual([10, 20, 30, 40, 11, 21, 31, 41, 50, -1, -1, -1, 51, -1, -1, -1]);
  });

  it.each([0, 1, 3, 4, 5, 17])('returns %i rows as they were', (count) => {
    const rows = Float32Array.from({ length: 3 * count }, (_, i) => i + 1);
    const blocks = packLanes(rows, count, 3, Number.NaN);
    expect(blocks.byteLength).toBe(laneBytes(count, 3));
    expect(laneBlocks(count)).toBe(Math.ceil(count / 4));
    expect(unpackLanes(blocks, count, 3)).toEqual(rows);
  });

  it('refuses arrays of the wrong size', () => {
    expect(() => packLanes([1, 2, 3], 2, 2)).toThrow(/3 values for 2 rows of 2/);
    expect(() => unpackLanes(new Float32Array(4), 2, 2)).toThrow(RangeError);
  });
});

/** `export const NAME: type = number;` of an AssemblyScript file. */
function constantsOf(file: string): Map<string, number> {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  return new Map(Array.from(text.matchAll(/^export const (\w+): \w+ = ([^;]+);/gm), (m) => [m[1], Number(m[2])]));
}

describe('constants of the kernels', () => {
  it('are those of TypeScript', () => {
    const kernel = constantsOf('./layout.as.ts');
    const { TILE, LANES, PROJECTED_BYTES, SCREEN_GRADIENT_BYTES, SLOT_BYTES, ALPHA_MAX, STOP_TRANSMITTANCE } = layout;
    const equal = { TILE, LANES, PROJECTED_BYTES, SCREEN_GRADIENT_BYTES, SLOT_BYTES, ALPHA_MAX, STOP_TRANSMITTANCE };
    for (const [name, value] of Object.entries(equal)) expect(kernel.get(name), name).toBe(value);
    expect(Math.fround(kernel.get('ALPHA_MIN')!)).toBe(Math.fround(layout.ALPHA_MIN));
    const offset = (field: string) => kernel.get(`PROJECTED_${field.replace(/[A-Z]/g, '_$&').toUpperCase()}`);
    for (const [field, index] of Object.entries(layout.PROJECTED)) expect(offset(field), field).toBe(4 * index);
    for (const field of ['red', 'depth', 'opacity', 'x', 'y', 'conicA', 'conicB', 'conicC'] as const) {
      const name = `SCREEN_GRADIENT_${field.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
      expect(kernel.get(name), name).toBe(4 * layout.SCREEN_GRADIENT[field]);
    }
  });

  it('lay the scratch out without overlap, inside what is allocated', () => {
    const kernel = constantsOf('./view.as.ts');
    const fields = [...kernel].filter(([name]) => name.startsWith('S_')).sort(([, a], [, b]) => a - b);
    expect(fields.length).toBeGreaterThan(10);
    expect(fields[0][1]).toBe(0);
    const counts: Record<string, number> = { S_UPSTREAM: 12, S_RECORD: 12, S_BASIS: 16, S_SH_DOT: 16, S_ROTATION: 9 };
    fields.forEach(([name, start], i) => {
      const end = fields[i + 1]?.[1] ?? kernel.get('SCRATCH_BYTES')!;
      expect(end - start, name).toBeGreaterThanOrEqual(16 * (counts[name] ?? 1));
      expect(start % 16, name).toBe(0);
    });
    const workspace = readFileSync(new URL('./workspace.ts', import.meta.url), 'utf8');
    expect(workspace).toContain(`SCRATCH_BYTES = ${kernel.get('SCRATCH_BYTES')};`);
  });

  it('find every number of a packed view', () => {
    const kernel = constantsOf('./view.as.ts');
    const cameraFromWorld = Array.from({ length: 12 }, (_, i) => i + 100);
    const view = { widthPixels: 1, heightPixels: 2, fx: 3, fy: 4, cx: 5, cy: 6, cameraFromWorld, nearPlane: 7 };
    const packed = layout.packView(view);
    const at = (name: string) => packed[kernel.get(name)! / 4];
    const names = ['WIDTH', 'HEIGHT', 'FX', 'FY', 'CX', 'CY', 'NEAR'].map((name) => `VIEW_${name}`);
    expect(names.map(at)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(packed.subarray(0, 12)).toEqual(Float32Array.from(cameraFromWorld));
    const bounds = layout.jacobianBounds(view);
    expect(at('VIEW_MIN_X')).toBe(Math.fround(bounds.minX));
    expect(at('VIEW_MAX_X')).toBe(Math.fround(bounds.maxX));
    expect(at('VIEW_MIN_Y')).toBe(Math.fround(bounds.minY));
    expect(at('VIEW_MAX_Y')).toBe(Math.fround(bounds.maxY));
    const centre = kernel.get('VIEW_CENTRE')! / 4;
    expect(packed.subarray(centre, centre + 3)).toEqual(Float32Array.from(layout.cameraCentre(view)));
  });
});
