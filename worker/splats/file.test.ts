import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { LiftscopeError } from '../../contract/index.ts';
import { WasmBackend } from '../compute/index.ts';
import { seededRandom } from '../kernels/testing/index.ts';
import { readNewestCheckpoint, restoreModel, writeCheckpoint } from './checkpoint.ts';
import { readSplats, type SplatArrays, splatsHash, writeSplats } from './file.ts';
import { SplatModel } from './model.ts';

const directory = await mkdtemp(join(tmpdir(), 'liftscope-splats-'));
afterAll(() => rm(directory, { recursive: true }));

function randomSplats(count: number, shDegree: number, seed = 1): SplatArrays {
  const random = seededRandom(seed);
  const values = (length: number) => Float32Array.from({ length }, () => random.normal());
  const k = (shDegree + 1) ** 2;
  return {
    ...{ count, shDegree, means: values(3 * count), quaternions: values(4 * count), logScales: values(3 * count) },
    ...{ logitOpacities: values(count), sh: values(3 * k * count) },
  };
}

describe('.splats files', () => {
  it.each([
    [0, 0],
    [1, 3],
    [5, 1],
    [17, 2],
  ])('reads back %i Gaussians of degree %i', async (count, degree) => {
    const path = join(directory, `${count}.splats`);
    const splats = randomSplats(count, degree);
    const hash = await writeSplats(path, splats, { seed: 4 });
    const back = await readSplats(path);
    expect(back.splats).toEqual(splats);
    expect(back.header).toMatchObject({ count, shDegree: degree, seed: 4 });
    expect(hash).toBe(splatsHash(back.splats));
  });

  it('names what is wrong with a damaged file, whatever the damage', async () => {
    const path = join(directory, 'damaged.splats');
    await writeSplats(path, randomSplats(9, 1), {});
    const good = await readFile(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), async (length) => {
        await writeFile(path, good.subarray(0, length));
        await expect(readSplats(path)).rejects.toThrow(LiftscopeError);
        await expect(readSplats(path)).rejects.toThrow(path);
      }),
      { seed: 5, numRuns: 40 },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(300), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const bad = Buffer.from(good);
        bad[at]! ^= flip;
        await writeFile(path, bad);
        const outcome = await readSplats(path).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(LiftscopeError);
      }),
      { seed: 6, numRuns: 60 },
    );
    const nan = randomSplats(2, 0);
    nan.logScales[4] = Number.NaN;
    await writeSplats(path, nan, {});
    await expect(readSplats(path)).rejects.toThrow(/logScales\[4\] is NaN/);
  });
});

describe('checkpoints', async () => {
  const backend = await WasmBackend.create({ threads: 1 });
  afterAll(() => backend.dispose());
  const model = () => new SplatModel(backend, 20, 1, { trainable: true });

  it('restore every buffer, pass over damaged and foreign ones, and keep two', async () => {
    const folder = join(directory, 'checkpoints');
    const original = model();
    original.upload(randomSplats(13, 1));
    backend.write(original.moments!.second.sh, Float32Array.of(1, 2, 3));
    for (const iteration of [100, 200, 300]) {
      await writeCheckpoint(folder, backend, original, { iteration, fingerprint: 'a', seconds: 1 });
    }
    expect(await readdir(folder)).toHaveLength(2);

    const newest = (await readNewestCheckpoint(folder, ['a'])).checkpoint!;
    expect(newest.header.iteration).toBe(300);
    const copy = model();
    restoreModel(newest, backend, copy);
    for (const [index, { buffer, usedBytes }] of copy.state().entries()) {
      const expected = await backend.read(original.state()[index]!.buffer, 0, usedBytes);
      expect(new Uint8Array(await backend.read(buffer, 0, usedBytes))).toEqual(new Uint8Array(expected));
    }

    const bytes = await readFile(newest.path);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(newest.path, bytes);
    const second = await readNewestCheckpoint(folder, ['a']);
    expect(second.checkpoint?.header.iteration).toBe(200);
    expect(second.skipped.join()).toMatch(/damaged/);
    const foreign = await readNewestCheckpoint(folder, ['b']);
    expect(foreign.checkpoint).toBeUndefined();
    expect(foreign.skipped.join()).toMatch(/other settings/);
    original.dispose();
    copy.dispose();
    expect(backend.memory.usedBytes).toBe(0);
  });
});
