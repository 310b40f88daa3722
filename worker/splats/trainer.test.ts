import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  LiftscopeError,
  type TrainingRequest,
  trainingEventSchema,
  trainingResultSchema,
} from '../../contract/index.ts';
import { OutOfMemoryError, WasmBackend } from '../compute/index.ts';
import { loadImage, writeImage } from '../images/index.ts';
import { readSplats, splatsHash } from './file.ts';
import { fingerprintByPath } from './fingerprint.ts';
import { Targets } from './targets.ts';
import { makeSmallCapture, recorder, requestOf, type SmallCapture, writePoints } from './testing.ts';
import { trainSplats } from './trainer.ts';

const directory = await mkdtemp(join(tmpdir(), 'liftscope-trainer-'));
afterAll(() => rm(directory, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

const ITERATIONS = 140;
let capture: SmallCapture;
/** The training that the others are compared with: one thread, never interrupted. */
let reference: Awaited<ReturnType<typeof trainSplats>>;
const referenceRun = recorder();
beforeAll(async () => {
  capture = await makeSmallCapture(join(directory, 'capture'));
  reference = await trainSplats(requestOf(capture, 'reference', {}, { evaluateAt: [1, 60] }), referenceRun);
});

const MIB = 2 ** 20;

/** Number of Gaussians in a checkpoint, from its header. */
function countIn(path: string): number {
  const bytes = readFileSync(path);
  return JSON.parse(bytes.toString('utf8', 12, 12 + bytes.readUInt32LE(8))).count;
}

describe('training', () => {
  it('raises the PSNR of a photo it never saw by more than 10 dB, to more than 28 dB', () => {
    const [first, middle, last] = referenceRun.of('evaluation').map(({ psnr }) => psnr!);
    expect(first).toBeLessThan(20);
    expect(middle! - first!).toBeGreaterThan(4);
    expect(last).toBeGreaterThan(28);
    expect(last! - first!).toBeGreaterThan(10);
    expect(reference.psnr).toBe(last);
    expect(reference.ssim).toBeGreaterThan(0.9);
    expect(reference.perFrame.map(({ name }) => name)).toEqual(['6.png']);
  });

  it('reports what it wrote', async () => {
    expect(trainingResultSchema.parse(reference)).toEqual(reference);
    expect(reference).toMatchObject({ iterations: ITERATIONS, seed: 3, backend: 'wasm', threads: 1, gaussians: 230 });
    const { splats, header } = await readSplats(reference.splatsPath);
    expect(splatsHash(splats)).toBe(reference.splatsHash);
    expect(header).toMatchObject({ count: 230, shDegree: 1, iterations: ITERATIONS, seed: 3, backend: 'wasm' });
    expect(reference.seconds).toBeGreaterThan(0);
    expect(reference.iterationsPerSecond).toBeCloseTo(ITERATIONS / reference.seconds, 6);
  });

  it.each([2, 3])('gives the same Gaussians on %i threads as on one', async (threads) => {
    const result = await trainSplats(requestOf(capture, `threads-${threads}`, {}, { threads }), recorder());
    expect(result.splatsHash).toBe(reference.splatsHash);
    expect(result.perFrame).toEqual(reference.perFrame);
  });

  it('gives other Gaussians for another seed, as good ones', async () => {
    const result = await trainSplats(requestOf(capture, 'seed', { seed: 4 }), recorder());
    expect(result.splatsHash).not.toBe(reference.splatsHash);
    expect(result.psnr).toBeGreaterThan(28);
  });

  it('has no PSNR where nothing is held out', async () => {
    const frames = capture.frames.map((frame) => ({ ...frame, role: 'train' as const }));
    const run = recorder();
    const result = await trainSplats(requestOf(capture, 'all', { iterations: 8 }, { frames, evaluateAt: [4] }), run);
    expect(result).toMatchObject({ psnr: null, ssim: null, perFrame: [] });
    expect(run.of('evaluation').map(({ psnr }) => psnr)).toEqual([null, null]);
    expect(run.of('started')[0]).toMatchObject({ trainFrames: 7, holdoutFrames: 0 });
  });
});

describe('events of a training', () => {
  it('come in order: started, progress and the rest ascending, finished', async () => {
    // A clock that moves with every look at it, so that progress is told however fast the machine is.
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 20));
    const run = recorder();
    const options = {
      evaluateEvery: 50,
      evaluateAt: [20],
      previewEvery: 70,
      previewFrame: '2.png',
      checkpointEvery: 60,
    };
    const result = await trainSplats(requestOf(capture, 'events', {}, options), run);
    vi.restoreAllMocks();
    expect(result.splatsHash).toBe(reference.splatsHash);
    for (const event of run.events) expect(trainingEventSchema.parse(event)).toEqual(event);

    expect(run.events[0]).toMatchObject({
      ...{ type: 'started', backend: 'wasm', threads: 1, trainFrames: 6, holdoutFrames: 1 },
      ...{ gaussians: 180, iteration: 0, iterations: ITERATIONS },
    });
    expect(run.events.at(-1)).toEqual({ type: 'finished', iteration: ITERATIONS, gaussians: 230 });
    expect(run.events.filter(({ type }) => type === 'started' || type === 'finished').length).toBe(2);
    expect(run.of('evaluation').map(({ iteration }) => iteration)).toEqual([20, 50, 100, ITERATIONS]);
    expect(run.of('preview').map(({ iteration }) => iteration)).toEqual([70, 140]);
    expect(run.of('checkpoint').map(({ iteration }) => iteration)).toEqual([60, 120]);
    expect(run.of('warning')).toEqual([]);

    const progress = run.of('progress');
    expect(progress.length).toBeGreaterThan(5);
    const done = progress.map(({ iteration }) => iteration);
    expect(done).toEqual([...new Set(done)].sort((a, b) => a - b));
    expect(progress.at(-1)).toMatchObject({ iteration: ITERATIONS, secondsLeft: 0, gaussians: 230 });
    expect(progress.at(-1)!.loss).toBeLessThan(0.5 * progress[0]!.loss);
    for (const { gaussians } of progress) expect(gaussians).toBeLessThanOrEqual(230);

    // The last preview is the frame that was asked for, of its size, and shows it.
    const preview = run.of('preview').at(-1)!;
    expect(preview).toMatchObject({ frame: '2.png', width: 72, height: 64 });
    const path = join(directory, 'preview.png');
    await writeFile(path, preview.png);
    const image = await loadImage(path, { expected: { width: 72, height: 64 } });
    const photo = await loadImage(capture.frames[2]!.imagePath);
    const difference = image.data.reduce((sum, value, i) => sum + Math.abs(value - photo.data[i]!), 0);
    expect(difference / photo.data.length).toBeLessThan(10);
  });

  it('tell of the first iteration and of the last, however fast the training is', async () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 1e-3));
    const run = recorder();
    await trainSplats(requestOf(capture, 'fast'), run);
    vi.restoreAllMocks();
    const progress = run.of('progress');
    expect(progress.map(({ iteration }) => iteration)).toEqual([1, ITERATIONS]);
    for (const event of progress) expect(trainingEventSchema.parse(event)).toEqual(event);
    expect(progress[1]!.loss).toBeLessThan(0.5 * progress[0]!.loss);
  });
});

