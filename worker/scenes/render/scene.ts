import type { Pose, Vec3 } from '../linear.ts';
import type { Texture } from '../model/index.ts';
import type { RayMesh } from './bvh.ts';

/** One row per part: what a surface belongs to and how it is painted. Row 0 is never referenced by a triangle. */
export interface PartRow {
  /** 0 for surroundings, else the object's id in the scene. */
  readonly instance: number;
  readonly classId: number;
  /** 0 for surroundings, else unique in the scene. */
  readonly part: number;
  readonly texture: Texture;
}

/** A point of the (area) lights. The set is fixed in the world, so that soft shadows agree between views. */
export interface LightPoint {
  readonly position: Vec3;
  readonly weight: number;
}

export interface RenderScene {
  readonly meshes: readonly RayMesh[];
  readonly parts: readonly PartRow[];
  /** Area light: several points per pixel sample; the sum of all weights is the full light. */
  readonly lights: readonly LightPoint[];
  readonly ambient: number;
  /** Linear RGB of rays that leave the scene. */
  readonly background: Vec3;
}

export interface Intrinsics {
  readonly width: number;
  readonly height: number;
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
}

export interface FrameView {
  readonly intrinsics: Intrinsics;
  /** OpenCV camera: x right, y down, z forward. */
  readonly worldFromCamera: Pose;
  /** Meshes present in this frame and where; a mesh not listed is absent. */
  /** Added to every light's position: where a scene is many small stages, the lamp hangs over the one in view. */
  readonly lightOffset?: Vec3;
  readonly placements: readonly { readonly mesh: number; readonly worldFromMesh: Pose }[];
}

/** Images are row-major; labels and depth are those of the ray through the pixel centre (+0.5), colour is anti-aliased. */
export interface FrameImages {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array<ArrayBuffer>; // [H, W, 3] sRGB
  readonly depth: Float32Array<ArrayBuffer>; // [H, W] z in metres, 0 where the ray leaves the scene
  readonly instance: Uint16Array<ArrayBuffer>; // [H, W]
  readonly classId: Uint16Array<ArrayBuffer>; // [H, W]
  readonly part: Uint16Array<ArrayBuffer>; // [H, W]
}
