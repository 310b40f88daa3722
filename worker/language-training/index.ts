/** @public door of worker/language-training: segments in, fields out */
export { encoderSide, SegmentEmbedder } from './embeddings.ts';
export { trainLanguageJob } from './job.ts';
export { type PreparedLanguage, prepareLanguage } from './prepare.ts';
export { loadSegments } from './segments.ts';
export { languageFile, recipeParameters, trainRecipe } from './train.ts';
