/** The object list as a table: sorting, search, ranges, and what an action on several objects applies to. */
import type { ObjectEdit, ObjectView } from '../../../contract/index.ts';

export const OBJECT_FIELDS = [
  'id',
  'name',
  'class',
  'frames',
  'first',
  'confidence',
  'colour',
  'hidden',
  'locked',
] as const;
export type ObjectField = (typeof OBJECT_FIELDS)[number];

const text = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

function keyOf(object: ObjectView, field: ObjectField): string | number | null {
  switch (field) {
    case 'id':
      return object.id;
    case 'name':
      return object.name;
    case 'class':
      return object.className === '' ? null : object.className;
    case 'frames':
      return object.frames;
    case 'first':
      return object.firstFrame;
    case 'confidence':
      return object.confidence;
    case 'colour':
      return object.color;
    case 'hidden':
      return object.hidden ? 1 : 0;
    case 'locked':
      return object.locked ? 0 : 1;
    default:
      return field satisfies never;
  }
}

/** What is not known comes last, whichever way; equal ones by id. */
export function sortObjects(
  objects: readonly ObjectView[],
  field: ObjectField,
  descending: boolean,
): readonly ObjectView[] {
  const sign = descending ? -1 : 1;
  return objects
    .map((object) => ({ object, key: keyOf(object, field) }))
    .sort((a, b) => {
      const unknown = Number(isUnknown(a.key)) - Number(isUnknown(b.key));
      if (unknown !== 0) return unknown;
      const order =
        typeof a.key === 'string' && typeof b.key === 'string'
          ? text.compare(a.key, b.key)
          : Number(a.key) - Number(b.key) || 0;
      return order === 0 ? a.object.id - b.object.id : sign * order;
    })
    .map(({ object }) => object);
}

function isUnknown(key: string | number | null): boolean {
  return key === null || Number.isNaN(key);
}

/** Every word must be in the name or the class, or be the id (`12`, `#12`). */
export function searchObjects(objects: readonly ObjectView[], query: string): readonly ObjectView[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return objects;
  return objects.filter((object) => {
    const said = `${object.name}\n${object.className}`.toLowerCase();
    return words.every((word) => `#${object.id}` === word || String(object.id) === word || said.includes(word));
  });
}

/** Ids from one row to the other, both included; the last one is where the range ends. Without an anchor, the end alone. */
export function rangeOfIds(rows: readonly ObjectView[], anchor: number | null, end: number): readonly number[] {
  const to = rows.findIndex(({ id }) => id === end);
  const from = rows.findIndex(({ id }) => id === anchor);
  if (from < 0 || to < 0) return [end];
  const ids = rows.slice(Math.min(from, to), Math.max(from, to) + 1).map(({ id }) => id);
  return from > to ? ids.reverse() : ids;
}

/** A control of a row acts on the whole selection when the row is part of it. */
export function targetsOf(selected: readonly number[], id: number): readonly number[] {
  return selected.includes(id) ? selected : [id];
}

/** Shows these alone; when they are alone already, everything again. Null: nothing would change. */
export function isolation(objects: readonly ObjectView[], ids: readonly number[]): ObjectEdit | null {
  const alone = objects.every(({ id, hidden }) => hidden === !ids.includes(id));
  if (!alone) return { type: 'isolate-objects', ids: [...ids] };
  const hidden = objects.filter((object) => object.hidden).map(({ id }) => id);
  return hidden.length === 0 ? null : { type: 'update-objects', ids: hidden, change: { hidden: false } };
}

/** `Object 7`: the first number that no object has yet. */
export function newObjectName(objects: readonly ObjectView[]): string {
  const taken = new Set(objects.map(({ name }) => name));
  let number = objects.length + 1;
  while (taken.has(`Object ${number}`)) number += 1;
  return `Object ${number}`;
}

/** Classes in use, the most frequent first. */
export function classNames(objects: readonly ObjectView[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { className } of objects) if (className !== '') counts.set(className, (counts.get(className) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || text.compare(a[0], b[0])).map(([name]) => name);
}
