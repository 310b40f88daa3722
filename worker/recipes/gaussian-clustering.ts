/** Contrastive Gaussian Clustering (Silva et al. 2024) on frozen Gaussians. */
import { type FieldRecipe, INSTANCE_PARTS, SHARED_SCHEDULE, SHARED_SOURCES } from './recipe.ts';

export const gaussianClustering: FieldRecipe = {
  title: 'Contrastive Gaussian Clustering',
  summary:
    'Unit features of 16 dimensions: every pixel close to the mean of its segment, compared with the means of all segments ' +
    'of the image. A click is a query by cosine.',
  parts: [
    ...INSTANCE_PARTS,
    'pixels against segment means on the unit sphere, temperature by the spread of the segment',
    'spatial regulariser on 800 random Gaussians: 2 nearest alike, 5 farthest unlike',
    'cosine to a click, or clusters on the sphere, are the objects',
  ],
  parameters: {
    ...SHARED_SCHEDULE,
    field: { kind: 'table', sigma: 0.2, positions: 0, reach: 0 },
    dimensions: 16,
    loss: { kind: 'gaussian-clustering', regulariserEvery: 2, regulariserGaussians: 800 },
    ...{ rate: 1e-2, finalRate: 1e-2 },
  },
  sources: {
    ...SHARED_SOURCES,
    dimensions: 'paper: 16',
    'loss.regulariserEvery':
      'code: clustering every 50 and regulariser every 100 of 30k joint iterations; here every step clusters, every second one regularises',
    'loss.regulariserGaussians': 'code: 800, weights 0.05 (near) and 0.15 (far)',
    batchPixels: 'ours: 2048 pixels stand for all of the image, which the paper takes',
    weights: 'code: 1e-6 at 0.72 megapixels, scaled by the number of pixels; segments of more than 100 pixels there',
    field:
      'ours: noise of standard deviation 0.2 alone: directions that depend on the position separate worse on the sphere',
    geometry: 'ours: frozen; the paper trains it jointly for 30k iterations',
  },
};
