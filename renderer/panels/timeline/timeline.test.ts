import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OBSERVATION_FLAGS } from '../../../contract/index.ts';
import {
  clamped,
  fitted,
  frameToX,
  GUTTER_WIDTH,
  LANE_HEIGHT,
  lanesTop,
  revealingFrame,
  revealingLane,
  type TimelineSize,
  tickStep,
  xToFrame,
  yToLane,
  zoomedAt,
} from './layout.ts';
import { firstAfter, parseLanes, stateAt } from './observations.ts';

interface Observation {
  readonly object: number;
  readonly frame: number;
  readonly state: number;
  readonly disagreement: number;
  readonly flags: number;
}

function encode(objectIds: readonly number[], rows: readonly Observation[]): ArrayBuffer {
  const bytes = new Uint8Array(16 + 4 * objectIds.length + 11 * rows.length);
  bytes.set([...'LSOBS001'].map((letter) => letter.charCodeAt(0)));
  const view = new DataView(bytes.buffer);
  view.setUint32(8, rows.length, true);
  view.setUint32(12, objectIds.length, true);
  objectIds.forEach((id, i) => {
    view.setUint32(16 + 4 * i, id, true);
  });
  const at = 16 + 4 * objectIds.length;
  rows.forEach((row, i) => {
    view.setUint32(at + 4 * i, row.object, true);
    view.setUint32(at + 4 * (rows.length + i), row.frame, true);
    bytes[at + 8 * rows.length + i] = row.state;
    bytes[at + 9 * rows.length + i] = row.disagreement;
    bytes[at + 10 * rows.length + i] = row.flags;
  });
  return bytes.buffer;
}

const row = (object: number, frame: number, state = 0, disagreement = 255, flags = 0): Observation => ({
  object,
  frame,
  state,
  disagreement,
  flags,
});

describe('runs of observations', () => {
  it('say for every object and frame what the rows said', () => {
    const rows = fc.uniqueArray(
      fc.record({
        object: fc.nat(6),
        frame: fc.nat(40),
        state: fc.nat(3),
        disagreement: fc.nat(255),
        flags: fc.nat(7),
      }),
      { selector: ({ object, frame }) => `${object} ${frame}`, maxLength: 150 },
    );
    fc.assert(
      fc.property(rows, (unsorted) => {
        const sorted = unsorted.sort((a, b) => a.object - b.object || a.frame - b.frame);
        const ids = [70, 60, 50, 40, 30, 20, 10];
        const lanes = parseLanes(encode(ids, sorted));
        expect([...lanes.objectIds]).toEqual(ids);
        expect(lanes.observations).toBe(sorted.length);
        for (let object = 0; object < 7; object++) {
          for (let frame = 0; frame <= 41; frame++) {
            const said = sorted.find((one) => one.object === object && one.frame === frame)?.state ?? -1;
            expect(stateAt(lanes, object, frame)).toBe(said);
          }
          const switched = sorted
            .filter((one) => one.object === object && (one.flags & OBSERVATION_FLAGS.idSwitch) !== 0)
            .map(({ frame }) => frame);
          const { start, frames } = lanes.switches;
          expect([...frames.subarray(start[object], start[object + 1])]).toEqual(switched);
        }
      }),
    );
  });

  it('equal neighbours are one run, and the worst disagreement of it stays', () => {
    const lanes = parseLanes(encode([1], [row(0, 5, 0, 10), row(0, 6, 0, 60), row(0, 7, 0, 200), row(0, 9, 1)]));
    expect([...lanes.from]).toEqual([5, 7, 9]);
    expect([...lanes.to]).toEqual([7, 8, 10]);
    expect([...lanes.disagreement]).toEqual([60, 200, 255]);
  });

  it('what is no such file is refused in words', () => {
    const good = encode([1, 2], [row(0, 5), row(1, 3)]);
    const other = good.slice(0);
    new Uint8Array(other)[0] = 0;
    const order = encode([1, 2], [row(1, 5), row(0, 3)]);
    const beyond = encode([1], [row(3, 5)]);
    for (const file of [new ArrayBuffer(0), good.slice(0, -1), other, order, beyond]) {
      expect(() => parseLanes(file)).toThrow(/cannot be read/);
    }
  });

  it('the first greater one is found by halves', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), fc.nat(50), (values, value) => {
        const sorted = Uint32Array.from(values).sort();
        const expected = sorted.findIndex((candidate) => candidate > value);
        expect(firstAfter(sorted, 0, sorted.length, value)).toBe(expected < 0 ? sorted.length : expected);
      }),
    );
  });
});

describe('the layout', () => {
  const size: TimelineSize = { width: 968, height: 400, frames: 10_000, lanes: 1000 };

  it('shows all frames at first, and at most one screen beyond nothing', () => {
    const view = fitted(size);
    expect(frameToX(view, size.frames)).toBeCloseTo(size.width);
    expect(clamped({ left: -50, pixelsPerFrame: 1e-9, top: 1e9 }, size)).toEqual({
      ...view,
      top: 1000 * LANE_HEIGHT - (400 - lanesTop),
    });
    expect(fitted({ ...size, frames: 3 }).pixelsPerFrame).toBe(48);
  });

  it('zooms around the pointer', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: GUTTER_WIDTH, max: 967 }),
        fc.double({ min: 0.2, max: 8, noNaN: true }),
        (x, factor) => {
          const before = { left: 4000, pixelsPerFrame: 2, top: 0 };
          const after = zoomedAt(before, size, x, factor);
          const under = before.left + (x - GUTTER_WIDTH) / 2;
          expect(Math.abs(after.left + (x - GUTTER_WIDTH) / after.pixelsPerFrame - under)).toBeLessThan(1e-6);
        },
      ),
    );
  });

  it('a pixel inside a frame is that frame, and one inside a lane that lane', () => {
    const view = { left: 10.5, pixelsPerFrame: 7, top: 33 };
    for (const frame of [10, 11, 50]) expect(xToFrame(view, frameToX(view, frame) + 3)).toBe(frame);
    expect(yToLane(view, lanesTop - 1, 9)).toBe(-1);
    expect(yToLane(view, lanesTop, 9)).toBe(1);
    expect(yToLane(view, lanesTop + 20 * LANE_HEIGHT, 9)).toBe(-1);
  });

  it('moves no more than it must to show a frame or a lane', () => {
    const view = { left: 100, pixelsPerFrame: 10, top: 0 };
    expect(revealingFrame(view, size, 120)).toBe(view);
    for (const frame of [0, 50, 500, 9999]) {
      const x = frameToX(revealingFrame(view, size, frame), frame);
      expect(x).toBeGreaterThanOrEqual(GUTTER_WIDTH - 1e-6);
      expect(x + 10).toBeLessThanOrEqual(size.width + 1e-6);
    }
    const lane = revealingLane(view, size, 500);
    expect(yToLane(lane, size.height - 2, size.lanes)).toBe(500);
  });

  it('labels are apart', () => {
    for (const pixelsPerFrame of [0.001, 0.08, 1, 7, 48]) {
      const step = tickStep(pixelsPerFrame);
      expect(step * pixelsPerFrame).toBeGreaterThanOrEqual(Math.min(64, 48));
      expect(Number.isInteger(step)).toBe(true);
    }
  });
});
