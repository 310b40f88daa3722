/** Manifest of a monocular depth network. */
import { join } from 'node:path';
import { z } from 'zod';
import { imageInputSchema } from '../image-input.ts';
import {
  looseModelFileSchema,
  MANIFEST,
  manifestHeadSchema,
  notInstalled,
  parseManifest,
  plainFileSchema,
  readManifestJson,
} from '../manifest.ts';
import { readPublished } from '../published.ts';

export const DEPTH_ENABLES = 'depth for tracking without trained splats';
export const DEPTH_FILES = ['the network (.onnx)'] as const;

const depthManifestSchema = manifestHeadSchema.extend({
  kind: z.literal('depth'),
  model: looseModelFileSchema,
  /** External weights. */
  files: z.array(plainFileSchema).max(64).default([]),
  input: imageInputSchema,
  /**
   * What a value is: `disparity` 1/z up to scale and shift (Depth Anything, MiDaS), `depth` z up to scale and shift, `metric` z in
   * metres.
   */
  values: z.enum(['disparity', 'depth', 'metric']),
  /** Absent: `predicted_depth`, or the only output. */
  output: z.string().min(1).max(200).optional(),
});
export type DepthManifest = z.infer<typeof depthManifestSchema>;

/** The folder's manifest, or the one that its layout implies. @throws LiftscopeError `not-found`, `bad-input` */
export async function readDepthManifest(folder: string): Promise<DepthManifest> {
  const path = join(folder, MANIFEST);
  const value = await readManifestJson(folder);
  if (value !== undefined) return parseManifest(path, depthManifestSchema, value);
  const published = await readPublished(folder);
  if (published?.kind === 'depth') return parseManifest(path, depthManifestSchema, published.manifest);
  throw notInstalled(folder, `${path} does not exist`, DEPTH_ENABLES, DEPTH_FILES);
}
