/** The `.language` artifact (layout: contract/language.ts): bounded reading, atomic writing. */
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import {
  LANGUAGE_LIMITS,
  LANGUAGE_MAGIC,
  type LanguageHeader,
  LiftscopeError,
  languageDataOffset,
  languageHeaderSchema,
} from '../../contract/index.ts';
import { type Bfloat16Rows, bfloat16Of } from './bfloat16.ts';

type Values = Float32Array | Bfloat16Rows;

/** What a query needs of a field. */
export type StoredField =
  | {
      readonly kind: 'nested';
      /** D, k, and the temperature of the composite's weights. */
      readonly dimensions: number;
      readonly step: number;
      readonly temperature: number;
      readonly scaleEdges: readonly number[];
      /** [N, D] */
      readonly theta: Bfloat16Rows;
      /** W [E, D] */
      readonly projection: Float32Array;
    }
  | {
      readonly kind: 'levels';
      /** embeddings [N, E], not of unit length. */
      readonly levels: readonly { readonly name: string; readonly embeddings: Bfloat16Rows }[];
    };

/** What a `.language` file holds, in memory. */
export interface LanguageFile {
  readonly header: Omit<LanguageHeader, 'arrays' | 'field'>;
  readonly field: StoredField;
  /** [N] how much of each Gaussian training saw inside segments; 0: nothing was said about it. */
  readonly visibility: Float32Array;
}

function arraysOf({ field, visibility }: LanguageFile): [string, Values][] {
  switch (field.kind) {
    case 'nested':
      return [
        ['visibility', visibility],
        ['theta', field.theta],
        ['projection', field.projection],
      ];
    case 'levels':
      return [
        ['visibility', visibility],
        ...field.levels.map(({ embeddings }, i): [string, Values] => [`level${i}`, embeddings]),
      ];
    default:
      return field satisfies never;
  }
}

function fieldHeader(field: StoredField): LanguageHeader['field'] {
  if (field.kind === 'levels') return { kind: 'levels', names: field.levels.map(({ name }) => name) };
  const { dimensions, step, temperature, scaleEdges } = field;
  return { kind: 'nested', dimensions, step, temperature, scaleEdges: [...scaleEdges] };
}

function bytesOf(values: Values): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** sha256 of the arrays, hexadecimal: equal fields have equal hashes, whenever they were made. */
export function languageHash(file: LanguageFile): string {
  const hash = createHash('sha256');
  for (const [name, values] of arraysOf(file)) hash.update(name).update(bytesOf(values));
  return hash.digest('hex');
}

