/** Segment Anything (Kirillov et al. 2023) through ONNX: one embedding per image, then any number of prompts on it. */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { LiftscopeError } from '../../../contract/index.ts';
import { type PlanarImage, toInterleavedBytes } from '../../images/index.ts';
import { openModel } from '../onnx.ts';
import { readSamManifest, type SamManifest } from './manifest.ts';

/** A click: pixels of the image, the centre of the first one at (0.5, 0.5). */
export interface PromptPoint {
  readonly x: number;
  readonly y: number;
  /** Whether the point lies on what is wanted, or on what is not. */
  readonly positive: boolean;
}

export interface Prompt {
  readonly points: readonly PromptPoint[];
  /** Pixels; right and bottom are exclusive. */
  readonly box?: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
  /** `lowRes` of an earlier answer, which this one refines. [maskSide, maskSide] logits */
  readonly previous?: Float32Array;
}

export interface Embedding {
  /** Size of the image. */
  readonly width: number;
  readonly height: number;
  /** Pixels of the resized image per pixel of the image. */
  readonly scale: number;
  readonly tensor: Tensor;
  readonly sizeBytes: number;
}

/** One answer to a prompt. */
export interface SamMask {
  /** [H, W] of the image; above 0 is inside. */
  readonly logits: Float32Array;
  /** The model's own estimate of the mask's IoU with the truth. */
  readonly predictedIou: number;
  /** [maskSide, maskSide], for {@link Prompt.previous}. */
  readonly lowRes: Float32Array;
}

export class SamModel implements AsyncDisposable {
  readonly manifest: SamManifest;
  readonly #encoder: InferenceSession;
  readonly #decoder: InferenceSession;
  readonly #tensor: typeof Tensor;

  private constructor(
    manifest: SamManifest,
    encoder: InferenceSession,
    decoder: InferenceSession,
    tensor: typeof Tensor,
  ) {
    this.manifest = manifest;
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#tensor = tensor;
  }

  /** @param threads 0: one per core @throws LiftscopeError when the model is missing, damaged or of another interface */
  static async open(folder: string, threads = 0): Promise<SamModel> {
    const manifest = await readSamManifest(folder);
    const encoder = await openModel(folder, manifest.encoder, threads);
    try {
      const decoder = await openModel(folder, manifest.decoder, threads);
      const { Tensor: tensor } = await import('onnxruntime-node');
      return new SamModel(manifest, encoder, decoder, tensor);
    } catch (error) {
      await encoder.release();
      throw error;
    }
  }

  /** The slow half: once per image. */
  async encode(image: PlanarImage): Promise<Embedding> {
    const { imageSide, encoder } = this.manifest;
    const { width, height } = image;
    const scale = imageSide / Math.max(width, height);
    const resized = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
    const bytes = await sharp(toInterleavedBytes(image), { raw: { width, height, channels: 3 } })
      .resize({ ...resized, fit: 'fill', kernel: 'linear' })
      .raw({ depth: 'uchar' })
      .toBuffer();
    const input =
      encoder.layout === 'hwc'
        ? new this.#tensor('float32', Float32Array.from(bytes), [resized.height, resized.width, 3])
        : new this.#tensor('float32', this.#padded(bytes, resized), [1, 3, imageSide, imageSide]);
    const outputs = await this.#run(this.#encoder, 'encoder', { [encoder.inputs[0]!]: input });
    const tensor = outputs[encoder.outputs[0]!]!;
    return { width, height, scale, tensor, sizeBytes: 4 * tensor.size };
  }

