/** LERF-style rival (Kerr et al. 2023): one field conditioned on physical scale, searched over 30 scales at query time. */
import {
  LANGUAGE_BACKBONE_SOURCES,
  LANGUAGE_PARTS,
  LANGUAGE_SCHEDULE,
  type LanguageRecipe,
  SHARED_NETWORK,
} from './language-recipe.ts';

export const lerf: LanguageRecipe = {
  title: 'LERF-style',
  summary: 'The network is told a physical scale beside the features and gives the embedding at that scale.',
  parts: [
    ...LANGUAGE_PARTS,
    'the physical scale of the segment is appended to the rendered features',
    'a query tries 30 scales and takes the one with the highest relevancy',
  ],
  parameters: {
    ...SHARED_NETWORK,
    ...LANGUAGE_SCHEDULE,
    ...{ kind: 'conditioned', scales: 30, scaleFrequencies: 2 },
    loss: { squared: 1, cosine: 0.001 },
  },
  sources: {
    ...LANGUAGE_BACKBONE_SOURCES,
    scales: 'paper: 30 at query time; ours: evenly spread over the segments (quantiles) rather than over metres',
    scaleFrequencies: 'ours: the rank of the scale in [−1, 1] and two octaves; the paper appends the scale itself',
    loss: 'ours: that of N2F2, so that the rival differs in its field alone; the paper maximises the cosine',
  },
};
