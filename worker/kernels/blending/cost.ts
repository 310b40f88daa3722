import type { WasmBackend } from '../../compute/index.ts';
import type { TileLists } from '../binning/index.ts';
import type { BlendState } from './blending.ts';

/** Operations and least traffic of a launch; multiply-adds count as two flops. */
export interface KernelCost {
  readonly flops: number;
  readonly bytes: number;
}

/** Per pixel of a strip that is visited, counted in kernel.as.ts: exponent 9, exponential 14, alpha and transmittance 5, colour 6. */
const FORWARD_FLOPS = 34;
/** Reciprocal 2, weight 2, q 5, behind 2, dL/dalpha 4, moments and colour 21. */
const BACKWARD_FLOPS = 36;
const RECORD_BYTES = 64;
const INSTANCE_BYTES = 8 + 8 + 4;
const SLOT_BYTES = 48;
const STRIP_BYTES = 16;

/** Strips that the last recording pass blended. */
export function blendedStrips(backend: WasmBackend, lists: TileLists, state: BlendState): number {
  const words = backend.integers(state.ensure('masks', 0)).subarray(0, 2 * lists.instanceCount);
  let strips = 0;
  for (let word of words) for (; word !== 0; word &= word - 1) strips++;
  return strips;
}

/** Of a forward pass that records: every record, list entry and alpha moved once, the image written once. */
export function blendForwardCost(visible: number, instances: number, strips: number, pixels: number): KernelCost {
  return {
    flops: strips * 4 * FORWARD_FLOPS,
    bytes: visible * RECORD_BYTES + instances * INSTANCE_BYTES + strips * STRIP_BYTES + pixels * 16,
  };
}

export function blendBackwardCost(visible: number, instances: number, strips: number, pixels: number): KernelCost {
  return {
    flops: strips * 4 * BACKWARD_FLOPS,
    bytes: visible * RECORD_BYTES + instances * (INSTANCE_BYTES + SLOT_BYTES) + strips * STRIP_BYTES + pixels * 16,
  };
}
