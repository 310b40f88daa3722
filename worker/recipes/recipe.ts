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
export const SHARED_SCHEDULE = { steps: 2000, batchPixels: 2048, slowDecay: 0.9 } as const;

export const SHARED_SOURCES = {
  steps: 'ours: 2000 steps are past the plateau on generated rooms; published 400k with geometry trained jointly',
  batchPixels: 'paper: 2048 pixels of one image, inside instance segments only (code)',
  field: 'ours: one row per Gaussian, standard deviation 0.2, so that no pair starts beyond the reach of exp(-d²)',
  rate: 'paper: 1e-2 for grids, 5e-4 for networks',
} as const;

export const INSTANCE_PARTS = [
  'frozen Gaussians, blending weights cached for the pixels inside segments',
  'a row of features per Gaussian, Adam on the rows that a batch touches',
] as const;
