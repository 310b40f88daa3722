/** @public door of worker/language: field files and questions to them; worker/language-training makes them */
export { answerQuery, type OpenField, type QueryMembers, rankObjects } from './answer.ts';
export { type LanguageFile, languageHash, readLanguage, type StoredField, writeLanguage } from './artifact.ts';
export { toBfloat16 } from './bfloat16.ts';
export { interleaved, LEAST_ALPHA, passesGate, RenderedRows, splattedMaps } from './maps.ts';
export { openQueryField, type QueryField, type RenderableRows } from './query-field.ts';
export type { QueryVectors } from './rows.ts';
export { requireSameModel, type TextEncoder, TextVectors } from './texts.ts';
