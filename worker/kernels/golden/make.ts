/**
 * Writes the project's own golden cases to `fixtures/`: `node worker/kernels/golden/make.ts`. They come from the
 * float64 reference, which the cases of LIFTSCOPE_GOLDEN and finite differences check; here they guard the kernels on
 * machines without that folder.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BLEND_CUTOFFS, blend, blendBackward } from '../blending/reference.ts';
import { projectGaussians, projectGaussiansBackward, projectGeometry } from '../projection/index.ts';
import { ALPHA_MAX, ALPHA_MIN, LOW_PASS, PROJECTED, PROJECTED_FLOATS, STOP_TRANSMITTANCE } from '../shared/index.ts';
import { type ShDegree, shCoefficientCount } from '../spherical-harmonics/index.ts';
import { seededRandom } from '../testing/index.ts';
import { OWN_CASES_FOLDER } from './load.ts';
import { blendSceneOf, parametersOf, upstreamOf, viewOf } from './scene.ts';
import { type SplatCase, splatCaseSchema } from './schema.ts';

interface Recipe {
  readonly name: string;
  readonly seed: number;
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly shDegree: ShDegree;
  readonly featureDim: number;
  /** Distance of the camera from the centre of a cloud of radius about 1. */
  readonly distance: number;
  readonly logitOpacity: readonly [mean: number, deviation: number];
  readonly logScale: number;
}

const RECIPES: readonly Recipe[] = [
  // Odd sizes, so that tiles and lane blocks are partly filled.
  {
    name: 'outside',
    seed: 11,
    count: 13,
    width: 19,
    height: 17,
    shDegree: 1,
    featureDim: 2,
    distance: 4,
    logitOpacity: [0, 1.5],
    logScale: -1.5,
  },
  {
    name: 'inside',
    seed: 12,
    count: 34,
    width: 18,
    height: 11,
    shDegree: 3,
    featureDim: 3,
    distance: 0.4,
    logitOpacity: [3, 2],
    logScale: -1.5,
  },
  {
    name: 'opaque',
    seed: 13,
    count: 21,
    width: 17,
    height: 16,
    shDegree: 2,
    featureDim: 1,
    distance: 2,
    logitOpacity: [7, 3],
    logScale: -0.6,
  },
  {
    name: 'plain',
    seed: 14,
    count: 1,
    width: 5,
    height: 4,
    shDegree: 0,
    featureDim: 1,
    distance: 3,
    logitOpacity: [1, 0],
    logScale: -1,
  },
];

/** Relative distance to a threshold below which float32 may decide either way. */
const AMBIGUITY = 2e-4;

function makeCase(recipe: Recipe): SplatCase {
  const { count, width, height, shDegree, featureDim } = recipe;
  const random = seededRandom(recipe.seed);
  const draw = (length: number, mean: number, deviation: number) =>
    Array.from({ length }, () => round(mean + deviation * random.normal(), 6));
  const pixels = width * height;
  const yaw = random.uniform(-0.5, 0.5);
  const [cos, sin] = [round(Math.cos(yaw), 9), round(Math.sin(yaw), 9)];
  const blank = {
    rgb: zeros(3 * pixels),
    depth: zeros(pixels),
    alpha: zeros(pixels),
    features: zeros(pixels * featureDim),
  };
  const parameterCounts = {
    means: 3 * count,
    quats_wxyz: 4 * count,
    logScales: 3 * count,
    logitOpacities: count,
    sh: 3 * count * shCoefficientCount(shDegree),
    features: count * featureDim,
  };
  const golden: SplatCase = {
    seed: recipe.seed,
    N: count,
    width,
    height,
    shDegree,
    featureDim,
    eps2d: LOW_PASS,
    nearPlane: 0.01,
    alphaMin: ALPHA_MIN,
    alphaMax: ALPHA_MAX,
    stopTransmittance: STOP_TRANSMITTANCE,
    inputs: {
      means: draw(parameterCounts.means, 0, count === 1 ? 0.1 : 0.7),
      quats_wxyz: draw(parameterCounts.quats_wxyz, 0, 1),
      logScales: draw(parameterCounts.logScales, recipe.logScale, 0.5),
      logitOpacities: draw(count, ...recipe.logitOpacity),
      sh: draw(parameterCounts.sh, 0, 0.4),
      features: draw(parameterCounts.features, 0, 1),
      worldToCamera: [cos, 0, sin, 0, 0, 1, 0, 0, -sin, 0, cos, recipe.distance, 0, 0, 0, 1],
      K: [0.9 * width, 0, width / 2 + 0.7, 0, 0.92 * width, height / 2 - 0.4, 0, 0, 1].map((value) => round(value, 6)),
      background: draw(3, 0.5, 0.2),
    },
    exercised: {},
    ambiguousPixels: [],
    drawn: [],
    outputs: { ...blank, contributors: [], means2d: [], depths: [], conics: [] },
    upstream: {
      rgb: draw(3 * pixels, 0, 1),
      depth: draw(pixels, 0, 1),
      alpha: draw(pixels, 0, 1),
      features: draw(pixels * featureDim, 0, 1),
    },
    gradients: {
      means: zeros(parameterCounts.means),
      quats_wxyz: zeros(parameterCounts.quats_wxyz),
      logScales: zeros(parameterCounts.logScales),
      logitOpacities: zeros(count),
      sh: zeros(parameterCounts.sh),
      features: zeros(parameterCounts.features),
    },
  };
  evaluate(golden);
  return splatCaseSchema.parse(golden);
}

