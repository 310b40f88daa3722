/** @public door of main/host/preview */
export { PreviewReader } from './reader.ts';
