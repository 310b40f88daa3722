export { firstAfter, type Lanes, stateAt, UNKNOWN } from './observations.ts';
export { TimelinePanel } from './panel.tsx';
export { useLanes } from './use-lanes.ts';
