// Gradient slots of every (tile, Gaussian) to one gradient record per Gaussian, summed in slot order: the same bits on
// any number of threads, and no atomics.

import { splat } from "../shared/math.as";
import { PROJECTED_BYTES, SCREEN_GRADIENT_BYTES, SLOT_BYTES } from "../shared/layout.as";

/** slots [M, 12], featureSlots [M, D] to screen gradients [N, 12] (see SCREEN_GRADIENT) and feature gradients [N, D]. */
export function reduceSlots(
  thread: i32, threads: i32,
  projected: usize, count: i32, slotStart: usize, slots: usize, featureSlots: usize, dimension: i32,
  gradients: usize, featureGradients: usize,
): void {
  const end = <i32>((<i64>count * <i64>(thread + 1)) / <i64>threads);
  for (let g = <i32>((<i64>count * <i64>thread) / <i64>threads); g < end; g++) {
    const first = load<u32>(slotStart + (<usize>g << 2));
    const last = load<u32>(slotStart + (<usize>g << 2), 4);
    let colour = splat(0.0);
    let moments = splat(0.0);
    let more = splat(0.0);
    const features = featureGradients + ((<usize>g * <usize>dimension) << 2);
    memory.fill(features, 0, <usize>dimension << 2);
    for (let slot = first; slot < last; slot++) {
      const address = slots + <usize>slot * SLOT_BYTES;
      colour = f32x4.add(colour, v128.load(address));
      moments = f32x4.add(moments, v128.load(address, 16));
      more = f32x4.add(more, v128.load(address, 32));
      const source = featureSlots + ((<usize>slot * <usize>dimension) << 2);
      for (let d: usize = 0; d < <usize>dimension; d++) {
        const target = features + (d << 2);
        store<f32>(target, load<f32>(target) + load<f32>(source + (d << 2)));
      }
    }
    const gradient = gradients + <usize>g * SCREEN_GRADIENT_BYTES;
    memory.fill(gradient, 0, SCREEN_GRADIENT_BYTES);
    if (first == last) continue;
    const p = projected + <usize>g * PROJECTED_BYTES;
    const a = load<f32>(p, 8);
    const b = load<f32>(p, 12);
    const c = load<f32>(p, 16);
    const gx = f32x4.extract_lane(moments, 1);
    const gy = f32x4.extract_lane(moments, 2);
    v128.store(gradient, colour);
    store<f32>(gradient, -f32x4.extract_lane(moments, 0) / load<f32>(p, 20), 16);
    store<f32>(gradient, -(a * gx + b * gy), 20);
    store<f32>(gradient, -(b * gx + c * gy), 24);
    store<f32>(gradient, f32x4.extract_lane(moments, 3) * 0.5, 28);
    store<f32>(gradient, f32x4.extract_lane(more, 0), 32);
    store<f32>(gradient, f32x4.extract_lane(more, 1) * 0.5, 36);
  }
}
