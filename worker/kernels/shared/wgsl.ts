/** What the WGSL kernels of splats share, generated from the TypeScript definitions of layout.ts and view.ts. */
import type { BufferSlice, DeviceBuffer, WebgpuBackend } from '../../compute/index.ts';
import { GrowingBuffers, wgslFloat } from '../../compute/index.ts';
import * as layout from './layout.ts';
import { cameraCentre, jacobianBounds, nearPlane, type PinholeView } from './view.ts';

const fields = (prefix: string, table: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(table).map(([name, index]) => [`${prefix}_${name}`, index]));

/** Field offsets in floats (PROJECTED_x, SCREEN_GRADIENT_red, SLOT_g), sizes of records, and what is drawn. */
export const LAYOUT_CONSTANTS: Readonly<Record<string, number | string>> = {
  ...fields('PROJECTED', layout.PROJECTED),
  ...fields('SCREEN_GRADIENT', layout.SCREEN_GRADIENT),
  ...fields('SLOT', layout.SLOT),
  PROJECTED_FLOATS: layout.PROJECTED_FLOATS,
  SCREEN_GRADIENT_FLOATS: layout.SCREEN_GRADIENT_FLOATS,
  SLOT_FLOATS: layout.SLOT_FLOATS,
  TILE: layout.TILE,
  ALPHA_MIN: wgslFloat(layout.ALPHA_MIN),
  ALPHA_MAX: wgslFloat(layout.ALPHA_MAX),
  STOP_TRANSMITTANCE: wgslFloat(layout.STOP_TRANSMITTANCE),
  LOW_PASS: wgslFloat(layout.LOW_PASS),
  BOX_SIGMAS: wgslFloat(layout.BOX_SIGMAS),
};

const VIEW_PARAMETER_NAMES = [
  ...(['poseXx', 'poseXy', 'poseXz', 'poseXt', 'poseYx', 'poseYy', 'poseYz', 'poseYt'] as const),
  ...(['poseZx', 'poseZy', 'poseZz', 'poseZt', 'fx', 'fy', 'cx', 'cy', 'minX', 'maxX', 'minY', 'maxY'] as const),
  ...(['width', 'height', 'near', 'centreX', 'centreY', 'centreZ'] as const),
] as const;
type ViewParameter = (typeof VIEW_PARAMETER_NAMES)[number];

/** The camera as parameters of a program; {@link viewParameters} fills them. */
export const VIEW_PARAMETERS = Object.fromEntries(VIEW_PARAMETER_NAMES.map((name) => [name, 'f32'])) as Readonly<
  Record<ViewParameter, 'f32'>
>;

export function viewParameters(view: PinholeView): Record<ViewParameter, number> {
  const m = (at: number) => view.cameraFromWorld[at]!;
  const [centreX, centreY, centreZ] = cameraCentre(view);
  return {
    ...{ poseXx: m(0), poseXy: m(1), poseXz: m(2), poseXt: m(3) },
    ...{ poseYx: m(4), poseYy: m(5), poseYz: m(6), poseYt: m(7) },
    ...{ poseZx: m(8), poseZy: m(9), poseZz: m(10), poseZt: m(11) },
    ...{ fx: view.fx, fy: view.fy, cx: view.cx, cy: view.cy },
    ...jacobianBounds(view),
    ...{ width: view.widthPixels, height: view.heightPixels, near: nearPlane(view), centreX, centreY, centreZ },
  };
}

/** Index of component `component` of a Gaussian in lane blocks, and tests that do not rely on comparisons with NaN. */
export const LANES_WGSL = `
fn laneIndex(gaussian: u32, component: u32, components: u32) -> u32 {
  return ((gaussian / ${layout.LANES}u) * components + component) * ${layout.LANES}u + gaussian % ${layout.LANES}u;
}
fn isFinite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
`;

/** Derivatives of the loss by a projected record (see SCREEN_GRADIENT). */
export const SCREEN_GRADIENT_WGSL = `
struct ScreenGradient { colour: vec3f, depth: f32, opacity: f32, mean: vec2f, conic: vec3f }
`;

export interface GaussianRange {
  readonly first: number;
  readonly count: number;
  /** The part of a per-Gaussian buffer, whose rows (or lanes) have `floats` floats, that belongs to this range. */
  slice(buffer: DeviceBuffer, floats: number): BufferSlice;
}

/** Slices begin on 256 bytes whatever a Gaussian takes. */
const RANGE_ALIGNMENT = 256;

/** Gaussians in ranges of which no buffer takes more than the adapter binds at once. @param floats largest row of any buffer */
export function gaussianRanges(backend: WebgpuBackend, count: number, floats: number): GaussianRange[] {
  const most = Math.floor(backend.limits.maxStorageBufferBindingSize / (4 * floats));
  const size = Math.max(RANGE_ALIGNMENT, most - (most % RANGE_ALIGNMENT));
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => {
    const [first, own] = [i * size, Math.min(size, count - i * size)];
    return {
      first,
      count: own,
      slice: (buffer, width) => ({
        buffer,
        offsetBytes: first * width * 4,
        sizeBytes: Math.min(
          Math.ceil(own / layout.LANES) * layout.LANES * width * 4,
          buffer.sizeBytes - first * width * 4,
        ),
      }),
    };
  });
}

const workspaces = new WeakMap<WebgpuBackend, GrowingBuffers>();

/** Working memory of kernels that leave nothing behind: one set per backend, since launches run one after the other. */
export function webgpuWorkspace(backend: WebgpuBackend): GrowingBuffers {
  let buffers = workspaces.get(backend);
  if (buffers === undefined) {
    buffers = new GrowingBuffers(backend, 'kernel workspace');
    workspaces.set(backend, buffers);
  }
  return buffers;
}
