export {
  type GaussianGradients,
  type GaussianParameters,
  type ProjectedGeometry,
  projectGaussians,
  projectGaussiansBackward,
  projectGeometry,
} from './reference.ts';
