/** N2F2 (Bhalgat et al. 2024): nested feature fields, and their ablations. */
import type { NestedParameters } from '../fields/index.ts';
import {
  LANGUAGE_BACKBONE_SOURCES,
  LANGUAGE_PARTS,
  LANGUAGE_SCHEDULE,
  type LanguageRecipe,
  SHARED_NETWORK,
} from './language-recipe.ts';

const parameters = {
  ...SHARED_NETWORK,
  ...LANGUAGE_SCHEDULE,
  ...{ kind: 'nested', dimensions: 64, stepSize: 1, nesting: 'quantile' },
  loss: { squared: 1, cosine: 0.001 },
} as const satisfies NestedParameters;

const sources = {
  ...LANGUAGE_BACKBONE_SOURCES,
  dimensions: 'ours: 64, as many as the embedding of the shipped model has; paper: 512 for CLIP',
  stepSize: 'paper: 1 in training',
  nesting: 'paper: bins are quantiles of physical scale, bin b uses D − b dimensions',
  loss: 'paper: ‖φ − φ_gt‖² + 0.001 (1 − cos); 1e-8 is added to squared norms, W starts at 0',
};

export const n2f2: LanguageRecipe = {
  title: 'N2F2',
  summary:
    'One field for all physical scales: coarse segments are explained by the first dimensions alone, fine ones by all of ' +
    'them. A composite of all scales answers queries in one pass.',
  parts: [
    ...LANGUAGE_PARTS,
    'the first M dimensions, through W, are compared with a segment; M falls with the physical scale of the segment',
    'composite of all scales, weighted by how much each looks like an object, a part, a texture',
  ],
  parameters,
  sources,
};

export const n2f2WithoutNesting: LanguageRecipe = {
  ...n2f2,
  title: 'N2F2 without nesting',
  summary: 'Ablation: all dimensions for segments of every scale.',
  parameters: { ...parameters, nesting: 'none' },
  sources: { ...sources, nesting: 'paper: ablation' },
};

export const n2f2WithoutPlanes: LanguageRecipe = {
  ...n2f2,
  title: 'N2F2 without tri-plane',
  summary: 'Ablation: the network sees positions and their sines and cosines in place of features on planes.',
  parameters: { ...parameters, backbone: { kind: 'positions', frequencies: 8 } },
  sources: { ...sources, backbone: 'paper: ablation with a network alone; 8 octaves: ours' },
};
