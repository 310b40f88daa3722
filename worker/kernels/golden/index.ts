export {
  GoldenError,
  type GoldenFolder,
  goldenFile,
  goldenFolder,
  loadOwnSplatCases,
  loadSplatCases,
  type NamedSplatCase,
} from './load.ts';
export { blendSceneOf, parametersOf, upstreamOf, viewOf } from './scene.ts';
export { type SplatCase, splatCaseSchema } from './schema.ts';
