/** @public door of worker/models */
export { DepthModel } from './depth/index.ts';
export { DinoModel, type FeatureGrid } from './dino/index.ts';
export { type DualEncoder, openDualEncoder, type RgbImage, type TextInspection } from './dual-encoder/index.ts';
export { listModels, manageModels } from './registry.ts';
export {
  type AutomaticMask,
  bestMask,
  type Embedding,
  generateMasks,
  type Prompt,
  type PromptPoint,
  type SamMask,
  SamModel,
  SamPrompter,
} from './sam/index.ts';
