/** @public door of worker/language */
export { answerQuery, type OpenField, type QueryMembers } from './answer.ts';
export { type LanguageFile, languageHash, readLanguage, type StoredField, writeLanguage } from './artifact.ts';
export { trainLanguageField } from './lazy-job.ts';
export { splattedMaps } from './maps.ts';
export { openQueryField, type QueryField } from './query-field.ts';
export { requireSameModel, type TextEncoder, TextVectors } from './texts.ts';
