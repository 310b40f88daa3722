import { describe, expect, test } from 'vitest';
import { type FloatImage, psnr, ssim, ssimWindow } from './image.ts';

function constant(value: number, width = 12, height = 13, channels = 3): FloatImage {
  return { width, height, channels, layout: 'planar', data: new Float32Array(width * height * channels).fill(value) };
}

describe('psnr', () => {
  test('a constant difference of 0.25 has MSE 1/16: 10·log10(16) dB', () => {
    expect(psnr(constant(0.5), constant(0.25))).toBeCloseTo(12.041199826559248, 12);
  });

  test('one pixel of ten wrong by 1: MSE 0.1, 10 dB', () => {
    const zero: FloatImage = { width: 5, height: 2, channels: 1, layout: 'planar', data: new Float64Array(10) };
    const one = Float64Array.from({ length: 10 }, (_, i) => (i === 7 ? 1 : 0));
    expect(psnr(zero, { ...zero, data: one })).toBeCloseTo(10, 12);
  });

  test('identical images are infinitely alike', () => {
    expect(psnr(constant(0.3), constant(0.3))).toBe(Number.POSITIVE_INFINITY);
  });

  test('planar and interleaved layouts of one image agree', () => {
    const interleaved: FloatImage = { width: 2, height: 1, channels: 2, layout: 'interleaved', data: [1, 2, 3, 4] };
    const planar: FloatImage = { width: 2, height: 1, channels: 2, layout: 'planar', data: [1, 3, 2, 4] };
    expect(psnr(interleaved, planar)).toBe(Number.POSITIVE_INFINITY);
    expect(psnr({ ...interleaved, data: planar.data }, planar)).toBeLessThan(10);
  });
});

describe('ssim', () => {
  test('an image against itself is 1', () => {
    const data = Float64Array.from({ length: 20 * 15 * 3 }, (_, i) => ((i * 7919) % 101) / 100);
    const image: FloatImage = { width: 20, height: 15, channels: 3, layout: 'planar', data };
    expect(ssim(image, image)).toBeCloseTo(1, 12);
  });

  test('two constants: no variance, so only the luminance term (2ab + C1)/(a² + b² + C1) is left', () => {
    const a: FloatImage = { ...constant(0), data: new Float64Array(12 * 13 * 3).fill(0.5) };
    const b: FloatImage = { ...constant(0), data: new Float64Array(12 * 13 * 3).fill(0.25) };
    expect(ssim(a, b)).toBeCloseTo((0.25 + 1e-4) / (0.3125 + 1e-4), 12);
  });

  test('a single bright pixel against black, one window', () => {
    // 11x11 has exactly one window. With p = w0² the 2D weight of the centre: mean p, E[x²] = p, variance p − p²; the
    // covariance and the other mean are 0, so SSIM = C1·C2 / ((p² + C1)(p − p² + C2)).
    const data = new Float64Array(121);
    data[60] = 1;
    const image: FloatImage = { width: 11, height: 11, channels: 1, layout: 'planar', data };
    const p = 0.2660117304 ** 2;
    const expected = (1e-4 * 9e-4) / ((p * p + 1e-4) * (p - p * p + 9e-4));
    expect(ssim(image, { ...image, data: new Float64Array(121) })).toBeCloseTo(expected, 9);
  });

  test('the window is the 11-tap Gaussian of σ 1.5, normalised and symmetric', () => {
    const window = ssimWindow();
    expect(window.length).toBe(11);
    expect(window.reduce((sum, tap) => sum + tap, 0)).toBeCloseTo(1, 15);
    expect(window[0]).toBe(window[10]);
    expect(window[4]! / window[5]!).toBeCloseTo(Math.exp(-1 / 4.5), 12);
  });
});

describe('bad input is named', () => {
  test.each([
    ['different sizes', () => psnr(constant(0, 12, 13), constant(0, 13, 12)), /12x13x3 and 13x12x3/],
    ['wrong length', () => psnr({ ...constant(0), data: [1, 2] }, constant(0)), /first image.*468 values, got 2/],
    ['no pixels', () => ssim(constant(0), { ...constant(0), width: 0 }), /second image: width/],
    ['fractional size', () => ssim({ ...constant(0), height: 1.5 }, constant(0)), /first image: height.*1.5/],
    ['smaller than the window', () => ssim(constant(0, 40, 10), constant(0, 40, 10)), /11x11.*40x10/],
  ])('%s', (_name, compute, message) => {
    expect(compute).toThrow(message);
  });

  test('a value that is not finite is located', () => {
    const data = new Float32Array(12 * 13 * 3);
    data[12 * 13 + 12 + 3] = Number.NaN;
    expect(() => ssim(constant(0), { ...constant(0), data })).toThrow(
      /second image: value at x 3, y 1, channel 1 is NaN/,
    );
  });
});
