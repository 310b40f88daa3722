import { createRandom, type Random } from '../random.ts';
import { areasOf, closed, opened, type Patch, patchesOf, requireSize, touchingPairs } from './label-images.ts';
import { NOISE_FACTOR, type NoisePreset } from './presets.ts';

/** The error rates of the simulated 2D instance segmenter. */
export interface SegmenterNoise {
  /** Share of instances not found. */
  readonly missed: number;
  /** Share of instances cut in two along a random line through the centroid. */
  readonly split: number;
  /** Share of touching pairs of different instances reported as one. */
  readonly merged: number;
  /** Spurious segments on background per instance. */
  readonly spurious: number;
  /** Radius range of the opening and the closing (in random order) that jitter boundaries, shares of the image side; 0: exact. */
  readonly jitter: readonly [number, number];
}

const JITTER: readonly [number, number] = [0.002, 0.006];

/** 10 % missed, 15 % split, 5 % of touching pairs merged, 3 % spurious; `harsh` doubles every rate, `none` has exact masks. */
export const segmenterNoise = (preset: NoisePreset): SegmenterNoise => {
  const factor = NOISE_FACTOR[preset];
  return {
    missed: 0.1 * factor,
    split: 0.15 * factor,
    merged: 0.05 * factor,
    spurious: 0.03 * factor,
    jitter: factor === 0 ? [0, 0] : JITTER,
  };
};

export interface Segment {
  /** Pixel value in `labels`. */
  readonly id: number;
  /** In (0, 1]; lower on average where the segment is split, merged or spurious. */
  readonly confidence: number;
  readonly areaPx: number;
  /** The true instance most of it came from, 0 for a spurious one. For measuring only: a lift must not look at it. */
  readonly trueInstance: number;
}

export interface SegmentedImage {
  readonly width: number;
  readonly height: number;
  /** [H, W], 0 = no segment. */
  readonly labels: Uint16Array;
  readonly segments: readonly Segment[];
}

interface Draft {
  readonly instance: number;
  wrong: boolean;
}

function splitAlongLine(labels: Uint16Array, width: number, id: number, newId: number, random: Random): boolean {
  let [count, sumX, sumY] = [0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== id) continue;
    count++;
    sumX += i % width;
    sumY += Math.floor(i / width);
  }
  const angle = random.range(0, Math.PI);
  const [nx, ny] = [Math.cos(angle), Math.sin(angle)];
  const [cx, cy] = [sumX / count, sumY / count];
  const moved: number[] = [];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === id && ((i % width) - cx) * nx + (Math.floor(i / width) - cy) * ny > 0) moved.push(i);
  }
  if (moved.length === 0 || moved.length === count) return false;
  for (const i of moved) labels[i] = newId;
  return true;
}

const MAX_ID = 65535;

/**
 * One image through the simulated segmenter. `instance` [H, W] holds true instance ids, 0 = background; an image without instances
 * gives no segments. The result depends on the seed and the frame's name alone, and ids are never consistent between images.
 * @throws TeacherInputError when the label image is not width x height.
 */