function evaluate(golden: SplatCase): void {
  const parameters = parametersOf(golden);
  const view = viewOf(golden);
  const records = projectGaussians(parameters, view);
  const scene = blendSceneOf(golden, records);
  for (let i = 0; i < golden.N; i++) {
    const geometry = projectGeometry(parameters, i, view);
    golden.drawn.push(geometry === undefined ? 0 : 1);
    const [xx, xy, yy] = geometry?.covariance ?? [0, 0, 0];
    const determinant = geometry?.determinant ?? 1;
    golden.outputs.means2d.push(...rounded([geometry?.x ?? 0, geometry?.y ?? 0]));
    golden.outputs.depths.push(round(geometry?.depth ?? 0, 9));
    golden.outputs.conics.push(...rounded([yy / determinant, -xy / determinant, xx / determinant]));
  }
  golden.ambiguousPixels = ambiguousPixels(golden, records);
  for (const pixel of golden.ambiguousPixels) {
    for (const kind of ['rgb', 'depth', 'alpha', 'features'] as const) {
      const channels = golden.upstream[kind].length / (golden.width * golden.height);
      golden.upstream[kind].fill(0, channels * pixel, channels * (pixel + 1));
    }
  }
  const { contributors, ...images } = blend(scene);
  Object.assign(golden.outputs, mapRounded(images), { contributors: Array.from(contributors) });
  const screen = blendBackward(scene, upstreamOf(golden));
  const { quaternions, ...gradients } = projectGaussiansBackward(parameters, view, screen.records);
  golden.gradients = mapRounded({ ...gradients, quats_wxyz: quaternions, features: screen.features });
  golden.exercised = {
    culled: golden.drawn.filter((drawn) => drawn === 0).length,
    stopped: countDifferent(
      contributors,
      blend({ ...scene, cutoffs: { ...BLEND_CUTOFFS, stopTransmittance: 0 } }).contributors,
    ),
  };
}

/** Pixels whose contributors change when a threshold moves a little, or where an alpha touches the cap. */
function ambiguousPixels(golden: SplatCase, records: Float64Array): number[] {
  const scene = blendSceneOf(golden, records);
  const ambiguous = new Set<number>();
  for (const factor of [1 - AMBIGUITY, 1 + AMBIGUITY]) {
    for (const moved of [{ alphaMin: ALPHA_MIN * factor }, { stopTransmittance: STOP_TRANSMITTANCE * factor ** 10 }]) {
      const { contributors } = blend({ ...scene, cutoffs: { ...BLEND_CUTOFFS, ...moved } });
      const { contributors: unmoved } = blend(scene);
      contributors.forEach((value, pixel) => {
        if (value !== unmoved[pixel]) ambiguous.add(pixel);
      });
    }
  }
  for (let pixel = 0; pixel < golden.width * golden.height; pixel++) {
    for (let i = 0; i < golden.N; i++) {
      const r = records.subarray(i * PROJECTED_FLOATS, (i + 1) * PROJECTED_FLOATS);
      const dx = (pixel % golden.width) + 0.5 - r[PROJECTED.x];
      const dy = Math.floor(pixel / golden.width) + 0.5 - r[PROJECTED.y];
      const sigma = (r[PROJECTED.conicA] * dx * dx + r[PROJECTED.conicC] * dy * dy) / 2 + r[PROJECTED.conicB] * dx * dy;
      if (Math.abs(r[PROJECTED.opacity] * Math.exp(-sigma) - ALPHA_MAX) < 1e-5) ambiguous.add(pixel);
    }
  }
  return [...ambiguous].sort((a, b) => a - b);
}

function countDifferent(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) count++;
  return count;
}

function round(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

function rounded(values: ArrayLike<number>): number[] {
  return Array.from(values, (value) => round(value, 9));
}

function mapRounded<Key extends string>(arrays: Record<Key, Float64Array>): Record<Key, number[]> {
  const entries = Object.entries<Float64Array>(arrays).map(([key, values]) => [key, rounded(values)]);
  return Object.fromEntries(entries) as Record<Key, number[]>;
}

function zeros(length: number): number[] {
  return new Array<number>(length).fill(0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const recipe of RECIPES) {
    const golden = makeCase(recipe);
    writeFileSync(join(OWN_CASES_FOLDER, `splat_${recipe.name}.json`), `${JSON.stringify(golden)}\n`);
    console.log(recipe.name, golden.exercised, `${golden.ambiguousPixels.length} ambiguous pixels`);
  }
}
