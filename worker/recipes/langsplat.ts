/** LangSplat-style rival (Qin et al. 2024): a code per Gaussian at each of three levels, autoencoded embeddings. */
import { LANGUAGE_SCHEDULE, type LanguageRecipe } from './language-recipe.ts';

const { steps, batchPixels } = LANGUAGE_SCHEDULE;

export const langsplat: LanguageRecipe = {
  title: 'LangSplat-style',
  summary: 'Embeddings are compressed to a few numbers per scene; every Gaussian has such a code at three levels.',
  parts: [
    'frozen Gaussians, blending weights cached for the pixels inside segments',
    'autoencoder of the embeddings of the scene’s segments',
    'a table of codes for each level: the smallest, the middle and the largest segment that holds a pixel',
    'a query takes the level with the highest relevancy',
  ],
  parameters: {
    ...{ kind: 'latent', latent: 16, levels: 3, steps, batchPixels },
    autoencoder: {
      ...{ layers: 3, width: 64, epochs: 200, batch: 64, rate: 2e-3 },
      loss: { squared: 1, cosine: 0.1 },
    },
    ...{ rate: 2e-2, finalRateShare: 0.1, sigma: 0.05 },
  },
  sources: {
    latent: 'ours: 16 for embeddings of 64; paper: 3 for 512',
    levels: 'paper: subpart, part, whole; here by rank of physical scale among the segments of a pixel',
    autoencoder: 'paper: network trained per scene with an L2 and a cosine term; ours: sizes for embeddings of 64',
    steps: 'as n2f2, for each level',
    rate: 'ours: codes settle within the schedule',
  },
};
