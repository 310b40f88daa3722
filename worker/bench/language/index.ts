/** @public door of worker/bench/language */
export { run } from './cell.ts';
export { run as runSpeed } from './speed.ts';
