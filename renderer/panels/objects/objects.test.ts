import { describe, expect, it } from 'vitest';
import { type ObjectView, objectEditSchema } from '../../../contract/index.ts';
import { createStudio } from '../../state/index.ts';
import { FakeTransport } from '../../testing/fake-transport.ts';
import { sampleObjects, sampleProject } from '../../testing/samples.ts';
import { changeObjects, deleteObjects, isolateObjects, mergeObjects, toggleHidden } from './edits.ts';
import {
  classNames,
  isolation,
  newObjectName,
  OBJECT_FIELDS,
  rangeOfIds,
  searchObjects,
  sortObjects,
  targetsOf,
} from './rows.ts';

function object(id: number, change: Partial<ObjectView> = {}): ObjectView {
  return { ...(sampleObjects(1)[0] as ObjectView), id, name: `thing ${id}`, className: '', ...change };
}
const idsOf = (objects: readonly ObjectView[]) => objects.map(({ id }) => id);

describe('rows', () => {
  it('sort by any column, numbers within names as numbers, the unknown last either way', () => {
    const objects = [
      object(1, { name: 'Mug 10', confidence: null, className: 'cup', locked: true }),
      object(2, { name: 'mug 9', confidence: 0.2, hidden: true }),
      object(3, { name: 'basket', confidence: Number.NaN, className: 'box' }),
      object(4, { name: 'chair', confidence: 0.9 }),
    ];
    expect(idsOf(sortObjects(objects, 'name', false))).toEqual([3, 4, 2, 1]);
    expect(idsOf(sortObjects(objects, 'name', true))).toEqual([1, 2, 4, 3]);
    expect(idsOf(sortObjects(objects, 'confidence', false))).toEqual([2, 4, 1, 3]);
    expect(idsOf(sortObjects(objects, 'confidence', true))).toEqual([4, 2, 1, 3]);
    expect(idsOf(sortObjects(objects, 'class', false))).toEqual([3, 1, 2, 4]);
    expect(idsOf(sortObjects(objects, 'hidden', false))).toEqual([1, 3, 4, 2]);
    expect(idsOf(sortObjects(objects, 'locked', false))).toEqual([1, 2, 3, 4]);
    for (const field of OBJECT_FIELDS) expect(sortObjects(objects, field, true)).toHaveLength(4);
    expect(idsOf(objects)).toEqual([1, 2, 3, 4]);
  });

  it('are found by name, class and number', () => {
    const objects = [object(1, { name: 'Red mug', className: 'cup' }), object(12, { name: 'chair 1' }), object(21)];
    expect(idsOf(searchObjects(objects, ' '))).toEqual([1, 12, 21]);
    expect(idsOf(searchObjects(objects, 'MUG'))).toEqual([1]);
    expect(idsOf(searchObjects(objects, 'cup red'))).toEqual([1]);
    expect(idsOf(searchObjects(objects, '#12'))).toEqual([12]);
    expect(idsOf(searchObjects(objects, '12'))).toEqual([12]);
    expect(idsOf(searchObjects(objects, '1'))).toEqual([1, 12, 21]);
    expect(searchObjects(objects, 'red chair')).toEqual([]);
  });

  it('are selected in ranges as they stand, ending where the pointer is', () => {
    const rows = [object(5), object(2), object(9), object(1)];
    expect(rangeOfIds(rows, 2, 1)).toEqual([2, 9, 1]);
    expect(rangeOfIds(rows, 1, 2)).toEqual([1, 9, 2]);
    expect(rangeOfIds(rows, null, 9)).toEqual([9]);
    expect(rangeOfIds(rows, 77, 9)).toEqual([9]);
    expect(targetsOf([1, 2], 2)).toEqual([1, 2]);
    expect(targetsOf([1, 2], 3)).toEqual([3]);
  });

  it('are isolated, and shown again', () => {
    const objects = [object(1), object(2, { hidden: true }), object(3)];
    expect(isolation(objects, [2])).toEqual({ type: 'isolate-objects', ids: [2] });
    const alone = [object(1, { hidden: true }), object(2), object(3, { hidden: true })];
    expect(isolation(alone, [2])).toEqual({ type: 'update-objects', ids: [1, 3], change: { hidden: false } });
    expect(isolation([object(1)], [1])).toBeNull();
  });

  it('name new objects and count classes', () => {
    expect(newObjectName([])).toBe('Object 1');
    expect(newObjectName([object(1, { name: 'Object 2' }), object(2, { name: 'Object 3' })])).toBe('Object 4');
    const objects = ['cup', 'box', 'cup', ''].map((className, id) => object(id, { className }));
    expect(classNames(objects)).toEqual(['cup', 'box']);
  });
});

describe('edits', () => {
  function studioWith(objects: readonly ObjectView[]) {
    const fake = new FakeTransport({ 'objects.edit': () => ({ project: sampleProject() }) });
    const studio = createStudio(fake);
    studio.records.setState({ objects: { status: 'ready', value: { objects, revision: 1, observationsRevision: 1 } } });
    const sent = () => fake.calls.map(({ input }) => objectEditSchema.parse(input));
    return { studio, sent, toasts: () => studio.ui.getState().toasts.map(({ text }) => text) };
  }

  it('are one step each, of what differs', async () => {
    const { studio, sent } = studioWith([object(1), object(2, { hidden: true }), object(3)]);
    await changeObjects(studio, [1, 2, 3], { hidden: true });
    await changeObjects(studio, [2], { hidden: true });
    await toggleHidden(studio, [2]);
    await isolateObjects(studio, [1, 3]);
    expect(sent()).toEqual([
      { type: 'update-objects', ids: [1, 3], change: { hidden: true } },
      { type: 'update-objects', ids: [2], change: { hidden: false } },
      { type: 'update-objects', ids: [2], change: { hidden: false } },
    ]);
  });

  it('leave locked objects alone and say so, but hide and unlock them', async () => {
    const { studio, sent, toasts } = studioWith([object(1, { locked: true }), object(2), object(3)]);
    await changeObjects(studio, [1], { name: 'jug' });
    await deleteObjects(studio, [1, 2]);
    await changeObjects(studio, [1, 2], { locked: false });
    await changeObjects(studio, [1], { hidden: true });
    expect(sent()).toEqual([
      { type: 'delete-objects', ids: [2] },
      { type: 'update-objects', ids: [1], change: { locked: false } },
      { type: 'update-objects', ids: [1], change: { hidden: true } },
    ]);
    expect(toasts()).toEqual(['thing 1 is locked.', '1 locked object left alone.', 'Deleted thing 2.']);
  });

  it('merge into the one selected last', async () => {
    const { studio, sent, toasts } = studioWith([object(1), object(2), object(3)]);
    await mergeObjects(studio, [3]);
    await mergeObjects(studio, [3, 1]);
    expect(sent()).toEqual([{ type: 'merge-objects', into: 1, ids: [3] }]);
    expect(studio.selection.getState().objects).toEqual([1]);
    expect(toasts()).toEqual(['Merged 2 objects into thing 1.']);
  });

  it('that fail become a message and change nothing', async () => {
    const { studio, toasts } = studioWith([object(1), object(2)]);
    const failing = { ...studio, transport: new FakeTransport() };
    studio.selectObjects([1, 2]);
    await mergeObjects(failing, [1, 2]);
    expect(studio.selection.getState().objects).toEqual([1, 2]);
    expect(toasts()).toEqual(['objects.edit has no answer here.']);
  });
});
