/** A tiny world for tests: three balls of Gaussians, cameras around them, masks whose ids differ from image to image. */
import type { Backend } from '../compute/index.ts';
import type { PinholeView } from '../kernels/index.ts';
import { seededRandom } from '../kernels/testing/index.ts';
import { SplatModel } from '../splats/index.ts';
import type { LiftFrame } from './frames.ts';
import { WeightCache } from './weight-cache.ts';

const PER_BALL = 25;
const CENTRES = [
  [-1.1, 0.2, 0],
  [0.1, -0.3, 0.3],
  [1.2, 0.3, -0.2],
] as const;

export interface TinyWorld {
  readonly model: SplatModel;
  /** [N, 3] */
  readonly means: Float32Array;
  /** [N] ball of each Gaussian */
  readonly balls: Int32Array;
  readonly views: readonly PinholeView[];
  readonly frames: readonly LiftFrame[];
}

/** Ids of ball b in frame f: 10 + (b + f) mod 3, so that equal ids mean different balls in neighbouring frames. */
export async function tinyWorld(backend: Backend, viewCount = 4): Promise<TinyWorld> {
  const random = seededRandom(17);
  const count = PER_BALL * CENTRES.length;
  const balls = Int32Array.from({ length: count }, (_, i) => i % CENTRES.length);
  const means = Float32Array.from({ length: 3 * count }, (_, i) => {
    return CENTRES[balls[Math.floor(i / 3)]!]![i % 3]! + 0.16 * random.normal();
  });
  const model = new SplatModel(backend, count, 0, { trainable: false });
  model.upload({
    ...{ count, shDegree: 0, means, logScales: new Float32Array(3 * count).fill(Math.log(0.12)) },
    quaternions: Float32Array.from({ length: 4 * count }, (_, i) => (i % 4 === 0 ? 1 : 0)),
    logitOpacities: new Float32Array(count).fill(1),
    sh: new Float32Array(3 * count),
  });
  const views = Array.from({ length: viewCount }, (_, f) => viewAt(0.5 * (f - (viewCount - 1) / 2)));
  // What a pixel shows: the ball with most of its weight, where a third of it is covered at all.
  const cache = await WeightCache.extract(backend, model, views);
  const frames: LiftFrame[] = [];
  for (const [f, view] of views.entries()) {
    const { rowStart, columns, weights } = await cache.host(f);
    const segments = new Uint16Array(view.widthPixels * view.heightPixels);
    for (let pixel = 0; pixel < segments.length; pixel++) {
      const shares = [0, 0, 0];
      for (let e = rowStart[pixel]!; e < rowStart[pixel + 1]!; e++) shares[balls[columns[e]!]!]! += weights[e]!;
      const best = shares.indexOf(Math.max(...shares));
      if (shares[best]! > 1 / 3) segments[pixel] = 10 + ((best + f) % 3);
    }
    frames.push({ name: `frame ${f}`, view, segments });
  }
  cache.dispose();
  return { model, means, balls, views, frames };
}

/** A camera on a circle of radius 4 in the plane y = 0, looking at the origin. */
function viewAt(angle: number): PinholeView {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return {
    ...{ widthPixels: 36, heightPixels: 24, fx: 36, fy: 36, cx: 18, cy: 12 },
    // biome-ignore format: one row of the matrix per line
    cameraFromWorld: [
      c, 0, s, 0,
      0, 1, 0, 0,
      -s, 0, c, 4,
    ],
  };
}
