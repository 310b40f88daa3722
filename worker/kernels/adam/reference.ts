/** Adam in float64 (Kingma and Ba 2015, algorithm 1). */
export interface AdamInputs {
  readonly parameters: ArrayLike<number>;
  readonly gradients: ArrayLike<number>;
  readonly firstMoments: ArrayLike<number>;
  readonly secondMoments: ArrayLike<number>;
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Number of this step, from 1: the bias corrections are 1 - beta^step. */
  readonly step: number;
  /** Whether element i is updated at all; its moments stay too when not. Default all. */
  readonly updates?: (index: number) => boolean;
}

export interface AdamOutputs {
  readonly parameters: Float64Array;
  readonly firstMoments: Float64Array;
  readonly secondMoments: Float64Array;
}

export function adamReference(inputs: AdamInputs): AdamOutputs {
  const { rate, beta1, beta2, epsilon, step } = inputs;
  const parameters = Float64Array.from(inputs.parameters);
  const firstMoments = Float64Array.from(inputs.firstMoments);
  const secondMoments = Float64Array.from(inputs.secondMoments);
  for (let i = 0; i < parameters.length; i++) {
    if (inputs.updates !== undefined && !inputs.updates(i)) continue;
    const g = inputs.gradients[i]!;
    firstMoments[i] = beta1 * firstMoments[i]! + (1 - beta1) * g;
    secondMoments[i] = beta2 * secondMoments[i]! + (1 - beta2) * g * g;
    const unbiasedM = firstMoments[i]! / (1 - beta1 ** step);
    const unbiasedV = secondMoments[i]! / (1 - beta2 ** step);
    parameters[i]! -= (rate * unbiasedM) / (Math.sqrt(unbiasedV) + epsilon);
  }
  return { parameters, firstMoments, secondMoments };
}
