/** @public door of worker/models/sam */
export { type AutomaticMask, generateMasks } from './automatic.ts';
export { readSamManifest, SAM_ENABLES, SAM_FILES } from './manifest.ts';
export { bestMask, type Embedding, type Prompt, type PromptPoint, type SamMask, SamModel } from './model.ts';
export { SamPrompter } from './prompts.ts';
