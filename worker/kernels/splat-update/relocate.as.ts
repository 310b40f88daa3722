// Relocation of Gaussians in place, for 3DGS-MCMC.

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
 * For every k in order: Gaussian targets[k] becomes a copy of sources[k], both get the new opacity and scales, and the
 * moments of both are cleared. One thread: a source may occur more than once.
 */
export function copyGaussians(
  thread: i32, threads: i32,
  means: usize, quaternions: usize, logScales: usize, logitOpacities: usize, sh: usize,
  means1: usize, quaternions1: usize, logScales1: usize, logitOpacities1: usize, sh1: usize,
  means2: usize, quaternions2: usize, logScales2: usize, logitOpacities2: usize, sh2: usize,
  shFloats: i32, sources: usize, targets: usize, count: i32, newLogitOpacities: usize, newLogScales: usize,
): void {
  if (thread != 0) return;
  for (let k: usize = 0; k < <usize>count; k++) {
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
