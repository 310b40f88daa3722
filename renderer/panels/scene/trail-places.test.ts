import { describe, expect, it } from 'vitest';
import { placeAt } from './trail-places.ts';

describe('the place of an object', () => {
  const trail = { positions: [2, 3, 7], points: [1, 0, 0, 2, 0, 0, 3, 0, 0] };

  it('is where it is seen, else where it was seen last, and nowhere before', () => {
    expect(placeAt(trail, 1)).toBeNull();
    expect(placeAt(trail, 2)).toEqual({ point: [1, 0, 0], seen: true });
    expect(placeAt(trail, 5)).toEqual({ point: [2, 0, 0], seen: false });
    expect(placeAt(trail, 7)).toEqual({ point: [3, 0, 0], seen: true });
    expect(placeAt(trail, 99)).toEqual({ point: [3, 0, 0], seen: false });
    expect(placeAt({ positions: [], points: [] }, 5)).toBeNull();
  });
});
