import { type DeviceBuffer, GrowingBuffers, type WasmBackend } from '../../compute/index.ts';
import { cameraCentre, jacobianBounds, nearPlane, type PinholeView } from './view.ts';

/** Float32 of a view as kernels read it (the VIEW_ offsets of view.as.ts). */
const VIEW_FLOATS = 32;
/** Scratch of one thread for one block of four Gaussians (SCRATCH_BYTES of view.as.ts). */
const SCRATCH_BYTES = 2048;

interface Workspace {
  readonly buffers: GrowingBuffers;
  /** Which of the two views was written last. */
  last: 0 | 1;
}

const workspaces = new WeakMap<WasmBackend, Workspace>();
const VIEWS = ['view', 'other view'] as const;

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
 * Uploads `view` and returns its address and that of every thread's scratch, valid for the dispatch that follows. Two small
 * buffers per backend take turns: the dispatch before may still be running and reads the other one.
 */
export function viewWorkspace(backend: WasmBackend, view: PinholeView): { view: number; scratch: number } {
  let workspace = workspaces.get(backend);
  if (workspace === undefined) {
    workspace = { buffers: new GrowingBuffers(backend, 'splat kernels'), last: 1 };
    workspaces.set(backend, workspace);
  }
  workspace.last = workspace.last === 0 ? 1 : 0;
  const scratch = workspace.buffers.ensure('scratch', backend.threads * SCRATCH_BYTES);
  const camera: DeviceBuffer = workspace.buffers.ensure(VIEWS[workspace.last], VIEW_FLOATS * 4);
  backend.writeAside(camera, packView(view));
  return { view: backend.address(camera), scratch: backend.address(scratch) };
}
