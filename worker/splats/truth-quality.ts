/** Splats against the ground truth of a generated scene, and the figure that a constant image would reach. */
import {
  type EvaluationResult,
  type FrameTruthQuality,
  LiftscopeError,
  type TrainingFrame,
  type TruthQuality,
} from '../../contract/index.ts';
import { loadImage, type PlanarFloatImage } from '../images/index.ts';
import { depthError } from '../metrics/index.ts';
import { type FrameTruth, readSceneTruth, type SceneTruth, SceneTruthError } from '../scenes/index.ts';
import { imageQuality, type RenderedChannels, type SplatRenderer } from './render.ts';
import { viewOf } from './targets.ts';
import { meanQuality } from './trainer.ts';

/** A pixel is covered from this alpha on; what lies below has no depth to speak of. */
const COVERED_ALPHA = 0.5;

/**
 * Depth error of the expected depth on covered pixels, and the share of pixels that are covered, per frame.
 * @throws LiftscopeError `bad-input` for a truth that cannot be read or that a frame is not part of
 */
export async function truthQuality(
  renderer: Pick<SplatRenderer, 'channels'>,
  frames: readonly TrainingFrame[],
  truthDir: string,
): Promise<TruthQuality> {
  const perFrame: FrameTruthQuality[] = [];
  try {
    const truth = await readSceneTruth(truthDir);
    for (const frame of frames) {
      const rendered = await renderer.channels(viewOf(frame));
      perFrame.push(frameQuality(frame.name, rendered, await truthOf(truth, frame)));
    }
  } catch (error) {
    if (!(error instanceof SceneTruthError)) throw error;
    throw new LiftscopeError(
      {
        code: 'bad-input',
        message: `The scene's ground truth cannot be used: ${error.message}`,
        hint: 'Generate the scene again, or remove its "truth" folder to evaluate against the photos alone.',
      },
      { cause: error },
    );
  }
  const mean = (values: readonly (number | null)[]): number | null => {
    const known = values.filter((value) => value !== null);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
  };
  return {
    depthAbsoluteRelative: mean(perFrame.map((frame) => frame.depthAbsoluteRelative)),
    depthDelta125: mean(perFrame.map((frame) => frame.depthDelta125)),
    coverage: mean(perFrame.map((frame) => frame.coverage)) ?? 0,
    perFrame,
  };
}

async function truthOf(truth: SceneTruth, frame: TrainingFrame): Promise<FrameTruth> {
  const found = await truth.readFrame(frame.name);
  if (found.width * frame.height !== found.height * frame.width) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `The truth of frame ${frame.name} is ${found.width}x${found.height}, its image ${frame.width}x${frame.height}: not the same view.`,
      hint: 'Import the scene as it was generated.',
    });
  }
  return found;
}

/** The truth of a frame that was imported at a smaller scale is looked up at its pixel's centre. */
function frameQuality(name: string, rendered: RenderedChannels, truth: FrameTruth): FrameTruthQuality {
  const { width, height, depth, alpha } = rendered;
  const ratio = truth.width / width;
  const expected = new Float64Array(width * height);
  const actual = new Float64Array(width * height);
  let covered = 0;
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor((y + 0.5) * ratio) * truth.width;
    for (let x = 0; x < width; x++, i++) {
      if (!(alpha[i]! > COVERED_ALPHA)) continue;
      covered++;
      expected[i] = depth[i]! / alpha[i]!;
      actual[i] = truth.depth[row + Math.floor((x + 0.5) * ratio)]!;
    }
  }
  // Pixels that are not covered keep a true depth of 0, which is not scored.
  const error = depthError(expected, actual);
  const known = error.pixels > 0;
  return {
    name,
    depthAbsoluteRelative: known ? error.absoluteRelative : null,
    depthDelta125: known ? error.deltas[0] : null,
    coverage: covered / (width * height),
  };
}

/**
 * Quality of the per-pixel mean of `photos` on `frames`: without texture and parallax in the scene it would be high.
 * @throws ImageFileError, and LiftscopeError when the images differ in size
 */
export async function meanImageQuality(
  photos: readonly TrainingFrame[],
  frames: readonly TrainingFrame[],
): Promise<NonNullable<EvaluationResult['baseline']>> {
  const { width, height } = photos[0]!;
  for (const frame of [...photos, ...frames]) {
    if (frame.width === width && frame.height === height) continue;
    throw new LiftscopeError({
      code: 'bad-input',
      message: `A mean image needs photos of one size; ${frame.name} is ${frame.width}x${frame.height}, ${photos[0]!.name} ${width}x${height}.`,
    });
  }
  const sums = new Float64Array(3 * width * height);
  for (const photo of photos) {
    const { data } = await loadImage(photo.imagePath, { expected: photo });
    for (let i = 0; i < sums.length; i++) sums[i]! += data[i]!;
  }
  const mean: PlanarFloatImage = { width, height, data: Float32Array.from(sums, (sum) => sum / photos.length / 255) };
  const perFrame = [];
  for (const frame of frames) {
    perFrame.push(imageQuality(frame.name, mean, await loadImage(frame.imagePath, { expected: frame })));
  }
  const { psnr, ssim } = meanQuality(perFrame);
  return { psnr: psnr ?? 0, ssim: ssim ?? 0 };
}
