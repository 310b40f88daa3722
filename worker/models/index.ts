/** @public door of worker/models */
export * from './dual-encoder/index.ts';
export * from './sam/index.ts';