describe('previews by time', () => {
  it('begin before the first iteration, are small, rare where they are dear, and change nothing', async () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 40));
    const run = recorder();
    const result = await trainSplats(requestOf(capture, 'timed', {}, { previewIntervalMs: 2000 }), run);
    vi.restoreAllMocks();
    expect(result.splatsHash).toBe(reference.splatsHash);
    const iterations = run.of('preview').map(({ iteration }) => iteration);
    expect(iterations[0]).toBe(0);
    expect(iterations.length).toBeGreaterThan(2);
    expect(iterations.length).toBeLessThan(ITERATIONS / 8);
    expect(run.of('preview')[0]).toMatchObject({ frame: '6.png', width: 72, height: 64 });
    expect(run.events.findIndex(({ type }) => type === 'preview')).toBe(1);
  });

  it('halve a large frame', async () => {
    const imagePath = join(directory, 'large.png');
    const large = { ...capture.frames[0]!, name: 'large', imagePath, width: 1440, height: 1280 };
    await writeImage(imagePath, { width: 1440, height: 1280, data: new Float32Array(3 * 1440 * 1280) });
    const request = requestOf(
      capture,
      'large',
      { iterations: 1 },
      { frames: [...capture.frames, large], previewIntervalMs: 1e6, previewFrame: 'large', evaluateEvery: 0 },
    );
    const run = recorder();
    await trainSplats(request, run);
    expect(run.of('preview').map(({ width, height }) => [width, height])).toEqual([[360, 320]]);
  });
});

