/** Automatic mask generation: a grid of single-point prompts, filtered and thinned (Kirillov et al. 2023, appendix B). */
import { type PixelBox, RunCollector, type SamSegmentation } from '../../../contract/index.ts';
import type { PlanarImage } from '../../images/index.ts';
import type { SamMask, SamModel } from './model.ts';

export interface AutomaticMask {
  /** Counts along the rows of the whole image. */
  readonly counts: readonly number[];
  readonly areaPx: number;
  readonly box: PixelBox;
  readonly predictedIou: number;
  readonly stability: number;
  /** Pixels of the crop that it was found in: small crops see small things better. */
  readonly cropPx: number;
}

/** Overlap of neighbouring crops, as a share of the image's shorter side, in the first layer; halved with each further one. */
const CROP_OVERLAP = 512 / 1500;
/** A mask within this many pixels of a crop's border that is none of the image's was cut off by it. */
const CROP_BORDER_PX = 20;

/** Disjoint or nested, best first. @param onPrompt called after each prompt with the share done */
export async function generateMasks(
  model: SamModel,
  image: PlanarImage,
  options: SamSegmentation,
  context: { readonly signal?: AbortSignal; readonly onPrompt?: (done: number, total: number) => void } = {},
): Promise<AutomaticMask[]> {
  const crops = cropsOf(image.width, image.height, options.cropLayers);
  const perCrop = options.pointsPerSide ** 2;
  const found: AutomaticMask[] = [];
  for (const [index, crop] of crops.entries()) {
    context.signal?.throwIfAborted();
    const embedding = await model.encode(croppedImage(image, crop));
    const [wide, high] = [crop.right - crop.left, crop.bottom - crop.top];
    const inCrop: AutomaticMask[] = [];
    for (let k = 0; k < perCrop; k++) {
      context.signal?.throwIfAborted();
      const column = k % options.pointsPerSide;
      const row = Math.floor(k / options.pointsPerSide);
      const point = {
        x: ((column + 0.5) / options.pointsPerSide) * wide,
        y: ((row + 0.5) / options.pointsPerSide) * high,
        positive: true,
      };
      const masks = await model.decode(embedding, { points: [point] });
      // Of four the first is meant for several prompts.
      for (const mask of masks.length === 4 ? masks.slice(1) : masks) {
        const kept = keep(mask, crop, image, options);
        if (kept !== undefined) inCrop.push(kept);
      }
      context.onPrompt?.(index * perCrop + k + 1, crops.length * perCrop);
    }
    found.push(...thinned(inCrop, options.maxBoxIou, (mask) => mask.predictedIou));
  }
  return crops.length === 1 ? found : thinned(found, options.maxBoxIou, (mask) => -mask.cropPx);
}

function keep(mask: SamMask, crop: PixelBox, image: PlanarImage, options: SamSegmentation): AutomaticMask | undefined {
  if (!(mask.predictedIou >= options.minPredictedIou)) return undefined;
  const wide = crop.right - crop.left;
  const runs = new RunCollector();
  let [inner, outer, areaPx] = [0, 0, 0];
  let [left, right, top, bottom] = [image.width, 0, image.height, 0];
  for (let y = crop.top; y < crop.bottom; y++) {
    const from = (y - crop.top) * wide - crop.left;
    for (let x = crop.left; x < crop.right; ) {
      const value = mask.logits[from + x]!;
      if (value > options.stabilityOffset) inner++;
      if (value > -options.stabilityOffset) outer++;
      if (!(value > 0)) {
        x++;
        continue;
      }
      const start = x;
      for (x++; x < crop.right && mask.logits[from + x]! > 0; x++) {
        if (mask.logits[from + x]! > options.stabilityOffset) inner++;
        outer++;
      }
      runs.add(y * image.width + start, y * image.width + x);
      areaPx += x - start;
      left = Math.min(left, start);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y + 1;
    }
  }
  const stability = outer === 0 ? 0 : inner / outer;
  if (!(stability >= options.minStability) || areaPx < Math.max(1, options.minArea * image.width * image.height)) {
    return undefined;
  }
  const box = { left, top, right, bottom };
  if (cutOff(box, crop, image)) return undefined;
  const cropPx = wide * (crop.bottom - crop.top);
  return {
    counts: runs.finish(image.width * image.height),
    areaPx,
    box,
    predictedIou: mask.predictedIou,
    stability,
    cropPx,
  };
}

function cutOff(box: PixelBox, crop: PixelBox, image: PlanarImage): boolean {
  return (
    (crop.left > 0 && box.left - crop.left < CROP_BORDER_PX) ||
    (crop.top > 0 && box.top - crop.top < CROP_BORDER_PX) ||
    (crop.right < image.width && crop.right - box.right < CROP_BORDER_PX) ||
    (crop.bottom < image.height && crop.bottom - box.bottom < CROP_BORDER_PX)
  );
}

/** Non-maximum suppression on boxes: of two that overlap more than `maxIou` the one with the higher score stays. */
export function thinned(
  masks: readonly AutomaticMask[],
  maxIou: number,
  scoreOf: (mask: AutomaticMask) => number,
): AutomaticMask[] {
  const order = masks
    .map((mask, index) => ({ mask, index }))
    .sort((a, b) => scoreOf(b.mask) - scoreOf(a.mask) || a.index - b.index);
  const kept: AutomaticMask[] = [];
  for (const { mask } of order) if (kept.every((other) => boxIou(mask.box, other.box) <= maxIou)) kept.push(mask);
  return kept;
}

function boxIou(a: PixelBox, b: PixelBox): number {
  const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  const both = Math.max(0, wide) * Math.max(0, high);
  const area = (box: PixelBox): number => (box.right - box.left) * (box.bottom - box.top);
  return both / (area(a) + area(b) - both);
}

/** The whole image, then layer n with 2^n x 2^n overlapping crops. */
export function cropsOf(width: number, height: number, layers: number): PixelBox[] {
  const crops: PixelBox[] = [{ left: 0, top: 0, right: width, bottom: height }];
  for (let layer = 1; layer <= layers; layer++) {
    const perSide = 2 ** layer;
    const overlap = Math.floor((CROP_OVERLAP * Math.min(width, height) * 2) / perSide);
    const side = (length: number): number => Math.min(length, Math.ceil((overlap * (perSide - 1) + length) / perSide));
    const [wide, high] = [side(width), side(height)];
    for (let row = 0; row < perSide; row++) {
      for (let column = 0; column < perSide; column++) {
        const left = Math.max(0, Math.min(column * (wide - overlap), width - wide));
        const top = Math.max(0, Math.min(row * (high - overlap), height - high));
        crops.push({ left, top, right: left + wide, bottom: top + high });
      }
    }
  }
  return crops;
}

function croppedImage(image: PlanarImage, { left, top, right, bottom }: PixelBox): PlanarImage {
  if (left === 0 && top === 0 && right === image.width && bottom === image.height) return image;
  const [width, height] = [right - left, bottom - top];
  const data = new Uint8Array(3 * width * height);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      const from = (c * image.height + y + top) * image.width + left;
      data.set(image.data.subarray(from, from + width), (c * height + y) * width);
    }
  }
  return { width, height, data };
}
