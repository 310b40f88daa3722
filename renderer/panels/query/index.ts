export { QueryPanel } from './panel.tsx';