  #padded(bytes: Uint8Array, { width, height }: { width: number; height: number }): Float32Array {
    const { imageSide: side, encoder } = this.manifest;
    // Zero after normalisation, as in training.
    const out = new Float32Array(3 * side * side);
    for (let c = 0; c < 3; c++) {
      const [mean, std] = [encoder.mean[c]!, encoder.std[c]!];
      for (let y = 0; y < height; y++) {
        const to = (c * side + y) * side;
        for (let x = 0; x < width; x++) out[to + x] = (bytes[3 * (y * width + x) + c]! - mean) / std;
      }
    }
    return out;
  }

  /** All masks that the decoder offers for a prompt, in its order. @throws LiftscopeError `bad-input` for an empty prompt */
  async decode(embedding: Embedding, prompt: Prompt): Promise<SamMask[]> {
    const { points, box, previous } = prompt;
    if (points.length === 0 && box === undefined) {
      throw new LiftscopeError({ code: 'bad-input', message: 'A prompt needs a point or a box.' });
    }
    const { maskSide } = this.manifest;
    if (previous !== undefined && previous.length !== maskSide * maskSide) {
      throw new LiftscopeError({ code: 'bad-input', message: `A previous mask has ${maskSide}x${maskSide} values.` });
    }
    const { coords, labels } = promptArrays(prompt, embedding.scale);
    const { width, height } = embedding;
    const outputs = await this.#run(this.#decoder, 'decoder', {
      image_embeddings: embedding.tensor,
      point_coords: new this.#tensor('float32', coords, [1, labels.length, 2]),
      point_labels: new this.#tensor('float32', labels, [1, labels.length]),
      mask_input: new this.#tensor('float32', previous ?? new Float32Array(maskSide ** 2), [1, 1, maskSide, maskSide]),
      has_mask_input: new this.#tensor('float32', Float32Array.of(previous === undefined ? 0 : 1), [1]),
      orig_im_size: new this.#tensor('float32', Float32Array.of(height, width), [2]),
    });
    const masks = this.#floats(outputs, 'masks');
    const scores = this.#floats(outputs, 'iou_predictions');
    const lowRes = this.#floats(outputs, 'low_res_masks');
    const count = scores.length;
    if (masks.length !== count * width * height || lowRes.length !== count * maskSide ** 2) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `${this.manifest.name}: the decoder answered with ${masks.length} mask values and ${lowRes.length} of low resolution for ${count} masks of ${width}x${height}.`,
        hint: 'Does the manifest state the right maskSide, and is the decoder one of SAM’s interface?',
      });
    }
    return Array.from(scores, (predictedIou, i) => ({
      logits: masks.subarray(i * width * height, (i + 1) * width * height),
      predictedIou,
      lowRes: lowRes.subarray(i * maskSide ** 2, (i + 1) * maskSide ** 2),
    }));
  }

  /** Runs a session; what the runtime rejects is a model that does not keep to its manifest. */
  async #run(
    session: InferenceSession,
    part: string,
    feeds: Record<string, Tensor>,
  ): Promise<InferenceSession.OnnxValueMapType> {
    try {
      return await session.run(feeds);
    } catch (error) {
      const reason = error instanceof Error ? error.message.slice(0, 500) : String(error);
      const message = `${this.manifest.name}: the ${part} refused its input (${reason}).`;
      const hint = 'Do imageSide, maskSide and layout in its manifest fit the files?';
      throw new LiftscopeError({ code: 'bad-input', message, hint }, { cause: error });
    }
  }

  #floats(outputs: InferenceSession.OnnxValueMapType, name: string): Float32Array {
    const data = (outputs[name] as Tensor | undefined)?.data;
    if (data instanceof Float32Array) return data;
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${this.manifest.name}: the decoder's output ${name} is not of float32.`,
      hint: 'Convert the model to float32.',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#encoder.release();
    await this.#decoder.release();
  }
}

/** Points and box in pixels of the resized image; labels 1 positive, 0 negative, 2 and 3 corners of a box, −1 padding. */
function promptArrays({ points, box }: Prompt, scale: number): { coords: Float32Array; labels: Float32Array } {
  const rows = points.map(({ x, y, positive }) => [x, y, positive ? 1 : 0]);
  if (box !== undefined) rows.push([box.left, box.top, 2], [box.right, box.bottom, 3]);
  // The graph adds half a pixel: its points name pixels, ours places.
  const coords = Float32Array.from(rows.flatMap(([x, y]) => [x! * scale - 0.5, y! * scale - 0.5]));
  const labels = Float32Array.from(rows, ([, , label]) => label!);
  if (box !== undefined) return { coords, labels };
  // Without a box SAM was trained with one point of padding.
  return { coords: Float32Array.of(...coords, 0, 0), labels: Float32Array.of(...labels, -1) };
}

/**
 * The answer to show. A decoder with four masks has one for several prompts (the first) and three, from part to whole, for a
 * single ambiguous one; any other number are alternatives.
 */
export function bestMask(masks: readonly SamMask[], prompt: Prompt): SamMask {
  const prompts = prompt.points.length + (prompt.box === undefined ? 0 : 2) + (prompt.previous === undefined ? 0 : 1);
  if (masks.length === 4 && prompts > 1) return masks[0]!;
  const candidates = masks.length === 4 ? masks.slice(1) : masks;
  return candidates.reduce((best, mask) => (mask.predictedIou > best.predictedIou ? mask : best));
}
