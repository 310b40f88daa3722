/** What lies over the model: cameras, sparse points, objects, the picked point. Drawn by three.js, on demand. */
import { useThree } from '@react-three/fiber';
import { useEffect, useLayoutEffect, useMemo, useState } from 'react';
import { BufferAttribute, BufferGeometry, Color, type PerspectiveCamera } from 'three';
import type { StoreApi } from 'zustand';
import { type Bounds, type FrameColumns, type FrameMetrics, type ObjectView, routes } from '../../../contract/index.ts';
import { type CameraState, useSelection, useStudio } from '../../state/index.ts';
import { errorColor } from '../../ui/index.ts';
import { frameCamera, frustumDepth, length, sub, writeFrustum } from './geometry.ts';

/** Keeps three's camera on ours: what it draws must lie where the image under it was drawn for. */
export function SharedCamera({ displayed }: { displayed: StoreApi<CameraState> }) {
  const camera = useThree((state) => state.camera) as PerspectiveCamera;
  const invalidate = useThree((state) => state.invalidate);
  const size = useThree((state) => state.size);
  useLayoutEffect(() => {
    const apply = ({ position, target, up, fovYDegrees }: CameraState): void => {
      const distance = Math.max(length(sub(target, position)), 1e-4);
      camera.position.set(...position);
      camera.up.set(...up);
      camera.lookAt(...target);
      camera.fov = fovYDegrees;
      camera.aspect = size.width / Math.max(1, size.height);
      // Cameras beside the eye would fill the picture with their lines: what is that close is left out.
      camera.near = distance * 0.15;
      camera.far = distance * 1e3;
      camera.updateProjectionMatrix();
      invalidate();
    };
    apply(displayed.getState());
    return displayed.subscribe(apply);
  }, [camera, displayed, invalidate, size]);
  return null;
}

/** Geometry that is freed with its component, with positions [N * 3] and colours [N * 3] in linear RGB. */
function useGeometry(positions: Float32Array, colors?: Float32Array): BufferGeometry {
  const invalidate = useThree((state) => state.invalidate);
  const geometry = useMemo(() => {
    const made = new BufferGeometry();
    made.setAttribute('position', new BufferAttribute(positions, 3));
    if (colors !== undefined) made.setAttribute('color', new BufferAttribute(colors, 3));
    return made;
  }, [positions, colors]);
  useEffect(() => {
    invalidate();
    return () => geometry.dispose();
  }, [geometry, invalidate]);
  return geometry;
}

const FRUSTUM_POINTS = 16;
/** Of more cameras only some are drawn, evenly spread: thousands of them hide the scene, and take a software adapter 100 ms. */
const MAX_FRUSTA = 500;

/** Indices of the frames whose cameras are drawn. */
function drawnFrames(count: number): number[] {
  const step = Math.max(1, Math.ceil(count / MAX_FRUSTA));
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
}

/** Colour of each frame's camera: how badly it is rendered where that was measured, else whether it was held out. */
function cameraColors(frames: FrameColumns, drawn: readonly number[], metrics: FrameMetrics | null): Float32Array {
  const psnr = new Map(metrics?.frames.map((frame) => [frame.name, frame.psnr]) ?? []);
  const sorted = [...psnr.values()].sort((a, b) => a - b);
  const low = sorted[Math.floor(sorted.length * 0.05)] ?? 0;
  const high = sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 1;
  const out = new Float32Array(drawn.length * FRUSTUM_POINTS * 3);
  const color = new Color();
  for (const [i, frame] of drawn.entries()) {
    const value = psnr.get(frames.names[frame] ?? '');
    const hex =
      value === undefined
        ? frames.holdout[frame] === 1
          ? '#cc79a7'
          : '#8a97ab'
        : errorColor(high > low ? (high - value) / (high - low) : 0);
    color.set(hex).toArray(out, i * FRUSTUM_POINTS * 3);
    for (let k = 1; k < FRUSTUM_POINTS; k++) {
      out.copyWithin((i * FRUSTUM_POINTS + k) * 3, i * FRUSTUM_POINTS * 3, i * FRUSTUM_POINTS * 3 + 3);
    }
  }
  return out;
}

interface CamerasProps {
  frames: FrameColumns;
  metrics: FrameMetrics | null;
  bounds: Bounds;
}

