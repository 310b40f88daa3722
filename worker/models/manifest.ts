/** `manifest.json` of a model folder: what every kind says, and how it is read without trusting it. */
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { LiftscopeError, maxModelNameLength } from '../../contract/index.ts';

export const MANIFEST = 'manifest.json';
const MAX_MANIFEST_BYTES = 1 << 20;

/** A file inside the model's folder, at most three folders deep; nothing that leads out of it. */
const fileName = z
  .string()
  .max(400)
  .regex(/^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,199}\/){0,3}[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/, {
    error: 'must be the plain name of a file, or folders and a file inside the model’s own folder',
  });
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be 64 lower-case hexadecimal digits' });
const graphNames = z.array(z.string().min(1).max(200)).min(1).max(256);

/** A file that is no graph: a tokenizer, a configuration, external weights. */
export const plainFileSchema = z.strictObject({ file: fileName, sha256: sha256.optional() });
export type PlainFile = z.infer<typeof plainFileSchema>;

/** One ONNX file of a model. */
export const modelFileSchema = z.strictObject({
  file: fileName,
  sha256,
  /** Names of the graph's inputs and outputs, all of them, whatever they are used for. */
  inputs: graphNames,
  outputs: graphNames,
});
/** One ONNX file, whose hash and interface a hand-written manifest may leave out: then they are not checked. */
export const looseModelFileSchema = modelFileSchema.partial({ sha256: true, inputs: true, outputs: true });
export type ModelFile = z.infer<typeof looseModelFileSchema>;

/** What every manifest says about where the model is from. */
export const manifestHeadSchema = z.object({
  format: z.literal('liftscope-model'),
  version: z.literal(1),
  name: z.string().min(1).max(maxModelNameLength),
  /** Where the weights are from: a URL, a paper, the script that made them. */
  source: z.string().min(1).max(2000),
  licence: z.string().min(1).max(200),
});
export type ManifestHead = z.infer<typeof manifestHeadSchema>;

/** The head of a model that came without a manifest. */
export function unstatedHead(folder: string): ManifestHead {
  const name = basename(folder).slice(0, maxModelNameLength) || 'model';
  return { format: 'liftscope-model', version: 1, name, source: 'not stated', licence: 'not stated' };
}

export interface ManifestRequest<T extends z.ZodType> {
  readonly folder: string;
  readonly schema: T;
  /** What the model would make possible, for the message when it is not there. */
  readonly enables: string;
  /** Files the folder should hold besides the manifest, for the same message. */
  readonly files: readonly string[];
}

/** @throws LiftscopeError `not-found` when nothing is installed there, `bad-input` naming what is wrong with the manifest */
export async function readManifest<T extends z.ZodType>(request: ManifestRequest<T>): Promise<z.infer<T>> {
  const path = join(request.folder, MANIFEST);
  const value = await readManifestJson(request.folder);
  if (value === undefined) throw notInstalled(request.folder, `${path} does not exist`, request.enables, request.files);
  return parseManifest(path, request.schema, value);
}

/** @throws LiftscopeError `bad-input` */
export function parseManifest<T extends z.ZodType>(path: string, schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badManifest(path, `${issue?.path.join('.') || 'top level'}: ${issue?.message ?? 'not valid'}`);
}

/** What the folder's manifest holds, of any kind; undefined without one. @throws LiftscopeError `bad-input` */
export async function readManifestJson(folder: string): Promise<unknown> {
  const path = join(folder, MANIFEST);
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile() !== true) return undefined;
  if (info.size > MAX_MANIFEST_BYTES) throw badManifest(path, `has ${info.size} bytes, more than any manifest needs`);
  try {
    return JSON.parse(await readFile(path, 'utf8')) ?? null;
  } catch (error) {
    throw badManifest(path, `is not JSON (${error instanceof Error ? error.message.slice(0, 200) : String(error)})`);
  }
}

export function notInstalled(
  folder: string,
  problem: string,
  enables: string,
  files: readonly string[],
): LiftscopeError {
  return new LiftscopeError({
    code: 'not-found',
    message: `The model is not installed: ${problem}. It would enable ${enables}.`,
    hint: `Put ${[MANIFEST, ...files].join(', ')} into ${folder}; native-models/README.md says what the manifest holds.`,
  });
}

export function badManifest(path: string, problem: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${path}: ${problem}.`,
    hint: 'native-models/README.md says what a manifest holds.',
  });
}
