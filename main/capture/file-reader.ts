/**
 * Bounded, buffered reading of files that nobody vouches for. Nothing here allocates by a number from the file, and
 * nothing waits on what is not a regular file (a named pipe would hang, a device would never end).
 */
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { CaptureError, systemErrorText } from './errors.ts';

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the bytes consumed so far and the file's size. */
  readonly onBytes?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

/** A position in a file for error messages, built only when needed. */
export type Field = string | (() => string);

const chunkSizeBytes = 1 << 20;
/** Smallest window: more than any record or header that `need` is asked for. */
const minWindowBytes = 1 << 16;

function fieldText(field: Field): string {
  return typeof field === 'string' ? field : field();
}

/** Opens a regular file for reading, or throws a `CaptureError`. */
export async function openRegularFile(path: string): Promise<{ handle: FileHandle; sizeBytes: number }> {
  let handle: FileHandle;
  try {
    // O_NONBLOCK: opening a named pipe would otherwise wait for a writer for ever.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CaptureError({
      code: missing ? 'not-found' : 'unreadable',
      file: path,
      problem: missing ? 'the file does not exist.' : `the file cannot be opened (${systemErrorText(error)}).`,
      advice: missing ? 'Check the path.' : 'Check that it is a readable file.',
      cause: error,
    });
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) {
      throw new CaptureError({
        code: 'unreadable',
        file: path,
        problem: 'this is not a regular file.',
        advice: 'Give the path of a file.',
      });
    }
    return { handle, sizeBytes: stats.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Sequential little- or big-endian reader with a fixed window of memory. */
export class FileReader {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #handle: FileHandle;
  readonly #options: ReadOptions;
  readonly #window: Buffer;
  readonly #view: DataView;
  #start = 0;
  #end = 0;
  #windowFileOffset = 0;
  littleEndian = true;

  private constructor(path: string, handle: FileHandle, sizeBytes: number, options: ReadOptions) {
    this.path = path;
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
    this.#options = options;
    this.#window = Buffer.allocUnsafe(Math.min(chunkSizeBytes, Math.max(minWindowBytes, sizeBytes)));
    this.#view = new DataView(this.#window.buffer, this.#window.byteOffset, this.#window.byteLength);
  }

  static async open(path: string, options: ReadOptions = {}): Promise<FileReader> {
    const { handle, sizeBytes } = await openRegularFile(path);
    return new FileReader(path, handle, sizeBytes, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  get position(): number {
    return this.#windowFileOffset + this.#start;
  }

  get remainingBytes(): number {
    return this.sizeBytes - this.position;
  }

  /** Bytes that can be read without awaiting. */
  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  fail(
    code: 'truncated' | 'invalid' | 'too-large' | 'unsupported',
    field: Field,
    problem: string,
    advice: string,
  ): never {
    throw new CaptureError({ code, file: this.path, field: fieldText(field), problem, advice });
  }

  truncated(field: Field, neededBytes: number): never {
    this.fail(
      'truncated',
      field,
      `the file ends here: ${neededBytes} bytes are needed at offset ${this.position}, ${this.remainingBytes} are left.`,
      'The file is incomplete: copy or export it again.',
    );
  }

  /** Makes `sizeBytes` (at most 64 KiB) available to the synchronous getters below. */
  async need(sizeBytes: number, field: Field): Promise<void> {
    if (this.bufferedBytes >= sizeBytes) return;
    if (sizeBytes > this.remainingBytes) this.truncated(field, sizeBytes);
    this.#options.signal?.throwIfAborted();
    this.#options.onBytes?.(this.position, this.sizeBytes);
    this.#window.copyWithin(0, this.#start, this.#end);
    this.#windowFileOffset += this.#start;
    this.#end -= this.#start;
    this.#start = 0;
    while (this.#end < sizeBytes) {
      const { bytesRead } = await this.#read(this.#window, this.#end, this.#window.length - this.#end);
      // The file shrank under us.
      if (bytesRead === 0) this.truncated(field, sizeBytes);
      this.#end += bytesRead;
    }
  }

  async #read(buffer: Buffer, offset: number, length: number): Promise<{ bytesRead: number }> {
    try {
      return await this.#handle.read(buffer, offset, length, this.#windowFileOffset + this.#end);
    } catch (error) {
      throw new CaptureError({
        code: 'unreadable',
        file: this.path,
        problem: `reading failed (${systemErrorText(error)}).`,
        advice: 'Check the disk.',
        cause: error,
      });
    }
  }

  /** Up to `sizeBytes` more bytes into the window; fewer only at the end of the file. Returns what is buffered. */
  async fill(sizeBytes: number): Promise<number> {
    await this.need(Math.min(sizeBytes, this.remainingBytes), 'data');
    return this.bufferedBytes;
  }

  u8(): number {
    return this.#window[this.#start++]!;
  }

  i8(): number {
    return this.#view.getInt8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), this.littleEndian);
  }

  i16(): number {
    return this.#view.getInt16(this.#advance(2), this.littleEndian);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), this.littleEndian);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), this.littleEndian);
  }

  f32(): number {
    return this.#view.getFloat32(this.#advance(4), this.littleEndian);
  }

  f64(): number {
    return this.#view.getFloat64(this.#advance(8), this.littleEndian);
  }

  /** Unsigned 64-bit as a number; inexact above 2^53, which every count check refuses and COLMAP's "none" id is. */
  u64(): number {
    const low = this.u32();
    const high = this.u32();
    return high * 2 ** 32 + low;
  }

  #advance(sizeBytes: number): number {
    const at = this.#start;
    this.#start += sizeBytes;
    return at;
  }

  /** Buffered bytes without consuming them; valid until the next `need`, `fill` or `skip`. */
  peek(): Buffer {
    return this.#window.subarray(this.#start, this.#end);
  }

  consume(sizeBytes: number): void {
    this.#start += sizeBytes;
  }

  /** Steps over bytes without reading them when they lie beyond the window. */
  skip(sizeBytes: number, field: Field): void {
    if (sizeBytes > this.remainingBytes) this.truncated(field, sizeBytes);
    if (sizeBytes <= this.bufferedBytes) {
      this.#start += sizeBytes;
      return;
    }
    this.#windowFileOffset = this.position + sizeBytes;
    this.#start = 0;
    this.#end = 0;
  }

  /**
   * A count that the file states, believed only when that many records of at least `minRecordBytes` can follow.
   */
  async count(field: Field, minRecordBytes: number, limit = Number.MAX_SAFE_INTEGER): Promise<number> {
    await this.need(8, field);
    const count = this.u64();
    return this.checkedCount(count, field, minRecordBytes, limit);
  }

  checkedCount(count: number, field: Field, minRecordBytes: number, limit = Number.MAX_SAFE_INTEGER): number {
    if (count * minRecordBytes > this.remainingBytes) {
      this.fail(
        'invalid',
        field,
        `states ${count} records of at least ${minRecordBytes} bytes, but only ${this.remainingBytes} bytes follow.`,
        'The file is damaged or incomplete: copy or export it again.',
      );
    }
    if (count > limit) {
      this.fail('too-large', field, `states ${count} records; at most ${limit} are supported.`, 'Split the capture.');
    }
    return count;
  }

  /** UTF-8 bytes up to a zero byte. */
  async cString(maxBytes: number, field: Field): Promise<string> {
    const parts: Buffer[] = [];
    let length = 0;
    for (;;) {
      await this.need(1, field);
      const buffered = this.peek();
      const zero = buffered.indexOf(0);
      const taken = zero < 0 ? buffered.length : zero;
      length += taken;
      if (length > maxBytes) {
        this.fail(
          'invalid',
          field,
          `is a string longer than ${maxBytes} bytes.`,
          'The file is damaged: export it again.',
        );
      }
      parts.push(Buffer.from(buffered.subarray(0, taken)));
      this.consume(zero < 0 ? taken : taken + 1);
      if (zero >= 0) return decodeUtf8(Buffer.concat(parts), this.path, field);
    }
  }
}

export function decodeUtf8(bytes: Uint8Array, file: string, field: Field): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new CaptureError({
      code: 'invalid',
      file,
      field: fieldText(field),
      problem: 'is not UTF-8 text.',
      advice: 'Save the file as UTF-8, or export it again if it is damaged.',
      cause: error,
    });
  }
}

