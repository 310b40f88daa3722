import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WeightCache } from '../fields/index.ts';
import { type LabelledWorld, labelledWorld, relabelled } from '../objects/lifting/testing.ts';
import { planWeights } from './weight-budget.ts';

let world: LabelledWorld;
beforeAll(async () => {
  world = await labelledWorld(4);
});
afterAll(() => world.backend.dispose());

async function planned(budgetBytes: number, wanted = 0, leastPixels = 50) {
  const { backend, model, views, truth } = world;
  const frames = views.map((view, v) => ({ name: `${v}`, view, segments: relabelled(truth[v]!, v) }));
  const plan = await planWeights(backend, model, frames, budgetBytes, wanted, 1, undefined, leastPixels);
  const { pixels, maxContributors } = plan;
  const cache = await WeightCache.extract(backend, model, views, {
    pixels,
    ...(maxContributors !== undefined && { maxContributors }),
  });
  const { sizeBytes, rowCount } = cache;
  cache.dispose();
  const inside = frames.reduce((sum, { segments }) => sum + segments.filter((id) => id > 0).length, 0);
  return { plan, sizeBytes, rowCount, inside };
}

describe('the budget of the weights', () => {
  it('keeps everything that fits, and the number of contributors that was asked for', async () => {
    const { plan, rowCount, inside } = await planned(1e9);
    expect(plan.warning).toBeUndefined();
    expect(plan.maxContributors).toBeUndefined();
    expect(rowCount).toBe(inside);
    expect((await planned(1e9, 4)).plan.maxContributors).toBe(4);
  });

  it('takes fewer pixels of each view, and says how many of what', async () => {
    const all = await planned(1e9);
    const half = await planned(all.sizeBytes / 2);
    expect(half.sizeBytes).toBeLessThan(0.6 * all.sizeBytes);
    expect(half.sizeBytes).toBeGreaterThan(0.35 * all.sizeBytes);
    expect(half.plan.maxContributors).toBeUndefined();
    expect(half.plan.warning).toMatch(/random pixels of each image are learned from\.$/);
  });

  it('drops the smallest contributors where too few pixels would be left', async () => {
    const all = await planned(1e9);
    const { plan, sizeBytes, rowCount } = await planned(all.sizeBytes / 3, 0, 1000);
    expect(rowCount).toBe(all.inside);
    expect(plan.maxContributors).toBeGreaterThan(1);
    expect(sizeBytes).toBeLessThan(all.sizeBytes / 2.5);
    expect(plan.warning).toContain(`the ${plan.maxContributors} Gaussians that contribute most`);
  });
});
