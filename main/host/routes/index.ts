/** @public door of main/host/routes */
export { mountCaptures } from './captures.ts';
export { mountPage } from './page.ts';
export { mountSplats } from './splats.ts';
