/** Outlines of masks along the edges of their pixels. */
import { type ClickMask, decodeCounts, forEachRun } from '../../contract/index.ts';

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

/** Segments [x0, y0, x1, y1] as a path. */
export function pathOf(lines: readonly number[]): Path2D {
  const path = new Path2D();
  for (let i = 0; i < lines.length; i += 4) {
    path.moveTo(lines[i]!, lines[i + 1]!);
    path.lineTo(lines[i + 2]!, lines[i + 3]!);
  }
  return path;
}

/** 1 inside, 0 outside, [height * width]. @throws LiftscopeError `bad-input` for a code that is not of this size */
export function pixelsOf({ rle, width, height }: ClickMask): Uint32Array {
  const pixels = new Uint32Array(width * height);
  forEachRun(decodeCounts(rle, width * height), (start, end) => pixels.fill(1, start, end));
  return pixels;
}

export interface DrawnMask {
  readonly mask: ClickMask;
  /** In pixels of the mask. */
  readonly outline: Path2D;
  readonly fill: OffscreenCanvas;
}

/** A mask ready to be drawn; made once per answer. `color` is `#rrggbb`. */
export function drawnMask(mask: ClickMask, color: string): DrawnMask {
  const pixels = pixelsOf(mask);
  const fill = new OffscreenCanvas(mask.width, mask.height);
  const rgb = Number.parseInt(color.slice(1), 16);
  const image = new ImageData(mask.width, mask.height);
  for (let i = 0; i < pixels.length; i++) {
    if (pixels[i] === 0) continue;
    image.data[4 * i] = rgb >> 16;
    image.data[4 * i + 1] = (rgb >> 8) & 0xff;
    image.data[4 * i + 2] = rgb & 0xff;
    image.data[4 * i + 3] = 255;
  }
  fill.getContext('2d')?.putImageData(image, 0, 0);
  return { mask, outline: pathOf(outlinesOf(pixels, mask.width, mask.height).get(1) ?? []), fill };
}

/** Ground of what clicks select, and of the outline: they must be seen over any photo. */
export const SEGMENT_COLOR = '#7cf0ff';

/**
 * Draws what clicks select. The context's unit is a pixel of the mask.
 * @param pixel size of a device pixel in that unit
 */
export function drawSegment(context: CanvasRenderingContext2D, drawn: DrawnMask, pixel: number): void {
  context.save();
  context.imageSmoothingEnabled = false;
  context.globalAlpha = 0.3;
  context.drawImage(drawn.fill, 0, 0);
  context.globalAlpha = 1;
  context.lineWidth = 4 * pixel;
  context.strokeStyle = 'rgb(0 0 0 / 0.8)';
  context.stroke(drawn.outline);
  context.lineWidth = 2 * pixel;
  context.strokeStyle = SEGMENT_COLOR;
  context.stroke(drawn.outline);
  context.restore();
}

/** Mark of a click, in device pixels: a plus or a minus on a disc. */
export function drawPoint(context: CanvasRenderingContext2D, x: number, y: number, positive: boolean): void {
  const r = 7 * devicePixelRatio;
  context.save();
  context.beginPath();
  context.arc(x, y, r, 0, 2 * Math.PI);
  context.fillStyle = positive ? '#117733' : '#aa2e25';
  context.fill();
  context.lineWidth = 1.5 * devicePixelRatio;
  context.strokeStyle = '#ffffff';
  context.stroke();
  context.beginPath();
  context.moveTo(x - r / 2, y);
  context.lineTo(x + r / 2, y);
  if (positive) {
    context.moveTo(x, y - r / 2);
    context.lineTo(x, y + r / 2);
  }
  context.lineWidth = 2 * devicePixelRatio;
  context.stroke();
  context.restore();
}

/** Where the keyboard would click, in device pixels. */
export function drawCrosshair(context: CanvasRenderingContext2D, x: number, y: number): void {
  const long = 14 * devicePixelRatio;
  const gap = 4 * devicePixelRatio;
  const lines: readonly (readonly [number, number, number, number])[] = [
    [-long, 0, -gap, 0],
    [gap, 0, long, 0],
    [0, -long, 0, -gap],
    [0, gap, 0, long],
  ];
  context.save();
  context.beginPath();
  for (const [x0, y0, x1, y1] of lines) {
    context.moveTo(x + x0, y + y0);
    context.lineTo(x + x1, y + y1);
  }
  for (const [width, color] of [
    [4, 'rgb(0 0 0 / 0.8)'],
    [1.75, '#ffffff'],
  ] as const) {
    context.lineWidth = width * devicePixelRatio;
    context.strokeStyle = color;
    context.stroke();
  }
  context.restore();
}
