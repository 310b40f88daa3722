/** Contrastive Lift (Bhalgat et al. 2023): slow-fast clustering objective with concentration, on frozen Gaussians. */
import type { FieldParameters } from '../fields/index.ts';
import {
  EMBEDDING,
  EMBEDDING_SOURCES,
  type FieldRecipe,
  INSTANCE_PARTS,
  SHARED_SCHEDULE,
  SHARED_SOURCES,
} from './recipe.ts';

const parameters = {
  ...SHARED_SCHEDULE,
  ...EMBEDDING,
  loss: { kind: 'slow-fast', gamma: 1, similarity: 'squared', concentration: 1 },
  ...{ rate: 1e-2, finalRate: 1e-2 },
} as const satisfies FieldParameters;

const sources = {
  ...SHARED_SOURCES,
  ...EMBEDDING_SOURCES,
  'loss.gamma': 'code: 1',
  'loss.similarity':
    'paper: exp(-gamma d²); "released" takes exp(-d), and the confidence-weighted concentration (code)',
  'loss.concentration': 'paper: L = L_sf + L_conc',
  slowDecay: 'paper: slow = 0.9 slow + 0.1 fast at each step, before the losses (code)',
};

export const contrastiveLift: FieldRecipe = {
  title: 'Contrastive Lift',
  summary:
    'A fast field is pulled towards pixels of the same segment in a slowly moving copy of itself, and pushed from those of ' +
    'others. Its cost does not depend on the number of objects.',
  parts: [
    ...INSTANCE_PARTS,
    'half of a batch from the fast field, half from its running average, which gets no gradient',
    'slow-fast contrastive loss and concentration loss',
    'clusters of the embedding are the objects',
  ],
  parameters,
  sources,
};

export const contrastiveLiftWithoutConcentration: FieldRecipe = {
  ...contrastiveLift,
  title: 'Contrastive Lift without concentration',
  summary: 'Ablation of the paper: the slow-fast loss alone.',
  parameters: { ...parameters, loss: { ...parameters.loss, concentration: 0 } },
  sources: { ...sources, 'loss.concentration': 'paper: ablation without L_conc' },
};

/** The published network on positions in place of the table: for comparison, hundreds of times as many operations. */
export const contrastiveLiftWithNetwork: FieldRecipe = {
  ...contrastiveLift,
  title: 'Contrastive Lift with the published network',
  summary: 'The same objective with the field of the paper: five layers of 256 on the position.',
  parts: [
    'frozen Gaussians, blending weights cached for the pixels inside segments',
    'a network on the position of each contributor, and its running average',
    ...contrastiveLift.parts.slice(2),
  ],
  parameters: {
    ...parameters,
    field: { kind: 'mlp', layers: 5, width: 256, frequencies: 0 },
    dimensions: 3,
    ...{ rate: 5e-4, finalRate: 5e-4 },
  },
  sources: {
    ...sources,
    dimensions: 'paper: 3 for rooms',
    field: 'code: 5 linear layers, width 256, on the position in [-1, 1] without frequencies',
    rate: 'paper: 5e-4 for networks',
  },
};
