export { laneBlocks, laneBytes, PADDING, packLanes, unpackLanes } from './lanes.ts';
export * from './layout.ts';
export { cameraCentre, type JacobianBounds, jacobianBounds, nearPlane, type PinholeView } from './view.ts';
export { packView, viewWorkspace } from './workspace.ts';
