/** What a recipe of a language field states: its parts, its parameters, and where each of them comes from. */
import type { LanguageParameters } from '../fields/index.ts';

export interface LanguageRecipe {
  readonly title: string;
  /** What it does and how it differs from the others, in a sentence or two. */
  readonly summary: string;
  /** The parts it is put together from, in order. */
  readonly parts: readonly string[];
  readonly parameters: LanguageParameters;
  /** Where parameters come from: the paper, the released program ("code"), or this program ("ours", with the reason). */
  readonly sources: Readonly<Record<string, string>>;
}

/** What all trained language fields share, so that they are compared with equal means. */
export const LANGUAGE_SCHEDULE = {
  ...{ steps: 1000, batchPixels: 1024, networkRate: 2e-3, planeRate: 2e-2 },
  ...{ planeRateTimesExtent: false, finalRateShare: 0.1 },
} as const;

export const SHARED_NETWORK = {
  backbone: { kind: 'triplane', resolution: 128, channels: 32, sigma: 0.1 },
  ...{ layers: 3, width: 256 },
} as const;

export const LANGUAGE_PARTS = [
  'frozen Gaussians, blending weights cached for the pixels inside segments',
  'features on three planes at the centres of the Gaussians, rendered at pixels, then a network (deferred)',
  'a pixel of several segments picks one, small ones a little more often (1 / log of the area)',
] as const;

export const LANGUAGE_BACKBONE_SOURCES = {
  backbone: 'ours: 128² texels of 32 channels for two CPU cores; paper: 512² of 64. Standard deviation 0.1: ours',
  width: 'paper: 256, in 3 layers',
  steps: 'ours: 1000, where losses of rooms stand still; paper: 30,000 after 30,000 of geometry',
  batchPixels: 'ours: 1024 pixels of one image',
  networkRate: 'ours: 2e-3 for a short schedule; paper: 1.25e-3',
  planeRate: 'ours: 2e-2; paper: 1.6e-3 times the extent of the scene (planeRateTimesExtent)',
  finalRateShare: 'ours: rates fall to a tenth',
} as const;
