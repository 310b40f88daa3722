/** Cameras of the page as the view process wants them. */
import type { PinholeView, ViewImageRequest } from '../../contract/index.ts';

/** Most pixels of one picture: what the view process accepts. */
export const MAX_VIEW_PIXELS = 16_000_000;

export function freeCameraView(
  camera: Pick<ViewImageRequest, 'width' | 'height' | 'focal' | 'cameraFromWorld'>,
): PinholeView {
  const { width, height, focal, cameraFromWorld } = camera;
  return { width, height, fx: focal, fy: focal, cx: width / 2, cy: height / 2, cameraFromWorld };
}

/** The same view in an image of another width, as near to its shape as whole pixels allow; never larger than it is. */
export function scaledView(view: PinholeView, widthPx: number | undefined): PinholeView {
  const largest = Math.sqrt(MAX_VIEW_PIXELS / (view.width * view.height));
  const factor = Math.min(1, largest, (widthPx ?? view.width) / view.width);
  if (factor === 1) return view;
  const width = Math.max(1, Math.floor(view.width * factor));
  const height = Math.max(1, Math.round(view.height * factor));
  const [sx, sy] = [width / view.width, height / view.height];
  return { ...view, width, height, fx: view.fx * sx, fy: view.fy * sy, cx: view.cx * sx, cy: view.cy * sy };
}
