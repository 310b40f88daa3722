/** The JSON files of a dual encoder: read once, hashed, bounded, and turned into a tokenizer and an image processor. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageProcessor, PreTrainedTokenizer } from '@huggingface/transformers';
import sharp from 'sharp';
import { z } from 'zod';
import { LiftscopeError } from '../../../contract/index.ts';
import type { PlainFile } from '../manifest.ts';
import { otherHash } from '../onnx.ts';

/** A tokenizer of 250,000 words of all languages has 35 MB. */
const MAX_SETTINGS_BYTES = 128 * 2 ** 20;
const MAX_IMAGE_SIDE = 2048;
const MAX_CONTEXT_TOKENS = 65_536;
/** CLIP's. */
const DEFAULT_CONTEXT_TOKENS = 77;

const side = z.int().min(1).max(MAX_IMAGE_SIDE);
const size = z.union([
  side,
  z.looseObject({
    shortest_edge: side.optional(),
    longest_edge: side.optional(),
    width: side.optional(),
    height: side.optional(),
  }),
]);
const triple = z.tuple([z.number(), z.number(), z.number()]);
/** Sizes are bounded here: a processor that is asked for 10^9 pixels takes the process with it. */
const preprocessorSchema = z.looseObject({
  image_processor_type: z.string().max(100).optional(),
  feature_extractor_type: z.string().max(100).optional(),
  size: size.optional(),
  image_size: size.optional(),
  crop_size: size.optional(),
  pad_size: size.optional(),
  image_mean: triple.optional(),
  image_std: triple.optional(),
  resample: z.int().min(0).max(5).optional(),
  rescale_factor: z.number().optional(),
});
const tokens = z.number().min(1);
const configSchema = z.looseObject({
  model_type: z.string().max(100).optional(),
  max_position_embeddings: tokens.optional(),
  text_config: z.looseObject({ max_position_embeddings: tokens.optional() }).optional(),
});
const tokenizerConfigSchema = z.looseObject({
  tokenizer_class: z.string().max(100).nullish(),
  // Some state 10^30 for "none".
  model_max_length: z.number().min(1).nullish(),
});
const tokenizerSchema = z.looseObject({
  model: z.looseObject({ unk_token: z.string().nullish() }),
});

export interface DualEncoderSettings {
  readonly tokenizer: PreTrainedTokenizer;
  readonly processor: ImageProcessor;
  readonly contextTokens: number;
  /** What the tokenizer's model writes for a word that it does not have. */
  readonly unknownToken: string | undefined;
  /** SigLIP was trained on texts padded to the whole context. */
  readonly padToContext: boolean;
  /** SHA-256 of each settings file. */
  readonly hashes: ReadonlyMap<string, string>;
}

/** @throws LiftscopeError `bad-input` naming the file */
export async function readSettings(
  folder: string,
  files: readonly PlainFile[],
  contextTokens: number | undefined,
): Promise<DualEncoderSettings> {
  const hashes = new Map<string, string>();
  const read = async <T extends z.ZodType>(file: string, schema: T): Promise<z.infer<T>> => {
    const listed = files.find((one) => one.file === file);
    return listed === undefined ? schema.parse({}) : readJson(folder, listed, schema, hashes);
  };
  const config = await read('config.json', configSchema);
  const tokenizerConfig = await read('tokenizer_config.json', tokenizerConfigSchema);
  const preprocessor = await read('preprocessor_config.json', preprocessorSchema);
  const tokenizerJson = await read('tokenizer.json', tokenizerSchema);
  // The door of the library loads from a hub; its classes take what has been read and checked here.
  const library = await import('@huggingface/transformers');
  library.env.allowRemoteModels = false;
  library.env.allowLocalModels = false;
  const classNamed = (name: string | null | undefined, ending: RegExp): unknown => {
    const plain = name?.replace(/Fast$/, '') ?? '';
    return ending.test(plain) ? (library as Readonly<Record<string, unknown>>)[plain] : undefined;
  };
  const TokenizerClass = (classNamed(tokenizerConfig.tokenizer_class, /^[A-Z]\w*Tokenizer$/) ??
    library.PreTrainedTokenizer) as new (
    tokenizer: unknown,
    config: unknown,
  ) => PreTrainedTokenizer;
  const ProcessorClass = (classNamed(
    preprocessor.image_processor_type ?? preprocessor.feature_extractor_type,
    /^[A-Z]\w*(ImageProcessor|FeatureExtractor)$/,
  ) ?? library.ImageProcessor) as new (
    config: unknown,
  ) => ImageProcessor;
  const position = config.text_config?.max_position_embeddings ?? config.max_position_embeddings;
  const context = [contextTokens, position, tokenizerConfig.model_max_length].filter(
    (value): value is number => typeof value === 'number' && value <= MAX_CONTEXT_TOKENS,
  );
  return {
    tokenizer: build(join(folder, 'tokenizer.json'), () => new TokenizerClass(tokenizerJson, tokenizerConfig)),
    processor: build(join(folder, 'preprocessor_config.json'), () =>
      withSmoothResizing(new ProcessorClass(preprocessor), library.RawImage),
    ),
    contextTokens: Math.floor(context.length > 0 ? Math.min(...context) : DEFAULT_CONTEXT_TOKENS),
    unknownToken: tokenizerJson.model.unk_token ?? undefined,
    padToContext: config.model_type?.startsWith('siglip') === true,
    hashes,
  };
}

/** sharp's names of Pillow's filters, by their numbers. */
const KERNELS = ['nearest', 'lanczos3', 'linear', 'cubic', 'linear', 'linear'] as const;

/**
 * The library resizes by an affine map, which on the way down looks at a few pixels only and on the way up fades the edges to
 * black. Models are trained with Pillow, which does neither; sharp's resize is the same as Pillow's.
 */
function withSmoothResizing(
  processor: ImageProcessor,
  Image: typeof import('@huggingface/transformers').RawImage,
): ImageProcessor {
  processor.resize = async (image) => {
    const [width, height] = processor.get_resize_output_image_size(image, processor.size);
    if (width === image.width && height === image.height) return image;
    const { data, info } = await sharp(image.data, {
      raw: { width: image.width, height: image.height, channels: image.channels },
    })
      .resize({ width, height, fit: 'fill', kernel: KERNELS[processor.resample] ?? 'linear' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    return new Image(new Uint8Array(data), info.width, info.height, info.channels);
  };
  return processor;
}

async function readJson<T extends z.ZodType>(
  folder: string,
  { file, sha256 }: PlainFile,
  schema: T,
  hashes: Map<string, string>,
): Promise<z.infer<T>> {
  const path = join(folder, file);
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile() !== true) throw bad(path, 'does not exist', 'not-found');
  if (info.size > MAX_SETTINGS_BYTES) throw bad(path, `has ${info.size} bytes, more than such a file needs`);
  // What is hashed is what is used.
  const bytes = await readFile(path);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== undefined && found !== sha256) throw otherHash(path, found, sha256);
  hashes.set(file, found);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw bad(path, `is not JSON (${messageOf(error)})`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw bad(path, `${issue?.path.join('.') || 'top level'}: ${issue?.message ?? 'not valid'}`);
}

function build<T>(path: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw bad(path, `cannot be used (${messageOf(error)})`);
  }
}

function bad(path: string, problem: string, code: 'bad-input' | 'not-found' = 'bad-input'): LiftscopeError {
  return new LiftscopeError({
    code,
    message: `${path}: ${problem}.`,
    hint: 'It should be the file of that name that a CLIP model is published with.',
  });
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 300);
}
