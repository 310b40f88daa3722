/** ONNX models from files: checked against their manifest before the runtime sees them, run on the CPU. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { LiftscopeError } from '../../contract/index.ts';
import type { ModelFile, PlainFile } from './manifest.ts';

/** More than the weights of any model that a CPU runs. */
export const MAX_MODEL_FILE_BYTES = 16 * 2 ** 30;

/** @throws LiftscopeError `not-found`, `bad-input` for another hash than the manifest's @returns the file's SHA-256 */
export async function verifyFile(folder: string, { file, sha256: stated }: PlainFile): Promise<string> {
  const path = join(folder, file);
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile() !== true) {
    throw new LiftscopeError({
      code: 'not-found',
      message: `${path}: the manifest names this file, and it does not exist.`,
      hint: 'Copy the whole model, or correct its manifest.',
    });
  }
  if (info.size > MAX_MODEL_FILE_BYTES) {
    throw new LiftscopeError({ code: 'bad-input', message: `${path}: has ${info.size} bytes, more than a model may.` });
  }
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const sha256 = hash.digest('hex');
  if (stated !== undefined && sha256 !== stated) throw otherHash(path, sha256, stated);
  return sha256;
}

export function otherHash(path: string, found: string, stated: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${path}: has the SHA-256 ${found}; its manifest says ${stated}.`,
    hint: 'The file is damaged or another one: fetch it again, or correct the manifest if it is the one you want.',
  });
}

/**
 * Checks the file's hash and the graph's inputs and outputs against the manifest, then loads it.
 * @param threads 0: one per core
 * @throws LiftscopeError `not-found`, `bad-input`, or `unsupported` when the runtime itself does not load
 */
export async function openModel(folder: string, model: ModelFile, threads: number): Promise<InferenceSession> {
  return (await openVerified(folder, model, threads)).session;
}

/** {@link openModel}, with the hash that was found. */
export async function openVerified(
  folder: string,
  model: ModelFile,
  threads: number,
): Promise<{ session: InferenceSession; sha256: string }> {
  const path = join(folder, model.file);
  const sha256 = await verifyFile(folder, model);
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
    if (stated === undefined || [...stated].sort().join() === [...found].sort().join()) continue;
    await session.release();
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path}: has the ${what} ${found.join(', ')}; its manifest says ${stated.join(', ')}.`,
      hint: 'Correct the manifest.',
    });
  }
  return { session, sha256 };
}

/** A value of a graph as its file declares it; a text or a number below 1 stands for a size that is known when it runs. */
export interface DeclaredValue {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

export function declaredInputs(session: InferenceSession): DeclaredValue[] {
  return declared(session.inputMetadata);
}

export function declaredOutputs(session: InferenceSession): DeclaredValue[] {
  return declared(session.outputMetadata);
}

function declared(metadata: readonly InferenceSession.ValueMetadata[]): DeclaredValue[] {
  return metadata.map((value) =>
    value.isTensor
      ? { name: value.name, type: value.type, shape: value.shape }
      : { name: value.name, type: 'no tensor', shape: [] },
  );
}

/** The size along one axis where the file fixes it. */
export function fixedSize({ shape }: DeclaredValue, axis: number): number | undefined {
  const size = shape[axis];
  return typeof size === 'number' && size > 0 ? size : undefined;
}

/** Runs a graph; what the runtime refuses is said with the model's name. @throws LiftscopeError `bad-input` */
export async function runModel(
  session: InferenceSession,
  name: string,
  feeds: Record<string, Tensor>,
): Promise<InferenceSession.OnnxValueMapType> {
  try {
    return await session.run(feeds);
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 500) : String(error);
    throw new LiftscopeError(
      { code: 'bad-input', message: `${name}: the model refused its input (${reason}).`, hint: 'Is it of this kind?' },
      { cause: error },
    );
  }
}

/** One output as float32. @throws LiftscopeError `bad-input` */
export function floatOutput(
  outputs: InferenceSession.OnnxValueMapType,
  output: string,
  model: string,
): { data: Float32Array; dims: readonly number[] } {
  const tensor = outputs[output] as Tensor | undefined;
  const data: unknown = tensor?.data;
  if (tensor !== undefined && data instanceof Float32Array) return { data, dims: tensor.dims };
  // A Float16Array, which the type library does not know yet.
  if (tensor?.type === 'float16' && !(data instanceof Uint16Array)) {
    return { data: Float32Array.from(data as ArrayLike<number>), dims: tensor.dims };
  }
  throw new LiftscopeError({
    code: 'bad-input',
    message: `${model}: the output ${output} is not of floating-point numbers.`,
    hint: 'Convert the model to one with float32 inputs and outputs.',
  });
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
