import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { OutOfMemoryError } from '../backend.ts';
import { Allocator } from './allocator.ts';
import { WasmBackend } from './backend.ts';

describe('wasm backend', async () => {
  const backend = await WasmBackend.create({ threads: 2, memoryBudgetBytes: 2 ** 20 });
  afterAll(() => backend.dispose());

  it('gives back what was written, at any offset', async () => {
    const buffer = backend.createBuffer('bytes', 10);
    backend.write(buffer, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
    backend.write(buffer, Uint8Array.of(30, 40), 2);
    expect([...new Uint8Array(await backend.read(buffer, 1, 4))]).toEqual([2, 30, 40, 5]);
    backend.destroyBuffer(buffer);
  });

  it('refuses reads and writes past the end, and buffers after their end', () => {
    const buffer = backend.createBuffer('small', 4);
    expect(() => backend.write(buffer, new Uint8Array(5))).toThrow(/small: bytes 0..5 lie outside its 4/);
    backend.destroyBuffer(buffer);
    expect(() => backend.write(buffer, new Uint8Array(1))).toThrow(/used after it was destroyed/);
    expect(() => backend.destroyBuffer(buffer)).toThrow(/used after it was destroyed/);
  });

  it('keeps to its budget and says what to do', () => {
    const half = backend.createBuffer('half', 2 ** 19);
    expect(() => backend.createBuffer('splats', 2 ** 19 + 1)).toThrow(OutOfMemoryError);
    expect(() => backend.createBuffer('splats', 2 ** 19 + 1)).toThrow(/splats.*raise the memory budget/i);
    expect(backend.memory).toMatchObject({ usedBytes: 2 ** 19, limitBytes: 2 ** 20 });
    backend.destroyBuffer(half);
    expect(backend.memory).toMatchObject({ usedBytes: 0, peakBytes: 2 ** 19 });
  });

  it('names the kernel that does not exist', () => {
    expect(() => backend.dispatch('blending.nothing')).toThrow(/blending.nothing.*build:kernels/);
  });
});

describe('allocator', () => {
  it('never hands out overlapping ranges, and gets everything back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(5000)), { maxLength: 200 }), (steps) => {
        let end = 0;
        const allocator = new Allocator(64, 1 << 20, (bytes) => {
          end = Math.max(end, bytes);
        });
        const live: { address: number; size: number }[] = [];
        for (const [allocate, size] of steps) {
          if (allocate || live.length === 0) {
            const address = allocator.allocate(size);
            if (address === undefined) continue;
            expect(address % 64).toBe(0);
            expect(address).toBeGreaterThanOrEqual(64);
            expect(address + size).toBeLessThanOrEqual(end);
            for (const other of live) {
              expect(
                address + Math.max(1, size) <= other.address || other.address + Math.max(1, other.size) <= address,
              ).toBe(true);
            }
            live.push({ address, size });
          } else {
            const [freed] = live.splice(size % live.length, 1);
            allocator.release(freed!.address, freed!.size);
          }
        }
        for (const { address, size } of live) allocator.release(address, size);
        expect(allocator.allocate((1 << 20) - 64)).toBe(64);
      }),
      { seed: 7 },
    );
  });
});
