import type { WasmBackend } from '../../compute/index.ts';
import type { TileLists } from '../binning/index.ts';
import type { BlendState } from './blending.ts';

/** Operations and least traffic of a launch; multiply-adds count as two flops. */
export interface KernelCost {
  readonly flops: number;
  readonly bytes: number;
}

/** Per pixel of a block that is blended, counted in kernel.as.ts: exponent 9, exponential 14, alpha and transmittance 5, colour 6. */
const FORWARD_FLOPS = 34;
/** Reciprocal 2, weight 2, q 5, behind 2, dL/dalpha 4, moments and colour 21. */
const BACKWARD_FLOPS = 36;
/** Exponent and exponential, where they are evaluated again. */
const EXPONENTIAL_FLOPS = 23;
const RECORD_BYTES = 64;
const INSTANCE_BYTES = 8 + 8;
const SLOT_BYTES = 48;
const BLOCK_BYTES = 32;

/** Blocks of eight pixels that the last recording pass blended. */
export function blendedBlocks(backend: WasmBackend, lists: TileLists, state: BlendState): number {
  const words = backend.integers(state.ensure('blended', 0)).subarray(0, 2 * lists.instanceCount);
  let blocks = 0;
  for (let i = 0; i < words.length; i += 2) for (let mask = words[i]!; mask !== 0; mask &= mask - 1) blocks++;
  return blocks;
}

/** Of a forward pass that records: every record, list entry and alpha moved once, the image written once. */
export function blendForwardCost(visible: number, instances: number, blocks: number, pixels: number): KernelCost {
  return {
    flops: blocks * 8 * FORWARD_FLOPS,
    bytes: visible * RECORD_BYTES + instances * INSTANCE_BYTES + blocks * BLOCK_BYTES + pixels * 16,
  };
}

export function blendBackwardCost(visible: number, instances: number, blocks: number, pixels: number): KernelCost {
  return {
    flops: blocks * 8 * BACKWARD_FLOPS,
    bytes: visible * RECORD_BYTES + instances * (INSTANCE_BYTES + SLOT_BYTES) + blocks * BLOCK_BYTES + pixels * 16,
  };
}

/** On a device that evaluates every alpha again in the backward pass instead of streaming it. */
export function deviceBlendCosts(counts: {
  readonly visible: number;
  readonly instances: number;
  /** (Gaussian, pixel) pairs. */
  readonly blended: number;
  readonly pixels: number;
}): { readonly forward: KernelCost; readonly backward: KernelCost } {
  const { visible, instances, blended, pixels } = counts;
  // A pixel keeps its last Gaussian and its transmittance.
  const bytes = visible * RECORD_BYTES + instances * 8;
  return {
    forward: { flops: blended * FORWARD_FLOPS, bytes: bytes + pixels * (12 + 8) },
    backward: {
      flops: blended * (BACKWARD_FLOPS + EXPONENTIAL_FLOPS),
      bytes: bytes + instances * SLOT_BYTES + pixels * (12 + 8),
    },
  };
}
