export { TimelinePanel } from './panel.tsx';
