import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LiftscopeError, type TrainingFrame } from '../../contract/index.ts';
import { createScene, readSceneTruth, type SceneTruth, writeSceneCapture } from '../scenes/index.ts';
import type { RenderedChannels } from './render.ts';
import { meanImageQuality, truthQuality } from './truth-quality.ts';

const SIZE = 24;
let root: string;
let scene: string;
let truth: SceneTruth;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-truth-'));
  scene = join(root, 'scene');
  await writeSceneCapture(await createScene({ kind: 'messy-rooms', seed: 1, objects: 2, views: 2, size: SIZE }), scene);
  truth = await readSceneTruth(scene);
}, 60_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

function frameNamed(name: string, size = SIZE): TrainingFrame {
  return {
    name,
    imagePath: join(root, name),
    role: 'holdout',
    ...{ width: size, height: size, fx: size, fy: size, cx: size / 2, cy: size / 2 },
    cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, 0] },
  };
}

const rendering = (channels: Omit<RenderedChannels, 'rgb'>) => ({
  channels: async (): Promise<RenderedChannels> => ({ ...channels, rgb: new Float32Array(3 * channels.alpha.length) }),
});

describe('depth and coverage', () => {
  test('expected depth is depth over alpha; pixels that are not covered are not scored', async () => {
    const { depth } = await truth.readFrame('frame_00000');
    // The upper half: 10 % too far at alpha 0.8. The lower half: wildly wrong, and not covered.
    const alpha = Float32Array.from(depth, (_, i) => (i < depth.length / 2 ? 0.8 : 0.5));
    const rendered = Float32Array.from(depth, (z, i) => (i < depth.length / 2 ? 0.8 * 1.1 * z : 40));
    const renderer = rendering({ width: SIZE, height: SIZE, depth: rendered, alpha });
    const quality = await truthQuality(renderer, [frameNamed('frame_00000.png')], scene);
    expect(quality.depthAbsoluteRelative).toBeCloseTo(0.1, 5);
    expect(quality).toMatchObject({ depthDelta125: 1, coverage: 0.5 });
    expect(quality.perFrame).toHaveLength(1);
  });

  test('nothing covered has no depth error, and is not taken for a good one', async () => {
    const empty = new Float32Array(SIZE * SIZE);
    const renderer = rendering({ width: SIZE, height: SIZE, depth: empty, alpha: empty });
    const quality = await truthQuality(renderer, [frameNamed('frame_00001.png')], scene);
    expect(quality).toMatchObject({ depthAbsoluteRelative: null, depthDelta125: null, coverage: 0 });
  });

  test('a frame imported at half the scale is looked up at its pixel centres', async () => {
    const { depth } = await truth.readFrame('frame_00000');
    const half = SIZE / 2;
    const alpha = new Float32Array(half * half).fill(1);
    const small = alpha.map((_, i) => depth[(2 * Math.floor(i / half) + 1) * SIZE + 2 * (i % half) + 1]!);
    const renderer = rendering({ width: half, height: half, depth: small, alpha });
    const quality = await truthQuality(renderer, [frameNamed('frame_00000.png', half)], scene);
    expect(quality).toMatchObject({ depthAbsoluteRelative: 0, coverage: 1 });
  });

  test('a frame without truth, an image of another shape, and a scene without truth are refused by name', async () => {
    const renderer = rendering({ width: 1, height: 1, depth: new Float32Array(1), alpha: new Float32Array(1) });
    const refusal = (frame: TrainingFrame, folder: string) =>
      expect(truthQuality(renderer, [frame], folder)).rejects.toThrow(LiftscopeError);
    await refusal(frameNamed('frame_00009.png'), scene);
    await refusal({ ...frameNamed('frame_00000.png'), height: 2 * SIZE }, scene);
    await refusal(frameNamed('frame_00000.png'), root);
    await expect(truthQuality(renderer, [frameNamed('frame_00009.png')], scene)).rejects.toThrow(/frame_00009/);
  });
});

test('the mean image of grey 0 and 200 is grey 100: 20 log10(255 / 50) dB against grey 150', async () => {
  const photo = async (name: string, grey: number, side = 16): Promise<TrainingFrame> => {
    const frame = frameNamed(name, side);
    await sharp({ create: { width: side, height: side, channels: 3, background: { r: grey, g: grey, b: grey } } })
      .png()
      .toFile(frame.imagePath);
    return frame;
  };
  const photos = [await photo('a.png', 0), await photo('b.png', 200)];
  const { psnr } = await meanImageQuality(photos, [await photo('c.png', 150)]);
  expect(psnr).toBeCloseTo(20 * Math.log10(255 / 50), 4);
  await expect(meanImageQuality(photos, [await photo('d.png', 150, 32)])).rejects.toThrow(/d\.png is 32x32/);
});
