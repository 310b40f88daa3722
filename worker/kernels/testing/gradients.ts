import { seededRandom } from './random.ts';
import { largestMagnitude, ToleranceError } from './tolerance.ts';

export interface GradientCheck<Name extends string> {
  readonly label: string;
  /** Printed with every failure. */
  readonly seed: number;
  /** Point at which to differentiate. The harness copies the arrays and never writes to these. */
  readonly inputs: Readonly<Record<Name, Float64Array>>;
  /** The scalar function, in float64 and smooth around `inputs` (switch hard cut-offs off in tests). */
  readonly loss: (inputs: Readonly<Record<Name, Float64Array>>) => number;
  /** The derivative under test: one array per input, same lengths. */
  readonly gradient: (inputs: Readonly<Record<Name, Float64Array>>) => Readonly<Record<Name, ArrayLike<number>>>;
  readonly abs?: number;
  /** Relative to the largest central difference of the same input. */
  readonly rel?: number;
  /** Step of the central difference, scaled by max(1, |x|). Default 1e-5. */
  readonly step?: number;
  /** Elements checked per input, drawn without repetition from the seed. Default: all. */
  readonly samples?: number;
  /** Inputs whose gradient is zero by construction; any other input without gradient is a failure. */
  readonly zero?: readonly Name[];
}

/**
 * Compares a hand-derived gradient with float64 central differences: |difference| <= abs + rel·scale, written so that
 * NaN fails. The tolerance of one input is relative to the largest checked derivative of that same input.
 *
 * @throws ToleranceError naming the input, the element, both derivatives and the seed.
 */
export function checkGradients<Name extends string>(check: GradientCheck<Name>): void {
  const abs = check.abs ?? 1e-8;
  const rel = check.rel ?? 1e-6;
  const names = Object.keys(check.inputs) as Name[];
  if (names.length === 0) throw new ToleranceError(`${check.label}: no inputs to differentiate`);
  const analytic = check.gradient(check.inputs);
  const random = seededRandom(check.seed);

  for (const name of names) {
    const values = check.inputs[name];
    const where = `${check.label}: d/d ${name} (seed ${check.seed})`;
    if (analytic[name].length !== values.length) {
      throw new ToleranceError(`${where}: ${analytic[name].length} derivatives for ${values.length} values`);
    }
    const indices = chooseIndices(values.length, check.samples ?? values.length, random.integer);
    const numeric = indices.map((index) => centralDifference(check, name, index));
    const scale = largestMagnitude(numeric);
    const isZero = check.zero?.includes(name) ?? false;
    if (!(scale > 0) && !isZero) throw new ToleranceError(`${where}: the loss does not depend on it (scale ${scale})`);
    const tolerance = abs + rel * scale;
    indices.forEach((index, position) => {
      const error = Math.abs(analytic[name][index] - numeric[position]);
      if (!(error <= tolerance)) {
        throw new ToleranceError(
          `${where}[${index}]: got ${analytic[name][index]}, central difference ${numeric[position]}, ` +
            `tolerance ${tolerance}`,
        );
      }
    });
  }
}

function centralDifference<Name extends string>(check: GradientCheck<Name>, name: Name, index: number): number {
  const values = Float64Array.from(check.inputs[name]);
  const moved = { ...check.inputs, [name]: values };
  const at = values[index];
  const step = (check.step ?? 1e-5) * Math.max(1, Math.abs(at));
  values[index] = at + step;
  const above = check.loss(moved);
  const upper = values[index];
  values[index] = at - step;
  const below = check.loss(moved);
  return (above - below) / (upper - values[index]);
}

function chooseIndices(length: number, count: number, integer: (bound: number) => number): number[] {
  const indices = Array.from({ length }, (_, index) => index);
  if (count >= length) return indices;
  for (let i = 0; i < count; i++) {
    const j = i + integer(length - i);
    [indices[i], indices[j]] = [indices[j], indices[i]];
  }
  return indices.slice(0, count);
}
