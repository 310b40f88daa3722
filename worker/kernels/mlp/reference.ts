/** A multilayer perceptron in float64: linear layers with a ReLU between two. */

export interface MlpLayer {
  /** [inputs, outputs] */
  readonly weights: Float64Array;
  /** [outputs] */
  readonly bias: Float64Array;
}

export interface MlpGradients {
  /** [rows, outputs of the last layer] */
  readonly outputs: Float64Array;
  /** Of sum(outputs · upstream) by every layer. */
  readonly layers: readonly MlpLayer[];
  /** [rows, inputs] of the same by the inputs. */
  readonly inputs: Float64Array;
}

/** Outputs, and the gradient of Σ upstream·outputs by weights, biases and inputs. */
export function mlpReference(
  inputs: ArrayLike<number>,
  layers: readonly MlpLayer[],
  upstream?: ArrayLike<number>,
): MlpGradients {
  const width = (layer: MlpLayer) => layer.bias.length;
  const rows = inputs.length / (layers[0]!.weights.length / width(layers[0]!));
  const activations: Float64Array[] = [Float64Array.from(inputs)];
  for (const [index, layer] of layers.entries()) {
    const ins = layer.weights.length / width(layer);
    const out = new Float64Array(rows * width(layer));
    for (let r = 0; r < rows; r++) {
      for (let o = 0; o < width(layer); o++) {
        let sum = layer.bias[o]!;
        for (let i = 0; i < ins; i++) sum += activations[index]![r * ins + i]! * layer.weights[i * width(layer) + o]!;
        out[r * width(layer) + o] = index + 1 < layers.length ? Math.max(0, sum) : sum;
      }
    }
    activations.push(out);
  }
  const outputs = activations[layers.length]!;
  let delta = Float64Array.from(upstream ?? new Float64Array(outputs.length));
  const gradients: MlpLayer[] = [];
  for (let index = layers.length - 1; index >= 0; index--) {
    const layer = layers[index]!;
    const ins = layer.weights.length / width(layer);
    const weights = new Float64Array(layer.weights.length);
    const bias = new Float64Array(width(layer));
    const below = new Float64Array(rows * ins);
    for (let r = 0; r < rows; r++) {
      for (let o = 0; o < width(layer); o++) {
        const d = delta[r * width(layer) + o]!;
        bias[o]! += d;
        for (let i = 0; i < ins; i++) {
          weights[i * width(layer) + o]! += d * activations[index]![r * ins + i]!;
          if (index === 0 || activations[index]![r * ins + i]! > 0)
            below[r * ins + i]! += d * layer.weights[i * width(layer) + o]!;
        }
      }
    }
    gradients.unshift({ weights, bias });
    delta = below;
  }
  return { outputs, layers: gradients, inputs: delta };
}
