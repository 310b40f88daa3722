/** What the programs of a training step's end share: Adam on one element, which Gaussians a view saw, position noise. */

export const ADAM_PARAMETERS = {
  ...({ keep1: 'f32', take1: 'f32', keep2: 'f32', take2: 'f32', epsilon: 'f32', selective: 'u32' } as const),
} as const;

/** One step on element `i` of bindings that end in `suffix`; rate and epsilon carry the bias corrections. */
export const adamWgsl = (suffix: string, value = `value${suffix}`) => `
fn adam${suffix}(i: u32, gradient: f32, rate: f32) {
  let m = params.keep1 * first${suffix}[i] + params.take1 * gradient;
  let v = params.keep2 * second${suffix}[i] + params.take2 * gradient * gradient;
  first${suffix}[i] = m;
  second${suffix}[i] = v;
  ${value}[i] -= rate * m / (sqrt(v) + params.epsilon);
}
`;

/** Gaussians without a slot in this view. `slotStart` begins with the range. */
export const SEEN_WGSL = `
fn isSeen(g: u32) -> bool { return slotStart[g + 1u] > slotStart[g]; }
`;

export const NOISE_PARAMETERS = { noiseScale: 'f32', key0: 'i32', key1: 'i32' } as const;

/** How far a Gaussian's mean wanders in this step; needs SHAPE_WGSL, LANES_WGSL and the binding logitOpacities. */
export const NOISE_WGSL = `
fn mix32(word: u32) -> u32 {
  var x = word ^ (word >> 16u);
  x *= 0x21f0aaadu;
  x ^= x >> 15u;
  x *= 0x735a2d97u;
  return x ^ (x >> 15u);
}
// Irwin-Hall sum of four 16-bit uniforms of a counter hash: mean 0, variance 1.
fn deviate(gaussian: u32, axis: u32) -> f32 {
  let first = mix32(gaussian * 3u + axis + bitcast<u32>(params.key0));
  let second = mix32(first ^ bitcast<u32>(params.key1));
  let sum = (first & 0xffffu) + (first >> 16u) + (second & 0xffffu) + (second >> 16u);
  return (f32(sum + sum) - 262140.0) * (1.7320508075688772 / 131072.0);
}
/** @param id the Gaussian's number among all */
fn noiseOf(g: u32, id: u32) -> vec3f {
  if (!(params.noiseScale > 0.0)) { return vec3f(0.0); }
  // 3DGS-MCMC: only what is nearly transparent wanders, sigmoid(-100 (opacity - 0.005)).
  let opacity = 1.0 / (1.0 + exp(-logitOpacities[laneIndex(g, 0u, 1u)]));
  let factor = 1.0 / (1.0 + exp(100.0 * (opacity - 0.005)));
  if (!(factor > 1e-6)) { return vec3f(0.0); }
  let raw = rawQuaternion(g);
  let rotation = rotationOf(raw / sqrt(dot(raw, raw)));
  let scales = scalesOf(g);
  let n = vec3f(deviate(id, 0u), deviate(id, 1u), deviate(id, 2u));
  let moved = params.noiseScale * factor * (rotation * (scales * scales * (n * rotation)));
  // A shape without a number must not reach the position.
  return vec3f(
    select(0.0, moved.x, isFinite(moved.x)), select(0.0, moved.y, isFinite(moved.y)), select(0.0, moved.z, isFinite(moved.z)),
  );
}
`;