/** Longest line of a text model: an image with a million observations. */
const maxLineBytes = 64 * 2 ** 20;

/** Lines of a text file, without their line ends, one at a time. */
export async function* readLines(
  path: string,
  options: ReadOptions = {},
  maxBytes = maxLineBytes,
): AsyncGenerator<string, void> {
  await using reader = await FileReader.open(path, options);
  let lineNumber = 0;
  let parts: Buffer[] = [];
  let length = 0;
  const finish = (): string => {
    let bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    if (bytes.at(-1) === 0x0d) bytes = bytes.subarray(0, -1);
    parts = [];
    length = 0;
    return decodeUtf8(bytes, path, () => `line ${lineNumber}`);
  };
  while (reader.remainingBytes > 0) {
    if (length === 0) lineNumber++;
    await reader.fill(1);
    const buffered = reader.peek();
    const newline = buffered.indexOf(0x0a);
    const taken = newline < 0 ? buffered.length : newline;
    length += taken + 1;
    if (length > maxBytes) {
      reader.fail('too-large', `line ${lineNumber}`, `is longer than ${maxBytes} bytes.`, 'Is this a text file?');
    }
    parts.push(Buffer.from(buffered.subarray(0, taken)));
    reader.consume(newline < 0 ? taken : taken + 1);
    if (newline >= 0) yield finish();
  }
  if (length > 0) yield finish();
}

