/** @public door of renderer/panels/models */
export { ModelsPanel } from './panel.tsx';
