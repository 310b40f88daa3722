/**
 * Procedural paint: a texture is plain data (it travels to render threads), `paintTexture` evaluates it at a point. No image files.
 * Periods are metres; nothing here varies faster than a few millimetres, so that a 160-pixel view does not turn it into noise.
 */

const PATTERNS = [
  'plain',
  'stripes',
  'bands',
  'checker',
  'dots',
  'plaid',
  'zigzag',
  'waves',
  'stars',
  'marble',
  'wood',
  'speckle',
  'gradient',
  'dice',
  'clock',
  'football',
  'basketball',
  'tennis',
  'melon',
  'label',
  'pages',
  'planks',
  'tiles',
  'hexagons',
  'carpet',
  'wallpaper',
  'brick',
  'painting',
  'segments',
  'face',
] as const;
export type Pattern = (typeof PATTERNS)[number];

/** How a surface point becomes pattern coordinates: around z, on the facing side of a box, or the plane z = const. */
export type Mapping = 'cylinder' | 'box' | 'plane';

export interface Texture {
  readonly pattern: Pattern;
  /** sRGB 0xRRGGBB, the first is the one an observer would name. */
  readonly colours: readonly number[];
  /** Period of the pattern, metres. */
  readonly period: number;
  readonly mapping: Mapping;
  /** Shifts random details between objects; any number. */
  readonly variation: number;
  /** Strength of the highlight in [0, 1]. */
  readonly gloss: number;
  readonly metallic: boolean;
}

const linearFromSrgb = (value: number): number => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
export const srgbFromLinear = (value: number): number =>
  value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;

const hash = (x: number, y: number, z: number): number => {
  let h = Math.imul(x | 0, 374761393) ^ Math.imul(y | 0, 668265263) ^ Math.imul(z | 0, 2147483647 ^ 0x27d4eb2d);
  h = Math.imul(h ^ (h >>> 13), 1274126177);
  h = Math.imul(h ^ (h >>> 16), 2246822519);
  return ((h ^ (h >>> 15)) >>> 0) / 4294967296;
};

/** Smooth value noise in [0, 1] with unit lattice spacing. */
function noise3(x: number, y: number, z: number): number {
  const [ix, iy, iz] = [Math.floor(x), Math.floor(y), Math.floor(z)];
  const fade = (t: number) => t * t * (3 - 2 * t);
  const [u, v, w] = [fade(x - ix), fade(y - iy), fade(z - iz)];
  const row = (j: number, k: number) => {
    const a = hash(ix, iy + j, iz + k);
    return a + (hash(ix + 1, iy + j, iz + k) - a) * u;
  };
  const a = row(0, 0) + (row(1, 0) - row(0, 0)) * v;
  const b = row(0, 1) + (row(1, 1) - row(0, 1)) * v;
  return a + (b - a) * w;
}

const turbulence = (x: number, y: number, z: number): number =>
  (noise3(x, y, z) + 0.5 * noise3(2.1 * x + 7, 2.1 * y, 2.1 * z) + 0.25 * noise3(4.3 * x, 4.3 * y + 5, 4.3 * z)) / 1.75;

const fraction = (x: number): number => x - Math.floor(x);
const smooth = (low: number, high: number, x: number): number => {
  const t = Math.max(0, Math.min(1, (x - low) / (high - low)));
  return t * t * (3 - 2 * t);
};
/** 0..1..0 triangle wave with period 1. */
const wave = (x: number): number => 1 - Math.abs(2 * fraction(x) - 1);

const GOLDEN = (1 + Math.sqrt(5)) / 2;
const ICOSAHEDRON: readonly (readonly [number, number, number])[] = [-1, 1].flatMap((a) =>
  [-GOLDEN, GOLDEN].flatMap(
    (b) =>
      [
        [0, a, b],
        [a, b, 0],
        [b, 0, a],
      ] as const,
  ),
);

const PIPS: readonly (readonly (readonly [number, number])[])[] = [
  [[0, 0]],
  [
    [-1, -1],
    [1, 1],
  ],
  [
    [-1, -1],
    [0, 0],
    [1, 1],
  ],
  [
    [-1, -1],
    [1, -1],
    [-1, 1],
    [1, 1],
  ],
  [
    [-1, -1],
    [1, -1],
    [0, 0],
    [-1, 1],
    [1, 1],
  ],
  [
    [-1, -1],
    [1, -1],
    [-1, 0],
    [1, 0],
    [-1, 1],
    [1, 1],
  ],
];

/** Which of the colours is seen where: [index a, index b, blend], plus a brightness. */
interface Dab {
  a: number;
  b: number;
  t: number;
  light: number;
}

