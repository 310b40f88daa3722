import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { trainingParametersSchema } from '../../contract/index.ts';
import { webgpuTests } from '../compute/conformance/suite.ts';
import { SOFTWARE_VARIABLE, WebgpuBackend } from '../compute/index.ts';
import { type PinholeView, parameterFloats } from '../kernels/index.ts';
import { SplatModel } from './model.ts';
import { SplatOptimiser } from './optimiser.ts';
import { SplatRenderer } from './render.ts';
import { makeSmallCapture, recorder, requestOf, type SmallCapture } from './testing.ts';
import { trainSplats } from './trainer.ts';

webgpuTests('training', () => {
  let directory: string;
  let capture: SmallCapture;
  beforeAll(async () => {
    vi.stubEnv(SOFTWARE_VARIABLE, '1');
    directory = mkdtempSync(join(tmpdir(), 'liftscope-webgpu-'));
    capture = await makeSmallCapture(directory);
  }, 60_000);
  afterEach(() => vi.restoreAllMocks());
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
    vi.unstubAllEnvs();
  });

  it('comes within 0.2 dB of wasm on a small scene', { timeout: 120_000 }, async () => {
    const [wasm, webgpu] = [recorder(), recorder()];
    const expected = await trainSplats(requestOf(capture, 'wasm'), wasm);
    const actual = await trainSplats(requestOf(capture, 'webgpu', {}, { backend: 'webgpu' }), webgpu);
    expect(actual).toMatchObject({ backend: 'webgpu', gaussians: expected.gaussians, iterations: 140 });
    expect(expected.psnr).toBeGreaterThan(30);
    expect(Math.abs(actual.psnr! - expected.psnr!)).toBeLessThan(0.2);
    expect(Math.abs(actual.ssim! - expected.ssim!)).toBeLessThan(0.005);
    expect(webgpu.of('warning')).toEqual(wasm.of('warning'));
  });

  describe('when the device is lost', () => {
    /** Destroys the device under way after each of `steps` counted over all devices. */
    function loseAfter(...steps: number[]) {
      const pace = WebgpuBackend.prototype.pace;
      let step = 0;
      vi.spyOn(WebgpuBackend.prototype, 'pace').mockImplementation(function (this: WebgpuBackend) {
        step += 1;
        if (steps.includes(step)) this.loseDevice();
        return pace.call(this);
      });
    }
    const options = { backend: 'webgpu', checkpointEvery: 20 } as const;

    it('goes on from the last checkpoint on a new one', { timeout: 120_000 }, async () => {
      loseAfter(50);
      const run = recorder();
      const result = await trainSplats(requestOf(capture, 'lost', {}, options), run);
      expect(run.of('started').map(({ iteration, backend }) => [iteration, backend])).toEqual([
        [0, 'webgpu'],
        [40, 'webgpu'],
      ]);
      expect(run.of('warning').map(({ message }) => message)).toEqual([
        expect.stringMatching(/GPU was lost.*goes on from its last checkpoint on a new device/s),
      ]);
      expect(result).toMatchObject({ backend: 'webgpu', iterations: 140 });
      expect(result.psnr).toBeGreaterThan(35);
    });

    it('goes on on the CPU when that one is lost as well', { timeout: 120_000 }, async () => {
      loseAfter(30, 45);
      const run = recorder();
      const result = await trainSplats(requestOf(capture, 'lost-twice', {}, options), run);
      expect(run.of('started').map(({ iteration, backend }) => [iteration, backend])).toEqual([
        [0, 'webgpu'],
        [20, 'webgpu'],
        [20, 'wasm'],
      ]);
      expect(run.of('warning').at(-1)?.message).toMatch(/on wasm/);
      expect(result).toMatchObject({ backend: 'wasm', iterations: 140 });
      expect(result.psnr).toBeGreaterThan(35);
    });
  });
});

/** `count` Gaussians before the camera, larger than the image. */
function hugeModel(backend: WebgpuBackend, count: number): SplatModel {
  const model = new SplatModel(backend, count, 0, { trainable: true });
  const floats = parameterFloats(0);
  const fill = (length: number, value: (i: number) => number) => Float32Array.from({ length }, (_, i) => value(i));
  model.upload({
    ...{ count, shDegree: 0 },
    means: fill(count * floats.means, (i) => (i % 3 === 2 ? 5 + i / 300 : 0)),
    quaternions: fill(count * floats.quaternions, (i) => (i % 4 === 0 ? 1 : 0)),
    logScales: fill(count * floats.logScales, () => 3),
    logitOpacities: fill(count, () => 9),
    sh: fill(count * floats.sh, (i) => (i % 3) / 3),
  });
  return model;
}

