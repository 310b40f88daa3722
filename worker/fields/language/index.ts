/** Language fields; the door of worker/fields passes them on. */
export {
  compositeOf,
  embeddingsOfLevel,
  embeddingsOfRows,
  evenScales,
  levelNames,
  nestedEmbeddings,
  type OwnedEmbeddings,
} from './evaluate.ts';
export { applyNetwork } from './network.ts';
export type {
  ClosedFormLanguageParameters,
  ConditionedParameters,
  EmbeddingLossWeights,
  LanguageBackbone,
  LanguageParameters,
  LatentParameters,
  NestedParameters,
} from './parameters.ts';
export { languagePixels } from './segment-index.ts';
export { type TrainLanguageOptions, trainLanguage } from './train.ts';
export type {
  DecodedField,
  LanguageField,
  LanguageFrame,
  LanguageNetwork,
  LanguageProgress,
  LanguageReport,
  LanguageSegment,
  LevelsField,
  NestedField,
  NetworkLayer,
} from './types.ts';
