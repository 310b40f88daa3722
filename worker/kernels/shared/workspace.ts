import { type DeviceBuffer, GrowingBuffers, type WasmBackend } from '../../compute/index.ts';
import { cameraCentre, jacobianBounds, nearPlane, type PinholeView } from './view.ts';

/** Float32 of a view as kernels read it (the VIEW_ offsets of view.as.ts). */
const VIEW_FLOATS = 32;
/** Per thread behind the view, a cache line for the count of shares that it has taken (VIEW_COUNTERS of view.as.ts). */
const COUNTER_BYTES = 64;
/** Scratch of one thread for one block of four Gaussians (SCRATCH_BYTES of view.as.ts). */
const SCRATCH_BYTES = 2048;

const workspaces = new WeakMap<WasmBackend, GrowingBuffers>();

/** The camera in the form kernels read: 32 float32, see view.as.ts. */
export function packView(view: PinholeView): Float32Array {
  const m = view.cameraFromWorld;
  const bounds = jacobianBounds(view);
  const packed = new Float32Array(VIEW_FLOATS);
  for (let i = 0; i < 12; i++) packed[i] = m[i];
  packed.set([view.fx, view.fy, view.cx, view.cy], 12);
  packed.set([bounds.minX, bounds.maxX, bounds.minY, bounds.maxY], 16);
  packed.set([view.widthPixels, view.heightPixels, nearPlane(view)], 20);
  packed.set(cameraCentre(view), 23);
  return packed;
}

/**
 * Uploads `view` and returns its address and that of every thread's scratch. One small buffer per backend, valid for
 * the dispatch that follows: dispatches of a backend never overlap.
 */
export function viewWorkspace(backend: WasmBackend, view: PinholeView): { view: number; scratch: number } {
  let buffers = workspaces.get(backend);
  if (buffers === undefined) {
    buffers = new GrowingBuffers(backend, 'splat kernels');
    workspaces.set(backend, buffers);
  }
  const scratch = buffers.ensure('scratch', backend.threads * SCRATCH_BYTES);
  const camera: DeviceBuffer = buffers.ensure('view', VIEW_FLOATS * 4 + backend.threads * COUNTER_BYTES);
  backend.write(camera, packView(view));
  backend.integers(camera).fill(0, VIEW_FLOATS);
  return { view: backend.address(camera), scratch: backend.address(scratch) };
}
