import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type FloatImage, psnr, ssim } from './image.ts';

interface GoldenImageCase {
  height: number;
  width: number;
  a: number[];
  b: number[];
  PSNR: number;
  SSIM: number;
}

const goldenFile = path.join(process.env.LIFTSCOPE_GOLDEN ?? '../shared/golden', 'segmentation.json');

describe.skipIf(!existsSync(goldenFile))(`golden PSNR and SSIM (segmentation.json in LIFTSCOPE_GOLDEN)`, () => {
  const cases: GoldenImageCase[] = existsSync(goldenFile) ? JSON.parse(readFileSync(goldenFile, 'utf8')).image : [];

  test('the file holds image cases', () => {
    expect(cases.length).toBeGreaterThan(0);
  });

  test.each(cases.map((golden, i) => [i, golden] as const))('case %i within 1e-6', (_i, golden) => {
    const image = (data: number[]): FloatImage => ({
      width: golden.width,
      height: golden.height,
      channels: 3,
      layout: 'interleaved',
      data,
    });
    const psnrError = Math.abs(psnr(image(golden.a), image(golden.b)) - golden.PSNR);
    const ssimError = Math.abs(ssim(image(golden.a), image(golden.b)) - golden.SSIM);
    expect(psnrError).toBeLessThanOrEqual(1e-6);
    expect(ssimError).toBeLessThanOrEqual(1e-6);
  });
});