/**
 * Evaluates a texture at paint coordinates (x, y, z) whose facet normal in those coordinates is (nx, ny, nz).
 * Writes linear RGB into `out[0..2]`.
 */
export function paintTexture(
  texture: Texture,
  x: number,
  y: number,
  z: number,
  nx: number,
  ny: number,
  nz: number,
  out: Float64Array | number[],
): void {
  const dab = DAB;
  dab.a = 0;
  dab.b = Math.min(1, texture.colours.length - 1);
  dab.t = 0;
  dab.light = 1;
  const p = texture.period;
  const s = texture.variation;
  let u: number;
  let v: number;
  let facet = 0;
  if (texture.mapping === 'cylinder') {
    u = (Math.atan2(y, x) / (2 * Math.PI)) * REPEATS_AROUND;
    v = z / p;
  } else if (texture.mapping === 'box') {
    const [ax, ay, az] = [Math.abs(nx), Math.abs(ny), Math.abs(nz)];
    if (az >= ax && az >= ay) {
      u = x / p;
      v = y / p;
      facet = nz > 0 ? 0 : 5;
    } else if (ax >= ay) {
      u = y / p;
      v = z / p;
      facet = nx > 0 ? 1 : 4;
    } else {
      u = x / p;
      v = z / p;
      facet = ny > 0 ? 2 : 3;
    }
  } else {
    u = x / p;
    v = y / p;
  }
  PAINTERS[texture.pattern](dab, texture, u, v, x, y, z, facet, s);
  const palette = linearPalette(texture.colours);
  const [i, j] = [3 * Math.min(dab.a, texture.colours.length - 1), 3 * Math.min(dab.b, texture.colours.length - 1)];
  for (let k = 0; k < 3; k++) {
    out[k] = Math.min(1, (palette[i + k]! + (palette[j + k]! - palette[i + k]!) * dab.t) * dab.light);
  }
}

/** Periods around a cylinder: even, so that patterns that alternate meet at the seam. */
const REPEATS_AROUND = 8;
const DAB: Dab = { a: 0, b: 1, t: 0, light: 1 };

const PALETTES = new WeakMap<readonly number[], Float64Array>();
const linearPalette = (colours: readonly number[]): Float64Array => {
  let palette = PALETTES.get(colours);
  if (!palette) {
    palette = new Float64Array(colours.length * 3);
    for (let i = 0; i < colours.length; i++) {
      for (let k = 0; k < 3; k++) palette[3 * i + k] = linearFromSrgb(((colours[i]! >> (16 - 8 * k)) & 255) / 255);
    }
    PALETTES.set(colours, palette);
  }
  return palette;
};

type Painter = (
  dab: Dab,
  texture: Texture,
  u: number,
  v: number,
  x: number,
  y: number,
  z: number,
  facet: number,
  s: number,
) => void;

