/** Instance masks as filled areas. */

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
