/** Edits as data: a diff of records that reverses, composes, travels as JSON and lies in the project's history. */
import { z } from 'zod';
import { type RecordKey, recordKey, type StudioRecord, studioRecordSchema } from './objects.ts';

/** Most records that one edit may touch. */
export const maxDiffRecords = 200_000;
/** Longest JSON of one diff, in UTF-16 code units. Masks beyond their own bound are artifacts and count by name only. */
export const maxDiffJsonCharacters = 32 * 2 ** 20;

const recordsSchema = z.array(studioRecordSchema).max(maxDiffRecords);

/**
 * What an edit does to records, each named by its key at most once.
 * `updated` pairs are [from, to] with the same key. Whoever applies it checks that `removed` and `from` are what is there.
 */
export const recordsDiffSchema = z
  .strictObject({
    added: recordsSchema,
    updated: z.array(z.tuple([studioRecordSchema, studioRecordSchema])).max(maxDiffRecords),
    removed: recordsSchema,
  })
  .superRefine((diff, context) => {
    const seen = new Set<RecordKey>();
    const once = (record: StudioRecord): void => {
      const key = recordKey(record);
      if (seen.has(key)) context.addIssue({ code: 'custom', message: `${key} is named twice` });
      seen.add(key);
    };
    diff.added.forEach(once);
    diff.removed.forEach(once);
    for (const [from, to] of diff.updated) {
      once(from);
      if (recordKey(from) !== recordKey(to)) {
        context.addIssue({ code: 'custom', message: `an update turns ${recordKey(from)} into ${recordKey(to)}` });
      }
    }
  });
export type RecordsDiff = z.infer<typeof recordsDiffSchema>;

/** The diff that takes back `diff`. */
export function reverseDiff(diff: RecordsDiff): RecordsDiff {
  return {
    added: diff.removed,
    updated: diff.updated.map(([from, to]) => [to, from]),
    removed: diff.added,
  };
}

/**
 * One diff that does what `diffs` do one after another. What cancels out is left out. As reversal turns the order round,
 * `reverse(squash(a, b))` equals `squash(reverse(b), reverse(a))`: a composite is undone from its last part to its first.
 *
 * @throws RangeError when the diffs cannot follow one another, for example when two of them add the same record
 */
export function squashDiffs(diffs: readonly RecordsDiff[]): RecordsDiff {
  const changes = new Map<RecordKey, { readonly before: StudioRecord | undefined; after: StudioRecord | undefined }>();
  const change = (before: StudioRecord | undefined, after: StudioRecord | undefined): void => {
    const key = recordKey((before ?? after)!);
    const known = changes.get(key);
    if (known === undefined) changes.set(key, { before, after });
    else if (!sameRecord(known.after, before)) throw new RangeError(`${key} is not what the earlier edit left`);
    else known.after = after;
  };
  for (const diff of diffs) {
    for (const record of diff.removed) change(record, undefined);
    for (const [from, to] of diff.updated) change(from, to);
    for (const record of diff.added) change(undefined, record);
  }
  const result: RecordsDiff = { added: [], updated: [], removed: [] };
  for (const { before, after } of changes.values()) {
    if (before === undefined) {
      if (after !== undefined) result.added.push(after);
    } else if (after === undefined) result.removed.push(before);
    else if (!sameRecord(before, after)) result.updated.push([before, after]);
  }
  return result;
}

/** Whether two records say the same; the order of keys does not count. */
export function sameRecord(a: StudioRecord | undefined, b: StudioRecord | undefined): boolean {
  return sameJson(a, b);
}

function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [Object.entries(a), Object.entries(b)];
  return (
    left.length === right.length &&
    left.every(([key, value]) => Object.hasOwn(b, key) && sameJson(value, (b as Record<string, unknown>)[key]))
  );
}

/** One step of the history, without its diff. */
const editStepSchema = z.object({
  id: z.int().min(1),
  label: z.string(),
  /** Milliseconds since 1970 (UTC). */
  at: z.int(),
  /** Taken back; redo brings it again, a new edit drops it. */
  undone: z.boolean(),
});
export type EditStep = z.infer<typeof editStepSchema>;
