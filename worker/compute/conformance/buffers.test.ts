import { expect, it } from 'vitest';
import { seededRandom } from '../../kernels/testing/index.ts';
import { OutOfMemoryError } from '../index.ts';
import { conformance, JunkFilledBackend } from './suite.ts';

const SEED = 61;

conformance('buffers', (on) => {
  it.each([0, 1, 15, 16, 17, 100_001])(`gives back %i bytes as they were written (seed ${SEED})`, async (size) => {
    const random = seededRandom(SEED);
    const bytes = Uint8Array.from({ length: size }, () => random.integer(256));
    const buffer = on().upload('bytes', bytes);
    expect(buffer).toMatchObject({ label: 'bytes', sizeBytes: size });
    expect(new Uint8Array(await on().read(buffer))).toEqual(bytes);
  });

  it('writes and reads parts at offsets, and leaves the rest alone', async () => {
    const buffer = on().upload('bytes', Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    on().write(buffer, Uint8Array.of(50, 60, 70, 80), 4);
    const view = new Uint8Array([0, 0, 90, 91, 92, 93, 0, 0]);
    on().write(buffer, view.subarray(2, 6), 8);
    expect([...new Uint8Array(await on().read(buffer))]).toEqual([1, 2, 3, 4, 50, 60, 70, 80, 90, 91, 92, 93]);
    expect([...new Uint8Array(await on().read(buffer, 3, 4))]).toEqual([4, 50, 60, 70]);
    expect([...new Uint8Array(await on().read(buffer, 8))]).toEqual([90, 91, 92, 93]);
    expect((await on().read(buffer, 12)).byteLength).toBe(0);
  });

  it('hands out copies: a later write does not change what was read', async () => {
    const buffer = on().upload('bytes', Uint8Array.of(1, 2, 3, 4));
    const before = new Uint8Array(await on().read(buffer));
    on().write(buffer, Uint8Array.of(9, 9, 9, 9));
    await on().synchronise();
    expect([...before]).toEqual([1, 2, 3, 4]);
  });

  it('refuses reads and writes outside a buffer, and buffers that are gone', async () => {
    const buffer = on().upload('small', new Uint8Array(8));
    expect(() => on().write(buffer, new Uint8Array(12))).toThrow(/small/);
    expect(() => on().write(buffer, new Uint8Array(4), 8)).toThrow(/small/);
    await expect(on().read(buffer, 4, 8)).rejects.toThrow(/small/);
    on().destroyBuffer(buffer);
    expect(() => on().write(buffer, new Uint8Array(4))).toThrow(/small/);
    await expect(on().read(buffer)).rejects.toThrow(/small/);
    expect(() => on().destroyBuffer(buffer)).toThrow(/small/);
  });

  it('refuses sizes that are no byte counts', () => {
    for (const size of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => on().createBuffer('odd', size), `${size}`).toThrow(RangeError);
    }
  });

  it('keeps count of its memory', () => {
    const { usedBytes, limitBytes } = on().memory;
    const buffer = on().createBuffer('counted', 4096);
    expect(on().memory.usedBytes).toBe(usedBytes + 4096);
    on().destroyBuffer(buffer);
    expect(on().memory.usedBytes).toBe(usedBytes);
    expect(on().memory.peakBytes).toBeGreaterThanOrEqual(usedBytes + 4096);
    expect(on().memory.limitBytes).toBe(limitBytes);
  });

  it('says what was asked for when memory does not suffice, and goes on afterwards', async () => {
    const { usedBytes, limitBytes } = on().memory;
    const asked = limitBytes + 1;
    expect(() => on().createBuffer('everything', asked)).toThrow(OutOfMemoryError);
    expect(() => on().createBuffer('everything', asked)).toThrow(/everything.*MiB asked/);
    expect(on().memory.usedBytes).toBe(usedBytes);
    const buffer = on().upload('after', Uint8Array.of(1, 2, 3, 4));
    expect([...new Uint8Array(await on().read(buffer))]).toEqual([1, 2, 3, 4]);
  });

  it('starts with junk in these tests', async () => {
    const buffer = on().createBuffer('fresh', 3);
    expect(on()).toBeInstanceOf(JunkFilledBackend);
    expect([...new Uint8Array(await on().read(buffer))]).toEqual([0x7f, 0x7f, 0x7f]);
  });
});
