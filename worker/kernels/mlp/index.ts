export {
  averageMlp,
  type MlpBackwardArgs,
  type MlpForwardArgs,
  MlpParameters,
  type MlpShape,
  MlpWorkspace,
  mlpBackward,
  mlpCost,
  mlpForward,
  transposeMlp,
} from './mlp.ts';
export { type MlpGradients, type MlpLayer, mlpReference } from './reference.ts';
