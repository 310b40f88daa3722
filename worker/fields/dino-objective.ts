/** DINO-style training: pairs of pixels of one segment, a learned projection on each side, a running centre. */
import type { Backend } from '../compute/index.ts';
import { adamReference } from '../kernels/index.ts';
import { fieldRandom, normals } from './frames.ts';
import { dino } from './losses/index.ts';
import { HostRows, type Objective, type ObjectiveInput, type ObjectiveValue } from './objective.ts';
import type { FieldLoss } from './parameters.ts';

type DinoLoss = Extract<FieldLoss, { kind: 'dino' }>;

export class DinoObjective implements Objective {
  readonly usesSlow = true;
  readonly pixels = 'instances';
  readonly #rows: HostRows;
  readonly #loss: DinoLoss;
  readonly #seed: number;
  readonly #slowDecay: number;
  #projection: Float64Array;
  #slowProjection: Float64Array;
  #firstMoments: Float64Array;
  #secondMoments: Float64Array;
  #centre: Float64Array;
  #gradient: Float64Array | undefined;

  constructor(backend: Backend, loss: DinoLoss, dimensions: number, slowDecay: number, seed: number) {
    this.#rows = new HostRows(backend);
    this.#loss = loss;
    this.#seed = seed;
    this.#slowDecay = slowDecay;
    const size = loss.outputs * dimensions;
    const initial = normals(size, 1 / Math.sqrt(dimensions), fieldRandom(seed, 'initial', 1));
    this.#projection = Float64Array.from(initial);
    this.#slowProjection = Float64Array.from(initial);
    this.#firstMoments = new Float64Array(size);
    this.#secondMoments = new Float64Array(size);
    this.#centre = new Float64Array(loss.outputs);
  }

  async evaluate(input: ObjectiveInput): Promise<ObjectiveValue> {
    const { fast, slow, dimensions, step } = input;
    if (slow === undefined) throw new TypeError('the DINO-style loss needs pixels of the slow field');
    const { outputs, fastTemperature, slowTemperature, centreDecay } = this.#loss;
    this.#slowProjection = this.#slowProjection.map(
      (value, i) => this.#slowDecay * value + (1 - this.#slowDecay) * this.#projection[i]!,
    );
    const own = await this.#rows.read(fast.features, fast.pixels.labels.length, input);
    const others = await this.#rows.read(slow.features, slow.pixels.labels.length, input);
    const pairs = partners(fast.pixels.labels, slow.pixels.labels, fieldRandom(this.#seed, 'pairs', step));
    const rowsOf = (features: Float32Array, positions: readonly number[]) =>
      Float64Array.from({ length: positions.length * dimensions }, (_, i) => {
        return features[positions[Math.floor(i / dimensions)]! * dimensions + (i % dimensions)]!;
      });
    const result = dino(
      {
        fast: rowsOf(own, pairs.fast),
        slow: rowsOf(others, pairs.slow),
        ...{ fastProjection: this.#projection, slowProjection: this.#slowProjection, centre: this.#centre },
        ...{ fastTemperature, slowTemperature },
      },
      dimensions,
    );
    const gradient = new Float64Array(fast.pixels.labels.length * dimensions);
    pairs.fast.forEach((u, pair) => {
      gradient.set(result.gradient.subarray(pair * dimensions, (pair + 1) * dimensions), u * dimensions);
    });
    this.#rows.write(gradient, input);
    this.#gradient = result.projectionGradient;
    if (pairs.fast.length > 0) {
      const mean = new Float64Array(outputs);
      result.slowOutputs.forEach((value, i) => {
        mean[i % outputs]! += value / pairs.fast.length;
      });
      this.#centre = this.#centre.map((value, k) => centreDecay * value + (1 - centreDecay) * mean[k]!);
    }
    return { value: result.value, terms: { distillation: result.value } };
  }

  update(step: number, rate: number): void {
    if (this.#gradient === undefined) return;
    const next = adamReference({
      ...{ parameters: this.#projection, gradients: this.#gradient, rate, step },
      ...{ firstMoments: this.#firstMoments, secondMoments: this.#secondMoments },
      ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    });
    this.#projection = next.parameters;
    this.#firstMoments = next.firstMoments;
    this.#secondMoments = next.secondMoments;
    this.#gradient = undefined;
  }

  dispose(): void {}
}

/** For every fast pixel whose segment has slow ones, one of those at random. Positions in either half. */
function partners(
  fast: Int32Array,
  slow: Int32Array,
  random: () => number,
): { readonly fast: readonly number[]; readonly slow: readonly number[] } {
  const bySegment = new Map<number, number[]>();
  slow.forEach((label, position) => {
    const list = bySegment.get(label);
    if (list === undefined) bySegment.set(label, [position]);
    else list.push(position);
  });
  const pairs = { fast: [] as number[], slow: [] as number[] };
  fast.forEach((label, position) => {
    const list = bySegment.get(label);
    if (list === undefined) return;
    pairs.fast.push(position);
    pairs.slow.push(list[Math.floor(random() * list.length)]!);
  });
  return pairs;
}
