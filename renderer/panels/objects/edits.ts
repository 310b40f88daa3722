/** Edits of objects as the panels offer them: each is one call, one undo step, and leaves locked objects alone. */
import type { ObjectEdit, ObjectView } from '../../../contract/index.ts';
import { commandById, formatChord, isMac } from '../../commands/index.ts';
import type { Studio } from '../../state/index.ts';
import { plural } from '../../ui/index.ts';
import { isolation, newObjectName } from './rows.ts';

type Change = Extract<ObjectEdit, { type: 'update-objects' }>['change'];

function listedObjects(studio: Studio): readonly ObjectView[] {
  const { objects } = studio.records.getState();
  return objects.status === 'ready' ? objects.value.objects : [];
}

async function edit(studio: Studio, change: ObjectEdit): Promise<boolean> {
  return (await studio.attempt(() => studio.transport.call('objects.edit', change))) !== undefined;
}

/** The ids that may be changed; says how many are locked. */
function unlocked(studio: Studio, ids: readonly number[]): number[] {
  const byId = new Map(listedObjects(studio).map((object) => [object.id, object]));
  const known = ids.filter((id) => byId.has(id));
  const free = known.filter((id) => byId.get(id)?.locked === false);
  const locked = known.length - free.length;
  if (locked > 0) {
    const text =
      known.length === 1
        ? `${byId.get(known[0] ?? -1)?.name} is locked.`
        : `${plural(locked, 'locked object')} left alone.`;
    studio.toast('info', text, 'Unlock objects to change them.');
  }
  return free;
}

/** Whether an object may be changed; says so when it is locked. */
export function isFree(studio: Studio, id: number): boolean {
  return unlocked(studio, [id]).length > 0;
}

/** What differs from what is there already, for the objects that may change. */
export async function changeObjects(studio: Studio, ids: readonly number[], change: Change): Promise<void> {
  const byId = new Map(listedObjects(studio).map((object) => [object.id, object]));
  const differs = (id: number) => {
    const object = byId.get(id);
    return object !== undefined && Object.entries(change).some(([key, value]) => object[key as keyof Change] !== value);
  };
  const looksOnly = change.name === undefined && change.className === undefined && change.color === undefined;
  const changed = ids.filter(differs);
  const free = looksOnly ? changed : unlocked(studio, changed);
  if (free.length > 0) await edit(studio, { type: 'update-objects', ids: free, change });
}

/** Hides all of them, or shows them when all are hidden. */
export async function toggleHidden(studio: Studio, ids: readonly number[]): Promise<void> {
  const hidden = listedObjects(studio).some((object) => ids.includes(object.id) && !object.hidden);
  await changeObjects(studio, ids, { hidden });
}

export async function toggleLocked(studio: Studio, ids: readonly number[]): Promise<void> {
  const locked = listedObjects(studio).some((object) => ids.includes(object.id) && !object.locked);
  await changeObjects(studio, ids, { locked });
}

export async function isolateObjects(studio: Studio, ids: readonly number[]): Promise<void> {
  const change = isolation(listedObjects(studio), ids);
  if (change !== null) await edit(studio, change);
}

export async function createObject(studio: Studio): Promise<boolean> {
  return edit(studio, { type: 'create-object', name: newObjectName(listedObjects(studio)), className: '' });
}

/** Everything selected becomes the one that was selected last. */
export async function mergeObjects(studio: Studio, ids: readonly number[]): Promise<void> {
  const objects = listedObjects(studio);
  const free = unlocked(studio, ids);
  const into = objects.find(({ id }) => id === free.at(-1));
  if (into === undefined || free.length < 2) return;
  const done = await edit(studio, { type: 'merge-objects', into: into.id, ids: free.slice(0, -1) });
  if (!done) return;
  studio.selectObjects([into.id]);
  studio.toast('success', `Merged ${free.length} objects into ${into.name}.`, undoHint());
}

export async function deleteObjects(studio: Studio, ids: readonly number[]): Promise<void> {
  const free = unlocked(studio, ids);
  const only = listedObjects(studio).find(({ id }) => id === free[0]);
  if (only === undefined || !(await edit(studio, { type: 'delete-objects', ids: free }))) return;
  studio.toast('success', `Deleted ${free.length === 1 ? only.name : `${free.length} objects`}.`, undoHint());
}

function undoHint(): string {
  return `${formatChord(commandById('edit.undo').keys[0] ?? '', isMac())} takes it back.`;
}
