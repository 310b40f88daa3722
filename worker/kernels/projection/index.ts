/** @public door of worker/kernels/projection */
export {
  COLOUR_MEAN_FLOATS,
  GEOMETRY_GRADIENT_FLOATS,
  launchGeometryGradient,
  ofDegree,
  requireDegree,
  SH_UPSTREAM_WGSL,
  SHAPE_WGSL,
} from './kernel.wgsl.ts';
export {
  createGaussianBuffers,
  type GaussianBuffers,
  type ProjectArgs,
  type ProjectBackwardArgs,
  packGaussians,
  parameterAddresses,
  parameterFloats,
  project,
  projectBackward,
  projectBackwardCost,
  projectCost,
} from './projection.ts';
export {
  type GaussianGradients,
  type GaussianParameters,
  type ProjectedGeometry,
  projectGaussians,
  projectGaussiansBackward,
  projectGeometry,
} from './reference.ts';
