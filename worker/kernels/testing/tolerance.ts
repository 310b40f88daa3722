/**
 * The words in which tests compare arrays. Every helper throws a ToleranceError that names the worst element, treats
 * NaN anywhere as a failure, and refuses arrays of different length and, but for `expectSame`, empty ones: nothing compared is nothing
 * proven.
 */

export class ToleranceError extends Error {
  override readonly name = 'ToleranceError';
}

export interface Tolerance {
  /** Absolute part. Default 0. */
  readonly abs?: number;
  /** Part relative to `scale`, or to each expected element when no scale is given. Default 0. */
  readonly rel?: number;
  /** What `rel` refers to: a number, or `largest` for the largest |expected| of the whole array. */
  readonly scale?: number | 'largest';
}

/** Largest magnitude of an array; NaN if it holds one, 0 if empty. */
export function largestMagnitude(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]);
    if (!(magnitude <= largest)) largest = magnitude;
    if (Number.isNaN(largest)) return largest;
  }
  return largest;
}

function requireComparable(label: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  if (actual.length !== expected.length) {
    throw new ToleranceError(`${label}: ${actual.length} values, expected ${expected.length}`);
  }
  if (expected.length === 0) throw new ToleranceError(`${label}: nothing to compare`);
}

function toleranceAt(tolerance: Tolerance, expected: ArrayLike<number>): (index: number) => number {
  const abs = tolerance.abs ?? 0;
  const rel = tolerance.rel ?? 0;
  if (!(abs >= 0) || !(rel >= 0) || abs + rel === 0) {
    throw new RangeError(`tolerance needs abs or rel above 0, got abs ${abs}, rel ${rel}`);
  }
  if (tolerance.scale === undefined) return (index) => abs + rel * Math.abs(expected[index]);
  const scale = tolerance.scale === 'largest' ? largestMagnitude(expected) : tolerance.scale;
  return () => abs + rel * scale;
}

/**
 * Equal element by element, as `toEqual` has it for long arrays, but in a loop: a million elements in milliseconds. Empty arrays
 * are equal: sorting nothing gives nothing.
 */
export function expectSame(label: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  if (actual.length !== expected.length) {
    throw new ToleranceError(`${label}: ${actual.length} values, expected ${expected.length}`);
  }
  for (let i = 0; i < expected.length; i++) {
    // NaN equals nothing, not even itself.
    if (actual[i] !== expected[i]) {
      throw new ToleranceError(`${label}[${i}]: ${actual[i]}, expected ${expected[i]}`);
    }
  }
}

/**
 * Close: every |actual − expected| <= abs + rel·scale. `compared` restricts the comparison to the indices for which it
 * returns true; at least one must remain. Returns the largest error.
 */
export function expectClose(
  label: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
  compared: (index: number) => boolean = () => true,
): number {
  requireComparable(label, actual, expected);
  const limit = toleranceAt(tolerance, expected);
  let failures = 0;
  let count = 0;
  let worstExcess = Number.NEGATIVE_INFINITY;
  let worstIndex = -1;
  let largestError = 0;
  for (let i = 0; i < expected.length; i++) {
    if (!compared(i)) continue;
    count++;
    const error = Math.abs(actual[i] - expected[i]);
    largestError = Math.max(largestError, error);
    if (error <= limit(i)) continue;
    failures++;
    const excess = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error - limit(i);
    if (worstIndex < 0 || excess > worstExcess) {
      worstExcess = excess;
      worstIndex = i;
    }
  }
  if (count === 0) throw new ToleranceError(`${label}: every element was left out of the comparison`);
  if (failures > 0) {
    throw new ToleranceError(
      `${label}: ${failures} of ${count} values differ; worst at [${worstIndex}]: got ${actual[worstIndex]}, ` +
        `expected ${expected[worstIndex]}, tolerance ${limit(worstIndex)}`,
    );
  }
  return largestError;
}