/** Whole content of a file of at most `maxSizeBytes`. */
export async function readWhole(path: string, maxSizeBytes: number, options: ReadOptions = {}): Promise<Buffer> {
  const { handle, sizeBytes } = await openRegularFile(path);
  try {
    if (sizeBytes > maxSizeBytes) {
      throw new CaptureError({
        code: 'too-large',
        file: path,
        problem: `the file has ${sizeBytes} bytes; at most ${maxSizeBytes} are read.`,
        advice: 'Split the capture.',
      });
    }
    options.signal?.throwIfAborted();
    // Not readFile(): it follows a file that grows, without a bound.
    const bytes = Buffer.alloc(sizeBytes);
    let offset = 0;
    while (offset < sizeBytes) {
      const { bytesRead } = await handle.read(bytes, offset, sizeBytes - offset, offset);
      if (bytesRead === 0) break;
      offset += bytesRead;
    }
    return bytes.subarray(0, offset);
  } finally {
    await handle.close();
  }
}

const hashedEndBytes = 4 * 2 ** 20;

/** Adds a file to a fingerprint: its size, and its content (of large files the first and last 4 MiB). */
export async function hashFile(hash: Hash, path: string, options: ReadOptions = {}): Promise<void> {
  const { handle, sizeBytes } = await openRegularFile(path);
  try {
    hash.update(`${sizeBytes}\n`);
    const spans =
      sizeBytes <= 2 * hashedEndBytes
        ? [[0, sizeBytes]]
        : [
            [0, hashedEndBytes],
            [sizeBytes - hashedEndBytes, sizeBytes],
          ];
    const buffer = Buffer.allocUnsafe(chunkSizeBytes);
    for (const [from, to] of spans as [number, number][]) {
      for (let offset = from; offset < to; ) {
        options.signal?.throwIfAborted();
        const { bytesRead } = await handle.read(buffer, 0, Math.min(chunkSizeBytes, to - offset), offset);
        if (bytesRead === 0) break;
        hash.update(buffer.subarray(0, bytesRead));
        offset += bytesRead;
      }
    }
  } finally {
    await handle.close();
  }
}

export function newHash(): Hash {
  return createHash('sha256');
}
