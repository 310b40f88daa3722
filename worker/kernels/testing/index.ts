export { checkGradients, type GradientCheck } from './gradients.ts';
export { type SeededRandom, seededRandom } from './random.ts';
export {
  type BoundaryBand,
  expectClose,
  expectCloseOutsideBand,
  expectNoMissingGradient,
  expectSame,
  expectVectorAgreement,
  largestMagnitude,
  type Tolerance,
  ToleranceError,
} from './tolerance.ts';