export interface BoundaryBand {
  /** Whether element `index` sits on a decision (a threshold, a cut-off), where rounding may pick either side. */
  readonly inBand: (index: number) => boolean;
  /** How far an element in the band may be off: the size of the jump at the decision. It must still be finite. */
  readonly jump: number;
  /** Largest share of the elements that may lie in the band; beyond it the band hides the comparison. */
  readonly maxShare: number;
}

/** Close outside a boundary band, bounded inside it, and the band itself small. */
export function expectCloseOutsideBand(
  label: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
  band: BoundaryBand,
): number {
  requireComparable(label, actual, expected);
  let inside = 0;
  for (let i = 0; i < expected.length; i++) {
    if (!band.inBand(i)) continue;
    inside++;
    if (!(Math.abs(actual[i] - expected[i]) <= band.jump)) {
      throw new ToleranceError(
        `${label}: in the boundary band at [${i}]: got ${actual[i]}, expected ${expected[i]}, jump ${band.jump}`,
      );
    }
  }
  if (!(inside <= band.maxShare * expected.length)) {
    throw new ToleranceError(
      `${label}: ${inside} of ${expected.length} values lie in the boundary band, more than ${band.maxShare}`,
    );
  }
  return expectClose(label, actual, expected, tolerance, (index) => !band.inBand(index));
}

/**
 * Missing gradient: a path that was never differentiated leaves exact zeros, which a tolerance relative to the largest
 * element of a big array can hide. Every column of [rows, columns] that carries gradient in `expected` must carry it in
 * `actual`, and an element that is exactly zero by construction (culled, clamped, capped) must stay zero.
 *
 * @param floor magnitude below which an expected element says nothing, relative to the largest of its column.
 */
export function expectNoMissingGradient(
  label: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  columns: number,
  floor = 1e-2,
): void {
  requireComparable(label, actual, expected);
  if (expected.length % columns !== 0)
    throw new RangeError(`${label}: ${expected.length} values in ${columns} columns`);
  let carrying = 0;
  for (let column = 0; column < columns; column++) {
    let largest = 0;
    for (let i = column; i < expected.length; i += columns) largest = Math.max(largest, Math.abs(expected[i]));
    for (let i = column; i < expected.length; i += columns) {
      if (Number.isNaN(actual[i])) throw new ToleranceError(`${label}: NaN at [${i}]`);
      if (expected[i] === 0 && actual[i] !== 0) {
        throw new ToleranceError(`${label}: gradient ${actual[i]} at [${i}], where there is none`);
      }
      if (largest === 0 || !(Math.abs(expected[i]) > floor * largest)) continue;
      carrying++;
      if (actual[i] === 0) {
        throw new ToleranceError(`${label}: missing gradient at [${i}] (column ${column}), expected ${expected[i]}`);
      }
    }
  }
  if (carrying === 0) throw new ToleranceError(`${label}: the expected gradient is zero everywhere`);
}

/**
 * Vector agreement: cosine at least `minCosine` and norms equal within `normRel`. Catches a systematic scale or sign
 * error spread over many small elements, each of which passes a tolerance relative to the largest.
 */
export function expectVectorAgreement(
  label: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  limits: { readonly minCosine: number; readonly normRel: number },
): void {
  requireComparable(label, actual, expected);
  let dot = 0;
  let actualSquared = 0;
  let expectedSquared = 0;
  for (let i = 0; i < expected.length; i++) {
    dot += actual[i] * expected[i];
    actualSquared += actual[i] ** 2;
    expectedSquared += expected[i] ** 2;
  }
  if (expectedSquared === 0) throw new ToleranceError(`${label}: the expected vector is zero`);
  const cosine = dot / Math.sqrt(actualSquared * expectedSquared);
  if (!(cosine >= limits.minCosine)) throw new ToleranceError(`${label}: cosine ${cosine} < ${limits.minCosine}`);
  const ratio = Math.sqrt(actualSquared / expectedSquared);
  if (!(Math.abs(ratio - 1) <= limits.normRel)) {
    throw new ToleranceError(`${label}: norm is ${ratio} times the expected one, tolerance ${limits.normRel}`);
  }
}
