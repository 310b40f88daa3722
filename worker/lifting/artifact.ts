/** The `.lift` artifact (layout: contract/lifting.ts): bounded reading, atomic writing. */
import { createHash, randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import {
  LIFT_LIMITS,
  LIFT_MAGIC,
  type LiftHeader,
  LiftscopeError,
  liftDataOffset,
  liftHeaderSchema,
} from '../../contract/index.ts';
import type { GaussianObjects, LiftedGaussians, Readout } from '../objects/index.ts';

type Values = Uint32Array | Float32Array;

/** What a `.lift` file holds, in memory. */
export interface Lift {
  readonly header: Omit<LiftHeader, 'arrays' | 'gaussians' | 'objectCount' | 'readout' | 'foregroundShare'>;
  readonly lifted: LiftedGaussians;
  readonly objects: GaussianObjects;
}

function arraysOf({ lifted, objects }: Lift): [string, Values][] {
  const { readout } = lifted;
  const own: [string, Values][] = [
    ['objectOfGaussian', objects.objectOfGaussian],
    ['confidence', objects.confidence],
    ['foreground', lifted.foreground],
  ];
  switch (readout.kind) {
    case 'votes':
      own.push(['voteStart', readout.shares.start], ['voteObjects', readout.shares.ids]);
      own.push(['voteShares', readout.shares.weights]);
      return own;
    case 'embedding':
      own.push(['features', readout.features], ['centroids', readout.centroids]);
      return own;
    case 'logits':
      own.push(['features', readout.features]);
      return own;
    default:
      return readout satisfies never;
  }
}

function bytesOf(values: Values): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** sha256 of the arrays, hexadecimal: equal lifts have equal hashes, whenever they were made. */
export function liftHash(lift: Lift): string {
  const hash = createHash('sha256');
  for (const [name, values] of arraysOf(lift)) hash.update(name).update(bytesOf(values));
  return hash.digest('hex');
}

/** The file is complete under its name or absent. */
export async function writeLift(path: string, lift: Lift): Promise<void> {
  const arrays = arraysOf(lift);
  const { gaussians, objects: objectCount, foregroundShare, readout } = lift.lifted;
  const header: LiftHeader = {
    ...lift.header,
    gaussians,
    objectCount,
    foregroundShare,
    readout:
      readout.kind === 'embedding'
        ? { kind: 'embedding', dimensions: readout.dimensions, unitLength: readout.unitLength }
        : { kind: readout.kind },
    arrays: arrays.map(([name, values]) => {
      return { name, type: values instanceof Uint32Array ? 'u32' : 'f32', length: values.length };
    }),
  };
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  const start = Buffer.alloc(liftDataOffset(text.length));
  start.write(LIFT_MAGIC, 0, 'latin1');
  start.writeUInt32LE(text.length, 8);
  text.copy(start, 12);
  const temporary = `${path}.${randomUUID()}.partial`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(start);
      for (const [, values] of arrays) await file.writeFile(bytesOf(values));
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
export async function readLift(path: string): Promise<Lift> {
  const fail = (problem: string): never => {
    throw new LiftscopeError({ code: 'bad-input', message: `${path}: ${problem}`, hint: 'Lift the masks again.' });
  };
  const file = await open(path, 'r').catch((error: Error) => fail(`cannot be opened (${error.message})`));
  try {
    const { size } = await file.stat();
    const start = Buffer.alloc(12);
    const { bytesRead } = await file.read(start, 0, 12, 0);
    if (bytesRead < 12 || start.toString('latin1', 0, 8) !== LIFT_MAGIC) fail('is not a lift file');
    const headerBytes = start.readUInt32LE(8);
    if (headerBytes > LIFT_LIMITS.headerBytes || 12 + headerBytes > size) {
      fail(`header length ${headerBytes} is not possible`);
    }
    const text = Buffer.alloc(headerBytes);
    await file.read(text, 0, headerBytes, 12);
    const header = parseHeader(text.toString('utf8'), fail);
    const offset = liftDataOffset(headerBytes);
    const values = header.arrays.reduce((sum, { length }) => sum + length, 0);
    if (size !== offset + 4 * values) fail(`has ${size} bytes where its arrays need ${offset + 4 * values}`);
    const arrays = new Map<string, Values>();
    let at = offset;
    for (const { name, type, length } of header.arrays) {
      const bytes = new Uint8Array(4 * length);
      for (let done = 0; done < bytes.length; ) {
        const part = await file.read(bytes, done, Math.min(bytes.length - done, 1 << 28), at + done);
        if (part.bytesRead === 0) fail('ends too early');
        done += part.bytesRead;
      }
      at += bytes.length;
      arrays.set(name, type === 'u32' ? new Uint32Array(bytes.buffer) : new Float32Array(bytes.buffer));
    }
    return assemble(header, arrays, fail);
  } finally {
    await file.close();
  }
}

function parseHeader(text: string, fail: (problem: string) => never): LiftHeader {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail('header is not JSON');
  }
  const parsed = liftHeaderSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return fail(`header: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
}

function assemble(header: LiftHeader, arrays: ReadonlyMap<string, Values>, fail: (problem: string) => never): Lift {
  const { gaussians, objectCount, foregroundShare, arrays: _, readout, ...rest } = header;
  const take = (name: string, length: number, isInteger: boolean): Values => {
    const values = arrays.get(name);
    if (values === undefined) return fail(`has no array ${name}`);
    if (values instanceof Uint32Array !== isInteger) return fail(`${name} is of the wrong type`);
    if (length >= 0 && values.length !== length) return fail(`${name} has ${values.length} values, not ${length}`);
    return values;
  };
  const floats = (name: string, length: number): Float32Array => {
    const values = take(name, length, false) as Float32Array;
    const bad = values.findIndex((value) => !Number.isFinite(value));
    return bad >= 0 ? fail(`${name}[${bad}] is ${values[bad]}`) : values;
  };
  const integers = (name: string, length: number, most: number): Uint32Array => {
    const values = take(name, length, true) as Uint32Array;
    const bad = values.findIndex((value) => value > most);
    return bad >= 0 ? fail(`${name}[${bad}] is ${values[bad]}, beyond ${most}`) : values;
  };
  const readoutOf = (): Readout => {
    switch (readout.kind) {
      case 'votes': {
        const ids = integers('voteObjects', -1, objectCount);
        const startOf = integers('voteStart', gaussians + 1, ids.length);
        if (startOf[0] !== 0 || startOf[gaussians] !== ids.length || !ascends(startOf))
          fail('voteStart does not ascend');
        return { kind: 'votes', shares: { start: startOf, ids, weights: floats('voteShares', ids.length) } };
      }
      case 'embedding':
        return {
          ...readout,
          features: floats('features', gaussians * readout.dimensions),
          centroids: floats('centroids', objectCount * readout.dimensions),
        };
      case 'logits':
        return { kind: 'logits', features: floats('features', gaussians * objectCount) };
      default:
        return readout satisfies never;
    }
  };
  return {
    header: rest,
    lifted: {
      gaussians,
      objects: objectCount,
      foregroundShare,
      foreground: floats('foreground', gaussians),
      readout: readoutOf(),
    },
    objects: {
      objectOfGaussian: integers('objectOfGaussian', gaussians, objectCount),
      confidence: floats('confidence', gaussians),
    },
  };
}

function ascends(values: Uint32Array): boolean {
  for (let i = 1; i < values.length; i++) if (values[i]! < values[i - 1]!) return false;
  return true;
}
