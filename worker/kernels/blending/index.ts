export {
  type BlendArgs,
  type BlendBackwardArgs,
  type BlendChannelsArgs,
  type BlendChannelsBackwardArgs,
  BlendState,
  blendBackward,
  blendChannels,
  blendChannelsBackward,
  blendForward,
  completeView,
  type ReduceSlotsArgs,
  reduceSlots,
} from './blending.ts';
export { blendBackwardCost, blendedBlocks, blendForwardCost, deviceBlendCosts, type KernelCost } from './cost.ts';
export { SLOT_SUMS_WGSL, screenGradientsOnWebgpu } from './kernel.wgsl.ts';
export { type LabelWeights, labelWeights } from './label-weights.ts';
export * as blendingReference from './reference.ts';
export { type BlendingWeights, blendingWeights } from './weights.ts';
