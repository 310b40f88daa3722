/** Random inputs that several conformance tests share; everything is rounded to float32, as the device will see it. */
import {
  blendingReference,
  type GaussianParameters,
  type PinholeView,
  PROJECTED,
  PROJECTED_FLOATS,
  projectGaussians,
  type ShDegree,
} from '../../kernels/index.ts';
import { seededRandom } from '../../kernels/testing/index.ts';

/** Nothing, one, around the width of a vector and of a workgroup's row, and more than one workgroup. */
export const COUNTS = [0, 1, 15, 16, 17, 300] as const;
/** Less than a tile, around one, and several with ragged edges and without. */
export const SIZES = [
  [1, 1],
  [15, 16],
  [17, 15],
  [33, 47],
  [64, 48],
] as const;

export const PARAMETERS = ['means', 'quaternions', 'logScales', 'logitOpacities', 'sh'] as const;

/** A camera that looks at the origin from one side, with an oblique principal point. */
export function viewOfSize(width: number, height: number): PinholeView {
  return {
    widthPixels: width,
    heightPixels: height,
    ...{ fx: 0.9 * width, fy: 0.95 * height, cx: 0.52 * width, cy: 0.45 * height },
    cameraFromWorld: [0.8, 0, 0.6, 0.1, 0, 1, 0, -0.2, -0.6, 0, 0.8, 2.5],
  };
}

/** A cloud around the origin: some Gaussians opaque, some faint, some behind the camera or outside the image. */
export function randomGaussians(seed: number, count: number, shDegree: ShDegree): GaussianParameters {
  const random = seededRandom(seed);
  const float32 = (length: number, draw: () => number) => Float64Array.from({ length }, () => Math.fround(draw()));
  return {
    means: float32(3 * count, () => 0.9 * random.normal()),
    quaternions: float32(4 * count, () => random.normal()),
    logScales: float32(3 * count, () => -2 + 0.6 * random.normal()),
    logitOpacities: float32(count, () => 2 * random.normal()),
    sh: float32(3 * (shDegree + 1) ** 2 * count, () => 0.3 * random.normal()),
    shDegree,
  };
}

/** [N, 16] projected records of a random cloud: what binning and blending start from. */
function randomRecords(seed: number, count: number, width: number, height: number): Float32Array {
  return Float32Array.from(projectGaussians(randomGaussians(seed, count, 1), viewOfSize(width, height)));
}

export const BACKGROUND = [0.3, 0.5, 0.1] as const;

/** How far a threshold may move, relative, before a pixel that it decides counts as decided by rounding. */
const AMBIGUITY = 1e-4;

/** What the definition says of a scene; worked out once, since every kernel of blending is compared with it. */
export function referenceOf(seed: number, count: number, width: number, height: number, featureDim: number) {
  const key = [seed, count, width, height, featureDim].join('/');
  const known = references.get(key);
  if (known !== undefined) return known;
  const records = randomRecords(seed, count, width, height);
  const features = Float32Array.from(seededRandom(seed).fill(count * featureDim, (random) => random.normal()));
  const scene = { widthPixels: width, heightPixels: height, records, features, featureDim, background: BACKGROUND };
  const images = blendingReference.blend(scene);
  const reference = { records, features, scene, images, ambiguous: ambiguousPixels(scene, images.contributors) };
  references.set(key, reference);
  return reference;
}

interface SceneReference {
  readonly records: Float32Array;
  readonly features: Float32Array;
  readonly scene: blendingReference.BlendScene;
  readonly images: blendingReference.BlendOutputs;
  readonly ambiguous: ReadonlySet<number>;
}
const references = new Map<string, SceneReference>();

/**
 * Pixels where float32 may take the other side of a threshold, so that nothing can be asked of them.
 * @param decided contributors by the thresholds as they are
 */
function ambiguousPixels(scene: blendingReference.BlendScene, decided: Int32Array): Set<number> {
  const { alphaMin, alphaMax, stopTransmittance } = blendingReference.BLEND_CUTOFFS;
  const ambiguous = new Set<number>();
  for (const factor of [1 - AMBIGUITY, 1 + AMBIGUITY]) {
    for (const moved of [{ alphaMin: alphaMin * factor }, { stopTransmittance: stopTransmittance * factor ** 10 }]) {
      const cutoffs = { ...blendingReference.BLEND_CUTOFFS, ...moved };
      const { contributors } = blendingReference.blend({ ...scene, cutoffs });
      for (let pixel = 0; pixel < decided.length; pixel++) {
        if (contributors[pixel] !== decided[pixel]) ambiguous.add(pixel);
      }
    }
  }
  for (let at = 0; at < scene.records.length; at += PROJECTED_FLOATS) {
    const field = (name: keyof typeof PROJECTED) => scene.records[at + PROJECTED[name]]!;
    // Only an opacity above the cap can bring an alpha to it.
    if (field('opacity') < alphaMax * (1 - AMBIGUITY)) continue;
    for (let pixel = 0; pixel < decided.length; pixel++) {
      const dx = (pixel % scene.widthPixels) + 0.5 - field('x');
      const dy = Math.floor(pixel / scene.widthPixels) + 0.5 - field('y');
      const sigma = (field('conicA') * dx * dx + field('conicC') * dy * dy) / 2 + field('conicB') * dx * dy;
      if (Math.abs(field('opacity') * Math.exp(-sigma) - alphaMax) < 1e-5) ambiguous.add(pixel);
    }
  }
  return ambiguous;
}

/** [P, C] to [C, P]. */
export function planar(interleaved: ArrayLike<number>, channels: number): Float32Array {
  const pixels = interleaved.length / Math.max(1, channels);
  return Float32Array.from(
    { length: interleaved.length },
    (_, i) => interleaved[(i % pixels) * channels + Math.floor(i / pixels)]!,
  );
}
