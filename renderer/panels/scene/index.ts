export { ScenePanel } from './panel.tsx';
