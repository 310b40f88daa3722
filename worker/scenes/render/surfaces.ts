/** Shading in two steps: what light falls on the samples of a picture, and what their paint makes of it. */
import { paintTexture, srgbFromLinear, type Texture } from '../model/index.ts';

/** What falls on one sample. */
export interface Lit {
  /** Row of the part table. */
  row: number;
  /** Paint coordinates, then the facet's normal in them (not of length 1). */
  readonly coords: Float64Array; // [6]
  diffuse: number;
  /** Lights that reach the sample. */
  count: number;
  readonly weights: Float64Array;
  /** Cosine between the normal and the half vector of light and eye. */
  readonly halves: Float64Array;
}

export const createLit = (lights: number): Lit => ({
  ...{ row: 0, coords: new Float64Array(6), diffuse: 0, count: 0 },
  ...{ weights: new Float64Array(lights), halves: new Float64Array(lights) },
});

const albedo = new Float64Array(3);

/** Adds the light that leaves a sample of this paint towards the eye to `sum`, linear RGB. */
export function addLight({ coords, diffuse, count, weights, halves }: Lit, texture: Texture, sum: Float64Array): void {
  const [x, y, z, nx, ny, nz] = coords as unknown as [number, number, number, number, number, number];
  paintTexture(texture, x, y, z, nx, ny, nz, albedo);
  const { gloss, metallic } = texture;
  const shininess = 12 + 60 * gloss;
  let highlight = 0;
  if (gloss > 0) {
    for (let i = 0; i < count; i++) {
      highlight += weights[i]! * gloss * (metallic ? 0.9 : 0.35) * Math.max(0, halves[i]!) ** shininess;
    }
  }
  for (let k = 0; k < 3; k++) {
    sum[k] = sum[k]! + albedo[k]! * diffuse * (metallic ? 0.85 : 1) + highlight * (metallic ? albedo[k]! : 1);
  }
}

/** The samples of a picture before they are painted. */
export interface Surfaces {
  readonly width: number;
  readonly height: number;
  /** Per pixel. */
  readonly samples: number;
  /** [H·W·samples] rows of the part table, 0 where nothing was hit. */
  readonly rows: Uint16Array;
  /** [H·W·samples, 8 + 2·lights]: paint coordinates, normal, diffuse light, lights; then weight and half cosine of each. */
  readonly values: Float32Array;
  readonly lights: number;
  readonly background: readonly number[];
  /** [H, W], as in `FrameImages`. */
  readonly instance: Uint16Array;
  readonly part: Uint16Array;
  readonly classId: Uint16Array;
}

const HEAD = 8;

export function createSurfaces(
  width: number,
  height: number,
  samples: number,
  lights: number,
  background: readonly number[],
): Surfaces {
  const count = width * height * samples;
  const none = new Uint16Array(0);
  return {
    ...{ width, height, samples, lights, background, instance: none, part: none, classId: none },
    rows: new Uint16Array(count),
    values: new Float32Array(count * (HEAD + 2 * lights)),
  };
}

export function keepSample({ rows, values, lights }: Surfaces, index: number, lit: Lit): void {
  rows[index] = lit.row;
  const at = index * (HEAD + 2 * lights);
  values.set(lit.coords, at);
  values[at + 6] = lit.diffuse;
  values[at + 7] = lit.count;
  for (let i = 0; i < lit.count; i++) {
    values[at + HEAD + 2 * i] = lit.weights[i]!;
    values[at + HEAD + 2 * i + 1] = lit.halves[i]!;
  }
}

/** The picture with these textures, one per row of the part table: as rendered, but for float32 rounding. @returns [H, W, 3] sRGB */
export function paintSurfaces(surfaces: Surfaces, textures: readonly Texture[]): Uint8Array<ArrayBuffer> {
  const { width, height, samples, rows, values, lights, background } = surfaces;
  const rgb = new Uint8Array(width * height * 3);
  const lit = createLit(lights);
  const sum = new Float64Array(3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    sum.fill(0);
    for (let index = pixel * samples; index < (pixel + 1) * samples; index++) {
      const row = rows[index]!;
      if (row === 0) {
        for (let k = 0; k < 3; k++) sum[k] = sum[k]! + background[k]!;
        continue;
      }
      const at = index * (HEAD + 2 * lights);
      for (let k = 0; k < 6; k++) lit.coords[k] = values[at + k]!;
      lit.diffuse = values[at + 6]!;
      lit.count = values[at + 7]!;
      for (let i = 0; i < lit.count; i++) {
        lit.weights[i] = values[at + HEAD + 2 * i]!;
        lit.halves[i] = values[at + HEAD + 2 * i + 1]!;
      }
      addLight(lit, textures[row]!, sum);
    }
    for (let k = 0; k < 3; k++) {
      rgb[3 * pixel + k] = Math.round(255 * srgbFromLinear(Math.min(1, sum[k]! / samples)));
    }
  }
  return rgb;
}
