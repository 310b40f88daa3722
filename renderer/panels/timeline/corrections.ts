/** Corrections of tracks as the Timeline offers them: each is one call and one undo step. */
import type { ObjectView, TrackEdit } from '../../../contract/index.ts';
import { commandById, formatChord, isMac } from '../../commands/index.ts';
import type { Studio } from '../../state/index.ts';
import { plural } from '../../ui/index.ts';
import { type Lanes, switchFrom } from './observations.ts';

function listed(studio: Studio): readonly ObjectView[] {
  const { objects } = studio.records.getState();
  return objects.status === 'ready' ? objects.value.objects : [];
}

/** Selected objects in the order of their selection, the last one is the one that others go to. */
function chosen(studio: Studio): ObjectView[] {
  const byId = new Map(listed(studio).map((object) => [object.id, object]));
  return studio.selection.getState().objects.flatMap((id) => byId.get(id) ?? []);
}

/** @returns whether it was done, and the object that it made */
async function apply(
  studio: Studio,
  edit: TrackEdit,
  said: string,
): Promise<{ readonly objectId: number | null } | undefined> {
  const done = await studio.attempt(() => studio.transport.call('tracks.edit', edit));
  if (done === undefined) return undefined;
  studio.toast('success', said, `${formatChord(commandById('edit.undo').keys[0] ?? '', isMac())} takes it back.`);
  return { objectId: done.objectId };
}

export async function splitHere(studio: Studio): Promise<void> {
  const object = chosen(studio).at(-1);
  if (object === undefined) return;
  const position = studio.selection.getState().frame;
  const edit = { type: 'split-track', objectId: object.id, position } as const;
  const done = await apply(studio, edit, `${object.name} is another object from frame ${position + 1} on.`);
  if (done?.objectId != null) studio.selectObjects([done.objectId]);
}

export async function swapHere(studio: Studio): Promise<void> {
  const [a, b, ...more] = chosen(studio);
  if (a === undefined || b === undefined || more.length > 0) {
    studio.toast('info', 'Select the two objects that are to be swapped.');
    return;
  }
  const position = studio.selection.getState().frame;
  const edit = { type: 'swap-tracks', a: a.id, b: b.id, position } as const;
  await apply(studio, edit, `${a.name} and ${b.name} are swapped from frame ${position + 1} on.`);
}

/** With several objects the first one's track goes to the last one; with one alone, to a new object. */
export async function assignHere(studio: Studio): Promise<void> {
  const objects = chosen(studio);
  const [from, to] = [objects[0], objects.length > 1 ? objects.at(-1) : undefined];
  if (from === undefined) return;
  const position = studio.selection.getState().frame;
  const edit: TrackEdit = { type: 'assign-track', objectId: from.id, position, ...(to !== undefined && { to: to.id }) };
  const said = `A track of ${from.name} is ${to === undefined ? 'a new object' : `${to.name}’s`} now.`;
  const done = await apply(studio, edit, said);
  if (done !== undefined) studio.selectObjects([done.objectId ?? to?.id ?? from.id]);
}

export async function markAbsent(studio: Studio): Promise<void> {
  const objects = chosen(studio);
  if (objects.length === 0) return;
  const position = studio.selection.getState().frame;
  const edit = { type: 'mark-absent', ids: objects.map(({ id }) => id), position } as const;
  await apply(studio, edit, `${named(objects)} absent from frame ${position + 1} on.`);
}

export async function acceptCarried(studio: Studio): Promise<void> {
  const objects = chosen(studio);
  if (objects.length === 0) return;
  const edit = { type: 'accept-carried', ids: objects.map(({ id }) => id) } as const;
  await apply(studio, edit, `Carried masks of ${named(objects)} accepted.`);
}

export async function toggleLocks(studio: Studio): Promise<void> {
  const objects = chosen(studio);
  if (objects.length === 0) return;
  const locked = objects.some((object) => !object.locked);
  const ids = objects.filter((object) => object.locked !== locked).map(({ id }) => id);
  await studio.attempt(() =>
    studio.transport.call('objects.edit', { type: 'update-objects', ids, change: { locked } }),
  );
}

/** To the next frame in which an initial id changed; of the selected objects, where some are. */
export function jumpToSwitch(studio: Studio, lanes: Lanes | null, direction: 1 | -1): void {
  if (lanes === null) return;
  const { objects, frame } = studio.selection.getState();
  const selected = objects.map((id) => lanes.objectIds.indexOf(id)).filter((index) => index >= 0);
  const found = switchFrom(lanes, selected, frame, direction);
  if (found === null) {
    const whose = selected.length === 0 ? '' : ` of ${plural(selected.length, 'selected object')}`;
    studio.toast('info', `No ${direction > 0 ? 'later' : 'earlier'} id switch${whose}.`);
    return;
  }
  studio.goToFrame(found.frame);
  if (selected.length === 0) studio.selectObjects([lanes.objectIds[found.object]!]);
}

function named(objects: readonly ObjectView[]): string {
  return objects.length === 1 ? objects[0]!.name : plural(objects.length, 'object');
}
