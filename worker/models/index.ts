/** @public door of worker/models */
export * from './sam/index.ts';
