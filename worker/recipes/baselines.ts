/** The rivals that Contrastive Lift is compared with, with the same field, schedule and data. */
import type { FieldLoss, FieldParameters } from '../fields/index.ts';
import {
  EMBEDDING,
  EMBEDDING_SOURCES,
  type FieldRecipe,
  INSTANCE_PARTS,
  SHARED_SCHEDULE,
  SHARED_SOURCES,
} from './recipe.ts';

function embedding(
  loss: FieldLoss,
  text: Pick<FieldRecipe, 'title' | 'summary'> & { part: string },
  sources: FieldRecipe['sources'],
  changes: Partial<FieldParameters> = {},
): FieldRecipe {
  return {
    title: text.title,
    summary: text.summary,
    parts: [...INSTANCE_PARTS, text.part, 'clusters of the embedding are the objects'],
    parameters: {
      ...SHARED_SCHEDULE,
      ...{ ...EMBEDDING, loss, rate: 1e-2, finalRate: 1e-2 },
      ...changes,
    },
    sources: { ...SHARED_SOURCES, ...EMBEDDING_SOURCES, ...sources },
  };
}

const vanillaSources = { 'loss.gamma': 'code: 1; a pixel is in its own denominator but no positive of itself' };

export const vanilla = embedding(
  { kind: 'vanilla', gamma: 1, concentration: 0 },
  {
    title: 'Vanilla contrastive',
    summary: 'One field, all pairs of a batch: the objective that the slow copy makes stable.',
    part: 'contrastive loss over all pairs of the batch, gradients to both ends',
  },
  { ...vanillaSources, 'loss.concentration': 'paper: none' },
);

export const vanillaConcentration = embedding(
  { kind: 'vanilla', gamma: 1, concentration: 1 },
  {
    title: 'Vanilla contrastive with concentration',
    summary: 'The contrastive loss of one field, and a pull to the field’s own segment means.',
    part: 'contrastive loss over all pairs, concentration towards the means of the same pixels',
  },
  { ...vanillaSources, 'loss.concentration': 'paper: ablation; weight as for the slow-fast loss' },
);

export const associative = embedding(
  { kind: 'associative', sigma: 1 },
  {
    title: 'Associative embedding',
    summary: 'Pixels to the mean of their segment, means of different segments apart.',
    part: 'pull and push losses of associative embedding',
  },
  {
    'loss.sigma': 'code: exp(-‖m_k − m_l‖²/σ), mean over ordered pairs, σ 1',
    loss: 'code: a printed version adds the squared distance of the means, which would pull them together',
  },
);

export const margin = embedding(
  { kind: 'margin', margin: 1 },
  {
    title: 'Margin',
    summary: 'Positive pairs at distance 0, negative pairs at the margin or further.',
    part: 'margin loss over all pairs of the batch',
  },
  { 'loss.margin': 'ours: 1; the paper does not say' },
);

export const dino = embedding(
  { kind: 'dino', outputs: 512, fastTemperature: 0.1, slowTemperature: 0.04, centreDecay: 0.9 },
  {
    title: 'DINO-style',
    summary:
      'The slow field’s projection of a pixel is the target for another pixel of the same segment: no negatives.',
    part: 'projections of both fields, cross entropy to the centred and sharpened slow side',
  },
  {
    'loss.outputs': 'methods: 512 on each side',
    'loss.fastTemperature': 'Caron et al. 2021: student 0.1',
    'loss.slowTemperature': 'Caron et al. 2021: teacher 0.04',
    'loss.centreDecay': 'Caron et al. 2021: 0.9',
    slowDecay: 'as contrastive-lift, projection included',
  },
);

export const linearAssignment: FieldRecipe = {
  title: 'Linear assignment (Panoptic Lifting)',
  summary:
    'K slots are rendered as logits; in every image segments are matched to slots by the Hungarian method. Its cost grows with K.',
  parts: [
    ...INSTANCE_PARTS,
    'assignment of the segments of an image to slots by their mean probabilities',
    'cross entropy to the matched slots, times confidence',
    'the slot with the largest logit is the object',
  ],
  parameters: {
    ...SHARED_SCHEDULE,
    ...{
      field: { kind: 'table', sigma: 0.02, positions: 0.25, reach: 0 },
      dimensions: 500,
      loss: { kind: 'linear-assignment' },
    },
    ...{ rate: 5e-2, finalRate: 5e-2 },
  },
  sources: {
    ...SHARED_SOURCES,
    dimensions: 'code: 500 slots on messy rooms',
    loss: 'Siddiqui et al. 2023: Hungarian per image on mean probabilities, cross entropy times confidence',
    field:
      'ours: standard deviation 0.02, and random linear functions of the position: random preferences alone leave objects split ' +
      'between slots for good',
    rate: 'ours: logits must grow further than embeddings move',
  },
};
