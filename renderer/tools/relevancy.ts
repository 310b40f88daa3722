/**
 * Relevancy in colours. The range is fixed: the same raw value has the same colour in every picture of every query, so that two
 * pictures can be compared and noise is not stretched into an answer.
 */
import { RELEVANCY_GATE } from '../../contract/index.ts';

/** Below the gate something else is nearer to the words: grey, and thin. */
const BELOW = { grey: 150, alpha: 0.35 } as const;
/** From here on the colour stays as it is: with the formula as published, cosines would have to differ by more than 0.6. */
const FULL = 0.65;
/** Opacity at the gate, where most answers are not far from it, and how far the colour goes towards white at {@link FULL}. */
const AT_GATE = 0.5;
const WHITEN = 0.45;

const STEPS = 256;

function rgbOf(color: string): [number, number, number] {
  const value = Number.parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}

/** RGBA of a raw relevancy, each 0 to 255. */
function colorOf(relevancy: number, [r, g, b]: readonly [number, number, number]): [number, number, number, number] {
  if (relevancy <= RELEVANCY_GATE) return [BELOW.grey, BELOW.grey, BELOW.grey, Math.round(255 * BELOW.alpha)];
  const share = Math.min(1, (relevancy - RELEVANCY_GATE) / (FULL - RELEVANCY_GATE));
  const light = (channel: number): number => Math.round(channel + (255 - channel) * WHITEN * share);
  return [light(r), light(g), light(b), Math.round(255 * (AT_GATE + (1 - AT_GATE) * share))];
}

/** Little-endian RGBA [256] by grey value; what is below the threshold is not painted. */
export function relevancyTable(color: string, threshold: number): Uint32Array {
  const rgb = rgbOf(color);
  return Uint32Array.from({ length: STEPS }, (_, value) => {
    // The least that the rounded value can stand for: what is exactly at the gate, as everything that no segment spoke of, is
    // never painted as if it were above.
    const relevancy = (value - 0.5) / (STEPS - 1);
    // Black is where there is nothing to compare: no splats.
    if (value === 0 || relevancy <= threshold) return 0;
    const [r, g, b, a] = colorOf(relevancy, rgb);
    return ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
}

/** The whole range from 0 to 1 as CSS, for a legend. */
export function relevancyGradient(color: string): string {
  const rgb = rgbOf(color);
  const stop = (relevancy: number, at = relevancy): string => {
    const [r, g, b, a] = colorOf(relevancy, rgb);
    return `rgb(${r} ${g} ${b} / ${(a / 255).toFixed(3)}) ${(100 * at).toFixed(1)}%`;
  };
  const above = [0, 0.25, 0.5, 0.75, 1].map((share) => RELEVANCY_GATE + share * (FULL - RELEVANCY_GATE));
  return `linear-gradient(90deg, ${[stop(0), stop(RELEVANCY_GATE), stop(RELEVANCY_GATE + 1e-6, RELEVANCY_GATE), ...above.slice(1).map((at) => stop(at)), stop(1)].join(', ')})`;
}

/** A map as it came: grey values [H * W], kept so that another threshold or colour needs no new picture. */
interface GreyMap {
  readonly width: number;
  readonly height: number;
  readonly values: Uint8Array;
}

function greyOf(bitmap: ImageBitmap): GreyMap {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('no canvas');
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, values: Uint8Array.from({ length: width * height }, (_, i) => data[4 * i]!) };
}

function paintRelevancy({ width, height, values }: GreyMap, table: Uint32Array): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < values.length; i++) words[i] = table[values[i]!]!;
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  return canvas;
}

/** What is wanted of one query in one picture. */
export interface RelevancyMap {
  readonly url: string;
  readonly color: string;
  readonly threshold: number;
}

interface Painted {
  readonly url: string;
  readonly color: string;
  readonly threshold: number;
  readonly grey: GreyMap;
  readonly canvas: OffscreenCanvas;
}

/** Maps of a picture, each drawn in the colour of its query, the last one on top. */
export class RelevancyLayers {
  private readonly load: (url: string) => Promise<ImageBitmap>;
  private readonly changed: () => void;
  private wanted: readonly RelevancyMap[] = [];
  private readonly greys = new Map<string, GreyMap>();
  private painted: readonly Painted[] = [];

  /** @param load decoded without a change of colours; the bitmap stays the caller's */
  constructor(load: (url: string) => Promise<ImageBitmap>, changed: () => void) {
    this.load = load;
    this.changed = changed;
  }

  /** Everything that is wanted is on the screen. */
  get complete(): boolean {
    return this.wanted.every(({ url }) => this.painted.some((one) => one.url === url));
  }

  get empty(): boolean {
    return this.painted.length === 0;
  }

  /**
   * Resolves when all of it is there. What is not wanted any more goes at once: a map over another picture than its own would lie.
   * @throws what loading throws
   */
  async show(maps: readonly RelevancyMap[]): Promise<void> {
    this.wanted = maps;
    this.painted = this.painted.filter((one) => maps.some(({ url }) => url === one.url));
    this.changed();
    await Promise.all(
      maps.map(async ({ url }) => {
        if (!this.greys.has(url)) this.greys.set(url, greyOf(await this.load(url)));
      }),
    );
    if (this.wanted !== maps) return;
    const before = this.painted;
    this.painted = maps.map((map) => {
      const same = before.find(
        ({ url, color, threshold }) => url === map.url && color === map.color && threshold === map.threshold,
      );
      if (same !== undefined) return same;
      const grey = this.greys.get(map.url)!;
      return { ...map, grey, canvas: paintRelevancy(grey, relevancyTable(map.color, map.threshold)) };
    });
    for (const url of this.greys.keys()) if (!maps.some((map) => map.url === url)) this.greys.delete(url);
    this.changed();
  }

  /** The context's unit is a pixel of the image. */
  draw(
    context: CanvasRenderingContext2D,
    image: { readonly width: number; readonly height: number },
    opacity: number,
  ): void {
    context.save();
    context.imageSmoothingEnabled = true;
    context.globalAlpha = opacity;
    for (const { canvas } of this.painted) context.drawImage(canvas, 0, 0, image.width, image.height);
    context.restore();
  }
}
