/** How many pixels' blending weights a trained lift can keep. */
import type { Backend } from '../compute/index.ts';
import { instancePixels, type LiftFrame, WeightCache } from '../fields/index.ts';
import type { SplatModel } from '../splats/index.ts';

/** Share of what a backend has left that the weights may take: the field, its moments and a view's record need the rest. */
const SHARE_OF_REST = 0.5;
const PROBED_VIEWS = 4;
const PROBED_PIXELS = 500;
/** A view keeps at least this many pixels, so that a batch is a random choice; below, contributors are dropped. */
const LEAST_PIXELS = 4096;
const ENTRY_BYTES = 8;
const ROW_BYTES = 4;

export interface WeightPlan {
  /** What {@link WeightCache.extract} takes. */
  readonly pixels: (view: number) => Uint32Array;
  readonly maxContributors: number | undefined;
  /** What was left out, and why; undefined where nothing was. */
  readonly warning: string | undefined;
}

/**
 * All pixels inside segments where their weights fit; else as many random ones of each view as do, and only when that would
 * leave too few for a batch, the largest contributors of each.
 * @param wantedContributors 0: all
 */
export async function planWeights(
  backend: Backend,
  model: SplatModel,
  frames: readonly LiftFrame[],
  budgetBytes: number,
  wantedContributors: number,
  seed: number,
  signal?: AbortSignal,
  leastPixels = LEAST_PIXELS,
): Promise<WeightPlan> {
  const { limitBytes, usedBytes } = backend.memory;
  const budget = Math.min(budgetBytes, SHARE_OF_REST * (limitBytes - usedBytes));
  const counts = frames.map(({ segments }) => countInside(segments));
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const wanted = wantedContributors > 0 ? wantedContributors : undefined;
  const everything: WeightPlan = { pixels: instancePixels(frames), maxContributors: wanted, warning: undefined };
  // Most that an ordinary pixel has: where that fits, nothing needs to be measured.
  if (rows * (ROW_BYTES + ENTRY_BYTES * (wanted ?? 512)) <= budget) return everything;
  const stride = Math.max(1, Math.ceil(frames.length / PROBED_VIEWS));
  const probed = frames.filter((_, view) => view % stride === 0);
  const probe = await WeightCache.extract(
    backend,
    model,
    probed.map(({ view }) => view),
    {
      pixels: instancePixels(probed, PROBED_PIXELS, seed),
      ...(wanted !== undefined && { maxContributors: wanted }),
      ...(signal && { signal }),
    },
  );
  const perPixel = probe.entryCount / Math.max(1, probe.rowCount);
  probe.dispose();
  const bytesOf = (contributors: number) => ROW_BYTES + ENTRY_BYTES * contributors;
  const needed = rows * bytesOf(perPixel);
  if (needed <= budget) return everything;
  const limit = largestLimit(counts, budget / bytesOf(perPixel));
  const said = `The blending weights of all ${rows} pixels inside segments need about ${megabytes(needed)}, ${megabytes(budget)} are allowed`;
  if (limit >= Math.min(leastPixels, Math.max(...counts))) {
    return {
      ...everything,
      pixels: instancePixels(frames, limit, seed),
      warning: `${said}: at most ${limit} random pixels of each image are learned from.`,
    };
  }
  const kept = counts.reduce((sum, count) => sum + Math.min(count, leastPixels), 0);
  const contributors = Math.max(1, Math.floor((budget / kept - ROW_BYTES) / ENTRY_BYTES));
  return {
    pixels: instancePixels(frames, leastPixels, seed),
    maxContributors: contributors,
    warning:
      `${said}: at most ${leastPixels} random pixels of each image are learned from, and of each of them the ` +
      `${contributors} Gaussians that contribute most.`,
  };
}

function countInside(segments: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < segments.length; i++) if (segments[i]! > 0) count++;
  return count;
}

/** The largest number of pixels per view with at most `total` in all. */
function largestLimit(counts: readonly number[], total: number): number {
  let left = total;
  const sorted = counts.toSorted((a, b) => a - b);
  for (const [index, count] of sorted.entries()) {
    const share = Math.floor(left / (sorted.length - index));
    if (count > share) return share;
    left -= count;
  }
  return sorted.at(-1) ?? 0;
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
