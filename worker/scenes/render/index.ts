export { buildRayMesh, createRayCaster, type Hit, type MeshArrays, type RayMesh } from './bvh.ts';
export { type RenderOptions, renderFrames } from './pool.ts';
export type { FrameImages, FrameView, Intrinsics, LightPoint, PartRow, RenderScene } from './scene.ts';
export { paintSurfaces, type Surfaces } from './surfaces.ts';
export { createTracer, type Tracer } from './tracer.ts';
