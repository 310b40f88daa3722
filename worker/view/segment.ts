/** Clicks become a mask in the view, a set of Gaussians, and masks in other views. */
import {
  areaOfCounts,
  countsOfMask,
  encodeCounts,
  LiftscopeError,
  type PinholeView as NamedView,
  type SelectionShape,
  type ViewEmbeddingAnswer,
  type ViewSegmentAnswer,
  type ViewSegmentCall,
} from '../../contract/index.ts';
import { clickMask, featureOfPixel, objectsTable, type RenderedFeatures, type WeightReader } from '../objects/index.ts';
import { viewOf } from '../splats/index.ts';
import type { FeatureCache, LiftFeatures } from './click-features.ts';
import type { ViewModel } from './models.ts';

interface ClickVectors {
  readonly positives: Float32Array[];
  readonly negatives: Float32Array[];
  readonly threshold: number;
}

/** @throws LiftscopeError `bad-input` when no positive click hits anything */
export async function segmentByClicks(
  call: ViewSegmentCall,
  cache: FeatureCache,
  reader: WeightReader,
  model: ViewModel,
): Promise<ViewSegmentAnswer> {
  const startedAt = performance.now();
  const gaussians = model.header.count;
  const features = await cache.lift(call.liftPath);
  if (features.gaussians !== gaussians) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `The lift is of ${features.gaussians} Gaussians, the splats have ${gaussians}.`,
      hint: 'Lift the masks again on these splats.',
    });
  }
  let warm = true;
  const render = async (view: NamedView): Promise<RenderedFeatures> => {
    const found = await cache.view(features, call.splatsPath, reader, viewOf(view));
    warm &&= found.warm;
    return found.rendered;
  };
  const clicked = await render(call.view);
  const query: ClickVectors = { positives: [], negatives: [], threshold: call.threshold };
  for (const { x, y, positive, view } of call.points) {
    const vector = vectorAt(features, view === undefined ? clicked : await render(view), x, y);
    if (vector !== undefined) (positive ? query.positives : query.negatives).push(vector);
  }
  if (query.positives.length === 0) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: 'No positive click is on anything that was lifted.',
      hint: 'Click on a part of the scene that the masks cover.',
    });
  }
  const maskOf = (rendered: RenderedFeatures) =>
    encoded(answer(features, rendered.features, query, 'planar', rendered.alpha), rendered.width, rendered.height);
  const mask = maskOf(clicked);
  const maps: ViewSegmentAnswer['maps'] = [];
  for (const view of call.maps) maps.push(maskOf(await render(view)));
  const selected = answer(features, features.rows, query, 'rows');
  const memberMaps = await drawnMembers(cache, reader, selected, call.memberViews);
  const members = countsOfMask(selected);
  const shape = call.withGaussians ? await shapeOf(model, selected) : undefined;
  return {
    ...{ mask, maps, memberMaps, gaussians: areaOfCounts(members), similarity: features.similarity, warm },
    ...(call.withGaussians && { gaussiansRle: encodeCounts(members) }),
    ...(shape !== undefined && { shape }),
    totalMs: performance.now() - startedAt,
  };
}

function encoded(mask: Uint8Array, width: number, height: number): ViewSegmentAnswer['mask'] {
  const counts = countsOfMask(mask);
  return { width, height, areaPx: areaOfCounts(counts), rle: encodeCounts(counts) };
}

/** Members are drawn at most this wide; their masks are interpolated to the size of the view. */
const DRAWN_WIDTH = 400;

