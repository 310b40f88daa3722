/** @public door of main/host/reads */
export { Reads, runApart } from './reads.ts';
export type { FrameTable } from './tasks.ts';
