export { InspectorPanel } from './panel.tsx';
