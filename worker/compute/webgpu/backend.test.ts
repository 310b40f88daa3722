import { afterEach, describe, expect, it, vi } from 'vitest';
import { globals } from 'webgpu';
import { webgpuTests } from '../conformance/suite.ts';
import { DeviceLostError, KernelError, OutOfMemoryError } from '../index.ts';
import { WebgpuBackend } from './backend.ts';
import { itemProgram, packParameters, program } from './program.ts';

const DOUBLE = itemProgram({
  name: 'double',
  params: { scale: 'f32' },
  buffers: { values: 'write f32' },
  body: 'fn item(i: u32) { values[i] *= params.scale; }',
});

describe('programs', () => {
  it('take their structures from the definition', () => {
    const { code, params } = itemProgram({
      ...{ name: 'x', params: { a: 'f32', b: 'u32' }, constants: { WIDTH: 16, HALF: 0.5, BIG: 1e20 } },
      ...{ buffers: { from: 'read u32', to: 'write vec4f' }, body: 'fn item(i: u32) {}' },
    });
    expect(params).toEqual({ a: 'f32', b: 'u32', items: 'u32' });
    expect(code).toContain('struct Params {\n  a: f32,\n  b: u32,\n  items: u32,\n}');
    expect(code).toContain('@group(0) @binding(1) var<storage, read> from: array<u32>;');
    expect(code).toContain('@group(0) @binding(2) var<storage, read_write> to: array<vec4f>;');
    expect(code).toMatch(/const WIDTH = 16u;\nconst HALF = 0\.5f;\nconst BIG = 1(\.0*)?e?\+?\d*/);
  });

  it('bind no more than every adapter can unless they say so', () => {
    const buffers = Object.fromEntries(Array.from('abcdefghi', (name) => [name, 'read f32' as const]));
    const source = { name: 'greedy', params: {}, buffers, body: 'fn item(i: u32) {}' };
    expect(() => itemProgram(source)).toThrow(/greedy binds 9/);
    expect(itemProgram({ ...source, binds: 16 }).code).toContain('@binding(9)');
  });

  it('refuse parameters that are missing or do not fit their type', () => {
    const given = { name: 'x', params: { a: 'u32', b: 'i32', c: 'f32' } } as const;
    const data = new DataView(new ArrayBuffer(16));
    packParameters(given, { a: 2 ** 32 - 1, b: -5, c: 0.5 }, data, 4);
    expect([data.getUint32(4, true), data.getInt32(8, true), data.getFloat32(12, true)]).toEqual([
      2 ** 32 - 1,
      -5,
      0.5,
    ]);
    for (const [bad, name] of [
      [{ a: -1, b: 0, c: 0 }, 'a'],
      [{ a: 1.5, b: 0, c: 0 }, 'a'],
      [{ a: Number.NaN, b: 0, c: 0 }, 'a'],
      [{ a: 0, b: 2 ** 31, c: 0 }, 'b'],
      [{ a: 0, b: 0 }, 'c'],
    ] as const) {
      expect(() => packParameters(given, bad as Record<string, number>, data, 0)).toThrow(new RegExp(`x: .*${name}`));
    }
  });
});

