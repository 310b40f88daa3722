export { type PanelDefinition, panels } from './registry.tsx';
