import {
  type EditStep,
  LiftscopeError,
  maxDiffJsonCharacters,
  type ObjectEdit,
  type RecordKey,
  type RecordsDiff,
  recordKey,
  recordsDiffSchema,
  reverseDiff,
  type StudioRecord,
  sameRecord,
  squashDiffs,
  type TrackEdit,
} from '../../contract/index.ts';
import { objectEditDiff } from './object-edits.ts';
import type { RecordStore, StoredStep } from './records.ts';
import { fromJson, parseRow } from './rows.ts';
import { trackEditDiff } from './track-edits.ts';

const MAX_LABEL_LENGTH = 200;

/** What an edit, undo or redo did. */
export interface EditResult {
  readonly step: EditStep;
  /** What really changed, for whoever shows the records. */
  readonly diff: RecordsDiff;
  /** Records that undo or redo left alone, because a job has changed them since. */
  readonly skipped: readonly RecordKey[];
  readonly revision: number;
}

/**
 * Everything a person did to the records, as diffs: each step is one transaction, undo and redo outlive the process, and a
 * new step drops what was undone.
 */
export class EditHistory {
  private readonly store: RecordStore;

  constructor(store: RecordStore) {
    this.store = store;
  }

  /**
   * Does what `diff` says and remembers it. Records that a person decided on should carry the provenance `human`: that is
   * what keeps jobs away from them.
   *
   * @param diff a RecordsDiff; parsed here
   * @param options.continues id of the step that this goes on with (a slider still held, a brush still down): while that is
   *   the newest step, both become one
   * @throws LiftscopeError `bad-input` when the diff is malformed, too large, does not fit what is there or would break a
   *   reference; nothing has changed then
   */
  apply(label: string, diff: unknown, options: { readonly continues?: number } = {}): EditResult {
    const parsed = recordsDiffSchema.safeParse(diff);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new LiftscopeError({
        code: 'bad-input',
        message: `The edit is not valid: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
      });
    }
    if (label.length === 0 || label.length > MAX_LABEL_LENGTH || !label.isWellFormed() || label.includes('\0')) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `An edit is named by 1 to ${MAX_LABEL_LENGTH} characters of text.`,
      });
    }
    const json = boundedJson(parsed.data);
    const at = Date.now();
    return this.store.transaction(() => {
      const { done } = perform(this.store, parsed.data, 'strict');
      this.store.dropUndone();
      const last = options.continues === undefined ? undefined : this.store.lastDone();
      if (last !== undefined && last.id === options.continues) {
        const both = joined(parsedDiff(last), parsed.data);
        if (both !== undefined) {
          this.store.replaceStep(last.id, label, both, at);
          return this.result({ id: last.id, label, at, undone: false }, done, []);
        }
      }
      const id = this.store.appendStep(label, json, at);
      return this.result({ id, label, at, undone: false }, done, []);
    });
  }

  /** One edit of the object list, with its label; the records it decides about become a person's. */
  applyObjectEdit(captureId: number, edit: ObjectEdit): EditResult {
    const { label, diff } = objectEditDiff(this.store, captureId, edit);
    return this.apply(label, diff);
  }

  /** One correction of tracks; `objectId` is the object that it made, else null. */
  applyTrackEdit(captureId: number, edit: TrackEdit): EditResult & { readonly objectId: number | null } {
    const { label, diff, objectId } = trackEditDiff(this.store, captureId, edit);
    return { ...this.apply(label, diff), objectId };
  }

  /** Takes back the newest step; undefined when there is none. */
  undo(): EditResult | undefined {
    return this.store.transaction(() => {
      const step = this.store.lastDone();
      return step === undefined ? undefined : this.move(step, true);
    });
  }

  /** Brings the step back that was undone last; undefined when there is none. */
  redo(): EditResult | undefined {
    return this.store.transaction(() => {
      const step = this.store.firstUndone();
      return step === undefined ? undefined : this.move(step, false);
    });
  }

  /** Newest first. */
  history(limit: number): EditStep[] {
    return this.store.steps(limit);
  }

  /** Labels of what undo and redo would do. */
  next(): { readonly undo: string | null; readonly redo: string | null } {
    return { undo: this.store.lastDone()?.label ?? null, redo: this.store.firstUndone()?.label ?? null };
  }

  private move(step: StoredStep, undone: boolean): EditResult {
    const { diffJson: _, ...head } = step;
    const diff = parsedDiff(step);
    const { done, skipped } = perform(this.store, undone ? reverseDiff(diff) : diff, 'lenient');
    this.store.setUndone(step.id, undone);
    return this.result({ ...head, undone }, done, skipped);
  }

  /** Within the transaction: the revision goes up when it commits. */
  private result(step: EditStep, diff: RecordsDiff, skipped: readonly RecordKey[]): EditResult {
    this.store.touch();
    return { step, diff, skipped, revision: this.store.revision().revision + 1 };
  }
}

function parsedDiff(step: StoredStep): RecordsDiff {
  return parseRow(recordsDiffSchema, fromJson(step.diffJson), 'edits');
}

function boundedJson(diff: RecordsDiff): string {
  const json = JSON.stringify(diff);
  if (json.length <= maxDiffJsonCharacters) return json;
  throw new LiftscopeError({
    code: 'bad-input',
    message: `The edit is too large: ${json.length} characters as JSON, ${maxDiffJsonCharacters} are the most.`,
    hint: 'Split it into several edits; put large masks into artifacts.',
  });
}

/** JSON of both diffs as one; undefined when they do not join: a job wrote in between, or the whole is too large. */
function joined(first: RecordsDiff, second: RecordsDiff): string | undefined {
  try {
    return boundedJson(recordsDiffSchema.parse(squashDiffs([first, second])));
  } catch {
    return undefined;
  }
}

const TYPES: readonly StudioRecord['type'][] = ['object', 'track', 'mask', 'observation', 'query', 'setting'];
type Change = readonly [before: StudioRecord | undefined, after: StudioRecord | undefined];

/**
 * Carries out a diff within the caller's transaction. Observations go first (nothing refers to them), then records come in
 * the order in which they refer to one another, then the rest goes in the opposite order: so references hold at every moment.
 *
 * @param mode `strict`: a record that is not as the diff expects fails the whole. `lenient`: it is left alone and named
 */
function perform(
  store: RecordStore,
  diff: RecordsDiff,
  mode: 'strict' | 'lenient',
): { readonly done: RecordsDiff; readonly skipped: readonly RecordKey[] } {
  const rank = (record: StudioRecord): number => TYPES.indexOf(record.type);
  const removals = diff.removed.toSorted((a, b) => rank(b) - rank(a)).map((record): Change => [record, undefined]);
  const puts = [...diff.added.map((record): Change => [undefined, record]), ...diff.updated].sort(
    (a, b) => rank(a[1]!) - rank(b[1]!),
  );
  const early = removals.filter(([record]) => record?.type === 'observation');
  const late = removals.filter(([record]) => record?.type !== 'observation');
  const done: RecordsDiff = { added: [], updated: [], removed: [] };
  const skipped: RecordKey[] = [];
  for (const [before, after] of [...early, ...puts, ...late]) {
    const key = recordKey((before ?? after)!);
    try {
      const current = store.get(key);
      if (!sameRecord(current, before)) throw conflict(key, before, current);
      if (after === undefined) store.remove(key);
      else store.put(after);
    } catch (error) {
      if (mode === 'strict' || !(error instanceof LiftscopeError && error.code === 'bad-input')) throw error;
      skipped.push(key);
      continue;
    }
    if (before === undefined) done.added.push(after!);
    else if (after === undefined) done.removed.push(before);
    else done.updated.push([before, after]);
  }
  return { done, skipped };
}

function conflict(key: RecordKey, before: StudioRecord | undefined, current: StudioRecord | undefined): LiftscopeError {
  const found = before === undefined ? 'already exists' : current === undefined ? 'is gone' : 'has changed meanwhile';
  return new LiftscopeError({
    code: 'bad-input',
    message: `The edit does not fit any more: ${key} ${found}. Nothing was changed.`,
    hint: 'Look at the present state and repeat the edit.',
  });
}
