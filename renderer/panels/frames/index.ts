export { FramesPanel } from './panel.tsx';
