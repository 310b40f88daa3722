import { type Box, type ImageView, toImage } from './zoom.ts';

/** Lines between the pixels of an image; the context's unit is one of them, `scale` device pixels each. */
export function drawGrid(
  context: CanvasRenderingContext2D,
  view: ImageView,
  panel: Box,
  image: Box,
  scale: number,
): void {
  const from = toImage(view, panel, 0, 0);
  const to = toImage(view, panel, panel.width, panel.height);
  const [x0, y0] = [Math.max(0, Math.floor(from.x)), Math.max(0, Math.floor(from.y))];
  const [x1, y1] = [Math.min(image.width, Math.ceil(to.x)), Math.min(image.height, Math.ceil(to.y))];
  context.fillStyle = 'rgb(128 128 128 / 0.35)';
  for (let x = x0; x <= x1; x++) context.fillRect(x, y0, 1 / scale, y1 - y0);
  for (let y = y0; y <= y1; y++) context.fillRect(x0, y, x1 - x0, 1 / scale);
}
