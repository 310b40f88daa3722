export { JobsPanel } from './panel.tsx';
