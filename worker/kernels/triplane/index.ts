export {
  locateTexel,
  PLANE_AXES,
  type TriplaneCombination,
  type TriplaneGrid,
  triplaneGradientsReference,
  triplaneReference,
} from './reference.ts';
export {
  sampleTriplane,
  type TriplaneGradientsArgs,
  TriplanePoints,
  type TriplanePointsOptions,
  type TriplaneSampleArgs,
  triplaneCost,
  triplaneGradients,
} from './triplane.ts';
