/** `bench instances-click`: one and three clicks on every object of generated rooms, scored in views nobody has seen. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type BenchmarkResult, LiftscopeError, liftingRecipeSchema } from '../../contract/index.ts';
import { type CellContext, RoomCells, roomPlan, spreadOf } from './room-cells.ts';

const argumentsSchema = z.strictObject({
  /** Folder that keeps rooms, splats and finished cells; the one of messy-rooms, so that rooms are shared. */
  cache: z.string().min(1).default(join(tmpdir(), 'liftscope-messy-rooms')),
  objects: z.number().int().min(1).max(2000).default(25),
  seeds: z.array(z.number().int().min(0)).min(1).optional(),
  recipe: liftingRecipeSchema.default('gaussian-clustering'),
  noise: z.enum(['none', 'default', 'harsh']).default('default'),
  parameters: z.record(z.string(), z.json()).default({}),
});

const figures = z.object({
  miou: z.number().nullable(),
  mbiou: z.number().nullable(),
  perObject: z.number().nullable(),
});
const cellSchema = z.object({
  objects: z.number(),
  masks: z.number(),
  one: figures,
  three: figures,
  cold: z.object({ medianMs: z.number(), worstMs: z.number() }),
  seconds: z.number(),
  peakMemoryBytes: z.number(),
  parameters: z.record(z.string(), z.json()),
});

type Figure = number | null;
type Row = Record<'seed' | 'objects' | 'masks' | 'coldMs' | 'coldWorstMs' | 'seconds' | 'peakMemoryMB', number> &
  Record<'oneClickMiou' | 'oneClickMbiou' | 'oneClickPerObject', Figure> &
  Record<'threeClickMiou' | 'threeClickMbiou' | 'threeClickPerObject', Figure>;

/** @throws LiftscopeError */
export async function benchInstancesClick(
  given: Readonly<Record<string, z.core.util.JSONType>>,
  quick: boolean,
  context: CellContext,
): Promise<BenchmarkResult> {
  const parsed = argumentsSchema.safeParse(given);
  if (!parsed.success) {
    throw new LiftscopeError({ code: 'bad-input', message: `bench instances-click: ${z.prettifyError(parsed.error)}` });
  }
  const { cache, objects, recipe, noise, parameters } = parsed.data;
  const seeds = parsed.data.seeds ?? (quick ? [0] : [0, 1, 2]);
  const cells = new RoomCells(cache, context);
  const rows: Row[] = [];
  for (const seed of seeds) {
    const room = await cells.room(objects, seed);
    const cell = await cells.cell('instances-click', room, { recipe, noise, parameters }, cellSchema);
    rows.push({
      ...{ seed, objects: cell.objects, masks: cell.masks },
      ...{ oneClickMiou: cell.one.miou, oneClickMbiou: cell.one.mbiou, oneClickPerObject: cell.one.perObject },
      ...{
        threeClickMiou: cell.three.miou,
        threeClickMbiou: cell.three.mbiou,
        threeClickPerObject: cell.three.perObject,
      },
      ...{ coldMs: cell.cold.medianMs, coldWorstMs: cell.cold.worstMs },
      ...{ seconds: cell.seconds, peakMemoryMB: cell.peakMemoryBytes / 1e6 },
    });
  }
  const mean = (read: (row: Row) => number | null) => spreadOf(rows.flatMap((row) => read(row) ?? []))?.mean ?? null;
  const one = mean((row) => row.oneClickMiou);
  const three = mean((row) => row.threeClickMiou);
  const cold = mean((row) => row.coldMs);
  return {
    protocol:
      'first click: deepest pixel of the object in the training view that shows most of it; two more at the deepest pixel of ' +
      'the largest error in the same view, negative where the mask is too large; cosine at least 0.7; scored in every held-out ' +
      'view that shows at least 0.1 % of the image of the object; mean over (object, view)',
    parameters: { objects, seeds, recipe, noise, parameters, plan: roomPlan(objects) },
    rows,
    targets: [
      { name: 'one click, mIoU', target: '>= 80', value: one, met: one !== null && one >= 80 },
      { name: 'three clicks, mIoU', target: '>= 85', value: three, met: three !== null && three >= 85 },
      {
        name: 'mask in a new view at 320x240, cold, ms',
        target: '<= 50',
        value: cold,
        met: cold !== null && cold <= 50,
      },
    ],
  };
}
