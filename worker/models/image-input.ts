/** A photo as the input of a vision network: resized to what the network takes, normalised, channels first. */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { z } from 'zod';
import { type PlanarImage, toInterleavedBytes } from '../images/index.ts';
import { declaredInputs, fixedSize } from './onnx.ts';

const triple = z.tuple([z.number(), z.number(), z.number()]);
const positive = z.number().positive();

export const imageInputSchema = z.strictObject({
  /** Pixels. */
  side: z.int().min(16).max(2048),
  /** `longest` and `shortest`: that side of the photo becomes `side`. `square`: both do. */
  fit: z.enum(['longest', 'shortest', 'square']).default('longest'),
  /** Both sides are rounded to multiples of this: the size of a patch. */
  multipleOf: z.int().min(1).max(128).default(1),
  /** Of sRGB bytes, 0 to 255. */
  mean: triple.default([123.675, 116.28, 103.53]),
  std: z.tuple([positive, positive, positive]).default([58.395, 57.12, 57.375]),
});
export type ImageInput = z.infer<typeof imageInputSchema>;

/** A panorama whose short side became `side` would have no end. */
const MAX_ASPECT = 4;

export interface PreparedImage {
  readonly tensor: Tensor;
  readonly width: number;
  readonly height: number;
}

/** Size of the network's image for a photo. A graph that fixes its size has the last word. */
function inputSize(
  { width, height }: { readonly width: number; readonly height: number },
  { side, fit, multipleOf }: ImageInput,
  fixed: { readonly width?: number | undefined; readonly height?: number | undefined } = {},
): { width: number; height: number } {
  const reference = fit === 'shortest' ? Math.min(width, height) : Math.max(width, height);
  const rounded = (of: number): number => {
    const wanted = fit === 'square' ? side : Math.min((of / reference) * side, MAX_ASPECT * side);
    return Math.max(1, Math.round(wanted / multipleOf)) * multipleOf;
  };
  return { width: fixed.width ?? rounded(width), height: fixed.height ?? rounded(height) };
}

/** [1, 3, H, W] float32 for the graph's first input. */
export async function prepareImage(
  image: PlanarImage,
  input: ImageInput,
  session: InferenceSession,
): Promise<PreparedImage> {
  const { Tensor: TensorClass } = await import('onnxruntime-node');
  const [declared] = declaredInputs(session);
  const fixed = declared === undefined ? {} : { height: fixedSize(declared, 2), width: fixedSize(declared, 3) };
  const { width, height } = inputSize(image, input, fixed);
  const bytes = await sharp(toInterleavedBytes(image), {
    raw: { width: image.width, height: image.height, channels: 3 },
  })
    .resize({ width, height, fit: 'fill', kernel: 'cubic' })
    .raw({ depth: 'uchar' })
    .toBuffer();
  const plane = width * height;
  const values = new Float32Array(3 * plane);
  for (let c = 0; c < 3; c++) {
    const [mean, std] = [input.mean[c]!, input.std[c]!];
    for (let i = 0; i < plane; i++) values[c * plane + i] = (bytes[3 * i + c]! - mean) / std;
  }
  return { tensor: new TensorClass('float32', values, [1, 3, height, width]), width, height };
}