/** The file is complete under its name or absent. */
export async function writeLanguage(path: string, content: LanguageFile): Promise<void> {
  const arrays = arraysOf(content);
  const header: LanguageHeader = {
    ...content.header,
    field: fieldHeader(content.field),
    arrays: arrays.map(([name, values]) => {
      return { name, type: values instanceof Float32Array ? 'f32' : 'bf16', length: values.length };
    }),
  };
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  const start = Buffer.alloc(languageDataOffset(text.length));
  start.write(LANGUAGE_MAGIC, 0, 'latin1');
  start.writeUInt32LE(text.length, 8);
  text.copy(start, 12);
  const temporary = `${path}.${randomUUID()}.partial`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(start);
      for (const [, values] of arrays) {
        const bytes = bytesOf(values);
        await file.writeFile(bytes);
        if (bytes.length % 4 !== 0) await file.writeFile(new Uint8Array(4 - (bytes.length % 4)));
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** @throws LiftscopeError `bad-input` naming the file and what is wrong with it; nothing is allocated before sizes agree. */
export async function readLanguage(path: string): Promise<LanguageFile> {
  const fail = (problem: string): never => {
    throw new LiftscopeError({ code: 'bad-input', message: `${path}: ${problem}`, hint: 'Train the field again.' });
  };
  const file = await open(path, 'r').catch((error: Error) => fail(`cannot be opened (${error.message})`));
  try {
    const { size } = await file.stat();
    const start = Buffer.alloc(12);
    const { bytesRead } = await file.read(start, 0, 12, 0);
    if (bytesRead < 12 || start.toString('latin1', 0, 8) !== LANGUAGE_MAGIC) fail('is not a language field');
    const headerBytes = start.readUInt32LE(8);
    if (headerBytes > LANGUAGE_LIMITS.headerBytes || 12 + headerBytes > size) {
      fail(`header length ${headerBytes} is not possible`);
    }
    const text = Buffer.alloc(headerBytes);
    await file.read(text, 0, headerBytes, 12);
    const header = parseHeader(text.toString('utf8'), fail);
    const sizes = requireArrays(header, fail);
    const offset = languageDataOffset(headerBytes);
    const total = sizes.reduce((sum, bytes) => sum + padded(bytes), 0);
    if (size !== offset + total) fail(`has ${size} bytes where its arrays need ${offset + total}`);
    const arrays = new Map<string, Values>();
    let at = offset;
    for (const [i, { name, type }] of header.arrays.entries()) {
      const bytes = await readBytes(file, at, sizes[i]!, fail);
      at += padded(bytes.length);
      const values = type === 'f32' ? new Float32Array(bytes.buffer) : bfloat16Of(bytes.buffer);
      requireFinite(name, values, fail);
      arrays.set(name, values);
    }
    return assemble(header, arrays);
  } finally {
    await file.close();
  }
}

const padded = (bytes: number): number => Math.ceil(bytes / 4) * 4;

async function readBytes(
  file: FileHandle,
  at: number,
  length: number,
  fail: (problem: string) => never,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < bytes.length; ) {
    const part = await file.read(bytes, done, Math.min(bytes.length - done, 1 << 28), at + done);
    if (part.bytesRead === 0) fail('ends too early');
    done += part.bytesRead;
  }
  return bytes;
}

function parseHeader(text: string, fail: (problem: string) => never): LanguageHeader {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail('header is not JSON');
  }
  const parsed = languageHeaderSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return fail(`header: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
  }
  const { field } = parsed.data;
  if (field.kind === 'nested' && field.step > field.dimensions) {
    return fail(`header: steps of ${field.step} in ${field.dimensions} dimensions`);
  }
  return parsed.data;
}

/** Names, types and lengths are what the field needs, no more and no fewer. @returns bytes of each */
function requireArrays({ arrays, gaussians, field, model }: LanguageHeader, fail: (problem: string) => never) {
  const wanted: [string, 'f32' | 'bf16', number][] = [['visibility', 'f32', gaussians]];
  if (field.kind === 'nested') {
    wanted.push(['theta', 'bf16', gaussians * field.dimensions]);
    wanted.push(['projection', 'f32', model.dimensions * field.dimensions]);
  } else {
    for (const i of field.names.keys()) wanted.push([`level${i}`, 'bf16', gaussians * model.dimensions]);
  }
  if (arrays.length !== wanted.length) fail(`has ${arrays.length} arrays, not ${wanted.length}`);
  return wanted.map(([name, type, length], i) => {
    const own = arrays[i]!;
    if (own.name !== name || own.type !== type || own.length !== length) {
      fail(`array ${i} is ${own.name} (${own.length} ${own.type}), not ${name} (${length} ${type})`);
    }
    return length * (type === 'f32' ? 4 : 2);
  });
}

function requireFinite(name: string, values: Values, fail: (problem: string) => never): void {
  if (values instanceof Float32Array) {
    for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) fail(`${name}[${i}] is ${values[i]}`);
    return;
  }
  // All bits of the exponent: infinite or not a number.
  for (let i = 0; i < values.length; i++) if ((values[i]! & 0x7f80) === 0x7f80) fail(`${name}[${i}] is not finite`);
}

function assemble({ arrays: _, field, ...header }: LanguageHeader, arrays: ReadonlyMap<string, Values>): LanguageFile {
  const floats = (name: string): Float32Array => arrays.get(name) as Float32Array;
  const rows = (name: string): Bfloat16Rows => arrays.get(name) as Bfloat16Rows;
  const visibility = floats('visibility');
  if (field.kind === 'levels') {
    const levels = field.names.map((name, i) => ({ name, embeddings: rows(`level${i}`) }));
    return { header, visibility, field: { kind: 'levels', levels } };
  }
  return { header, visibility, field: { ...field, theta: rows('theta'), projection: floats('projection') } };
}
