// Relocation of Gaussians in place, for 3DGS-MCMC, and their order in memory.

import { rangeStart } from "../shared/shares.as";

/** Address of component 0 of a Gaussian in lane blocks of `floats` components; components are 16 bytes apart. */
// @ts-ignore: decorator
@inline
function laneAddress(base: usize, gaussian: u32, floats: usize): usize {
  return base + <usize>(gaussian >> 2) * (floats << 4) + (<usize>(gaussian & 3) << 2);
}

function relocateParameter(
  parameter: usize, first: usize, second: usize, floats: usize, source: u32, target: u32, values: usize,
): void {
  const from = laneAddress(0, source, floats);
  const to = laneAddress(0, target, floats);
  for (let k: usize = 0; k < floats; k++) {
    const at = k << 4;
    if (values != 0) store<f32>(parameter + from + at, load<f32>(values + (k << 2)));
    store<f32>(parameter + to + at, load<f32>(parameter + from + at));
    store<f32>(first + from + at, 0.0);
    store<f32>(first + to + at, 0.0);
    store<f32>(second + from + at, 0.0);
    store<f32>(second + to + at, 0.0);
  }
}

/**
 * For every k: Gaussian targets[k] becomes a copy of sources[k], both get the new opacity and scales, and the moments of
 * both are cleared. A source may occur more than once, always with the same values: whoever writes it last writes the same.
 */
export function copyGaussians(
  thread: i32, threads: i32,
  means: usize, quaternions: usize, logScales: usize, logitOpacities: usize, sh: usize,
  means1: usize, quaternions1: usize, logScales1: usize, logitOpacities1: usize, sh1: usize,
  means2: usize, quaternions2: usize, logScales2: usize, logitOpacities2: usize, sh2: usize,
  shFloats: i32, sources: usize, targets: usize, count: i32, newLogitOpacities: usize, newLogScales: usize,
): void {
  const end = <usize>rangeStart(thread + 1, threads, count);
  for (let k = <usize>rangeStart(thread, threads, count); k < end; k++) {
    const source = load<u32>(sources + (k << 2));
    const target = load<u32>(targets + (k << 2));
    relocateParameter(means, means1, means2, 3, source, target, 0);
    relocateParameter(quaternions, quaternions1, quaternions2, 4, source, target, 0);
    relocateParameter(logScales, logScales1, logScales2, 3, source, target, newLogScales + k * 12);
    relocateParameter(
      logitOpacities, logitOpacities1, logitOpacities2, 1, source, target, newLogitOpacities + (k << 2),
    );
    relocateParameter(sh, sh1, sh2, <usize>shFloats, source, target, 0);
  }
}

/**
 * `components` floats from `first` on of every Gaussian, in the new order: target[i] = source[order[i]]. `source` has
 * `stride` floats per Gaussian, `target` is compact. Lanes beyond `count` of the last block keep theirs.
 */
export function gatherLanes(
  thread: i32, threads: i32,
  source: usize, stride: i32, first: i32, components: i32, order: usize, count: i32, target: usize,
): void {
  const blocks = (count + 3) >> 2;
  const end = rangeStart(thread + 1, threads, blocks);
  const skipped = <usize>first << 4;
  for (let block = rangeStart(thread, threads, blocks); block < end; block++) {
    const base = block << 2;
    const a = laneAddress(source, sourceOf(order, base, count), <usize>stride) + skipped;
    const b = laneAddress(source, sourceOf(order, base + 1, count), <usize>stride) + skipped;
    const c = laneAddress(source, sourceOf(order, base + 2, count), <usize>stride) + skipped;
    const d = laneAddress(source, sourceOf(order, base + 3, count), <usize>stride) + skipped;
    const out = target + ((<usize>block * <usize>components) << 4);
    for (let at: usize = 0; at < <usize>components << 4; at += 16) {
      v128.store(out + at, f32x4(load<f32>(a + at), load<f32>(b + at), load<f32>(c + at), load<f32>(d + at)));
    }
  }
}

// @ts-ignore: decorator
@inline
function sourceOf(order: usize, gaussian: i32, count: i32): u32 {
  return gaussian < count ? load<u32>(order + (<usize>gaussian << 2)) : <u32>gaussian;
}

/** The way back of gatherLanes: a compact array to its place in one of `stride` floats per Gaussian. */
export function putLanes(
  thread: i32, threads: i32,
  source: usize, stride: i32, first: i32, components: i32, count: i32, target: usize,
): void {
  const blocks = (count + 3) >> 2;
  const end = rangeStart(thread + 1, threads, blocks);
  const bytes = <usize>components << 4;
  for (let block = rangeStart(thread, threads, blocks); block < end; block++) {
    const from = source + <usize>block * bytes;
    const to = target + ((<usize>block * <usize>stride + <usize>first) << 4);
    for (let at: usize = 0; at < bytes; at += 16) v128.store(to + at, v128.load(from + at));
  }
}
