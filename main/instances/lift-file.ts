/** The part of a `.lift` file (contract/lifting.ts) that the host reads: which Gaussian is of which object, and the table. */
import { type FileHandle, open } from 'node:fs/promises';
import {
  LIFT_LIMITS,
  LIFT_MAGIC,
  type LiftedObject,
  type LiftHeader,
  LiftscopeError,
  liftDataOffset,
  liftHeaderSchema,
} from '../../contract/index.ts';

export interface LiftedMembers {
  /** [N] object of the lift, from 1; 0 = background. */
  readonly objectOfGaussian: Uint32Array<ArrayBuffer>;
  /** [N] in [0, 1] */
  readonly confidence: Float32Array<ArrayBuffer>;
  readonly objects: readonly LiftedObject[];
}

/** @throws LiftscopeError `bad-input` naming the file */
export async function readLiftedMembers(path: string): Promise<LiftedMembers> {
  return withHeader(path, async (file, { arrays, gaussians, objectCount, objects }, dataOffset, fail) => {
    const { size } = await file.stat();
    const read = async (name: string, type: 'u32' | 'f32'): Promise<ArrayBuffer> => {
      let at = dataOffset;
      for (const array of arrays) {
        if (array.name !== name) {
          at += 4 * array.length;
          continue;
        }
        if (array.length !== gaussians || array.type !== type || at + 4 * gaussians > size) break;
        const bytes = new Uint8Array(4 * gaussians);
        for (let done = 0; done < bytes.length; ) {
          const part = await file.read(bytes, done, bytes.length - done, at + done);
          if (part.bytesRead === 0) return fail('ends too early');
          done += part.bytesRead;
        }
        return bytes.buffer;
      }
      return fail(`has no usable array ${name}`);
    };
    const objectOfGaussian = new Uint32Array(await read('objectOfGaussian', 'u32'));
    const confidence = new Float32Array(await read('confidence', 'f32'));
    if (objectOfGaussian.some((object) => object > objectCount)) fail('names an object that it does not have');
    return { objectOfGaussian, confidence, objects };
  });
}

/** The objects table alone. @throws LiftscopeError `bad-input` naming the file */
export function readLiftedTable(path: string): Promise<readonly LiftedObject[]> {
  return withHeader(path, async (_file, { objects }) => objects);
}

async function withHeader<T>(
  path: string,
  work: (file: FileHandle, header: LiftHeader, dataOffset: number, fail: (problem: string) => never) => Promise<T>,
): Promise<T> {
  const fail = (problem: string): never => {
    throw new LiftscopeError({ code: 'bad-input', message: `${path}: ${problem}`, hint: 'Lift the masks again.' });
  };
  const file = await open(path, 'r').catch((error: Error) => fail(`cannot be opened (${error.message})`));
  try {
    const start = Buffer.alloc(12);
    await file.read(start, 0, 12, 0);
    const headerBytes = start.readUInt32LE(8);
    if (start.toString('latin1', 0, 8) !== LIFT_MAGIC || headerBytes > LIFT_LIMITS.headerBytes) {
      return fail('is not a lift file');
    }
    const text = Buffer.alloc(headerBytes);
    await file.read(text, 0, headerBytes, 12);
    const parsed = liftHeaderSchema.safeParse(jsonOf(text.toString('utf8')));
    if (!parsed.success) return fail(`its header is not valid (${parsed.error.issues[0]?.message ?? ''})`);
    return await work(file, parsed.data, liftDataOffset(headerBytes), fail);
  } finally {
    await file.close();
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
