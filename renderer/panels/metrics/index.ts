export { MetricsPanel } from './panel.tsx';
