/** A small room for the view's tests: Gaussians on the walls of a box and on a ball inside it. */
import type { PinholeView } from '../../contract/index.ts';
import type { SplatArrays } from '../splats/index.ts';

/** Mulberry32: uniform in [0, 1). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` Gaussians of degree 1 between -2 and 2; a twentieth are too faint to be drawn, a few are very wide. */
export function smallRoom(count: number, seed = 1): SplatArrays {
  const random = uniform(seed);
  const between = (low: number, high: number) => low + (high - low) * random();
  const arrays: SplatArrays = {
    count,
    shDegree: 1,
    means: new Float32Array(3 * count),
    quaternions: Float32Array.from({ length: 4 * count }, () => between(-1, 1)),
    logScales: new Float32Array(3 * count),
    logitOpacities: Float32Array.from({ length: count }, () => (random() < 0.05 ? -7 : between(-2, 4))),
    sh: Float32Array.from({ length: 12 * count }, (_, i) => (i % 12 < 3 ? between(-1.5, 1.5) : between(-0.1, 0.1))),
  };
  const spacing = Math.sqrt(60 / count);
  for (let i = 0; i < count; i++) {
    const point = [between(-2, 2), between(-2, 2), between(-2, 2)];
    if (random() < 0.75) {
      const axis = Math.floor(random() * 3);
      point[axis] = (random() < 0.5 ? -2 : 2) + between(-0.02, 0.02);
    } else {
      const length = Math.hypot(...point);
      for (let k = 0; k < 3; k++) point[k]! *= 0.6 / length;
    }
    arrays.means.set(point, 3 * i);
    const size = Math.log(spacing * between(0.3, 0.9)) + (random() < 0.01 ? 2.5 : 0);
    for (let k = 0; k < 3; k++) arrays.logScales[3 * i + k] = size + between(-1, 0);
  }
  return arrays;
}

/** At distance 1.6 from the middle, turned about y by `angle`, looking through the middle and a little to the side. */
export function roomView(angle: number, width = 96, height = 64): PinholeView {
  const half = angle / 2;
  return {
    ...{ width, height, fx: 0.8 * width, fy: 0.8 * width, cx: 0.52 * width, cy: 0.49 * height },
    cameraFromWorld: { quaternion: [Math.cos(half), 0.05, Math.sin(half), 0.02], translation: [0.1, -0.05, 1.6] },
  };
}
