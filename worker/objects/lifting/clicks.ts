/** Click to segment (methods 2.3): a pixel's rendered feature, and everything whose feature points the same way. */

/** Unit vectors. An answer is what is close to a positive and closer to it than to any negative. */
export interface ClickQuery {
  readonly positives: readonly Float32Array[];
  readonly negatives: readonly Float32Array[];
  /** Least cosine. */
  readonly threshold: number;
}

/**
 * Unit feature of a pixel; undefined where nothing is rendered.
 * @param features [D, H·W] planar
 */
export function featureOfPixel(features: Float32Array, dimensions: number, pixel: number): Float32Array | undefined {
  const pixels = features.length / dimensions;
  const vector = Float32Array.from({ length: dimensions }, (_, d) => features[d * pixels + pixel]!);
  const length = Math.hypot(...vector);
  return length > 0 ? vector.map((value) => value / length) : undefined;
}

/**
 * [count] 1 where the vector answers the query.
 * @param vectors planar [D, count] or, with `rows`, [count, D]; of any length
 */
export function clickMask(
  vectors: Float32Array,
  dimensions: number,
  query: ClickQuery,
  layout: 'planar' | 'rows' = 'planar',
): Uint8Array {
  const count = vectors.length / dimensions;
  const [step, next] = layout === 'planar' ? [count, 1] : [1, dimensions];
  const squared = new Float32Array(count);
  const dots = (direction: Float32Array): Float32Array => {
    const result = new Float32Array(count);
    for (let d = 0; d < dimensions; d++) {
      const factor = direction[d]!;
      for (let i = 0; i < count; i++) result[i]! += factor * vectors[d * step + i * next]!;
    }
    return result;
  };
  for (let d = 0; d < dimensions; d++) {
    for (let i = 0; i < count; i++) squared[i]! += vectors[d * step + i * next]! ** 2;
  }
  const best = new Float32Array(count).fill(-Infinity);
  for (const direction of query.positives) {
    const found = dots(direction);
    for (let i = 0; i < count; i++) if (found[i]! > best[i]!) best[i] = found[i]!;
  }
  // A plain loop: `from` with a callback takes ten times as long, and a click is waited for.
  const mask = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const dot = best[i]!;
    if (dot > 0 && dot >= query.threshold * Math.sqrt(squared[i]!)) mask[i] = 1;
  }
  for (const direction of query.negatives) {
    const found = dots(direction);
    for (let i = 0; i < count; i++) if (found[i]! >= best[i]!) mask[i] = 0;
  }
  return mask;
}

/**
 * The pixel of a mask that is farthest from everything outside it, the image's edge included, and its distance in pixels
 * (chessboard); undefined for an empty mask. Of equal ones the first.
 */
export function deepestPixel(
  mask: Uint8Array,
  width: number,
  height: number,
): { pixel: number; depth: number } | undefined {
  // Two passes of the chessboard distance transform (Rosenfeld, Pfaltz 1966).
  const depth = new Int32Array(mask.length);
  const at = (x: number, y: number) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : depth[y * width + x]!);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (mask[y * width + x] === 0) continue;
      depth[y * width + x] = 1 + Math.min(at(x - 1, y), at(x - 1, y - 1), at(x, y - 1), at(x + 1, y - 1));
    }
  }
  let best: { pixel: number; depth: number } | undefined;
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--) {
      const i = y * width + x;
      if (mask[i] === 0) continue;
      const back = 1 + Math.min(at(x + 1, y), at(x + 1, y + 1), at(x, y + 1), at(x - 1, y + 1));
      depth[i] = Math.min(depth[i]!, back);
    }
  }
  for (let i = 0; i < mask.length; i++) {
    if (depth[i]! > (best?.depth ?? 0)) best = { pixel: i, depth: depth[i]! };
  }
  return best;
}

/** The largest 4-connected region of a mask, as a mask; all zero for an empty one. */
export function largestRegion(mask: Uint8Array, width: number): Uint8Array {
  const region = new Int32Array(mask.length);
  let [best, bestSize, count] = [0, 0, 0];
  for (let seed = 0; seed < mask.length; seed++) {
    if (mask[seed] === 0 || region[seed] !== 0) continue;
    count++;
    const stack = [seed];
    region[seed] = count;
    let size = 0;
    for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
      size++;
      const x = i % width;
      const around = [x > 0 ? i - 1 : -1, x < width - 1 ? i + 1 : -1, i - width, i + width];
      for (const other of around) {
        if (other < 0 || other >= mask.length || mask[other] === 0 || region[other] !== 0) continue;
        region[other] = count;
        stack.push(other);
      }
    }
    if (size > bestSize) [best, bestSize] = [count, size];
  }
  return Uint8Array.from(region, (value) => (value === best && best > 0 ? 1 : 0));
}
