import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxDiffRecords, type RecordsDiff, recordsDiffSchema, reverseDiff, sameRecord, squashDiffs } from './edits.ts';
import { maxInlineMaskCharacters, type ObjectRecord, type RecordKey, recordKey, type StudioRecord } from './objects.ts';

type State = ReadonlyMap<RecordKey, StudioRecord>;

/** What applying means, in the plainest way; refuses what does not fit. */
function apply(state: State, diff: RecordsDiff): State {
  const next = new Map(state);
  const replace = (before: StudioRecord | undefined, after: StudioRecord | undefined): void => {
    const key = recordKey((before ?? after)!);
    expect(sameRecord(next.get(key), before)).toBe(true);
    if (after === undefined) next.delete(key);
    else next.set(key, after);
  };
  for (const record of diff.removed) replace(record, undefined);
  for (const [from, to] of diff.updated) replace(from, to);
  for (const record of diff.added) replace(undefined, record);
  return next;
}

const thing = (id: number, name: string): ObjectRecord => ({
  type: 'object',
  id,
  captureId: 1,
  name,
  className: null,
  colour: id,
  hidden: false,
  locked: false,
  provenance: 'model',
});

/** A wish per record: its new name, or gone. Becomes a diff that fits whatever is there. */
const wishes = fc.dictionary(
  fc.constantFrom('1', '2', '3', '4', '5'),
  fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
);
function diffFor(state: State, wish: Record<string, string | undefined>): RecordsDiff {
  const diff: RecordsDiff = { added: [], updated: [], removed: [] };
  for (const [id, name] of Object.entries(wish)) {
    const before = state.get(`object:${Number(id)}`);
    if (name === undefined) {
      if (before !== undefined) diff.removed.push(before);
    } else if (before === undefined) diff.added.push(thing(Number(id), name));
    else diff.updated.push([before, thing(Number(id), name)]);
  }
  return diff;
}

const sequences = fc.array(wishes, { maxLength: 8 }).map((all) => {
  const states: State[] = [new Map()];
  const diffs: RecordsDiff[] = [];
  for (const wish of all) {
    const diff = diffFor(states.at(-1)!, wish);
    diffs.push(diff);
    states.push(apply(states.at(-1)!, diff));
  }
  return { states, diffs };
});

describe('diffs of records', () => {
  test('a diff and its reverse leave everything as it was', () => {
    fc.assert(
      fc.property(sequences, ({ states, diffs }) => {
        diffs.forEach((diff, index) => {
          expect(apply(states[index + 1]!, reverseDiff(diff))).toEqual(states[index]);
          expect(reverseDiff(reverseDiff(diff))).toEqual(diff);
        });
      }),
    );
  });

  test('a squashed sequence does what the sequence does, and is undone from its last part to its first', () => {
    let changed = 0;
    fc.assert(
      fc.property(sequences, ({ states, diffs }) => {
        const squashed = squashDiffs(diffs);
        expect(apply(states[0]!, squashed)).toEqual(states.at(-1));
        const back = squashDiffs(diffs.toReversed().map(reverseDiff));
        expect(apply(states.at(-1)!, back)).toEqual(states[0]);
        expect(apply(states.at(-1)!, reverseDiff(squashed))).toEqual(states[0]);
        expect(recordsDiffSchema.parse(squashed)).toEqual(squashed);
        changed += squashed.added.length;
      }),
    );
    expect(changed).toBeGreaterThan(0);
  });

  test('what cancels out is left out', () => {
    const add: RecordsDiff = { added: [thing(1, 'a')], updated: [], removed: [] };
    expect(squashDiffs([add, reverseDiff(add)])).toEqual({ added: [], updated: [], removed: [] });
    const rename: RecordsDiff = { added: [], updated: [[thing(1, 'a'), thing(1, 'b')]], removed: [] };
    expect(squashDiffs([add, rename])).toEqual({ added: [thing(1, 'b')], updated: [], removed: [] });
    expect(squashDiffs([rename, reverseDiff(rename)]).updated).toEqual([]);
  });

  test('diffs that cannot follow one another are refused', () => {
    const add: RecordsDiff = { added: [thing(1, 'a')], updated: [], removed: [] };
    expect(() => squashDiffs([add, add])).toThrow(/object:1/);
    expect(() => squashDiffs([add, { added: [], updated: [], removed: [thing(1, 'b')] }])).toThrow(RangeError);
  });

  test.each([
    ['a record twice', { added: [thing(1, 'a')], updated: [], removed: [thing(1, 'a')] }],
    ['an update across keys', { added: [], updated: [[thing(1, 'a'), thing(2, 'a')]], removed: [] }],
    ['text that storage would cut', { added: [thing(1, 'a\0b')], updated: [], removed: [] }],
    ['half a surrogate pair', { added: [thing(1, '\ud800')], updated: [], removed: [] }],
    ['an unknown field', { added: [{ ...thing(1, 'a'), size: 3 }], updated: [], removed: [] }],
    [
      'a disagreement that is not a number',
      {
        added: [
          {
            ...{ type: 'observation', trackId: 1, position: 0, state: 'visible', flags: 0, maskId: null },
            ...{ provenance: 'model', disagreement: Number.NaN },
          },
        ],
        updated: [],
        removed: [],
      },
    ],
  ])('%s is refused', (_what, diff) => {
    expect(recordsDiffSchema.safeParse(diff).success).toBe(false);
  });

  test('a diff, and a mask inside it, is bounded', () => {
    const mask = (length: number): StudioRecord => ({
      ...{ type: 'mask', id: 1, captureId: 1, position: 0, width: 4, height: 3, artifact: null, provenance: 'human' },
      rle: '0'.repeat(length),
    });
    const accepts = (added: StudioRecord[]): boolean =>
      recordsDiffSchema.safeParse({ added, updated: [], removed: [] }).success;
    expect(accepts([mask(maxInlineMaskCharacters)])).toBe(true);
    expect(accepts([mask(maxInlineMaskCharacters + 1)])).toBe(false);
    expect(accepts(Array.from({ length: maxDiffRecords + 1 }, (_, id) => thing(id + 1, 'a')))).toBe(false);
  });

  test('records are compared by what they say', () => {
    const setting = (value: null | boolean | number[]): StudioRecord => ({ type: 'setting', key: 'a', value });
    expect(sameRecord(setting([1, 2]), setting([1, 2]))).toBe(true);
    expect(sameRecord(setting([1, 2]), setting([2, 1]))).toBe(false);
    expect(sameRecord(setting([]), setting(null))).toBe(false);
    expect(sameRecord(undefined, setting(true))).toBe(false);
  });
});
