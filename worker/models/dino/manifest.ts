/** Manifest of a network of visual features: one vector for each patch of the image. */
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

export const DINO_ENABLES = 'tracking by learned visual features instead of gradients and colours';
export const DINO_FILES = ['the network (.onnx)'] as const;

const dinoManifestSchema = manifestHeadSchema.extend({
  kind: z.literal('dino'),
  model: looseModelFileSchema,
  /** External weights. */
  files: z.array(plainFileSchema).max(64).default([]),
  input: imageInputSchema,
  /** Pixels of the network's image along each side of a patch. DINOv2: 14. DINO, DINOv3: 16. */
  patch: z.int().min(1).max(128),
  /**
   * Which output holds the features: [1, tokens, D] with class and register tokens first, or [1, D, rows, columns]. Absent:
   * `last_hidden_state`, or the only one of such a shape.
   */
  output: z.string().min(1).max(200).optional(),
});
export type DinoManifest = z.infer<typeof dinoManifestSchema>;

/** The folder's manifest, or the one that its layout implies. @throws LiftscopeError `not-found`, `bad-input` */
export async function readDinoManifest(folder: string): Promise<DinoManifest> {
  const path = join(folder, MANIFEST);
  const value = await readManifestJson(folder);
  if (value !== undefined) return parseManifest(path, dinoManifestSchema, value);
  const published = await readPublished(folder);
  if (published?.kind === 'dino') return parseManifest(path, dinoManifestSchema, published.manifest);
  throw notInstalled(folder, `${path} does not exist`, DINO_ENABLES, DINO_FILES);
}
