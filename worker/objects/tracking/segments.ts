/** What a label image says about its segments, in one pass. */

export interface SegmentShape {
  readonly id: number;
  readonly areaPx: number;
  /** Mean of the pixel centres. */
  readonly u: number;
  readonly v: number;
  /** Pixel box, ends exclusive. */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** @param labels [H, W] ids, 0 = none. Segments in order of id. */
export function shapesOfLabels(labels: ArrayLike<number>, width: number, height: number): SegmentShape[] {
  type Sums = { -readonly [K in keyof SegmentShape]: SegmentShape[K] };
  const shapes = new Map<number, Sums>();
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const id = labels[i]!;
      if (id === 0) continue;
      let shape = shapes.get(id);
      if (shape === undefined) {
        shape = { id, areaPx: 0, u: 0, v: 0, left: x, top: y, right: x + 1, bottom: y + 1 };
        shapes.set(id, shape);
      }
      shape.areaPx++;
      shape.u += x + 0.5;
      shape.v += y + 0.5;
      if (x < shape.left) shape.left = x;
      if (x >= shape.right) shape.right = x + 1;
      shape.bottom = y + 1;
    }
  }
  return [...shapes.values()]
    .map((shape) => ({ ...shape, u: shape.u / shape.areaPx, v: shape.v / shape.areaPx }))
    .sort((a, b) => a.id - b.id);
}