describe('interrupting and resuming', () => {
  /** Trains until `iteration`, then cancels; the checkpoint is in the folder of `run`. */
  async function interruptAt(iteration: number, run: string, options: Parameters<typeof requestOf>[3] = {}) {
    const record = recorder((event) => event.type === 'evaluation' && event.iteration === iteration);
    const request = requestOf(capture, run, {}, { evaluateAt: [iteration], ...options });
    const error = await trainSplats(request, record).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    return { error, record };
  }

  it('cancelling writes a checkpoint and says how to go on', async () => {
    const { error, record } = await interruptAt(70, 'interrupted', { threads: 2 });
    expect(error).toBeInstanceOf(LiftscopeError);
    expect(error).toMatchObject({ code: 'cancelled', hint: expect.stringMatching(/--resume/) });
    expect((error as Error).message).toMatch(/after 70 iterations/);
    const path = join(directory, 'capture', 'interrupted', 'iteration-000000070.checkpoint');
    expect(record.events.at(-1)).toEqual({ type: 'checkpoint', iteration: 70, path });
    expect(await readdir(join(directory, 'capture', 'interrupted'))).toEqual(['iteration-000000070.checkpoint']);
    expect(await readdir(join(directory, 'capture'))).not.toContain('interrupted.splats');
  });

  it.each([1, 3])('resumed on %i thread(s), ends as the uninterrupted training, bit for bit', async (threads) => {
    const run = recorder();
    const request = requestOf(capture, 'interrupted', {}, { resume: true, threads });
    const result = await trainSplats(request, run);
    expect(run.of('started')[0]).toMatchObject({ iteration: 70, threads });
    expect(run.of('warning')).toEqual([]);
    expect(result.splatsHash).toBe(reference.splatsHash);
    expect(result.perFrame).toEqual(reference.perFrame);
  });

  it('may be interrupted again and again, before the first step and right after Gaussians were added', async () => {
    const started = recorder((event) => event.type === 'started');
    await expect(trainSplats(requestOf(capture, 'often'), started)).rejects.toMatchObject({ code: 'cancelled' });
    expect(started.of('checkpoint').map(({ iteration }) => iteration)).toEqual([0]);
    for (const iteration of [1, 60, 61]) {
      const { record } = await interruptAt(iteration, 'often', { resume: true });
      expect(record.of('checkpoint').map((event) => event.iteration)).toEqual([iteration]);
    }
    const result = await trainSplats(requestOf(capture, 'often', {}, { resume: true }), recorder());
    expect(result.splatsHash).toBe(reference.splatsHash);
  });

  describe('with checkpoints that are damaged', () => {
    const folder = join(directory, 'capture', 'damaged');
    const [older, newer] = ['iteration-000000040.checkpoint', 'iteration-000000080.checkpoint'] as const;

    it('takes the older one and names the newer', async () => {
      await interruptAt(100, 'damaged', { checkpointEvery: 40 });
      // 100 is left from cancelling; a crash would have left 40 and 80.
      expect((await readdir(folder)).sort()).toEqual([newer, 'iteration-000000100.checkpoint']);
      const path = join(folder, 'iteration-000000100.checkpoint');
      const bytes = await readFile(path);
      bytes[bytes.length >> 1]! ^= 1;
      await writeFile(path, bytes);
      const run = recorder();
      const result = await trainSplats(requestOf(capture, 'damaged', {}, { resume: true }), run);
      expect(run.of('warning').map(({ message }) => message)).toEqual([expect.stringContaining(path)]);
      expect(run.of('warning')[0]!.message).toMatch(/damaged/);
      expect(run.of('started')[0]).toMatchObject({ iteration: 80 });
      expect(result.splatsHash).toBe(reference.splatsHash);
    });

    it('starts from the beginning when none is whole, and says so', async () => {
      await truncate(join(folder, newer), 5000);
      await writeFile(join(folder, older), '');
      const run = recorder();
      const request = requestOf(capture, 'damaged', {}, { resume: true });
      const result = await trainSplats(request, run);
      const warnings = run.of('warning').map(({ message }) => message);
      expect(warnings.length).toBe(4);
      for (const name of [older, newer]) expect(warnings).toContainEqual(expect.stringContaining(join(folder, name)));
      expect(warnings.at(-1)).toMatch(/starts from the beginning/);
      expect(run.of('started')[0]).toMatchObject({ iteration: 0 });
      expect(result.splatsHash).toBe(reference.splatsHash);
    });
  });

  describe('after photos have moved', () => {
    /** The request of `run` with every file of the capture copied to another folder. */
    async function moved(run: string): Promise<TrainingRequest> {
      const folder = join(directory, 'moved', run);
      await mkdir(folder, { recursive: true });
      const request = requestOf(capture, run, {}, { resume: true, refuseOtherCheckpoints: true });
      const move = async (path: string) => {
        const target = join(folder, basename(path));
        await copyFile(path, target);
        return target;
      };
      const frames = await Promise.all(
        request.frames.map(async (frame) => ({ ...frame, imagePath: await move(frame.imagePath) })),
      );
      return { ...request, frames, points: { ...request.points!, path: await move(request.points!.path) } };
    }

    it('goes on bit for bit: what they hold counts, not where they lie', async () => {
      await interruptAt(70, 'moving');
      const run = recorder();
      const result = await trainSplats(await moved('moving'), run);
      expect(run.of('started')[0]).toMatchObject({ iteration: 70 });
      expect(result.splatsHash).toBe(reference.splatsHash);
    });

    it('refuses photos of other contents, in words, and leaves the checkpoint', async () => {
      await interruptAt(70, 'changed');
      const request = await moved('changed');
      const photo = request.frames[1]!.imagePath;
      await writeFile(photo, await readFile(request.frames[2]!.imagePath));
      await expect(trainSplats(request, recorder())).rejects.toMatchObject({
        code: 'bad-input',
        message: expect.stringMatching(/photos, sparse points or settings have changed.*iteration-000000070/),
      });
      expect(await readdir(join(directory, 'capture', 'changed'))).toEqual(['iteration-000000070.checkpoint']);
    });

    it('reads a checkpoint of the first version, which named the paths, where nothing has moved', async () => {
      await interruptAt(70, 'first-version');
      const path = join(directory, 'capture', 'first-version', 'iteration-000000070.checkpoint');
      const bytes = await readFile(path);
      const header = JSON.parse(bytes.toString('utf8', 12, 12 + bytes.readUInt32LE(8)));
      const byPath = fingerprintByPath(requestOf(capture, 'first-version'));
      expect(byPath).not.toBe(header.fingerprint);
      bytes.write(byPath, bytes.indexOf(header.fingerprint));
      createHash('sha256')
        .update(bytes.subarray(0, -32))
        .digest()
        .copy(bytes, bytes.length - 32);
      await writeFile(path, bytes);
      const run = recorder();
      const options = { resume: true, refuseOtherCheckpoints: true };
      const result = await trainSplats(requestOf(capture, 'first-version', {}, options), run);
      expect(run.of('started')[0]).toMatchObject({ iteration: 70 });
      expect(result.splatsHash).toBe(reference.splatsHash);
    });
  });

  it('passes over the checkpoint of another training', async () => {
    const run = recorder();
    await trainSplats(requestOf(capture, 'interrupted', { iterations: 5, seed: 4 }, { resume: true }), run);
    expect(run.of('warning')[0]!.message).toMatch(/iteration-000000070\.checkpoint.*other settings or data/);
    expect(run.of('started')[0]).toMatchObject({ iteration: 0 });
  });
});

