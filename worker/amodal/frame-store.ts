/** Labels and depth of the frames of a video, outside memory: a model needs two dozen frames, and which is known only at the end. */
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { LiftscopeError } from '../../contract/index.ts';

interface Entry {
  readonly at: number;
  readonly labelsBytes: number;
  readonly depthBytes: number;
}

/** One file that is removed with the store. Reading is synchronous: frames are read one at a time, as a fit asks for them. */
export class FrameStore implements Disposable {
  readonly #path: string;
  readonly #file: number;
  readonly #entries = new Map<number, Entry>();
  #end = 0;

  /** @param path a file that does not exist */
  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, 'wx+');
  }

  /** @param labels [H, W] @param depth [H, W]; undefined without */
  add(position: number, labels: Int32Array, depth: Float32Array | undefined): void {
    // Runs of equal numbers shrink to almost nothing; depth hardly at all.
    const parts = [
      deflateRawSync(bytesOf(labels), { level: 1 }),
      ...(depth === undefined ? [] : [Buffer.from(bytesOf(depth))]),
    ];
    this.#entries.set(position, {
      at: this.#end,
      labelsBytes: parts[0]!.length,
      depthBytes: parts[1]?.length ?? 0,
    });
    for (const part of parts) {
      for (let from = 0; from < part.length; ) {
        const written = writeSync(this.#file, part, from, part.length - from, this.#end);
        from += written;
        this.#end += written;
      }
    }
  }

  /** [H, W] @throws LiftscopeError `internal` for a frame that was not added */
  labels(position: number): Int32Array {
    const { at, labelsBytes } = this.#entry(position);
    return new Int32Array(bufferOf(inflateRawSync(this.#read(at, labelsBytes))));
  }

  /** [H, W]; undefined where it was added without */
  depth(position: number): Float32Array | undefined {
    const { at, labelsBytes, depthBytes } = this.#entry(position);
    return depthBytes === 0 ? undefined : new Float32Array(bufferOf(this.#read(at + labelsBytes, depthBytes)));
  }

  #entry(position: number): Entry {
    const entry = this.#entries.get(position);
    if (entry === undefined) throw new LiftscopeError({ code: 'internal', message: `Frame ${position} is not kept.` });
    return entry;
  }

  #read(at: number, size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let from = 0; from < size; ) {
      const read = readSync(this.#file, bytes, from, size - from, at + from);
      if (read === 0) throw new LiftscopeError({ code: 'internal', message: `${this.#path}: was cut short.` });
      from += read;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
    rmSync(this.#path, { force: true });
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Aligned, as typed arrays want it. */
function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
