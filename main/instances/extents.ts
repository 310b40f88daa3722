/** Boxes of objects, from the table of the newest lift. */
import type { ObjectView } from '../../contract/index.ts';
import type { Project } from '../project/index.ts';
import { readLiftedTable } from './lift-file.ts';
import { liftedMasks } from './object-masks.ts';

type Box = NonNullable<ObjectView['extent']>;

/** By object of the project; of objects that were merged the box around all. Empty before the first lift. */
export async function objectExtents(project: Project, captureId: number): Promise<ReadonlyMap<number, Box>> {
  const boxes = new Map<number, Box>();
  const lifted = liftedMasks(project, captureId);
  if (lifted === undefined) return boxes;
  for (const { id, extent } of await readLiftedTable(project.artifacts.path(lifted.lift.artifact))) {
    const objectId = lifted.objects.get(id) ?? 0;
    if (objectId === 0 || extent === null) continue;
    const known = boxes.get(objectId) ?? extent;
    const around = (side: 'min' | 'max'): [number, number, number] => {
      const [a, b] = [known[side], extent[side]];
      return [Math[side](a[0], b[0]), Math[side](a[1], b[1]), Math[side](a[2], b[2])];
    };
    boxes.set(objectId, { min: around('min'), max: around('max') });
  }
  return boxes;
}