describe('the cap on Gaussians', () => {
  it('is reached and never passed', async () => {
    const counts: number[] = [];
    const run = recorder((event) => {
      if (event.type === 'checkpoint') counts.push(countIn(event.path));
      return false;
    });
    const result = await trainSplats(requestOf(capture, 'growing', { growth: 0.1 }, { checkpointEvery: 20 }), run);
    expect(counts[0]).toBe(180);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(Math.max(...counts)).toBe(230);
    expect(result.gaussians).toBe(230);
  });

  it('holds for a capture with more points, which is told', async () => {
    const run = recorder();
    const result = await trainSplats(requestOf(capture, 'capped', { maxGaussians: 100, iterations: 60 }), run);
    expect(run.of('warning').map(({ message }) => message)).toEqual([
      expect.stringMatching(/180 sparse points exceed the cap of 100/),
    ]);
    expect(run.of('started')[0]).toMatchObject({ gaussians: 100 });
    expect(result.gaussians).toBe(100);
  });

  it('holds for the random points of a capture without any', async () => {
    const run = recorder();
    const result = await trainSplats(requestOf(capture, 'random', { iterations: 5 }, { points: undefined }), run);
    expect(run.of('warning')[0]!.message).toMatch(/no sparse points/);
    expect(result.gaussians).toBe(230);
    expect(Number.isFinite(result.psnr)).toBe(true);
  });
});

