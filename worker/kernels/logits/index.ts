export { softmaxWgsl } from './kernel.wgsl.ts';
export {
  type CrossEntropyArgs,
  crossEntropyLogits,
  type SegmentSumsArgs,
  type SoftmaxArgs,
  segmentSums,
  softmaxLogits,
} from './logits.ts';
export { crossEntropyReference, softmaxRows } from './reference.ts';
