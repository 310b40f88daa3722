/** @public door of worker/language */
export { trainLanguageField } from './job.ts';
