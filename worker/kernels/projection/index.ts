/** @public door of worker/kernels/projection */
export {
  COEFFICIENT_WGSL,
  COLOUR_FLOATS,
  COLOUR_GRADIENT_WGSL,
  GEOMETRY_GRADIENT_FLOATS,
  GEOMETRY_GRADIENT_WGSL,
  GEOMETRY_WGSL,
  launchColours,
  launchGeometryGradient,
  ofDegree,
  requireDegree,
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
