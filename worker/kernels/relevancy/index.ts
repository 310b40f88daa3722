export { bestScaleReference, compositeReference, type NestedRows, relevancyReference } from './reference.ts';
export {
  type BestScaleArgs,
  bestScale,
  type CompositeArgs,
  compositeRows,
  NestedEmbeddings,
  type NestedEmbeddingsOptions,
  nestedNorms,
  nestedScales,
  type PhraseDirections,
  type RelevancyArgs,
  relevancyCost,
  relevancyOfRows,
} from './relevancy.ts';