/** Masks of the pixels that are covered by members for more than one half. @param members [N] 0 or 1 */
async function drawnMembers(
  cache: FeatureCache,
  reader: WeightReader,
  members: Uint8Array,
  views: readonly NamedView[],
): Promise<ViewSegmentAnswer['maps']> {
  if (views.length === 0) return [];
  const masks: ViewSegmentAnswer['maps'] = [];
  const uploaded = cache.upload(Float32Array.from(members));
  try {
    for (const view of views) {
      const scale = Math.min(1, DRAWN_WIDTH / view.width);
      const [width, height] = [view.width, view.height].map((size) => Math.max(1, Math.round(scale * size)));
      const [sx, sy] = [width! / view.width, height! / view.height];
      const small = { ...view, width: width!, height: height!, fx: view.fx * sx, fy: view.fy * sy };
      const drawn = await reader.render(viewOf({ ...small, cx: view.cx * sx, cy: view.cy * sy }), uploaded.buffer, 1);
      const excess = drawn.features.map((value, i) =>
        drawn.alpha[i]! < LEAST_ALPHA ? -1 : value - drawn.alpha[i]! / 2,
      );
      const mask = interpolated(excess, drawn.width, drawn.height, view.width, view.height);
      masks.push(encoded(mask, view.width, view.height));
    }
  } finally {
    uploaded.dispose();
  }
  return masks;
}

/** [H, W] 1 where the bilinear interpolation of the small image, pixel centre to pixel centre, is above 0. */
function interpolated(small: Float32Array, columns: number, rows: number, width: number, height: number): Uint8Array {
  const mask = new Uint8Array(width * height);
  const axis = (size: number, count: number) => {
    return Array.from({ length: size }, (_, i) => {
      const at = Math.min(count - 1, Math.max(0, ((i + 0.5) * count) / size - 0.5));
      const low = Math.min(count - 1, Math.floor(at));
      return { low, high: Math.min(count - 1, low + 1), share: at - low };
    });
  };
  const [across, down] = [axis(width, columns), axis(height, rows)];
  for (const [y, { low: above, high: below, share: v }] of down.entries()) {
    for (const [x, { low: left, high: right, share: u }] of across.entries()) {
      const top = (1 - u) * small[above * columns + left]! + u * small[above * columns + right]!;
      const bottom = (1 - u) * small[below * columns + left]! + u * small[below * columns + right]!;
      if ((1 - v) * top + v * bottom > 0) mask[y * width + x] = 1;
    }
  }
  return mask;
}

async function shapeOf(model: ViewModel, members: Uint8Array): Promise<SelectionShape | undefined> {
  const solids = await model.solids();
  const [row] = objectsTable(
    { objects: 1, objectOfGaussian: Uint32Array.from(members), confidence: Float32Array.from(members), ...solids },
    [],
  );
  return row?.centroid && row.extent ? { centroid: row.centroid, extent: row.extent } : undefined;
}

/** Less alpha than this is nothing to click on. */
const LEAST_ALPHA = 0.05;

function vectorAt(features: LiftFeatures, rendered: RenderedFeatures, x: number, y: number): Float32Array | undefined {
  const { width, height } = rendered;
  const [column, row] = [Math.floor(x), Math.floor(y)];
  if (!(column >= 0 && row >= 0 && column < width && row < height)) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `The click (${x}, ${y}) is outside of the image of ${width}x${height} pixels.`,
    });
  }
  const pixel = row * width + column;
  if (rendered.alpha[pixel]! < LEAST_ALPHA) return undefined;
  const { dimensions, similarity } = features;
  if (similarity === 'cosine') return featureOfPixel(rendered.features, dimensions, pixel);
  const pixels = width * height;
  return Float32Array.from({ length: dimensions }, (_, d) => rendered.features[d * pixels + pixel]!);
}

function answer(
  features: LiftFeatures,
  vectors: Float32Array,
  query: ClickVectors,
  layout: 'planar' | 'rows',
  alpha?: Float32Array,
): Uint8Array {
  if (features.similarity === 'cosine') return clickMask(vectors, features.dimensions, query, layout);
  const mask = nearMask(vectors, features.dimensions, query, layout);
  // An embedding of positions has one for background too, which means nothing.
  for (let i = 0; i < mask.length; i++) {
    const known = alpha === undefined ? features.foreground[i] === 1 : alpha[i]! >= LEAST_ALPHA;
    if (!known) mask[i] = 0;
  }
  return mask;
}

