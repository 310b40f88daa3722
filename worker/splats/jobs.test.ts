import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluationRequestSchema, renderRequestSchema } from '../../contract/index.ts';
import { loadImage, type PlanarImage } from '../images/index.ts';
import { writeSplats } from './file.ts';
import { evaluateSplats, renderSplats } from './jobs.ts';
import { frameAt, makeSmallCapture, recorder, requestOf, type SmallCapture } from './testing.ts';
import { trainSplats } from './trainer.ts';

const directory = await mkdtemp(join(tmpdir(), 'liftscope-jobs-'));
afterAll(() => rm(directory, { recursive: true }));

let capture: SmallCapture;
const truthPath = join(directory, 'truth.splats');
beforeAll(async () => {
  capture = await makeSmallCapture(join(directory, 'capture'));
  await writeSplats(truthPath, capture.truth, {});
});

const COMPUTE = { backend: 'wasm', threads: 1 } as const;

describe('evaluateSplats', () => {
  it.each([1, 2])('finds the figures with which training ended, on %i thread(s)', async (threads) => {
    const trained = await trainSplats(requestOf(capture, 'trained', { iterations: 70 }), recorder());
    const frames = capture.frames.filter(({ role }) => role === 'holdout');
    const request = { ...COMPUTE, threads, splatsPath: trained.splatsPath, frames };
    const result = await evaluateSplats(evaluationRequestSchema.parse(request));
    expect(result).toMatchObject({ psnr: trained.psnr, ssim: trained.ssim, perFrame: trained.perFrame });
    expect(result).toMatchObject({ gaussians: trained.gaussians, backend: 'wasm' });
    expect(result.psnr).toBeGreaterThan(20);
  });

  it('scores every frame it is given, and the truth against itself as rounding to 8 bits', async () => {
    const request = { ...COMPUTE, splatsPath: truthPath, frames: capture.frames };
    const { perFrame, psnr, ssim } = await evaluateSplats(evaluationRequestSchema.parse(request));
    expect(perFrame.map(({ name }) => name)).toEqual(capture.frames.map(({ name }) => name));
    // A uniform error within half a step has a mean square of (1/255)^2 / 12: 58.9 dB.
    for (const frame of perFrame) expect(frame.psnr).toBeGreaterThan(57);
    expect(psnr).toBeCloseTo(perFrame.reduce((sum, frame) => sum + frame.psnr, 0) / perFrame.length, 9);
    expect(ssim).toBeGreaterThan(0.99);
  });

  it('names the file that is not there', async () => {
    const frames = [...capture.frames];
    const missing = join(directory, 'missing');
    const noSplats = evaluationRequestSchema.parse({ ...COMPUTE, splatsPath: missing, frames });
    await expect(evaluateSplats(noSplats)).rejects.toMatchObject({ code: 'bad-input' });
    await expect(evaluateSplats(noSplats)).rejects.toThrow(missing);
    const noPhoto = { ...COMPUTE, splatsPath: truthPath, frames: [{ ...frames[0]!, imagePath: missing }] };
    await expect(evaluateSplats(evaluationRequestSchema.parse(noPhoto))).rejects.toThrow(missing);
  });
});

describe('renderSplats', () => {
  const [width, height] = [47, 33];
  const view = frameAt(0, { name: 'view', imagePath: 'unused', width, height });
  const render = async (splatsPath: string, channel: 'colour' | 'depth' | 'alpha', file: string) => {
    const outputPath = join(directory, 'rendered', file);
    const request = renderRequestSchema.parse({ ...COMPUTE, splatsPath, view, channel, outputPath });
    const result = await renderSplats(request);
    expect(result).toMatchObject({ outputPath, width, height, backend: 'wasm' });
    return loadImage(outputPath, { expected: { width, height } });
  };
  const pixel = ({ data }: PlanarImage, x: number, y: number) =>
    [0, 1, 2].map((channel) => data[channel * width * height + y * width + x]!);

  it('renders a frame of the capture as the photo of it', async () => {
    const frame = capture.frames[3]!;
    const outputPath = join(directory, 'frame.png');
    const request = { ...COMPUTE, threads: 1, splatsPath: truthPath, view: frame, channel: 'colour', outputPath };
    await renderSplats(renderRequestSchema.parse(request));
    expect(await loadImage(outputPath)).toEqual(await loadImage(frame.imagePath));
  });

  it('writes colour, depth (near is white) and alpha of two blobs at different depths', async () => {
    const splatsPath = join(directory, 'blobs.splats');
    // Left red and near, right green and far, nothing in the corners.
    const [left, right] = [12, 35];
    await writeSplats(
      splatsPath,
      {
        ...{ count: 2, shDegree: 0, means: Float32Array.of(-0.5, 0, -0.9, 0.9, 0, 0.9) },
        quaternions: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0),
        ...{ logScales: new Float32Array(6).fill(Math.log(0.15)), logitOpacities: Float32Array.of(5, 5) },
        sh: Float32Array.of(1.5, -1.5, -1.5, -1.5, 1.5, -1.5),
      },
      {},
    );
    const colour = await render(splatsPath, 'colour', 'colour.png');
    const depth = await render(splatsPath, 'depth', 'depth.png');
    const alpha = await render(splatsPath, 'alpha', 'alpha.png');
    const [y, corner] = [16, [0, 0, 0]];
    const [red, green] = [pixel(colour, left, y), pixel(colour, right, y)];
    expect(red[0]! > 150 && red[1]! < 60).toBe(true);
    expect(green[1]! > 150 && green[0]! < 60).toBe(true);
    for (const image of [depth, alpha]) {
      for (const x of [left, right]) expect(new Set(pixel(image, x, y)).size).toBe(1);
    }
    for (const x of [left, right]) expect(pixel(alpha, x, y)[0]).toBeGreaterThan(200);
    expect(pixel(depth, left, y)[0]! - pixel(depth, right, y)[0]!).toBeGreaterThan(150);
    for (const image of [colour, depth, alpha]) expect(pixel(image, 0, 0)).toEqual(corner);
  });

  it('names a splats file that is damaged', async () => {
    await expect(render(capture.frames[0]!.imagePath, 'colour', 'x.png')).rejects.toThrow(
      /0\.png: is not a splats file/,
    );
  });
});
