/** What a recipe of a trained field states: its parts, its parameters, and where each of them comes from. */
import type { FieldParameters } from '../fields/index.ts';

export interface FieldRecipe {
  readonly title: string;
  /** What it does and how it differs from the others, in a sentence or two. */
  readonly summary: string;
  /** The parts it is put together from, in order. */
  readonly parts: readonly string[];
  readonly parameters: FieldParameters;
  /** Where parameters come from: the paper, the released program ("code"), or this program ("ours", with the reason). */
  readonly sources: Readonly<Record<string, string>>;
}

/** What all instance fields share, so that they are compared with equal means. */
export const SHARED_SCHEDULE = { steps: 1000, batchPixels: 2048, slowDecay: 0.9 } as const;

export const SHARED_SOURCES = {
  steps: 'ours: 1000, and 20 for every training frame where that is more; published 400k with geometry trained jointly',
  batchPixels: 'paper: 2048 pixels of one image, inside instance segments only (code)',
  field: 'ours: one row per Gaussian, which starts from where the segments are that it is seen in',
  rate: 'paper: 1e-2 for grids, 5e-4 for networks',
} as const;

/** How embeddings that are compared by distance are represented, for all of them alike. */
export const EMBEDDING = {
  field: { kind: 'table', sigma: 0.05, positions: 2.1, reach: 1.5 },
  dimensions: 8,
} as const satisfies Partial<FieldParameters>;

/** Where that comes from. */
export const EMBEDDING_SOURCES = {
  dimensions:
    'ours: 8; the paper takes 3 for rooms and 24 elsewhere. In 3 a few per cent of a stray Gaussian move a pixel of a room of 500 objects ' +
    'into another object (28 PQ, 46 with 8 and with 24, on one room); 24 cost twice as much as 8',
  field:
    'ours: one row per Gaussian; starts as 8 random waves of where its segments are, length 2.1, told apart from 1.5 radii of the ' +
    'median segment on, with noise of 0.05: a smooth function of position as a network is, in which neighbouring objects start apart ' +
    'but within the reach of exp(-d²), however wide the scene',
  rendering:
    'ours: rendered embeddings are divided by alpha, so that a pixel that is not quite opaque is not drawn towards the origin; ' +
    'published fields are opaque inside a room',
} as const;

export const INSTANCE_PARTS = [
  'frozen Gaussians, blending weights cached for the pixels inside segments',
  'a row of features per Gaussian, Adam on the rows that a batch touches',
] as const;
