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
  field:
    'ours: one row per Gaussian; starts as half its position in units of the median segment’s radius, with noise of 0.2: a ' +
    'smooth function of position as a network is, in which neighbouring objects start apart but within the reach of exp(-d²)',
  rate: 'paper: 1e-2 for grids, 5e-4 for networks',
} as const;

/** Of embeddings that are compared by distance. */
export const EMBEDDING_SOURCES = {
  rendering:
    'ours: rendered embeddings are divided by alpha, so that a pixel that is not quite opaque is not drawn towards the origin; ' +
    'published fields are opaque inside a room',
} as const;

export const INSTANCE_PARTS = [
  'frozen Gaussians, blending weights cached for the pixels inside segments',
  'a row of features per Gaussian, Adam on the rows that a batch touches',
] as const;
