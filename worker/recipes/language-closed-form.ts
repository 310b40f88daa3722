/** Language without training: the lower bound that every trained field has to beat. */
import type { LanguageRecipe } from './language-recipe.ts';

export const languageClosedForm: LanguageRecipe = {
  title: 'Closed-form language lift',
  summary: 'Each Gaussian gets the robust mean of the embeddings of the segments that show it. No training.',
  parts: [
    'frozen Gaussians, blending weights cached for the pixels inside segments',
    'of each Gaussian the segments that show it, where at least one pixel is mostly it',
    'median on the sphere, weighted by blending weight and confidence',
  ],
  parameters: { kind: 'closed-form', levels: 1, visibilityGate: 0.1, medianPasses: 10 },
  sources: {
    levels: 'ours: all segments of a pixel together, with the chances of N2F2 (1 / log of the area) as shares',
    visibilityGate: 'ours: a Gaussian that is never a tenth of a pixel in a view lies behind what is seen there',
    medianPasses: 'ours: Weiszfeld passes over chords; ten move it by less than a thousandth',
  },
};
