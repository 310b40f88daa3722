/** Instance masks as an overlay: filled areas and outlines that stay one line wide at any zoom. */

/** Ids [H * W] from the RGBA pixels of a mask image: R + 256 G + 65536 B. */
export function idsOf(rgba: Uint8ClampedArray): Uint32Array {
  const ids = new Uint32Array(rgba.length / 4);
  for (let i = 0; i < ids.length; i++) ids[i] = rgba[4 * i]! + (rgba[4 * i + 1]! << 8) + (rgba[4 * i + 2]! << 16);
  return ids;
}

/** RGBA [H * W * 4]: the colour of each id, transparent where there is none. Colours are `#rrggbb`. */
export function fillOf(ids: Uint32Array, colorOf: (id: number) => string | null): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(4 * ids.length);
  const words = new Uint32Array(rgba.buffer);
  const known = new Map<number, number>();
  let last = 0;
  let word = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if (id === 0) continue;
    if (id !== last) {
      const found = known.get(id);
      if (found === undefined) {
        const color = colorOf(id);
        const rgb = color === null ? 0 : Number.parseInt(color.slice(1), 16);
        // Little endian: bytes red, green, blue, alpha.
        word = color === null ? 0 : ((255 << 24) | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
        known.set(id, word);
      } else word = found;
      last = id;
    }
    words[i] = word;
  }
  return rgba;
}

/** Edges between pixels of different id, in image coordinates: [x0, y0, x1, y1] each, joined where they run on, by id. */
export function outlinesOf(ids: Uint32Array, width: number, height: number): Map<number, number[]> {
  const lines = new Map<number, number[]>();
  const put = (id: number, x0: number, y0: number, x1: number, y1: number): void => {
    let line = lines.get(id);
    if (line === undefined) {
      line = [];
      lines.set(id, line);
    }
    line.push(x0, y0, x1, y1);
  };
  // An edge belongs to the ids on both of its sides; it runs on while both stay the same.
  for (let y = 0; y <= height; y++) {
    let start = 0;
    let above = 0;
    let below = 0;
    for (let x = 0; x <= width; x++) {
      const a = x < width && y > 0 ? ids[(y - 1) * width + x]! : 0;
      const b = x < width && y < height ? ids[y * width + x]! : 0;
      if (a === above && b === below) continue;
      if (above !== below) {
        if (above !== 0) put(above, start, y, x, y);
        if (below !== 0) put(below, start, y, x, y);
      }
      [start, above, below] = [x, a, b];
    }
    if (above !== below) {
      if (above !== 0) put(above, start, y, width, y);
      if (below !== 0) put(below, start, y, width, y);
    }
  }
  for (let x = 0; x <= width; x++) {
    let start = 0;
    let left = 0;
    let right = 0;
    for (let y = 0; y <= height; y++) {
      const a = y < height && x > 0 ? ids[y * width + x - 1]! : 0;
      const b = y < height && x < width ? ids[y * width + x]! : 0;
      if (a === left && b === right) continue;
      if (left !== right) {
        if (left !== 0) put(left, x, start, x, y);
        if (right !== 0) put(right, x, start, x, y);
      }
      [start, left, right] = [y, a, b];
    }
    if (left !== right) {
      if (left !== 0) put(left, x, start, x, height);
      if (right !== 0) put(right, x, start, x, height);
    }
  }
  return lines;
}
