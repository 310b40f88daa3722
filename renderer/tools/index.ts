export { followCrosshair } from './crosshair.ts';
export { useHasLift, useLifts } from './lifts.ts';
export {
  type DrawnMask,
  drawCrosshair,
  drawnMask,
  drawPoint,
  drawSegment,
  outlinesOf,
  pathOf,
  SEGMENT_COLOR,
} from './outlines.ts';
export { addPoint, frameView, placePoint, runSegmenting } from './segment.ts';
export { SegmentBar } from './segment-bar.tsx';
