/** @public door of worker/scenes */

export { type CreateSceneOptions, createScene } from './create.ts';
export { generateScene } from './jobs.ts';
export { createKitchen, type KitchenOptions } from './kitchen.ts';
export { benchmarkViewCount, createMessyRoom, type MessyRoomsOptions, publishedViewCount } from './messy-rooms.ts';
export {
  COLOUR_NAMES,
  contrastsOf,
  type Material,
  type Pattern,
  paint,
  patternWord,
  type Texture,
} from './model/index.ts';
export { buildObject, CATEGORIES, type ObjectChoice, wordsFor } from './objects/index.ts';
export { createRandom, type Random } from './random.ts';
export { createTracer, type FrameView, paintSurfaces, type Surfaces } from './render/index.ts';
export { type Check, SCENE_KINDS, type Scene, type SceneFrame, type SceneKind } from './scene.ts';
export { catalogueSheet, contactSheet, type SheetOptions } from './sheet.ts';
export * from './teachers/index.ts';
export {
  AmodalTruth,
  type FrameTruth,
  readSceneTruth,
  type SceneTruth,
  SceneTruthError,
  type TrackState,
  type TruthFrame,
  type TruthObject,
  type TruthScene,
  type TruthTrack,
  type TruthTracks,
  type WriteOptions,
  type WriteReport,
  writeSceneCapture,
} from './truth/index.ts';
export { createTurntable, type TurntableOptions } from './turntable.ts';