describe('the memory budget', () => {
  it('that the process alone exceeds is refused in words', async () => {
    const training = trainSplats(requestOf(capture, 'tiny', {}, { memoryBudgetBytes: MIB }), recorder());
    await expect(training).rejects.toThrow(LiftscopeError);
    await expect(training).rejects.toMatchObject({
      code: 'out-of-memory',
      message: expect.stringMatching(/budget of 1 MiB is less than the \d+ MiB/),
      hint: expect.stringMatching(/raise the memory budget/i),
    });
  });

  it('that does not hold the Gaussians is refused before training starts', async () => {
    const run = recorder();
    const memoryBudgetBytes = process.memoryUsage.rss() + 64 * MIB;
    const training = trainSplats(requestOf(capture, 'small', { maxGaussians: 3_000_000 }, { memoryBudgetBytes }), run);
    await expect(training).rejects.toThrow(OutOfMemoryError);
    await expect(training).rejects.toMatchObject({ code: 'out-of-memory' });
    await expect(training).rejects.toThrow(/Not enough memory for .+ MiB asked.*Use fewer Gaussians/);
    expect(run.events).toEqual([]);
  });

  it('that suffices is kept to and changes nothing', async () => {
    const create = vi.spyOn(WasmBackend, 'create');
    const memoryBudgetBytes = process.memoryUsage.rss() + 128 * MIB;
    const result = await trainSplats(requestOf(capture, 'enough', {}, { memoryBudgetBytes }), recorder());
    const limited = create.mock.calls.findIndex(([options]) => options?.memoryBudgetBytes !== undefined);
    const { memory } = (await create.mock.results[limited]!.value) as WasmBackend;
    expect(memory.limitBytes).toBeLessThan(memoryBudgetBytes);
    expect(memory.peakBytes).toBeGreaterThan(100_000);
    expect(memory.peakBytes).toBeLessThanOrEqual(memory.limitBytes);
    expect(result.splatsHash).toBe(reference.splatsHash);
  });

  it('limits how many photos stay on the device; the others are read again, equal', async () => {
    const backend = await WasmBackend.create({ threads: 1 });
    const photoBytes = 3 * 72 * 64;
    const targets = new Targets(backend, capture.frames, 2.5 * photoBytes);
    const bytesOf = async (index: number, level: number) => backend.read((await targets.get(index, level)).image);
    const first = await bytesOf(0, 0);
    for (let i = 1; i < 6; i++) {
      await bytesOf(i, 0);
      expect(backend.memory.usedBytes).toBe(Math.min(i + 1, 2) * photoBytes);
    }
    expect(targets.cached(0, 0)).toBeUndefined();
    // Nothing is decoded ahead that would push out what is kept.
    await targets.get(0, 0, [1, 2, 3, 4]);
    expect([1, 2, 3, 4].map((i) => targets.cached(i, 0))).toEqual([undefined, undefined, undefined, undefined]);
    await targets.get(5, 0);
    expect(targets.cached(5, 0)?.view).toMatchObject({ widthPixels: 72, heightPixels: 64 });
    expect(await bytesOf(0, 0)).toEqual(first);
    expect((await bytesOf(0, 1)).byteLength).toBe(photoBytes / 4);
    expect(backend.memory.peakBytes).toBeLessThanOrEqual(2.5 * photoBytes);
    targets.dispose();
    expect(backend.memory.usedBytes).toBe(0);
    await backend.dispose();
  });

  it('photos wanted next are decoded beside the one that is waited for, as far as there is room', async () => {
    const backend = await WasmBackend.create({ threads: 1 });
    const photoBytes = 3 * 72 * 64;
    for (const [room, ahead] of [
      [100, [true, true, true]],
      [7, [true, true, false]],
    ] as const) {
      const targets = new Targets(backend, capture.frames, room * photoBytes);
      await targets.get(2, 0, [2, 0, 1, 0, 3]);
      expect([0, 1, 3].map((i) => targets.cached(i, 0) !== undefined)).toEqual(ahead);
      const own = new Targets(backend, capture.frames, room * photoBytes);
      expect(await backend.read(targets.cached(1, 0)!.image)).toEqual(await backend.read((await own.get(1, 0)).image));
      own.dispose();
      targets.dispose();
    }
    await backend.dispose();
  });
});

