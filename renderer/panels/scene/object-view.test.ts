import { describe, expect, it } from 'vitest';
import { viewImageRequestSchema } from '../../../contract/index.ts';
import { objectLook } from './object-view.ts';

const objects = [
  { id: 1, hidden: false },
  { id: 2, hidden: false },
];
const plain = { tint: 'off', isolate: false } as const;

describe('what the scene shows of objects', () => {
  it('leaves the model alone while there is nothing to show of them', () => {
    expect(objectLook(plain, objects, [])).toBeNull();
    // Selected, but of another model: nothing to mark.
    expect(objectLook(plain, objects, [7])).toBeNull();
    expect(objectLook({ ...plain, isolate: true }, objects, [])).toBeNull();
  });

  it('asks as soon as something is selected, hidden or tinted', () => {
    expect(objectLook(plain, objects, [2])).toEqual({ tint: 0, selected: [2] });
    expect(objectLook(plain, [{ id: 1, hidden: true }], [])).toEqual({ tint: 0, selected: [] });
    expect(objectLook({ ...plain, tint: 'flat' }, objects, [])).toEqual({ tint: 1, selected: [] });
  });

  it('isolates the selected ones without marking them, and says only what the host takes', () => {
    const look = objectLook({ tint: 'mixed', isolate: true }, objects, [1, 9]);
    expect(look).toMatchObject({ selected: [], only: [1] });
    expect(viewImageRequestSchema.shape.objects.parse(look)).toEqual(look);
  });
});
