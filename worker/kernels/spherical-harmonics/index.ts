export { shBasisWgsl, shSumsWgsl, shWgsl } from './kernel.wgsl.ts';
export {
  type ShColourInputs,
  type ShDegree,
  shBasis,
  shBasisPartials,
  shCoefficientCount,
  shColour,
  shColourBackward,
} from './reference.ts';