export function segmentImage(
  instance: Uint16Array,
  width: number,
  height: number,
  frameName: string,
  noise: SegmenterNoise | NoisePreset,
  seed: string | number,
): SegmentedImage {
  requireSize(`instance labels of ${frameName}`, instance.length, width, height);
  const rates = typeof noise === 'string' ? segmenterNoise(noise) : noise;
  const random = createRandom(`segmenter/${seed}/${frameName}`);
  const labels = new Uint16Array(instance.length);
  const drafts: Draft[] = [{ instance: 0, wrong: false }];
  const numberOf = new Map<number, number>();

  for (const id of areasOf(instance).keys()) {
    if (!random.chance(rates.missed)) numberOf.set(id, drafts.push({ instance: id, wrong: false }) - 1);
  }
  for (let i = 0; i < instance.length; i++) labels[i] = numberOf.get(instance[i]!) ?? 0;

  for (const [id, number] of numberOf) {
    if (!random.chance(rates.split) || drafts.length > MAX_ID) continue;
    if (splitAlongLine(labels, width, number, drafts.length, random)) {
      drafts.push({ instance: id, wrong: true });
      drafts[number]!.wrong = true;
    }
  }

  if (rates.merged > 0) {
    const into = drafts.map((_, i) => i);
    const rootOf = (i: number): number => (into[i] === i ? i : rootOf(into[i]!));
    for (const [a, b] of touchingPairs(labels, width, height)) {
      if (drafts[a]!.instance === drafts[b]!.instance || !random.chance(rates.merged)) continue;
      const [ra, rb] = [rootOf(a), rootOf(b)];
      into[Math.max(ra, rb)] = Math.min(ra, rb);
      drafts[Math.min(ra, rb)]!.wrong = true;
    }
    for (let i = 0; i < labels.length; i++) labels[i] = rootOf(labels[i]!);
  }

  const side = Math.max(width, height);
  if (rates.jitter[1] > 0) {
    const most = Math.max(1, rates.jitter[1] * side);
    const patches = patchesOf(labels, width, 2 * Math.ceil(most) + 1);
    const jittered = [...patches].map(([number, patch]): [number, Patch] => {
      const radius = (): number => Math.max(1, random.range(rates.jitter[0], rates.jitter[1]) * side);
      const changed = random.chance(0.5)
        ? closed(opened(patch, radius()), radius())
        : opened(closed(patch, radius()), radius());
      return [number, changed.mask.includes(1) ? changed : patch];
    });
    labels.fill(0);
    for (const [number, patch] of random.shuffle(jittered)) {
      for (let y = 0; y < patch.height; y++) {
        for (let x = 0; x < patch.width; x++) {
          const [px, py] = [x + patch.left, y + patch.top];
          if (patch.mask[y * patch.width + x] === 1 && px >= 0 && px < width && py >= 0 && py < height) {
            labels[py * width + px] = number;
          }
        }
      }
    }
  }

  const instances = numberOf.size;
  for (let k = 0; k < instances; k++) {
    if (!random.chance(rates.spurious) || drafts.length > MAX_ID) continue;
    const [rx, ry] = [random.range(0.03, 0.09) * side, random.range(0.03, 0.09) * side];
    const [cx, cy, angle] = [random.range(0, width), random.range(0, height), random.range(0, Math.PI)];
    const number = drafts.push({ instance: 0, wrong: true }) - 1;
    const reach = Math.ceil(Math.max(rx, ry));
    for (let y = Math.max(0, Math.floor(cy) - reach); y < Math.min(height, cy + reach); y++) {
      for (let x = Math.max(0, Math.floor(cx) - reach); x < Math.min(width, cx + reach); x++) {
        const [dx, dy] = [x - cx, y - cy];
        const [a, b] = [dx * Math.cos(angle) + dy * Math.sin(angle), dy * Math.cos(angle) - dx * Math.sin(angle)];
        // Only where the truth is background: it must be wrong, not a lucky find of a missed instance.
        const i = y * width + x;
        if ((a / rx) ** 2 + (b / ry) ** 2 <= 1 && instance[i] === 0 && labels[i] === 0) labels[i] = number;
      }
    }
  }

  const areas = areasOf(labels);
  const present = [...areas.keys()];
  const shuffled = random.shuffle(present.map((_, i) => i + 1));
  const newId = new Map(present.map((number, i) => [number, shuffled[i]!]));
  for (let i = 0; i < labels.length; i++) labels[i] = labels[i] === 0 ? 0 : newId.get(labels[i]!)!;
  const exact = rates.missed === 0 && rates.split === 0 && rates.merged === 0 && rates.spurious === 0;
  const segments = present.map((number): Segment => {
    const { wrong, instance: trueInstance } = drafts[number]!;
    const draw = Math.max(random.float(), random.float());
    const confidence = exact ? 1 : wrong ? 0.35 + 0.5 * draw : 0.6 + 0.39 * draw;
    return { id: newId.get(number)!, confidence, areaPx: areas.get(number)!, trueInstance };
  });
  return { width, height, labels, segments: segments.sort((a, b) => a.id - b.id) };
}
