/** Manifest of a SAM-style model: an image encoder, and a decoder that turns prompts into masks. */
import { z } from 'zod';
import { manifestHeadSchema, modelFileSchema, readManifest } from '../manifest.ts';

export const SAM_ENABLES = 'segmentation and click prompts with a Segment Anything model';
export const SAM_FILES = ['the encoder (.onnx)', 'the decoder (.onnx)'] as const;

const triple = z.tuple([z.number(), z.number(), z.number()]);

/** Interface of the decoder that Segment Anything's own ONNX export fixed (`scripts/export_onnx_model.py`). */
const DECODER_INPUTS = [
  'image_embeddings',
  'point_coords',
  'point_labels',
  'mask_input',
  'has_mask_input',
  'orig_im_size',
] as const;
const DECODER_OUTPUTS = ['masks', 'iou_predictions', 'low_res_masks'] as const;

const samManifestSchema = manifestHeadSchema.extend({
  kind: z.literal('sam'),
  /** Pixels: the longer image side is resized to this, the shorter padded to it on the right or at the bottom. SAM: 1024. */
  imageSide: z.int().min(16).max(4096),
  /** Side of `mask_input` and `low_res_masks`. SAM: 256. */
  maskSide: z.int().min(4).max(4096),
  encoder: modelFileSchema.extend({
    /** `nchw`: [1, 3, H, W] padded and normalised here. `hwc`: [H, W, 3] bytes as floats, the rest is in the graph. */
    layout: z.enum(['nchw', 'hwc']),
    /** Of sRGB bytes, 0 to 255. SAM: 123.675, 116.28, 103.53. */
    mean: triple,
    /** SAM: 58.395, 57.12, 57.375. */
    std: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
  }),
  decoder: modelFileSchema
    .refine(({ inputs }) => DECODER_INPUTS.every((name) => inputs.includes(name)), {
      error: `must have the inputs ${DECODER_INPUTS.join(', ')}`,
    })
    .refine(({ outputs }) => DECODER_OUTPUTS.every((name) => outputs.includes(name)), {
      error: `must have the outputs ${DECODER_OUTPUTS.join(', ')}`,
    }),
});
export type SamManifest = z.infer<typeof samManifestSchema>;

/** @throws LiftscopeError */
export function readSamManifest(folder: string): Promise<SamManifest> {
  return readManifest({
    folder,
    schema: samManifestSchema,
    enables: SAM_ENABLES,
    files: SAM_FILES,
  });
}