webgpuTests('backend', () => {
  let backend: WebgpuBackend | undefined;
  const start = async (options: { memoryBudgetBytes?: number; use?: 'least' | 'all' } = {}) => {
    backend = await WebgpuBackend.create({ allowSoftware: true, ...options });
    return backend;
  };
  afterEach(async () => {
    await backend?.dispose();
    backend = undefined;
  });
  const floats = async (on: WebgpuBackend, buffer: Parameters<WebgpuBackend['read']>[0]) => [
    ...new Float32Array(await on.read(buffer)),
  ];

  it('runs launches in order, each with its own parameters, before and after writes', async () => {
    const on = await start();
    const values = on.createBuffer('values', 12);
    on.write(values, Float32Array.of(1, 2, 3));
    // More than one batch holds.
    for (let i = 0; i < 600; i++) {
      on.launch(DOUBLE, { params: { scale: i % 2 === 0 ? 4 : 0.25, items: 3 }, buffers: { values } });
    }
    on.launch(DOUBLE, { params: { scale: 3, items: 2 }, buffers: { values } });
    const before = on.read(values);
    on.write(values, Float32Array.of(10, 20, 30));
    on.launch(DOUBLE, { params: { scale: 2, items: 3 }, buffers: { values } });
    expect([...new Float32Array(await before)]).toEqual([3, 6, 3]);
    expect(await floats(on, values)).toEqual([20, 40, 60]);
  });

  it('reaches every item of more workgroups than one dimension has', async () => {
    const on = await start();
    const items = 65_536 * 64 + 7;
    const values = on.createBuffer('values', items * 4);
    on.write(values, new Float32Array(items).fill(1));
    on.launch(DOUBLE, { params: { scale: 2, items }, buffers: { values } });
    const all = new Float32Array(await on.read(values));
    expect(all.every((value) => value === 2)).toBe(true);
  });

  it('names the kernel whose code is wrong, and works no more', async () => {
    const on = await start();
    const values = on.createBuffer('values', 16);
    const wrong = itemProgram({
      ...{ name: 'nonsense', params: {}, buffers: { values: 'write f32' } },
      body: 'fn item(i: u32) { values[i] = undeclared; }',
    });
    on.launch(DOUBLE, { params: { scale: 2, items: 4 }, buffers: { values } });
    on.launch(wrong, { params: { items: 4 }, buffers: { values } });
    await expect(on.synchronise()).rejects.toThrow(KernelError);
    await expect(on.read(values)).rejects.toThrow(/Kernel nonsense failed: .*undeclared/s);
    expect(() => on.run({ name: 'any', wasm: () => {}, webgpu: () => {} }, {})).toThrow(/nonsense/);
  });

  it('takes a validation error for a failure: a buffer read and written by one launch', async () => {
    const on = await start();
    const values = on.createBuffer('values', 16);
    const copy = itemProgram({
      ...{ name: 'copy', params: {}, buffers: { source: 'read f32', goal: 'write f32' } },
      body: 'fn item(i: u32) { goal[i] = source[i]; }',
    });
    on.launch(copy, { params: { items: 4 }, buffers: { source: values, goal: values } });
    await expect(on.read(values)).rejects.toThrow(/Kernel copy failed/);
  });

  it('refuses kernels without a WebGPU implementation, by name', async () => {
    const on = await start();
    expect(() => on.run({ name: 'onlyWasm', wasm: () => {} }, {})).toThrow(/onlyWasm.*--backend wasm/);
  });

  it('refuses to bind more than the adapter can, and says so', async () => {
    const on = await start();
    const limit = on.limits.maxStorageBufferBindingSize;
    if (limit >= on.limits.maxBufferSize) return;
    const large = on.createBuffer('large', limit + 256);
    const launch = () => on.launch(DOUBLE, { params: { scale: 1, items: 1 }, buffers: { values: large } });
    expect(launch).toThrow(OutOfMemoryError);
    expect(launch).toThrow(/double: values \(large\).*binds at most/);
    const slice = { buffer: large, offsetBytes: 256, sizeBytes: 8 };
    on.launch(DOUBLE, { params: { scale: 2, items: 2 }, buffers: { values: slice } });
    await on.synchronise();
  });

  it('keeps to its budget', async () => {
    const on = await start({ memoryBudgetBytes: 2 ** 20 });
    const half = on.createBuffer('half', 2 ** 19);
    expect(() => on.createBuffer('splats', 2 ** 19 + 1)).toThrow(/splats.*raise the memory budget/i);
    on.destroyBuffer(half);
    expect(on.memory).toMatchObject({ usedBytes: 0, peakBytes: 2 ** 19, limitBytes: 2 ** 20 });
  });

  it('tells what the device itself has no room for, by the name of the buffer', async () => {
    const on = await start();
    const prototype = (globals as unknown as { GPUDevice: { prototype: GPUDevice } }).GPUDevice.prototype;
    const pop = prototype.popErrorScope;
    const full = { message: 'no room' } as GPUError;
    const spy = vi.spyOn(prototype, 'popErrorScope').mockImplementationOnce(async function (this: GPUDevice) {
      await pop.call(this);
      return full;
    });
    try {
      on.createBuffer('splats', 64);
      await expect(on.synchronise()).rejects.toThrow(OutOfMemoryError);
      expect(() => on.createBuffer('more', 64)).toThrow(/Not enough memory for splats/);
    } finally {
      spy.mockRestore();
    }
  });

  it('times launches one by one by the clock of the device, and keeps nothing of it', async () => {
    const on = await start({ use: 'all' });
    const values = on.createBuffer('values', 12);
    on.write(values, Float32Array.of(1, 2, 3));
    const launch = () => on.launch(DOUBLE, { params: { scale: 2, items: 3 }, buffers: { values } });
    launch();
    await on.synchronise();
    const idle = on.bufferCounts;
    expect(on.startClock()).toBe(on.features.includes('timestamp-query'));
    // More than one batch.
    for (let i = 0; i < 299; i++) launch();
    on.write(values, Float32Array.of(1, 1, 1));
    launch();
    const times = await on.stopClock();
    if (on.features.includes('timestamp-query')) {
      expect([...times.keys()]).toEqual(['double']);
      expect(times.get('double')!.launches).toBe(300);
      expect(times.get('double')!.seconds).toBeGreaterThan(0);
      expect(times.get('double')!.seconds).toBeLessThan(60);
    }
    expect(await floats(on, values)).toEqual([2, 2, 2]);
    expect(on.bufferCounts).toEqual(idle);
    launch();
    expect((await on.stopClock()).size).toBe(0);
  });

  it('accounts for every buffer: none is left of reads, and bind groups go with their buffers', async () => {
    const on = await start();
    const idle = on.bufferCounts;
    for (let i = 0; i < 30; i++) {
      const values = on.createBuffer('values', 64);
      on.write(values, new Float32Array(16).fill(1));
      on.launch(DOUBLE, { params: { scale: 2, items: 16 }, buffers: { values } });
      expect((await floats(on, values))[15]).toBe(2);
      on.destroyBuffer(values);
    }
    expect(on.bufferCounts).toEqual(idle);
    on.createBuffer('left behind', 64);
    await on.dispose();
    expect(on.bufferCounts).toEqual({ callers: 0, internal: 0, bindGroups: 0 });
    expect(() => on.createBuffer('late', 4)).toThrow(/after it was disposed/);
  });

  it('tells a lost device as such, whatever was under way', async () => {
    const on = await start();
    const values = on.createBuffer('values', 16);
    on.launch(DOUBLE, { params: { scale: 2, items: 4 }, buffers: { values } });
    const read = on.read(values).catch((error: unknown) => error);
    on.loseDevice();
    await read;
    await expect(on.synchronise()).rejects.toThrow(DeviceLostError);
    expect(() => on.launch(DOUBLE, { params: { scale: 2, items: 4 }, buffers: { values } })).toThrow(/GPU was lost/);
    await expect(on.read(values)).rejects.toThrow(DeviceLostError);
    await expect(on.pace()).rejects.toThrow(DeviceLostError);
  });

  it('runs programs with workgroup memory and barriers', async () => {
    const on = await start();
    const sums = on.createBuffer('sums', 4);
    const sum = program({
      ...{ name: 'sum', params: { count: 'u32' }, buffers: { sums: 'write u32' }, workgroup: 64 },
      body: `
var<workgroup> total: atomic<u32>;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  atomicAdd(&total, select(0u, thread, thread < params.count));
  workgroupBarrier();
  if (thread == 0u) { sums[0] = atomicLoad(&total); }
}`,
    });
    on.launch(sum, { params: { count: 10 }, buffers: { sums }, groups: 1 });
    expect([...new Uint32Array(await on.read(sums))]).toEqual([45]);
  });
});
