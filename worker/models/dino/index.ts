/** @public door of worker/models/dino */
export { DINO_ENABLES, DINO_FILES, readDinoManifest } from './manifest.ts';
export { DinoModel, type FeatureGrid } from './model.ts';
