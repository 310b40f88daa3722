export { EmbeddingsPanel } from './panel.tsx';