/** As `clickMask`, by exp(-d²) to the nearest positive, which must be nearer than any negative. */
function nearMask(
  vectors: Float32Array,
  dimensions: number,
  { positives, negatives, threshold }: ClickVectors,
  layout: 'planar' | 'rows',
): Uint8Array {
  const count = vectors.length / dimensions;
  const [step, next] = layout === 'planar' ? [count, 1] : [1, dimensions];
  const nearest = (points: readonly Float32Array[]): Float32Array => {
    const best = new Float32Array(count).fill(Infinity);
    for (const point of points) {
      for (let i = 0; i < count; i++) {
        let squared = 0;
        for (let d = 0; d < dimensions; d++) squared += (vectors[d * step + i * next]! - point[d]!) ** 2;
        if (squared < best[i]!) best[i] = squared;
      }
    }
    return best;
  };
  const [near, against] = [nearest(positives), nearest(negatives)];
  return Uint8Array.from(near, (squared, i) => (Math.exp(-squared) >= threshold && squared < against[i]! ? 1 : 0));
}

/** Enough for eigenvectors on a screen. */
const POWER_STEPS = 200;

/** Principal components of an evenly drawn sample of the foreground's features. */
export function embeddingSample(features: LiftFeatures, samples: number): ViewEmbeddingAnswer {
  const { dimensions, rows, foreground, similarity, source } = features;
  const inside: number[] = [];
  for (let i = 0; i < foreground.length; i++) if (foreground[i] === 1) inside.push(i);
  const count = Math.min(samples, inside.length);
  const gaussians = Array.from({ length: count }, (_, k) => inside[Math.floor((k * inside.length) / count)]!);
  const vectors = new Float64Array(count * dimensions);
  const mean = new Float64Array(dimensions);
  for (const [k, gaussian] of gaussians.entries()) {
    const own = rows.subarray(gaussian * dimensions, (gaussian + 1) * dimensions);
    const length = similarity === 'cosine' && source === 'embedding' ? Math.hypot(...own) || 1 : 1;
    for (let d = 0; d < dimensions; d++) {
      vectors[k * dimensions + d] = own[d]! / length;
      mean[d]! += own[d]! / length / count;
    }
  }
  const covariance = new Float64Array(dimensions * dimensions);
  for (let k = 0; k < count; k++) {
    const own = vectors.subarray(k * dimensions, (k + 1) * dimensions);
    for (let d = 0; d < dimensions; d++) own[d]! -= mean[d]!;
    for (let a = 0; a < dimensions; a++) {
      for (let b = 0; b <= a; b++) covariance[a * dimensions + b]! += (own[a]! * own[b]!) / count;
    }
  }
  let variance = 0;
  for (let a = 0; a < dimensions; a++) {
    variance += covariance[a * dimensions + a]!;
    for (let b = 0; b < a; b++) covariance[b * dimensions + a] = covariance[a * dimensions + b]!;
  }
  const axes = [0, 1].map(() => leadingAxis(covariance, dimensions));
  const points: number[] = [];
  for (let k = 0; k < count; k++) {
    const own = vectors.subarray(k * dimensions, (k + 1) * dimensions);
    for (const { axis } of axes) points.push(Math.fround(own.reduce((sum, value, d) => sum + value * axis[d]!, 0)));
  }
  const explained = axes.map(({ value }) => (variance > 0 ? value / variance : 0));
  return { dimensions, source, points, gaussians, explained: [explained[0]!, explained[1]!] };
}

/** Largest eigenvalue and its vector by power iteration; the matrix loses it. @param matrix [D, D] symmetric, changed */
function leadingAxis(matrix: Float64Array, dimensions: number): { axis: Float64Array; value: number } {
  let axis = Float64Array.from({ length: dimensions }, (_, d) => 1 + d / (dimensions + 1));
  let value = 0;
  for (let step = 0; step < POWER_STEPS; step++) {
    const next = Float64Array.from({ length: dimensions }, (_, a) =>
      axis.reduce((sum, entry, b) => sum + entry * matrix[a * dimensions + b]!, 0),
    );
    value = Math.hypot(...next);
    if (!(value > 1e-30)) return { axis: new Float64Array(dimensions), value: 0 };
    axis = next.map((entry) => entry / value);
  }
  for (let a = 0; a < dimensions; a++) {
    for (let b = 0; b < dimensions; b++) matrix[a * dimensions + b]! -= value * axis[a]! * axis[b]!;
  }
  return { axis, value };
}
