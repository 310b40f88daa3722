/** Networks of vision in the layout of transformers' exports (config.json, preprocessor_config.json, onnx/model.onnx): their manifests, guessed. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { findGraph, isFile } from './layout.ts';
import { type ModelFile, type PlainFile, unstatedHead } from './manifest.ts';

const MAX_JSON_BYTES = 1 << 20;
const triple = z.tuple([z.number(), z.number(), z.number()]);
const side = z.int().min(1).max(2048);
const size = z.union([
  side,
  z.looseObject({ width: side.optional(), height: side.optional(), shortest_edge: side.optional() }),
]);
const configSchema = z.looseObject({
  model_type: z.string().max(100).optional(),
  patch_size: z.int().min(1).max(128).optional().catch(undefined),
  depth_estimation_type: z.string().max(100).optional().catch(undefined),
});
const preprocessorSchema = z.looseObject({
  size: size.optional().catch(undefined),
  crop_size: size.optional().catch(undefined),
  do_center_crop: z.boolean().optional().catch(undefined),
  ensure_multiple_of: z.int().min(1).max(128).optional().catch(undefined),
  image_mean: triple.optional().catch(undefined),
  image_std: triple.optional().catch(undefined),
});

/** Of features that serve as those of DINO do: a vision transformer whose answer is its patches. */
const FEATURE_MODELS = new Set(['dinov2', 'dinov2_with_registers', 'dinov3_vit', 'vit', 'ijepa', 'vit_msn']);
const DISPARITY_MODELS = new Set(['depth_anything', 'dpt']);
const METRIC_MODELS = new Set(['depth_pro', 'glpn', 'zoedepth']);

export interface Published {
  readonly kind: 'dino' | 'depth';
  /** By the schema of its kind, without hashes. */
  readonly manifest: Record<string, unknown> & { readonly model: ModelFile; readonly files: readonly PlainFile[] };
}

/** Undefined for a folder of another layout or of a network that is not known. */
export async function readPublished(folder: string): Promise<Published | undefined> {
  const config = await readSettingsFile(folder, 'config.json', configSchema);
  const graph = config?.model_type === undefined ? undefined : await findGraph(folder, 'model');
  if (config?.model_type === undefined || graph === undefined) return undefined;
  const preprocessor = (await readSettingsFile(folder, 'preprocessor_config.json', preprocessorSchema)) ?? {};
  const bytes = (values: readonly number[] | undefined): readonly number[] | undefined => values?.map((v) => 255 * v);
  const [mean, std] = [bytes(preprocessor.image_mean), bytes(preprocessor.image_std)];
  const common = (multipleOf: number) => ({
    side: Math.max(
      16,
      sideOf(
        preprocessor.do_center_crop === false ? preprocessor.size : (preprocessor.crop_size ?? preprocessor.size),
      ) ?? 224,
    ),
    multipleOf,
    ...(mean !== undefined && { mean }),
    ...(std?.every((value) => value > 0) === true && { std }),
  });
  const data = `${graph}_data`;
  const files = (await isFile(join(folder, data))) ? [{ file: data }] : [];
  const head = { ...unstatedHead(folder), model: { file: graph }, files };
  const { model_type: type, patch_size: patch = 14 } = config;
  if (FEATURE_MODELS.has(type)) {
    return { kind: 'dino', manifest: { ...head, kind: 'dino', patch, input: { ...common(patch), fit: 'shortest' } } };
  }
  const metric = METRIC_MODELS.has(type) || config.depth_estimation_type === 'metric';
  if (!metric && !DISPARITY_MODELS.has(type)) return undefined;
  const input = { ...common(preprocessor.ensure_multiple_of ?? 1), fit: type === 'depth_pro' ? 'square' : 'shortest' };
  return { kind: 'depth', manifest: { ...head, kind: 'depth', input, values: metric ? 'metric' : 'disparity' } };
}

function sideOf(value: z.infer<typeof size> | undefined): number | undefined {
  if (typeof value !== 'object') return value;
  return value.shortest_edge ?? value.height ?? value.width;
}

async function readSettingsFile<T extends z.ZodType>(
  folder: string,
  name: string,
  schema: T,
): Promise<z.infer<T> | undefined> {
  const path = join(folder, name);
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile() !== true || info.size > MAX_JSON_BYTES) return undefined;
  try {
    return schema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}
