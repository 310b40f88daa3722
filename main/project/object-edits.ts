import { LiftscopeError, type ObjectEdit, type ObjectRecord, type RecordsDiff } from '../../contract/index.ts';
import type { RecordStore } from './records.ts';
import { Changes, mergeTracks } from './track-edits.ts';

/** What an edit of the object list means for the records. Reads only. @throws LiftscopeError `not-found` */
export function objectEditDiff(
  store: RecordStore,
  captureId: number,
  edit: ObjectEdit,
): { readonly label: string; readonly diff: RecordsDiff } {
  const diff: RecordsDiff = { added: [], updated: [], removed: [] };
  const objectOf = (id: number): ObjectRecord => {
    const record = store.get(`object:${id}`);
    if (record?.type === 'object' && record.captureId === captureId) return record;
    throw new LiftscopeError({ code: 'not-found', message: `There is no object ${id} in this capture.` });
  };
  /** Tracks of `id` go over to `to`. */
  const repoint = (id: number, to: number | null): void => {
    for (const track of store.tracksOfObject(id)) {
      diff.updated.push([track, { ...track, objectId: to, provenance: 'human' }]);
    }
  };
  switch (edit.type) {
    case 'update-objects': {
      const { color, className, ...change } = edit.change;
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
      for (const id of new Set(edit.ids)) {
        const before = objectOf(id);
        diff.updated.push([
          before,
          {
            ...before,
            ...given,
            ...(color !== undefined && { colour: color }),
            ...(className !== undefined && { className: className === '' ? null : className }),
            // What is shown or locked says nothing about what the object is: it stays whose it was.
            ...(decides(edit.change) && { provenance: 'human' as const }),
          },
        ]);
      }
      return { label: `${verb(edit.change)} ${named(diff.updated.length, () => objectOf(edit.ids[0]!).name)}`, diff };
    }
    case 'isolate-objects': {
      const shown = new Set(edit.ids);
      for (const id of shown) objectOf(id);
      for (const before of store.objects(captureId)) {
        const hidden = !shown.has(before.id);
        if (before.hidden !== hidden) diff.updated.push([before, { ...before, hidden }]);
      }
      return { label: `Show only ${named(shown.size, () => objectOf(edit.ids[0]!).name)}`, diff };
    }
    case 'create-object': {
      const id = store.transaction(() => store.nextIds('object', 1));
      diff.added.push({
        type: 'object',
        id,
        captureId,
        name: edit.name,
        className: edit.className === '' ? null : edit.className,
        colour: id,
        hidden: false,
        locked: false,
        provenance: 'human',
      });
      return { label: `Create ${shortened(edit.name)}`, diff };
    }
    case 'merge-objects': {
      const into = objectOf(edit.into);
      const others = [...new Set(edit.ids)].filter((id) => id !== edit.into).map(objectOf);
      const changes = new Changes(store);
      mergeTracks(
        changes,
        into.id,
        others.map(({ id }) => id),
      );
      for (const other of others) changes.remove(other);
      changes.put({ ...into, provenance: 'human' });
      return { label: `Merge ${others.length + 1} objects into ${shortened(into.name)}`, diff: changes.diff() };
    }
    case 'delete-objects': {
      for (const id of new Set(edit.ids)) {
        diff.removed.push(objectOf(id));
        repoint(id, null);
      }
      return { label: `Delete ${named(diff.removed.length, () => objectOf(edit.ids[0]!).name)}`, diff };
    }
    default:
      return edit satisfies never;
  }
}

type ObjectChange = Extract<ObjectEdit, { type: 'update-objects' }>['change'];

function decides({ name, className, color }: ObjectChange): boolean {
  return name !== undefined || className !== undefined || color !== undefined;
}

/** What a change of one thing is called; of several: Change. */
function verb(change: ObjectChange): string {
  const [only, ...more] = Object.entries(change).filter(([, value]) => value !== undefined);
  if (only === undefined || more.length > 0) return 'Change';
  const [field, value] = only;
  if (field === 'hidden') return value === true ? 'Hide' : 'Show';
  if (field === 'locked') return value === true ? 'Lock' : 'Unlock';
  return { name: 'Rename', className: 'Classify', color: 'Colour' }[field] ?? 'Change';
}

function named(count: number, name: () => string): string {
  return count === 1 ? shortened(name()) : `${count} objects`;
}

/** Labels are short: a menu shows them. */
function shortened(name: string): string {
  const characters = [...name];
  return characters.length <= 60 ? name : `${characters.slice(0, 59).join('')}…`;
}
