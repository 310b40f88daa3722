import { describe, expect, it } from 'vitest';
import { webgpuTests } from '../compute/conformance/suite.ts';
import { WebgpuBackend } from '../compute/index.ts';
import { measureDeviceRoofline } from '../kernels/index.ts';
import { run as runAssignment } from './assignment.ts';
import { run as runCluster } from './cluster.ts';
import { benchmarkRandom, median } from './random.ts';
import { runOnGpu } from './splat-kernels-gpu.ts';

const request = (name: string, further: { [key: string]: number }, backend: 'auto' | 'webgpu' = 'auto') => ({
  ...{ name, quick: true, seed: 1, arguments: further, backend, threads: 1, memoryBudgetBytes: 0 },
});
const context = (signal = new AbortController().signal) => ({ signal, emit: () => {} });

describe('benchmarks of the object stages', () => {
  it('refuse arguments they do not know or cannot use', async () => {
    await expect(runCluster(request('cluster', { sigma: -1 }), context())).rejects.toMatchObject({ code: 'bad-input' });
    await expect(runCluster(request('cluster', { blobs: 3 }), context())).rejects.toThrow(/blobs/);
    await expect(runCluster(request('cluster', {}, 'webgpu'), context())).rejects.toMatchObject({
      code: 'unsupported',
    });
  });

  it('stop when asked', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(runCluster(request('cluster', {}), context(signal))).rejects.toThrow('enough');
    await expect(runAssignment(request('assignment', {}), context(signal))).rejects.toThrow('enough');
  });

  it('draw the same numbers for the same seed, uniform and normal', () => {
    const [a, b, c] = [benchmarkRandom(5), benchmarkRandom(5), benchmarkRandom(6)];
    const values = Array.from({ length: 4000 }, () => a.uniform());
    expect(Array.from({ length: 4000 }, () => b.uniform())).toEqual(values);
    expect(c.uniform()).not.toBe(values[0]);
    const mean = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
    // Standard errors 0.0046 and 0.016: four of them.
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(0.02);
    const normals = Array.from({ length: 4000 }, () => a.normal());
    expect(Math.abs(mean(normals))).toBeLessThan(0.064);
    expect(Math.abs(mean(normals.map((value) => value * value)) - 1)).toBeLessThan(0.09);
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});

webgpuTests('splat-kernels', () => {
  it('measures both ceilings of a device', async () => {
    const backend = await WebgpuBackend.create({ allowSoftware: true });
    try {
      const size = { arrayBytes: 2 ** 16, invocations: 256, rounds: 64 };
      const peak = await measureDeviceRoofline(backend, size);
      if (!backend.features.includes('timestamp-query')) expect(peak).toBeUndefined();
      else for (const figure of Object.values(peak!)) expect(figure > 1e3 && figure < 1e15).toBe(true);
      expect(backend.bufferCounts.callers).toBe(0);
    } finally {
      await backend.dispose();
    }
  });

  it('refuses arguments it does not know, and lets the device go', async () => {
    const backend = await WebgpuBackend.create({ allowSoftware: true });
    await expect(runOnGpu(backend, request('splat-kernels', { sides: 3 }), context())).rejects.toMatchObject({
      code: 'bad-input',
    });
    expect(backend.bufferCounts).toEqual({ callers: 0, internal: 0, bindGroups: 0 });
  });
});
