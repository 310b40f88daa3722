import type { DeviceBuffer, Kernel } from '../../compute/index.ts';
import { type GaussianBuffers, parameterAddresses } from '../projection/index.ts';
import { type PinholeView, viewWorkspace } from '../shared/index.ts';
import { type ShDegree, shCoefficientCount } from '../spherical-harmonics/index.ts';
import { copyGaussiansOnWebgpu, permuteLanesOnWebgpu, splatUpdateOnWebgpu } from './kernel.wgsl.ts';
import { noiseKeys, type UpdateSettings } from './reference.ts';

export interface SplatUpdateArgs extends UpdateSettings {
  /** In lane blocks; updated in place. */
  readonly parameters: GaussianBuffers;
  readonly firstMoments: GaussianBuffers;
  readonly secondMoments: GaussianBuffers;
  readonly count: number;
  /** Degree of the stored coefficients, and the degree that colours use: only its coefficients are read and updated. */
  readonly shDegree: ShDegree;
  readonly activeShDegree: ShDegree;
  readonly view: PinholeView;
  /** [N, 16] records that `project` wrote for these parameters and this view; their contents may be lost. */
  readonly projected: DeviceBuffer;
  /** [N + 1] uint32: slots of Gaussian g are slotStart[g] … slotStart[g + 1] - 1. */
  readonly slotStart: DeviceBuffer;
  /** [M, 12] gradient slots (see SLOT). */
  readonly slots: DeviceBuffer;
}

/**
 * The end of a training step: sums the gradient slots, takes them back through projection and spherical harmonics, adds
 * the regularisers, takes one step of Adam on every parameter and adds position noise, in one pass over memory.
 */
export const splatUpdate: Kernel<SplatUpdateArgs> = {
  name: 'splatUpdate',
  wasm(backend, args) {
    if (args.activeShDegree > args.shDegree) {
      throw new RangeError(`active SH degree ${args.activeShDegree} is above the stored ${args.shDegree}`);
    }
    const { rates, step } = args;
    if (!(step >= 1)) throw new RangeError(`the steps of Adam count from 1, got ${step}`);
    if (args.count === 0) return;
    const { view, scratch } = viewWorkspace(backend, args.view);
    const correction = biasCorrection(args, step);
    backend.dispatch(
      'splat-update.update',
      ...parameterAddresses(backend, args.parameters),
      ...parameterAddresses(backend, args.firstMoments),
      ...parameterAddresses(backend, args.secondMoments),
      ...[shCoefficientCount(args.shDegree), args.activeShDegree, args.count, view, backend.counters, scratch],
      ...[backend.address(args.projected), backend.address(args.slotStart), backend.address(args.slots)],
      ...[rates.means * correction.rate, rates.quaternions * correction.rate, rates.logScales * correction.rate],
      ...[rates.logitOpacities * correction.rate, rates.shDc * correction.rate, rates.shRest * correction.rate],
      ...[args.beta1, args.beta2, args.epsilon * correction.root],
      ...[args.opacityRegularisation / args.count, args.scaleRegularisation / (3 * args.count), args.noiseScale],
      ...noiseKeys(args.seed, args.iteration),
      args.selective ? 1 : 0,
    );
  },
  webgpu: splatUpdateOnWebgpu,
};

/** Adam's corrections, folded into rate and epsilon so that the kernel divides once. */
function biasCorrection({ beta1, beta2 }: UpdateSettings, step: number): { rate: number; root: number } {
  const root = Math.sqrt(1 - beta2 ** step);
  return { rate: root / (1 - beta1 ** step), root };
}

/**
 * Floating-point operations and bytes for `updated` Gaussians with `slotCount` slots: every active parameter and its
 * moments read and written once, slots and records read once; operations counted by hand.
 */
export function splatUpdateCost(
  updated: number,
  slotCount: number,
  activeShDegree: ShDegree,
): { flops: number; bytes: number } {
  const coefficients = shCoefficientCount(activeShDegree);
  const stepped = 11 + 3 * coefficients;
  return {
    flops: updated * (620 + 14 * coefficients + 10 * stepped) + slotCount * 12,
    bytes: updated * (24 * stepped + 64 + 4) + slotCount * 48,
  };
}

export interface CopyGaussiansArgs {
  readonly parameters: GaussianBuffers;
  readonly firstMoments: GaussianBuffers;
  readonly secondMoments: GaussianBuffers;
  readonly shDegree: ShDegree;
  /** K: how many are copied. */
  readonly copies: number;
  /** [K] uint32 each; a source may occur several times, with the same new values; targets are different, and no sources. */
  readonly sources: DeviceBuffer;
  readonly targets: DeviceBuffer;
  /** [K] and [K, 3] float32: what both ends of a copy get. */
  readonly newLogitOpacities: DeviceBuffer;
  readonly newLogScales: DeviceBuffer;
}

/**
 * Relocation of 3DGS-MCMC: each target becomes a copy of its source, both get the new opacity and scales, and the
 * moments of both are cleared.
 */
export const copyGaussians: Kernel<CopyGaussiansArgs> = {
  name: 'copyGaussians',
  wasm(backend, args) {
    backend.dispatch(
      'splat-update.copyGaussians',
      ...[args.parameters, args.firstMoments, args.secondMoments].flatMap((group) =>
        parameterAddresses(backend, group),
      ),
      3 * shCoefficientCount(args.shDegree),
      ...[backend.address(args.sources), backend.address(args.targets), args.copies],
      ...[backend.address(args.newLogitOpacities), backend.address(args.newLogScales)],
    );
  },
  webgpu: copyGaussiansOnWebgpu,
};

export interface PermuteLanesArgs {
  /** [ceil(N/4)][stride][4] float32 in lane blocks, permuted in place. */
  readonly array: DeviceBuffer;
  /** Floats per Gaussian. */
  readonly stride: number;
  readonly count: number;
  /** [N] uint32, a permutation: the Gaussian that comes to place i. */
  readonly order: DeviceBuffer;
  /** At least {@link permuteWorkspaceBytes}. */
  readonly workspace: DeviceBuffer;
}

/** Floats per Gaussian that go through the workspace at once: it stays small beside a large model. */
const PERMUTED_AT_ONCE = 16;

export function permuteWorkspaceBytes(count: number): number {
  return Math.ceil(count / 4) * 16 * PERMUTED_AT_ONCE;
}

/** Puts the Gaussians of one parameter or moment array in another order: new[i] = old[order[i]]. */
export const permuteLanes: Kernel<PermuteLanesArgs> = {
  name: 'permuteLanes',
  wasm(backend, { array, stride, count, order, workspace }) {
    requireWorkspace(workspace, count);
    const [at, orderAt, through] = [array, order, workspace].map((buffer) => backend.address(buffer));
    for (let first = 0; first < stride; first += PERMUTED_AT_ONCE) {
      const components = Math.min(PERMUTED_AT_ONCE, stride - first);
      backend.dispatch('splat-update.gatherLanes', at!, stride, first, components, orderAt!, count, through!);
      backend.dispatch('splat-update.putLanes', through!, stride, first, components, count, at!);
    }
  },
  webgpu(backend, args) {
    requireWorkspace(args.workspace, args.count);
    permuteLanesOnWebgpu(backend, args, PERMUTED_AT_ONCE);
  },
};

function requireWorkspace(workspace: DeviceBuffer, count: number): void {
  if (workspace.sizeBytes < permuteWorkspaceBytes(count)) throw new RangeError('the workspace is too small');
}