export function Cameras({ frames, metrics, bounds }: CamerasProps) {
  const depth = useMemo(() => frustumDepth(frames, bounds), [frames, bounds]);
  const drawn = useMemo(() => drawnFrames(frames.ids.length), [frames]);
  const positions = useMemo(() => {
    const out = new Float32Array(drawn.length * FRUSTUM_POINTS * 3);
    for (const [i, frame] of drawn.entries()) {
      writeFrustum(frameCamera(frames, frame), depth, out, i * FRUSTUM_POINTS * 3);
    }
    return out;
  }, [frames, drawn, depth]);
  const colors = useMemo(() => cameraColors(frames, drawn, metrics), [frames, drawn, metrics]);
  const geometry = useGeometry(positions, colors);
  return (
    <>
      <lineSegments geometry={geometry} frustumCulled={false}>
        <lineBasicMaterial vertexColors transparent opacity={0.75} />
      </lineSegments>
      <CurrentCamera frames={frames} depth={depth} />
    </>
  );
}

function CurrentCamera({ frames, depth }: { frames: FrameColumns; depth: number }) {
  const frame = useSelection((state) => state.frame);
  const positions = useMemo(() => {
    const out = new Float32Array(FRUSTUM_POINTS * 3);
    // Slightly larger than the others, so that it is not hidden in its own lines.
    if (frame < frames.ids.length) writeFrustum(frameCamera(frames, frame), depth * 1.15, out, 0);
    return out;
  }, [frames, frame, depth]);
  const geometry = useGeometry(positions);
  return (
    <lineSegments geometry={geometry} frustumCulled={false} renderOrder={2}>
      <lineBasicMaterial color="#ffffff" depthTest={false} transparent />
    </lineSegments>
  );
}

const LINEAR = Float32Array.from({ length: 256 }, (_, value) => {
  const s = value / 255;
  return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
});

/** Float32 [M, 3], then uint8 [M, 3]: the sparse points file. */
function parsePoints(file: ArrayBuffer): { positions: Float32Array; colors: Float32Array } {
  const count = Math.floor(file.byteLength / 15);
  const bytes = new Uint8Array(file, count * 12, count * 3);
  return {
    positions: new Float32Array(file, 0, count * 3),
    colors: Float32Array.from(bytes, (value) => LINEAR[value] ?? 0),
  };
}

export function SparsePoints({ captureId }: { captureId: number }) {
  const studio = useStudio();
  const [points, setPoints] = useState<ReturnType<typeof parsePoints> | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    setPoints(null);
    void studio.attempt(async () => {
      const response = await studio.transport.fetch(routes.points(captureId), { signal: abort.signal });
      const file = await response.arrayBuffer();
      if (!abort.signal.aborted) setPoints(parsePoints(file));
    });
    return () => abort.abort();
  }, [studio, captureId]);
  return points === null ? null : <PointCloud {...points} size={2} />;
}

/** @param size in CSS pixels: three.js multiplies by the pixel ratio */
function PointCloud({ positions, colors, size }: { positions: Float32Array; colors: Float32Array; size: number }) {
  const geometry = useGeometry(positions, colors);
  return (
    <points geometry={geometry} frustumCulled={false}>
      <pointsMaterial vertexColors size={size} sizeAttenuation={false} />
    </points>
  );
}

/** Centroids of the objects, the selected ones larger. */
export function ObjectCentroids({ objects }: { objects: readonly ObjectView[] }) {
  const selected = useSelection((state) => state.objects);
  const hovered = useSelection((state) => state.hoveredObject);
  const shown = objects.filter(({ centroid, hidden }) => centroid !== null && !hidden);
  const marked = new Set(hovered === null ? selected : [...selected, hovered]);
  return (
    <>
      <Dots objects={shown.filter(({ id }) => !marked.has(id))} size={7} />
      <Dots objects={shown.filter(({ id }) => marked.has(id))} size={13} />
    </>
  );
}

function Dots({ objects, size }: { objects: readonly ObjectView[]; size: number }) {
  const key = objects.map(({ id, color, centroid }) => `${id}${color}${centroid?.join()}`).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says all that is drawn
  const arrays = useMemo(() => {
    const positions = new Float32Array(objects.length * 3);
    const colors = new Float32Array(objects.length * 3);
    objects.forEach((object, i) => {
      positions.set(object.centroid ?? [0, 0, 0], 3 * i);
      new Color(object.color).toArray(colors, 3 * i);
    });
    return { positions, colors };
  }, [key]);
  const geometry = useGeometry(arrays.positions, arrays.colors);
  return (
    <points geometry={geometry} frustumCulled={false} renderOrder={3}>
      <pointsMaterial vertexColors size={size} sizeAttenuation={false} depthTest={false} transparent />
    </points>
  );
}
