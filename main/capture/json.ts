/** JSON model files: bounded, parsed once, and read field by field with errors that name the field. */
import { CaptureError, clip, systemErrorText } from './errors.ts';
import { decodeUtf8, type ReadOptions, readWhole } from './file-reader.ts';
import { maxJsonBytes } from './model.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export async function readJson(path: string, options: ReadOptions = {}): Promise<unknown> {
  const text = decodeUtf8(await readWhole(path, maxJsonBytes, options), path, 'text').replace(/^\ufeff/, '');
  try {
    return JSON.parse(text);
  } catch (error) {
    const lenient = parseWithNonFinite(text);
    if (lenient !== undefined) return lenient;
    throw new CaptureError({
      code: text.trim() === '' ? 'truncated' : 'invalid',
      file: path,
      field: 'text',
      problem: `is not JSON (${clip(systemErrorText(error), 200)}).`,
      advice: 'The file is incomplete or damaged: export it again.',
      cause: error,
    });
  }
}

/**
 * Python's json module writes NaN and Infinity, which JSON does not have. They come back as strings, so that a field that
 * is used names itself in its own error and one that is not (a sharpness score) does no harm.
 */
function parseWithNonFinite(text: string): unknown {
  if (!/NaN|Infinity/.test(text)) return undefined;
  try {
    const quoted = text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:NaN|Infinity)/gs, (token) =>
      token.startsWith('"') ? token : `"${token}"`,
    );
    return JSON.parse(quoted);
  } catch {
    return undefined;
  }
}

/** A JSON object with its place in the file. */
export class JsonNode {
  readonly file: string;
  readonly field: string;
  readonly value: JsonObject;

  constructor(file: string, field: string, value: unknown) {
    this.file = file;
    this.field = field;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw wrong(file, field, 'is not an object', value);
    }
    this.value = value as JsonObject;
  }

  path(name: string): string {
    return this.field === '' ? name : `${this.field}.${name}`;
  }

  fail(name: string, problem: string, advice = 'Correct the value or export the file again.'): never {
    throw new CaptureError({ code: 'invalid', file: this.file, field: this.path(name), problem, advice });
  }

  get(name: string): unknown {
    return Object.hasOwn(this.value, name) ? this.value[name] : undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined && this.get(name) !== null;
  }

  number(name: string): number | undefined {
    if (!this.has(name)) return undefined;
    return finiteNumber(this.file, this.path(name), this.get(name));
  }

  string(name: string): string | undefined {
    if (!this.has(name)) return undefined;
    const value = this.get(name);
    if (typeof value !== 'string') throw wrong(this.file, this.path(name), 'is not a string', value);
    return value;
  }

  array(name: string): readonly unknown[] | undefined {
    if (!this.has(name)) return undefined;
    const value = this.get(name);
    if (!Array.isArray(value)) throw wrong(this.file, this.path(name), 'is not a list', value);
    return value;
  }

  numbers(name: string, length: number): number[] {
    const value = this.array(name) ?? this.fail(name, 'is missing.');
    return finiteNumbers(this.file, this.path(name), value, length);
  }
}

function wrong(file: string, field: string, problem: string, value: unknown): CaptureError {
  return new CaptureError({
    code: 'invalid',
    file,
    field: field === '' ? 'top level' : field,
    problem: `${problem}: ${clip(JSON.stringify(value) ?? 'undefined', 80)}.`,
    advice: 'Correct the value or export the file again.',
  });
}

function finiteNumber(file: string, field: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(file, field, 'is not a finite number', value);
  return value;
}

export function finiteNumbers(file: string, field: string, value: unknown, length: number): number[] {
  if (!Array.isArray(value)) throw wrong(file, field, 'is not a list', value);
  if (value.length !== length) throw wrong(file, field, `has ${value.length} values; ${length} are needed`, undefined);
  return value.map((item, i) => finiteNumber(file, `${field}[${i}]`, item));
}
