import type { DeviceBuffer, Kernel } from '../../compute/index.ts';
import { type GaussianBuffers, parameterAddresses } from '../projection/index.ts';
import { type PinholeView, viewWorkspace } from '../shared/index.ts';
import { type ShDegree, shCoefficientCount } from '../spherical-harmonics/index.ts';
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
  /** [N, 16] records that `project` wrote for these parameters and this view. */
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
    const shRestStep = args.shRestStep ?? step;
    if (!(step >= 1)) throw new RangeError(`the steps of Adam count from 1, got ${step}`);
    if (!(shRestStep >= 0)) throw new RangeError(`shRestStep counts from 1, or is 0 to skip; got ${shRestStep}`);
    if (args.count === 0) return;
    const { view, scratch } = viewWorkspace(backend, args.view);
    const main = biasCorrection(args, step);
    const rest = biasCorrection(args, Math.max(1, shRestStep));
    backend.dispatch(
      'splat-update.update',
      ...[args.parameters, args.firstMoments, args.secondMoments].flatMap((group) =>
        parameterAddresses(backend, group),
      ),
      ...[shCoefficientCount(args.shDegree), args.activeShDegree, args.count, view, scratch],
      ...[args.projected, args.slotStart, args.slots].map((buffer) => backend.address(buffer)),
      ...[rates.means, rates.quaternions, rates.logScales, rates.logitOpacities, rates.shDc].map(
        (rate) => rate * main.rate,
      ),
      rates.shRest * rest.rate,
      ...[args.beta1, args.beta2, args.epsilon * main.root, args.epsilon * rest.root, shRestStep > 0 ? 1 : 0],
      ...[args.opacityRegularisation / args.count, args.scaleRegularisation / (3 * args.count), args.noiseScale],
      ...noiseKeys(args.seed, args.iteration),
      args.selective ? 1 : 0,
    );
  },
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
  updatesShRest: boolean,
): { flops: number; bytes: number } {
  const coefficients = shCoefficientCount(activeShDegree);
  const rest = 3 * (coefficients - 1);
  const stepped = 14 + (updatesShRest ? rest : 0);
  const onlyRead = updatesShRest ? 0 : rest;
  return {
    flops: updated * (620 + 14 * coefficients + 10 * stepped) + slotCount * 12,
    bytes: updated * (24 * stepped + 4 * onlyRead + 64 + 4) + slotCount * 48,
  };
}

export interface CopyGaussiansArgs {
  readonly parameters: GaussianBuffers;
  readonly firstMoments: GaussianBuffers;
  readonly secondMoments: GaussianBuffers;
  readonly shDegree: ShDegree;
  /** K: how many are copied. */
  readonly copies: number;
  /** [K] uint32 each; a source may occur several times, a target is no source. */
  readonly sources: DeviceBuffer;
  readonly targets: DeviceBuffer;
  /** [K] and [K, 3] float32: what both ends of a copy get. */
  readonly newLogitOpacities: DeviceBuffer;
  readonly newLogScales: DeviceBuffer;
}

/**
 * Relocation of 3DGS-MCMC: each target becomes a copy of its source, both get the new opacity and scales, and the
 * moments of both are cleared. In order, so that of several copies of one source the last values stay.
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
};
