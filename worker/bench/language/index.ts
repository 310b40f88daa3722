/** @public door of worker/bench/language */
export { run } from './cell.ts';
