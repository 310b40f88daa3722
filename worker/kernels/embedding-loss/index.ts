export {
  type EmbeddingLossArgs,
  embeddingLoss,
  type NestedProjectionArgs,
  type NestedProjectionGradientsArgs,
  nestedLossCost,
  nestedProjection,
  nestedProjectionGradients,
} from './embedding-loss.ts';
export {
  type EmbeddingLossInputs,
  embeddingLossReference,
  nestedProjectionGradientsReference,
  nestedProjectionReference,
} from './reference.ts';
