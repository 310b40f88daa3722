/** Instance masks of one frame, ready to be drawn over the image at any zoom. */
import { outlinesOf, pathOf } from '../../tools/index.ts';
import type { BitmapCache } from './bitmaps.ts';
import { fillOf, idsOf } from './instances.ts';
import type { Box } from './zoom.ts';

export interface MaskLayer {
  /** Name of the mask set, or `OBJECT_MASKS`. */
  readonly set: string;
  /** Null for ids that are not shown. */
  readonly colorOf: (id: number) => string | null;
}

export interface Overlay {
  readonly url: string;
  readonly layer: MaskLayer;
  readonly fill: ImageBitmap;
  readonly ids: Uint32Array;
  readonly width: number;
  readonly height: number;
  readonly outlines: ReadonlyMap<number, Path2D>;
}

/** Rejects where the frame has no masks, or they cannot be read. */
export async function loadOverlay(cache: BitmapCache, url: string, layer: MaskLayer): Promise<Overlay> {
  const { bitmap } = await cache.load(url);
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('no canvas');
  context.drawImage(bitmap, 0, 0);
  const ids = idsOf(context.getImageData(0, 0, width, height).data);
  const fill = await createImageBitmap(new ImageData(fillOf(ids, layer.colorOf), width, height));
  const outlines = new Map<number, Path2D>();
  for (const [id, lines] of outlinesOf(ids, width, height)) outlines.set(id, pathOf(lines));
  return { url, layer, fill, ids, width, height, outlines };
}

export interface OverlayLook {
  /** 0 draws outlines alone. */
  readonly opacity: number;
  readonly marked: (id: number) => boolean;
  /** Outlines of marked ids and no others. */
  readonly markedOnly: boolean;
  /** Device pixels per image pixel. */
  readonly scale: number;
}

/** The context's unit is a pixel of the image. */
export function drawOverlay(context: CanvasRenderingContext2D, overlay: Overlay, image: Box, look: OverlayLook): void {
  context.save();
  context.imageSmoothingEnabled = false;
  context.globalAlpha = look.opacity;
  context.drawImage(overlay.fill, 0, 0, image.width, image.height);
  context.globalAlpha = 1;
  context.scale(image.width / overlay.width, image.height / overlay.height);
  const pixel = (overlay.width / image.width) * (devicePixelRatio / look.scale);
  const draw = (marked: boolean): void => {
    for (const [id, path] of overlay.outlines) {
      const color = overlay.layer.colorOf(id);
      if (color === null || look.marked(id) !== marked) continue;
      if (marked) {
        context.lineWidth = 4 * pixel;
        context.strokeStyle = 'rgb(0 0 0 / 0.75)';
        context.stroke(path);
      }
      context.lineWidth = (marked ? 2 : 1.25) * pixel;
      context.strokeStyle = marked ? '#ffffff' : color;
      context.stroke(path);
    }
  };
  // The outline of what is marked lies over those of its neighbours.
  if (!look.markedOnly) draw(false);
  draw(true);
  context.restore();
}

/** Id under an image point; 0 where there is none, or it is not shown. */
export function idAt(overlay: Overlay, x: number, y: number, image: Box): number {
  const column = Math.floor((x * overlay.width) / image.width);
  const line = Math.floor((y * overlay.height) / image.height);
  if (column < 0 || line < 0 || column >= overlay.width || line >= overlay.height) return 0;
  const id = overlay.ids[line * overlay.width + column] ?? 0;
  return id !== 0 && overlay.layer.colorOf(id) === null ? 0 : id;
}