const PAINTERS: Record<Pattern, Painter> = {
  plain: (d, t, _u, _v, x, y, z, _f, s) => {
    d.light = 0.94 + 0.12 * noise3(x / (0.6 * t.period) + s, y / (0.6 * t.period), z / (0.6 * t.period));
  },
  stripes: (d, _t, u) => {
    d.t = wave(u) > 0.5 ? 1 : 0;
  },
  bands: (d, _t, _u, v) => {
    d.t = wave(v) > 0.5 ? 1 : 0;
  },
  checker: (d, _t, u, v) => {
    d.t = (Math.floor(u * 2) + Math.floor(v * 2)) & 1;
  },
  dots: (d, _t, u, v) => {
    const row = Math.floor(v * 1.5);
    const [a, b] = [fraction(u + (row & 1 ? 0.5 : 0)) - 0.5, (fraction(v * 1.5) - 0.5) / 1.5];
    d.t = Math.hypot(a, b) < 0.24 ? 1 : 0;
  },
  plaid: (d, t, u, v) => {
    const [a, b] = [wave(u) > 0.55 ? 1 : 0, wave(v) > 0.55 ? 1 : 0];
    d.t = (a + b) / 2;
    if (t.colours.length > 2 && (wave(u + 0.5) > 0.92 || wave(v + 0.5) > 0.92)) d.b = 2;
    if (d.b === 2) d.t = 1;
  },
  zigzag: (d, _t, u, v) => {
    d.t = fraction(v + 0.35 * wave(u * 2)) > 0.5 ? 1 : 0;
  },
  waves: (d, _t, u, v) => {
    d.t = fraction(v + 0.18 * Math.sin(2 * Math.PI * u)) > 0.5 ? 1 : 0;
  },
  stars: (d, _t, u, v) => {
    const row = Math.floor(v);
    const [a, b] = [fraction(u + (row & 1 ? 0.5 : 0)) - 0.5, fraction(v) - 0.5];
    const angle = Math.atan2(b, a);
    d.t = Math.hypot(a, b) < 0.2 + 0.12 * Math.cos(5 * angle) ? 1 : 0;
  },
  marble: (d, t, _u, _v, x, y, z, _f, s) => {
    const q = t.period;
    const n = turbulence(x / q + s, y / q, z / q);
    d.t = smooth(0.35, 0.95, Math.abs(Math.sin(((x + y + 1.7 * z) / q) * 2.2 + 7 * n))) < 0.25 ? 0.85 : 0.1 * n;
  },
  wood: (d, t, _u, _v, x, y, z, _f, s) => {
    const q = t.period;
    const rings = Math.hypot(x + 0.6 * q, 0.35 * y + 0.4 * q) / q + 0.35 * noise3(x / q + s, y / q, z / (3 * q));
    d.t = 0.15 + 0.75 * smooth(0.25, 0.9, wave(2.2 * rings));
  },
  speckle: (d, t, _u, _v, x, y, z, _f, s) => {
    const n = noise3((1.9 * x) / t.period + s, (1.9 * y) / t.period, (1.9 * z) / t.period);
    d.t = n > 0.6 ? 1 : 0;
    if (t.colours.length > 2 && n < 0.3) {
      d.b = 2;
      d.t = 1;
    }
  },
  gradient: (d, t, _u, _v, _x, _y, z) => {
    d.t = smooth(0, 1, z / t.period);
  },
  dice: (d, _t, u, v, _x, _y, _z, facet) => {
    // The period is the edge length: u, v run over [-0.5, 0.5] on every side; opposite sides add to seven.
    for (const [a, b] of PIPS[facet]!) if (Math.hypot(u - 0.25 * a, v - 0.25 * b) < 0.115) d.t = 1;
  },
  clock: (d, t, _u, _v, x, y) => {
    const radius = Math.hypot(x, y) / t.period;
    const hour = (Math.atan2(y, x) / (2 * Math.PI)) * 12;
    const near = Math.abs(hour - Math.round(hour));
    const long = ((Math.round(hour) % 3) + 3) % 3 === 0;
    if (radius > (long ? 0.66 : 0.76) && radius < 0.9 && near * radius < (long ? 0.13 : 0.09)) d.t = 1;
  },
  football: (d, _t, _u, _v, x, y, z) => {
    const length = Math.hypot(x, y, z) || 1;
    let best = -1;
    let second = -1;
    for (const [a, b, c] of ICOSAHEDRON) {
      const cosine = (a * x + b * y + c * z) / length / Math.hypot(1, GOLDEN);
      if (cosine > best) {
        second = best;
        best = cosine;
      } else if (cosine > second) second = cosine;
    }
    d.t = best > 0.925 || best - second < 0.025 ? 1 : 0;
  },
  basketball: (d, _t, _u, _v, x, y, z) => {
    const r = Math.hypot(x, y, z) || 1;
    const [a, b, c] = [x / r, y / r, z / r];
    d.t = Math.abs(a) < 0.05 || Math.abs(c) < 0.05 || Math.abs(Math.abs(b) - 0.62 - 0.3 * a * a) < 0.05 ? 1 : 0;
  },
  tennis: (d, _t, _u, _v, x, y, z) => {
    const r = Math.hypot(x, y, z) || 1;
    const angle = Math.atan2(y, x);
    d.t = Math.abs(z / r - 0.55 * Math.cos(2 * angle)) < 0.09 ? 1 : 0;
  },
  melon: (d, _t, _u, _v, x, y, z) => {
    const angle = Math.atan2(y, x) / (2 * Math.PI);
    d.t = wave(angle * 8 + 0.25 * noise3(30 * x, 30 * y, 60 * z)) > 0.55 ? 1 : 0;
  },
  label: (d, t, _u, _v, x, y, z) => {
    // A printed band between 22 % and 78 % of the height `period`, with one badge on each half of the way around.
    const height = z / t.period;
    if (height < 0.22 || height > 0.78) return;
    d.t = 1;
    const around = fraction(Math.atan2(y, x) / Math.PI + 1) - 0.5;
    if (t.colours.length > 2 && Math.hypot(around * 1.25, (height - 0.5) * 1.4) < 0.3) {
      d.a = 2;
      d.t = 0;
    }
    if (Math.abs(height - 0.27) < 0.02 || Math.abs(height - 0.73) < 0.02) d.t = 0;
  },
  pages: (d, _t, _u, v) => {
    d.t = 0.5 * wave(v * 3);
  },
  planks: (d, t, u, v, x, y, _z, _f, s) => {
    const row = Math.floor(v);
    const shift = hash(row, 3, s);
    const column = Math.floor(u / 5 + shift);
    const tone = hash(row, column, 11 + s);
    const seam = Math.min(fraction(v), 1 - fraction(v));
    const end = Math.min(fraction(u / 5 + shift), 1 - fraction(u / 5 + shift)) * 5;
    const grain = noise3(x / (1.6 * t.period), y / (0.3 * t.period), row + s);
    d.t = 0.15 + 0.55 * tone + 0.3 * grain;
    if (seam < 0.05 || end < 0.05) d.light = 0.45;
  },
  tiles: (d, t, u, v, _x, _y, _z, _f, s) => {
    const [a, b] = [Math.floor(u), Math.floor(v)];
    const [p, q] = [fraction(u), fraction(v)];
    d.t = (a + b) & 1;
    d.light = 0.86 + 0.2 * hash(a, b, s);
    const grout = Math.min(p, q, 1 - p, 1 - q) < 0.045;
    if (!grout && t.colours.length > 3 && hash(a, b, s + 5) < 0.25) {
      d.a = 3;
      d.b = 3;
      if (Math.hypot(p - 0.5, q - 0.5) < 0.25) d.t = 0;
    }
    if (grout) {
      d.a = 2;
      d.b = 2;
    }
  },
  hexagons: (d, _t, u, v, _x, _y, _z, _f, s) => {
    // Nearest centre of a triangular lattice.
    let best = 9;
    let second = 9;
    let tone = 0;
    const row0 = Math.round(v / 0.866);
    for (let row = row0 - 1; row <= row0 + 1; row++) {
      const shift = row & 1 ? 0.5 : 0;
      const column0 = Math.round(u - shift);
      for (let column = column0 - 1; column <= column0 + 1; column++) {
        const distance = Math.hypot(u - column - shift, v - row * 0.866);
        if (distance < best) {
          second = best;
          best = distance;
          tone = hash(row, column, s);
        } else if (distance < second) second = distance;
      }
    }
    d.t = tone < 0.34 ? 0 : 1;
    if (tone > 0.67) d.b = 2;
    if (second - best < 0.09) d.light = 0.5;
  },
  carpet: (d, t, u, v, _x, _y, _z, _f, s) => {
    const count = t.colours.length;
    const diamond = Math.abs(fraction(u / 2) - 0.5) + Math.abs(fraction(v / 2) - 0.5);
    const layer = Math.floor(diamond * 6);
    d.a = layer % count;
    d.t = 0;
    const [a, b] = [fraction(u) - 0.5, fraction(v) - 0.5];
    if (Math.hypot(a, b) < 0.2) d.a = (layer + 1 + ((Math.floor(u) + Math.floor(v)) & 1)) % count;
    d.light = 0.85 + 0.25 * noise3(u * 0.7 + s, v * 0.7, 3);
  },
  wallpaper: (d, _t, u, v) => {
    d.t = wave(u) > 0.5 ? 0.55 : 0;
    const row = Math.floor(v);
    const [a, b] = [fraction(u + (row & 1 ? 0.5 : 0)) - 0.5, fraction(v) - 0.5];
    const angle = Math.atan2(b, a);
    if (Math.hypot(a, b) < 0.17 + 0.09 * Math.cos(6 * angle)) {
      d.b = 2;
      d.t = 1;
    }
  },
  brick: (d, _t, u, v, _x, _y, _z, _f, s) => {
    const row = Math.floor(v * 2);
    const shifted = u + (row & 1 ? 0.5 : 0);
    const [a, b] = [fraction(shifted), fraction(v * 2)];
    d.t = hash(Math.floor(shifted), row, s);
    if (a < 0.05 || b < 0.1) {
      d.a = 2;
      d.b = 2;
    }
  },
  painting: (d, t, u, v, _x, _y, _z, _f, s) => {
    const count = t.colours.length;
    const n = noise3(u * 2.4 + s, v * 2.4, s);
    const m = noise3(u * 1.6 + 9, v * 1.6 + s, 2 * s);
    d.a = Math.min(count - 1, Math.floor(n * 1.3 * count) % count);
    if (m > 0.62) d.a = (d.a + 2) % count;
    d.t = 0;
  },
  segments: (d, t, _u, _v, x, y) => {
    // A beach ball: as many meridian sectors as colours.
    const count = t.colours.length;
    d.a = Math.floor(fraction(Math.atan2(y, x) / (2 * Math.PI) + 1) * 6) % count;
  },
  face: (d, _t, u, v) => {
    // Eyes and a smile on the plane, period = face width.
    const eye = Math.hypot(Math.abs(u) - 0.2, v - 0.12) < 0.075;
    const smile = Math.abs(Math.hypot(u, v + 0.02) - 0.26) < 0.04 && v < -0.12;
    d.t = eye || smile ? 1 : 0;
  },
};
