import { describe, expect, it } from 'vitest';
import { type MaskSetSummary, OBJECT_MASKS } from '../../../contract/index.ts';
import { heatTable, paintHeat } from './heat.ts';
import { chooseMasks } from './mask-choice.ts';
import { idAt, type Overlay } from './overlay.ts';

const set = (name: string, provenance: MaskSetSummary['provenance']): MaskSetSummary => ({
  name,
  provenance,
  source: 'test',
  frames: 50,
  consistentIds: provenance === 'lifted',
});

describe('masks shown', () => {
  const sets = [set('graph', 'model'), set('sam', 'model'), set('lifted', 'lifted')];

  it('shows the objects once there are any, and the newest given set before that', () => {
    expect(chooseMasks([], false, null, null)).toMatchObject({ shown: null, before: null, flipped: null });
    expect(chooseMasks(sets.slice(0, 2), false, null, null)).toMatchObject({ shown: 'sam', before: null });
    expect(chooseMasks(sets, true, null, null)).toMatchObject({ shown: OBJECT_MASKS, before: 'sam' });
  });

  it('keeps what was chosen for as long as it exists', () => {
    expect(chooseMasks(sets, true, 'graph', 'graph')).toMatchObject({ shown: 'graph', before: 'graph' });
    expect(chooseMasks(sets, true, 'gone', 'gone')).toMatchObject({ shown: OBJECT_MASKS, before: 'sam' });
    expect(chooseMasks(sets, false, OBJECT_MASKS, null).shown).toBe('lifted');
  });

  it('flips between given and lifted', () => {
    expect(chooseMasks(sets, true, null, 'graph').flipped).toBe('graph');
    expect(chooseMasks(sets, true, 'graph', null).flipped).toBe(OBJECT_MASKS);
    expect(chooseMasks([set('lifted', 'lifted')], true, null, null).flipped).toBeNull();
  });

  it('finds the object under a point, and no hidden one', () => {
    const ids = Uint32Array.from([0, 5, 6, 6]);
    const layer = { set: OBJECT_MASKS, colorOf: (id: number) => (id === 6 ? null : '#ffffff') };
    const overlay = { ids, width: 2, height: 2, layer } as unknown as Overlay;
    const image = { width: 20, height: 20 };
    expect([idAt(overlay, 15, 5, image), idAt(overlay, 5, 15, image), idAt(overlay, 25, 5, image)]).toEqual([5, 0, 0]);
  });
});

describe('heat map', () => {
  it('paints nothing where nothing is, and all of the range opaque from 10 % on', () => {
    const rgba = new Uint8ClampedArray([0, 0, 0, 255, 26, 26, 26, 255, 255, 255, 255, 255]);
    paintHeat(rgba, heatTable());
    expect([rgba[3], rgba[7], rgba[11]]).toEqual([0, 255, 255]);
    expect([...rgba.subarray(8, 11)]).toEqual([0xf0, 0x3b, 0x20]);
  });
});
