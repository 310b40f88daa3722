/** Where the image lies in the panel. Panel lengths in CSS pixels, image lengths in its own pixels. */
export interface ImageView {
  /** CSS pixels per image pixel. */
  readonly scale: number;
  /** Image point in the middle of the panel. */
  readonly x: number;
  readonly y: number;
  /** Follows the panel's size: nobody has zoomed. */
  readonly fit: boolean;
}

export interface Box {
  readonly width: number;
  readonly height: number;
}

const MAX_SCALE = 64;
/** From here on pixels are shown as what they are: squares. */
export const PIXELATED_FROM = 4;
/** From here on a grid tells them apart. */
export const GRID_FROM = 16;

export function fitView(panel: Box, image: Box): ImageView {
  const scale = Math.min(panel.width / image.width, panel.height / image.height);
  return { scale: Math.max(scale, 1e-3), x: image.width / 2, y: image.height / 2, fit: true };
}

export function toPanel(view: ImageView, panel: Box, x: number, y: number): { x: number; y: number } {
  return { x: panel.width / 2 + (x - view.x) * view.scale, y: panel.height / 2 + (y - view.y) * view.scale };
}

export function toImage(view: ImageView, panel: Box, x: number, y: number): { x: number; y: number } {
  return { x: view.x + (x - panel.width / 2) / view.scale, y: view.y + (y - panel.height / 2) / view.scale };
}

/** Zoomed around a panel point, which keeps its image point; never smaller than half of fitting. */
export function zoomAround(view: ImageView, panel: Box, image: Box, x: number, y: number, factor: number): ImageView {
  const smallest = fitView(panel, image).scale / 2;
  const scale = Math.max(smallest, Math.min(MAX_SCALE, view.scale * factor));
  const under = toImage(view, panel, x, y);
  return bounded(
    { scale, x: under.x - (x - panel.width / 2) / scale, y: under.y - (y - panel.height / 2) / scale, fit: false },
    image,
  );
}

export function pannedBy(view: ImageView, image: Box, dx: number, dy: number): ImageView {
  return bounded({ ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale, fit: false }, image);
}

/** The middle of the panel stays on the image: it cannot be lost. */
function bounded(view: ImageView, image: Box): ImageView {
  return { ...view, x: Math.max(0, Math.min(image.width, view.x)), y: Math.max(0, Math.min(image.height, view.y)) };
}

export function atScale(view: ImageView, scale: number): ImageView {
  return { ...view, scale, fit: false };
}
