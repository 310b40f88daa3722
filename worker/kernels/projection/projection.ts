import type { Backend, DeviceBuffer, Kernel, WasmBackend } from '../../compute/index.ts';
import { laneBlocks, laneBytes, PADDING, type PinholeView, packLanes, viewWorkspace } from '../shared/index.ts';
import { type ShDegree, shCoefficientCount } from '../spherical-harmonics/index.ts';
import { projectBackwardOnWebgpu, projectOnWebgpu } from './kernel.wgsl.ts';
import type { GaussianParameters } from './reference.ts';

/** One buffer per parameter of N Gaussians, each in lane blocks [ceil(N / 4)][K][4] float32. */
export type GaussianBuffers = Readonly<
  Record<'means' | 'quaternions' | 'logScales' | 'logitOpacities' | 'sh', DeviceBuffer>
>;

/** Floats per Gaussian of each parameter. */
export function parameterFloats(shDegree: ShDegree) {
  return { means: 3, quaternions: 4, logScales: 3, logitOpacities: 1, sh: 3 * shCoefficientCount(shDegree) } as const;
}

/** Buffers for N Gaussians, contents undefined. */
export function createGaussianBuffers(
  backend: Pick<Backend, 'createBuffer'>,
  label: string,
  count: number,
  shDegree: ShDegree,
): GaussianBuffers {
  const floats = parameterFloats(shDegree);
  const create = (name: keyof GaussianBuffers) =>
    backend.createBuffer(`${label}: ${name}`, laneBytes(count, floats[name]));
  return {
    means: create('means'),
    quaternions: create('quaternions'),
    logScales: create('logScales'),
    logitOpacities: create('logitOpacities'),
    sh: create('sh'),
  };
}

/** Rows to lane blocks, with padding lanes that are culled. */
export function packGaussians(parameters: GaussianParameters): Readonly<Record<keyof GaussianBuffers, Float32Array>> {
  const count = parameters.logitOpacities.length;
  const floats = parameterFloats(parameters.shDegree);
  const pack = (name: keyof GaussianBuffers) => packLanes(parameters[name], count, floats[name], PADDING[name]);
  return {
    means: pack('means'),
    quaternions: pack('quaternions'),
    logScales: pack('logScales'),
    logitOpacities: pack('logitOpacities'),
    sh: pack('sh'),
  };
}

export interface ProjectArgs {
  readonly parameters: GaussianBuffers;
  readonly count: number;
  /** Degree of the stored coefficients. */
  readonly shDegree: ShDegree;
  /** Degree that colours use, at most the stored one. */
  readonly activeShDegree: ShDegree;
  readonly view: PinholeView;
  /** [N, 16] projected records: out of `project`, in for `projectBackward`. */
  readonly projected: DeviceBuffer;
}

/** Projects Gaussians to screen records with their colours (see PROJECTED). */
export const project: Kernel<ProjectArgs> = {
  name: 'project',
  wasm(backend, args) {
    backend.dispatch('projection.forward', ...sharedArguments(backend, args), backend.address(args.projected));
  },
  webgpu: projectOnWebgpu,
};

export interface ProjectBackwardArgs extends ProjectArgs {
  /** [N, 12] gradients of the records (see SCREEN_GRADIENT). */
  readonly upstream: DeviceBuffer;
  /** Out, in the lane blocks of the parameters; overwritten. */
  readonly gradients: GaussianBuffers;
}

/** Backward of {@link project}, with the records it wrote for the same parameters and view. */
export const projectBackward: Kernel<ProjectBackwardArgs> = {
  name: 'projectBackward',
  wasm(backend, args) {
    const shared = sharedArguments(backend, args);
    const outputs = parameterAddresses(backend, args.gradients);
    const inputs = [backend.address(args.projected), backend.address(args.upstream)];
    backend.dispatch('projection.backward', ...shared, ...inputs, ...outputs);
  },
  webgpu: projectBackwardOnWebgpu,
};

/**
 * Floating-point operations and bytes moved, for comparison with the machine's peak: operations of the code counted by
 * hand, each parameter and record touched once.
 */
export function projectCost(count: number, activeShDegree: ShDegree): { flops: number; bytes: number } {
  const coefficients = shCoefficientCount(activeShDegree);
  const lanes = 4 * laneBlocks(count);
  return { flops: lanes * (330 + 7 * coefficients), bytes: count * (4 * (11 + 3 * coefficients) + 64) };
}

export function projectBackwardCost(count: number, activeShDegree: ShDegree): { flops: number; bytes: number } {
  const coefficients = shCoefficientCount(activeShDegree);
  const lanes = 4 * laneBlocks(count);
  return { flops: lanes * (560 + 16 * coefficients), bytes: count * (8 * (11 + 3 * coefficients) + 64 + 48) };
}

/** Addresses of the parameters in the order kernels take them. */
export function parameterAddresses(backend: WasmBackend, buffers: GaussianBuffers): number[] {
  const { means, quaternions, logScales, logitOpacities, sh } = buffers;
  return [
    ...[backend.address(means), backend.address(quaternions), backend.address(logScales)],
    ...[backend.address(logitOpacities), backend.address(sh)],
  ];
}

function sharedArguments(backend: WasmBackend, args: ProjectArgs): number[] {
  if (args.activeShDegree > args.shDegree) {
    throw new RangeError(`active SH degree ${args.activeShDegree} is above the stored ${args.shDegree}`);
  }
  // The workspace may allocate: settle it before any address is taken.
  const { view, scratch } = viewWorkspace(backend, args.view);
  return [
    ...parameterAddresses(backend, args.parameters),
    ...[shCoefficientCount(args.shDegree), args.activeShDegree, args.count, view, backend.counters, scratch],
  ];
}
