/** `bench instances-click`: one and three clicks on every object of generated rooms, scored in views nobody has seen. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type BenchmarkResult,
  type BenchmarkTarget,
  LiftscopeError,
  liftingRecipeSchema,
} from '../../contract/index.ts';
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
const orderSchema = z.object({
  one: figures,
  three: figures,
  cold: z.object({ medianMs: z.number(), worstMs: z.number() }),
});
const cellSchema = z.object({
  objects: z.number(),
  masks: z.number(),
  /** Features are rendered, then compared: the published order. */
  rendered: orderSchema,
  /** Gaussians are compared, then one channel is rendered. */
  splatted: orderSchema,
  seconds: z.number(),
  peakMemoryBytes: z.number(),
  parameters: z.record(z.string(), z.json()),
});

type Figure = number | null;
type Order = 'rendered' | 'splatted';
type Row = { readonly order: Order } & Record<
  'seed' | 'objects' | 'masks' | 'coldMs' | 'coldWorstMs' | 'seconds' | 'peakMemoryMB',
  number
> &
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
    for (const order of ['rendered', 'splatted'] as const) {
      const { one, three, cold } = cell[order];
      rows.push({
        ...{ seed, order, objects: cell.objects, masks: cell.masks },
        ...{ oneClickMiou: one.miou, oneClickMbiou: one.mbiou, oneClickPerObject: one.perObject },
        ...{ threeClickMiou: three.miou, threeClickMbiou: three.mbiou, threeClickPerObject: three.perObject },
        ...{ coldMs: cold.medianMs, coldWorstMs: cold.worstMs },
        ...{ seconds: cell.seconds, peakMemoryMB: cell.peakMemoryBytes / 1e6 },
      });
    }
  }
  const mean = (order: Order, read: (row: Row) => number | null) =>
    spreadOf(rows.filter((row) => row.order === order).flatMap((row) => read(row) ?? []))?.mean ?? null;
  const targets = (['rendered', 'splatted'] as const).flatMap((order): BenchmarkTarget[] => {
    const line = (
      name: string,
      target: string,
      value: number | null,
      met: (value: number) => boolean,
    ): BenchmarkTarget => ({ name: `${name}, ${order}`, target, value, met: value !== null && met(value) });
    return [
      line(
        'one click, mIoU',
        '>= 80',
        mean(order, (row) => row.oneClickMiou),
        (value) => value >= 80,
      ),
      line(
        'three clicks, mIoU',
        '>= 85',
        mean(order, (row) => row.threeClickMiou),
        (value) => value >= 85,
      ),
      line(
        'mask in a new view at 320x240, cold, ms',
        '<= 50',
        mean(order, (row) => row.coldMs),
        (value) => value <= 50,
      ),
    ];
  });
  return {
    protocol:
      'first click: deepest pixel of the object in the training view that shows most of it; two more at the deepest pixel of ' +
      'the largest error in the same view, negative where the mask is too large; cosine at least 0.7; scored in every held-out ' +
      'view that shows at least 0.1 % of the image of the object; mean over (object, view). Two orders: features are rendered, ' +
      'then compared (published); Gaussians are compared, then one channel is rendered (ours)',
    parameters: { objects, seeds, recipe, noise, parameters, plan: { ...roomPlan(objects) } },
    rows,
    targets,
  };
}
