/**
 * Files of a dual encoder: the layout in which CLIP models are published for ONNX (config.json, tokenizer.json,
 * preprocessor_config.json, onnx/text_model.onnx, onnx/vision_model.onnx), with or without a manifest of ours.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { RELEVANCY_GATE } from '../../../contract/index.ts';
import { findGraph, isFile } from '../layout.ts';
import {
  looseModelFileSchema,
  MANIFEST,
  type ManifestHead,
  type ModelFile,
  manifestHeadSchema,
  notInstalled,
  type PlainFile,
  parseManifest,
  plainFileSchema,
  readManifestJson,
  unstatedHead,
} from '../manifest.ts';

export const DUAL_ENCODER_ENABLES = 'text queries, language fields and image features that text can be compared with';
export const DUAL_ENCODER_FILES = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'preprocessor_config.json',
  'onnx/text_model.onnx',
  'onnx/vision_model.onnx',
] as const;

/** Read and checked beside the graphs; the first two must be there. */
const REQUIRED_SETTINGS = ['tokenizer.json', 'preprocessor_config.json'] as const;
const OPTIONAL_SETTINGS = ['config.json', 'tokenizer_config.json'] as const;

const dualEncoderManifestSchema = manifestHeadSchema.extend({
  kind: z.literal('dual-encoder'),
  /** Graphs; looked for by their usual names where absent. `both` is one graph with both inputs. */
  text: looseModelFileSchema.optional(),
  vision: looseModelFileSchema.optional(),
  both: looseModelFileSchema.optional(),
  /** Everything else that belongs to the model, with hashes: settings and external weights. */
  files: z.array(plainFileSchema).max(64).default([]),
  /** E of the embeddings. */
  dimensions: z.int().min(1).max(65_536).optional(),
  /** Most tokens of a text, special ones included; the model's own configuration may say less. */
  contextTokens: z.int().min(2).max(65_536).optional(),
  /**
   * By recipe of a language field: raw relevancy that a search over its scales reaches for absent things in one of ten views of the
   * calibration rooms of `bench language`. Below it such a search says that there is nothing; where it is stated, such a search is the default.
   */
  gates: z.record(z.string().max(100), z.number().min(RELEVANCY_GATE).max(1)).optional(),
});
type DualEncoderManifest = z.infer<typeof dualEncoderManifestSchema>;

export interface DualEncoderFiles {
  readonly head: ManifestHead;
  readonly graphs: { readonly text: ModelFile; readonly vision: ModelFile } | { readonly both: ModelFile };
  /** With the hashes that a manifest states. */
  readonly files: readonly PlainFile[];
  readonly dimensions: number | undefined;
  readonly contextTokens: number | undefined;
  readonly gates: Readonly<Record<string, number>>;
  /** Whether a manifest states the hash of every graph and settings file. */
  readonly verified: boolean;
}

/** What the folder holds, by its manifest or by its layout. @throws LiftscopeError `not-found`, `bad-input` */
export async function findDualEncoder(folder: string): Promise<DualEncoderFiles> {
  const value = await readManifestJson(folder);
  const manifest =
    value === undefined ? undefined : parseManifest(join(folder, MANIFEST), dualEncoderManifestSchema, value);
  const missing = (problem: string): Error => notInstalled(folder, problem, DUAL_ENCODER_ENABLES, DUAL_ENCODER_FILES);
  const graphs =
    manifest === undefined ? await findGraphs(folder) : (statedGraphs(manifest) ?? (await findGraphs(folder)));
  if (graphs === undefined) {
    throw missing(`${folder} has neither onnx/text_model.onnx with onnx/vision_model.onnx nor onnx/model.onnx`);
  }
  const stated = manifest?.files ?? [];
  const files: PlainFile[] = [...stated];
  for (const file of [...REQUIRED_SETTINGS, ...OPTIONAL_SETTINGS]) {
    if (files.some((one) => one.file === file)) continue;
    if (await isFile(join(folder, file))) files.push({ file });
    else if ((REQUIRED_SETTINGS as readonly string[]).includes(file)) {
      throw missing(`${join(folder, file)} does not exist`);
    }
  }
  for (const { file } of graphList(graphs)) {
    for (const weights of [`${file}_data`, `${file}.data`]) {
      if (!files.some((one) => one.file === weights) && (await isFile(join(folder, weights))))
        files.push({ file: weights });
    }
  }
  return {
    head: manifest ?? unstatedHead(folder),
    graphs,
    files,
    dimensions: manifest?.dimensions,
    contextTokens: manifest?.contextTokens,
    gates: manifest?.gates ?? {},
    verified: [...graphList(graphs), ...files].every(({ sha256 }) => sha256 !== undefined),
  };
}

export function graphList(graphs: DualEncoderFiles['graphs']): readonly ModelFile[] {
  return 'both' in graphs ? [graphs.both] : [graphs.text, graphs.vision];
}

/** Undefined where the manifest leaves it to the layout. */
function statedGraphs({ text, vision, both }: DualEncoderManifest): DualEncoderFiles['graphs'] | undefined {
  if (text !== undefined && vision !== undefined) return { text, vision };
  return both === undefined ? undefined : { both };
}

async function findGraphs(folder: string): Promise<DualEncoderFiles['graphs'] | undefined> {
  const [text, vision] = [await findGraph(folder, 'text_model'), await findGraph(folder, 'vision_model')];
  if (text !== undefined && vision !== undefined) return { text: { file: text }, vision: { file: vision } };
  const both = await findGraph(folder, 'model');
  return both === undefined ? undefined : { both: { file: both } };
}
