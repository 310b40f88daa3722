import { applyPose, invertPose } from './linear.ts';
import type { FrameImages, FrameView, RenderScene, Tracer } from './render/index.ts';

/** How well two rendered views agree with the geometry they were rendered from. */
export interface Agreement {
  /** Pixels of the first view whose surface point projects into the second image. */
  readonly overlapping: number;
  /** Of these, seen in the second view too: the exact ray meets the same depth within 0.1 %. */
  readonly mutuallyVisible: number;
  /** Of the mutually visible, those whose exact ray meets the same instance. */
  readonly sameInstance: number;
  /** Mutually visible, at least 2 px from a label boundary in the second image; and of these, equal by nearest-pixel lookup. */
  readonly interior: number;
  readonly sameNearest: number;
}

const DEPTH_TOLERANCE = 1e-3;
const BOUNDARY_PX = 2;

const nearBoundary = (images: FrameImages, x: number, y: number): boolean => {
  const own = images.instance[y * images.width + x];
  for (let dy = -BOUNDARY_PX; dy <= BOUNDARY_PX; dy++) {
    for (let dx = -BOUNDARY_PX; dx <= BOUNDARY_PX; dx++) {
      const [px, py] = [x + dx, y + dy];
      if (px < 0 || py < 0 || px >= images.width || py >= images.height) continue;
      if (images.instance[py * images.width + px] !== own) return true;
    }
  }
  return false;
};

/** Reprojects every pixel of one view into another and asks both the geometry and the other view's label image. */
export function viewAgreement(
  scene: RenderScene,
  tracer: Tracer,
  from: { readonly view: FrameView; readonly images: FrameImages },
  to: { readonly view: FrameView; readonly images: FrameImages },
): Agreement {
  const cameraFromWorld = invertPose(to.view.worldFromCamera);
  const a = from.view.intrinsics;
  const b = to.view.intrinsics;
  let [overlapping, mutuallyVisible, sameInstance, interior, sameNearest] = [0, 0, 0, 0, 0];
  for (let y = 0; y < a.height; y++) {
    for (let x = 0; x < a.width; x++) {
      const pixel = y * a.width + x;
      const depth = from.images.depth[pixel]!;
      if (depth <= 0) continue;
      const world = applyPose(from.view.worldFromCamera, [
        ((x + 0.5 - a.cx) / a.fx) * depth,
        ((y + 0.5 - a.cy) / a.fy) * depth,
        depth,
      ]);
      const p = applyPose(cameraFromWorld, world);
      if (p[2] <= 0) continue;
      const [u, v] = [(b.fx * p[0]) / p[2] + b.cx, (b.fy * p[1]) / p[2] + b.cy];
      if (!(u >= 0 && u < b.width && v >= 0 && v < b.height)) continue;
      overlapping++;
      const hit = tracer.castPixel(to.view, u, v);
      if (!(Math.abs(hit.distance - p[2]) <= DEPTH_TOLERANCE * p[2])) continue;
      mutuallyVisible++;
      const own = from.images.instance[pixel];
      if (scene.parts[hit.row]!.instance === own) sameInstance++;
      const [px, py] = [Math.floor(u), Math.floor(v)];
      if (nearBoundary(to.images, px, py)) continue;
      interior++;
      if (to.images.instance[py * b.width + px] === own) sameNearest++;
    }
  }
  return { overlapping, mutuallyVisible, sameInstance, interior, sameNearest };
}
