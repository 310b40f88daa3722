/** @public door of worker/kernels/splat-update */
export {
  covariance,
  noiseDeviate,
  screenGradientsOf,
  type UpdateInputs,
  type UpdateRates,
  type UpdateSettings,
  type UpdateState,
  updateGaussians,
} from './reference.ts';
export {
  type CopyGaussiansArgs,
  copyGaussians,
  permuteLanes,
  permuteWorkspaceBytes,
  type SplatUpdateArgs,
  splatUpdate,
  splatUpdateCost,
} from './splat-update.ts';