const view = (side: number): PinholeView => ({
  ...{ widthPixels: side, heightPixels: side, fx: side, fy: side, cx: side / 2, cy: side / 2 },
  cameraFromWorld: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
});

webgpuTests('lists that do not fit', () => {
  // 4096 tiles of 80 Gaussians: more pairs than a first view is given room for.
  const [count, side] = [80, 1024];

  it('are made again before anyone sees the picture', { timeout: 60_000 }, async () => {
    const backend = await WebgpuBackend.create({ allowSoftware: true });
    try {
      const renderer = new SplatRenderer(backend, hugeModel(backend, count));
      const { data } = await renderer.colour(view(side), 0, [1, 1, 1]);
      // The nearest is opaque and as large as the image: what is behind does not show, the background least.
      const middle = (side * side) / 2 + side / 2;
      for (let c = 0; c < 3; c++) {
        expect(data[c * side * side + middle]).toBeCloseTo(0.5 + (0.28209479177387814 * c) / 3, 2);
      }
      const small = await renderer.colour(view(64), 0, [1, 1, 1]);
      expect(small.data[32 * 64 + 32]).toBeCloseTo(0.5, 2);
    } finally {
      await backend.dispose();
    }
  });

  it('leave a training step without effect, and the next one has room', { timeout: 60_000 }, async () => {
    const backend = await WebgpuBackend.create({ allowSoftware: true });
    try {
      const model = hugeModel(backend, count);
      const parameters = trainingParametersSchema.parse({ shDegree: 0 });
      const optimiser = new SplatOptimiser(backend, model, parameters, 1);
      const image = backend.createBuffer('photo', 3 * side * side);
      backend.write(image, new Uint8Array(3 * side * side));
      const before = await model.download();
      optimiser.step(0, { image, view: view(side) });
      await backend.synchronise();
      expect(await model.download()).toEqual(before);
      optimiser.step(1, { image, view: view(side) });
      await backend.synchronise();
      expect((await model.download()).sh).not.toEqual(before.sh);
    } finally {
      await backend.dispose();
    }
  });
});

/** Twice, with time for finalisers between: what Dawn holds for an object goes with its wrapper. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 2; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

webgpuTests('memory', () => {
  /** The long run takes minutes: LIFTSCOPE_LONG_STEPS=10000. */
  const steps = Number(process.env.LIFTSCOPE_LONG_STEPS ?? 200);
  const PARTS = 5;

  it(`does not grow over ${steps} small steps`, { timeout: 30_000 + 300 * steps }, async () => {
    const backend = await WebgpuBackend.create({ allowSoftware: true });
    try {
      const side = 32;
      const model = hugeModel(backend, 6);
      const parameters = trainingParametersSchema.parse({ shDegree: 0 });
      const optimiser = new SplatOptimiser(backend, model, parameters, 1);
      const image = backend.createBuffer('photo', 3 * side * side);
      backend.write(image, new Uint8Array(3 * side * side).fill(99));
      let done = 0;
      const run = async (count: number) => {
        for (let i = 0; i < count; i++, done++) {
          optimiser.step(done, { image, view: view(side) });
          await backend.pace();
        }
        await backend.synchronise();
        await collectGarbage();
        const { rss, heapUsed } = process.memoryUsage();
        const { usedBytes, peakBytes } = backend.memory;
        return { done, rss, heapUsed, device: { ...backend.bufferCounts, usedBytes, peakBytes } };
      };
      const samples = [await run(20)];
      for (let part = 0; part < PARTS; part++) samples.push(await run(steps / PARTS));
      const [first, last] = [samples[0]!, samples.at(-1)!];
      for (const { device } of samples) expect(device).toEqual(first.device);
      expect(last.heapUsed - first.heapUsed).toBeLessThan(5e6);
      // What the engine and the driver hold for garbage not yet collected grows at first, and then no more.
      expect(last.rss - first.rss).toBeLessThan(3e8);
      if (steps >= 5000) expect(last.rss - samples.at(-3)!.rss).toBeLessThan(2e7);
      if (process.env.LIFTSCOPE_LONG_STEPS !== undefined) {
        const line = ({ done: at, rss, heapUsed, device }: typeof first) =>
          `after ${at} steps: process ${(rss / 1e6).toFixed(1)} MB, heap ${(heapUsed / 1e6).toFixed(1)} MB, device ${device.usedBytes} bytes in ${device.callers} buffers\n`;
        process.stdout.write(samples.map(line).join(''));
      }
      optimiser.dispose();
      model.dispose();
      backend.destroyBuffer(image);
    } finally {
      await backend.dispose();
    }
    expect(backend.bufferCounts).toEqual({ callers: 0, internal: 0, bindGroups: 0 });
  });
});
