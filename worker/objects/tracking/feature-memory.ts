/** Mean of the last N features of one track. */

export class FeatureMemory {
  readonly #limit: number;
  /** Ring of the features that are in the sum. */
  readonly #ring: Float32Array[] = [];
  #next = 0;
  /** [D]; empty before the first feature. */
  sum = new Float64Array(0);

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#ring.length;
  }

  /** Number of values of a feature; 0 before the first. */
  get dimensions(): number {
    return this.sum.length;
  }

  add(feature: Float32Array): void {
    if (this.sum.length === 0) this.sum = new Float64Array(feature.length);
    const { sum } = this;
    const oldest = this.#ring[this.#next];
    if (this.#ring.length < this.#limit) {
      for (let k = 0; k < sum.length; k++) sum[k]! += feature[k]!;
      this.#ring.push(feature);
    } else {
      // float32 values of one size: what is subtracted is what was added, up to the last bits of a float64 sum.
      for (let k = 0; k < sum.length; k++) sum[k]! += feature[k]! - oldest![k]!;
      this.#ring[this.#next] = feature;
      this.#next = (this.#next + 1) % this.#limit;
    }
  }
}