describe('bad input is refused by the name of its file', () => {
  const withPhoto = (imagePath: string, index = 1) =>
    capture.frames.map((frame, i) => (i === index ? { ...frame, imagePath } : frame));
  const failing = (options: Parameters<typeof requestOf>[3]) =>
    trainSplats(requestOf(capture, 'bad', { iterations: 12 }, options), recorder());

  it('a photo that is missing, for training or held out', async () => {
    const imagePath = join(directory, 'missing.png');
    await expect(failing({ frames: withPhoto(imagePath) })).rejects.toThrow(imagePath);
    await expect(failing({ frames: withPhoto(imagePath, 6) })).rejects.toThrow(imagePath);
  });

  it('a photo of another size than its camera', async () => {
    const imagePath = join(directory, 'small.png');
    await writeImage(imagePath, { width: 36, height: 32, data: new Uint8Array(3 * 36 * 32) });
    const training = failing({ frames: withPhoto(imagePath) });
    await expect(training).rejects.toThrow(`${imagePath}: is 36x32 pixels but its camera is 72x64`);
  });

  it('a photo that is cut off', async () => {
    const imagePath = join(directory, 'cut.png');
    await writeFile(imagePath, (await readFile(capture.frames[1]!.imagePath)).subarray(0, 900));
    await expect(failing({ frames: withPhoto(imagePath) })).rejects.toThrow(imagePath);
  });

  it('sparse points that are missing, of the wrong size, or not finite', async () => {
    const missing = { path: join(directory, 'missing.bin'), count: 10 };
    await expect(failing({ points: missing })).rejects.toMatchObject({ code: 'bad-input' });
    await expect(failing({ points: missing })).rejects.toThrow(missing.path);
    const { path, count } = capture.points;
    const training = failing({ points: { path, count: count + 1 } });
    await expect(training).rejects.toMatchObject({ code: 'bad-input' });
    await expect(training).rejects.toThrow(`${path}: has ${15 * count} bytes where ${count + 1} points need`);
    for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      const broken = { path: join(directory, 'broken.bin'), count: 20 };
      const positions = new Float32Array(60);
      positions[38] = bad;
      await writePoints(broken.path, positions);
      await expect(failing({ points: broken })).rejects.toThrow(`${broken.path}: point 12 is not finite`);
    }
  });
});
