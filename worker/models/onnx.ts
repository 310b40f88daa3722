/** ONNX models from files: checked against their manifest before the runtime sees them, run on the CPU. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';

/** A file name inside the model's folder; nothing that leads out of it. */
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/, { error: 'must be the plain name of a file' });

/** One ONNX file of a model. */
export const modelFileSchema = z.strictObject({
  file: fileName,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be 64 lower-case hexadecimal digits' }),
  /** Names of the graph's inputs and outputs, all of them, whatever they are used for. */
  inputs: z.array(z.string().min(1).max(200)).min(1).max(64),
  outputs: z.array(z.string().min(1).max(200)).min(1).max(64),
});
export type ModelFile = z.infer<typeof modelFileSchema>;

/** What every manifest says about where the model is from. */
export const manifestHeadSchema = z.object({
  format: z.literal('liftscope-model'),
  version: z.literal(1),
  name: z.string().min(1).max(200),
  /** Where the weights are from: a URL, a paper, the script that made them. */
  source: z.string().min(1).max(2000),
  licence: z.string().min(1).max(200),
});

const MAX_MANIFEST_BYTES = 1 << 20;
const MANIFEST = 'manifest.json';

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
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile() !== true) throw notInstalled(request, path);
  if (info.size > MAX_MANIFEST_BYTES) throw badManifest(path, `has ${info.size} bytes, more than any manifest needs`);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw badManifest(path, `is not JSON (${error instanceof Error ? error.message.slice(0, 200) : String(error)})`);
  }
  const parsed = request.schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badManifest(path, `${issue?.path.join('.') || 'top level'}: ${issue?.message ?? 'not valid'}`);
}

function notInstalled<T extends z.ZodType>(request: ManifestRequest<T>, path: string): LiftscopeError {
  return new LiftscopeError({
    code: 'not-found',
    message: `The model is not installed: ${path} does not exist. It would enable ${request.enables}.`,
    hint: `Put ${[MANIFEST, ...request.files].join(', ')} into ${request.folder}; native-models/README.md says what the manifest holds.`,
  });
}

function badManifest(path: string, problem: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${path}: ${problem}.`,
    hint: 'native-models/README.md says what a manifest holds.',
  });
}

/**
 * Checks the file's hash and the graph's inputs and outputs against the manifest, then loads it.
 * @param threads 0: one per core
 * @throws LiftscopeError `not-found`, `bad-input`, or `unsupported` when the runtime itself does not load
 */
export async function openModel(folder: string, model: ModelFile, threads: number): Promise<InferenceSession> {
  const path = join(folder, model.file);
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) {
    throw new LiftscopeError({
      code: 'not-found',
      message: `${path}: the manifest names this file, and it does not exist.`,
      hint: 'Copy the whole model, or correct its manifest.',
    });
  }
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const sha256 = hash.digest('hex');
  if (sha256 !== model.sha256) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path}: has the SHA-256 ${sha256}; its manifest says ${model.sha256}.`,
      hint: 'The file is damaged or another one: fetch it again, or correct the manifest if it is the one you want.',
    });
  }
  const ort = await importRuntime();
  let session: InferenceSession;
  try {
    session = await ort.InferenceSession.create(path, {
      executionProviders: ['cpu'],
      ...(threads > 0 && { intraOpNumThreads: threads }),
      // Errors only: the runtime's warnings about its own optimiser help nobody.
      logSeverityLevel: 3,
    });
  } catch (error) {
    const message = `${path}: cannot be loaded (${error instanceof Error ? error.message.slice(0, 500) : String(error)}).`;
    throw new LiftscopeError({ code: 'bad-input', message, hint: 'Is it an ONNX model?' }, { cause: error });
  }
  for (const [what, stated, found] of [
    ['inputs', model.inputs, session.inputNames],
    ['outputs', model.outputs, session.outputNames],
  ] as const) {
    if ([...stated].sort().join() === [...found].sort().join()) continue;
    await session.release();
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path}: has the ${what} ${found.join(', ')}; its manifest says ${stated.join(', ')}.`,
      hint: 'Correct the manifest.',
    });
  }
  return session;
}

async function importRuntime(): Promise<typeof import('onnxruntime-node')> {
  try {
    return await import('onnxruntime-node');
  } catch (error) {
    throw new LiftscopeError(
      {
        code: 'unsupported',
        message: `onnxruntime does not load: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
        hint: 'Install the packages again: npm ci',
      },
      { cause: error },
    );
  }
}
