import { describe, expect, it } from 'vitest';
import { sampleFrames, sampleQuery } from '../../testing/samples.ts';
import { cropOf } from './crop.ts';
import { emptyAnswer, otherNotes, scaleMode, settingsOf, sortedQueries, stripHeight, timing } from './words.ts';

describe('the crop of a thumbnail', () => {
  /** One camera at (0, 0, -4) that looks along +z: 100 x 100 pixels, focal length 100. */
  const frames = { ...sampleFrames(1), poses: [1, 0, 0, 0, 0, 0, 4], intrinsics: [100, 100, 100, 100, 50, 50] };

  it('surrounds the object in the shape of the thumbnail', () => {
    const crop = cropOf(frames, 0, { min: [-0.4, -0.4, -0.01], max: [0.4, 0.4, 0.01] }, 1);
    // 0.8 units at distance 4 are 20 pixels, and 30 % on every side.
    expect(crop.width).toBeCloseTo(0.32, 2);
    expect(crop.width).toBe(crop.height);
    expect(crop.x + crop.width / 2).toBeCloseTo(0.5, 6);
    const wide = cropOf(frames, 0, { min: [-0.4, -0.4, -0.01], max: [0.4, 0.4, 0.01] }, 2);
    expect(wide.width / wide.height).toBeCloseTo(2, 6);
  });

  it('stays inside the frame, and is the whole of it where nothing is known', () => {
    const corner = cropOf(frames, 0, { min: [1.6, 1.6, 0], max: [2.4, 2.4, 0.1] }, 1);
    expect(corner.x + corner.width).toBeCloseTo(1, 6);
    expect(corner.x).toBeGreaterThan(0.5);
    const whole = { x: 0, y: 0, width: 1, height: 1 };
    expect(cropOf(frames, 0, null, 1)).toEqual(whole);
    expect(cropOf(frames, 0, { min: [-1, -1, -9], max: [1, 1, 9] }, 1)).toEqual(whole);
    expect(cropOf(frames, 0, { min: [50, 50, 0], max: [51, 51, 1] }, 1)).toEqual(whole);
  });

  it('turns with the camera', () => {
    // Half a turn about y: what was on the right is on the left.
    const turned = { ...frames, poses: [0, 0, 1, 0, 0, 0, 4] };
    const box = { min: [0.8, -0.2, -0.1], max: [1.2, 0.2, 0.1] } as const;
    const extent = { min: [...box.min], max: [...box.max] } as {
      min: [number, number, number];
      max: [number, number, number];
    };
    const [a, b] = [cropOf(frames, 0, extent, 1), cropOf(turned, 0, extent, 1)];
    expect(a.x + a.width / 2).toBeGreaterThan(0.6);
    expect(a.x + a.width / 2 + (b.x + b.width / 2)).toBeCloseTo(1, 6);
  });
});

describe('words', () => {
  it('say why nothing is an answer, with the number', () => {
    const { title, reason } = emptyAnswer({ maximum: 0.4712, gate: 0.5, negatives: ['object', 'stuff'] });
    expect(title).toBe('Nothing beats every negative.');
    expect(reason).toContain('0.47');
    expect(reason).toContain('“object”, “stuff”');
  });

  it('do not say that a negative fits better where a search over scales was held to more than that', () => {
    const { title, reason } = emptyAnswer({ maximum: 0.513, gate: 0.526, negatives: ['object', 'stuff'] });
    expect(title).not.toContain('negative');
    expect(reason).toContain('0.51');
    expect(reason).toContain('Up to 0.53');
    expect(reason).not.toContain('“object”');
    // Rounding leaves ties a little above 0.5: there it is the negatives.
    expect(emptyAnswer({ maximum: 0.500005, gate: 0.5, negatives: ['object'] }).reason).toContain('“object”');
    expect(emptyAnswer({ maximum: 0.47, gate: 0.526, negatives: ['object'] }).reason).toContain('“object”');
  });

  it('say once that words are unknown', () => {
    const notes = ['Not known to the model: flurb.', 'Cut to 16 tokens.'];
    expect(otherNotes({ notes, unknownWords: ['flurb'] })).toEqual(['Cut to 16 tokens.']);
    expect(otherNotes({ notes, unknownWords: [] })).toEqual(notes);
  });

  it('tell times, and when an answer was only looked up', () => {
    expect(timing({ stored: false, encodeMs: 4.25, totalMs: 12.6 }, 31)).toBe(
      'answered in 13 ms · text 4.3 ms · 31 ms until here',
    );
    expect(timing({ stored: true, encodeMs: 4, totalMs: 12 }, null)).toBe('kept in the project');
  });

  it('know what leaving the scale open means', () => {
    expect([scaleMode('auto', 'composite'), scaleMode('auto', 2), scaleMode(3, 3), scaleMode('best', 2)]).toEqual([
      ...['composite', 'best', 'level', 'best'],
    ]);
  });

  it('list saved queries by name and tell same words apart by their settings', () => {
    const queries = [
      sampleQuery({ id: 4, text: 'mug', saved: true }),
      sampleQuery({ id: 3, text: 'chair' }),
      sampleQuery({ id: 2, text: 'bowl', saved: true }),
      sampleQuery({ id: 1, text: 'table' }),
    ];
    const { saved, history } = sortedQueries(queries);
    expect([saved, history].map((all) => all.map(({ text }) => text))).toEqual([
      ['bowl', 'mug'],
      ['chair', 'table'],
    ]);
    const usual = ['object', 'stuff'];
    expect(settingsOf(sampleQuery({ negatives: usual }), usual)).toBe('');
    expect(settingsOf(sampleQuery({ negatives: ['stuff'], scale: 2 }), usual)).toBe('scale 3 · not stuff');
  });

  it('keep the strip in its range', () => {
    expect([0, 0.25, 0.5, 0.75, 1, Number.NaN].map(stripHeight)).toEqual([0, 0, 0.5, 1, 1, 0]);
  });
});
