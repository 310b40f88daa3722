export { ObjectsPanel } from './panel.tsx';
