export { laneBlocks, laneBytes, PADDING, packLanes, unpackLanes } from './lanes.ts';
export * from './layout.ts';
export { cameraCentre, type JacobianBounds, jacobianBounds, nearPlane, type PinholeView } from './view.ts';
export {
  type GaussianRange,
  gaussianRanges,
  LANES_WGSL,
  LAYOUT_CONSTANTS,
  SCREEN_GRADIENT_WGSL,
  VIEW_PARAMETERS,
  viewParameters,
  webgpuWorkspace,
} from './wgsl.ts';
export { packView, viewWorkspace } from './workspace.ts';
