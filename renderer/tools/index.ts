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
export {
  askQuery,
  changeQuery,
  chooseField,
  closeQuery,
  goTo,
  jumpToObject,
  MAX_LAYERS,
  openQuery,
  removeQueries,
  retryQuery,
  runQueries,
  saveQuery,
  setThreshold,
  showQuery,
} from './queries.ts';
export { RelevancyLayers, type RelevancyMap, relevancyGradient } from './relevancy.ts';
export { addPoint, frameView, placePoint, runSegmenting } from './segment.ts';
export { SegmentBar } from './segment-bar.tsx';
