import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SamSegmentation, samSegmentationSchema } from '../../../contract/index.ts';
import type { PlanarImage } from '../../images/index.ts';
import { cropsOf, generateMasks, thinned } from './automatic.ts';
import { bestMask, type Prompt, type SamMask, SamModel } from './model.ts';
import { SamPrompter } from './prompts.ts';

const TINY = fileURLToPath(new URL('../../../native-models/tiny-sam', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'liftscope-sam-'));
let model: SamModel;
beforeAll(async () => {
  model = await SamModel.open(TINY, 1);
});
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const WIDTH = 60;
const HEIGHT = 40;
/** Left third red, the rest blue, with a green square in the blue. */
const regionOf = (x: number, y: number): number => (x < 20 ? 0 : x >= 36 && x < 50 && y >= 12 && y < 26 ? 2 : 1);
const COLOURS = [[220, 30, 40], [30, 40, 200], [40, 190, 60]] as const; // biome-ignore format: a table
const image: PlanarImage = {
  width: WIDTH,
  height: HEIGHT,
  data: Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, (_, i) => {
    const pixel = i % (WIDTH * HEIGHT);
    return COLOURS[regionOf(pixel % WIDTH, Math.floor(pixel / WIDTH))]![Math.floor(i / (WIDTH * HEIGHT))]!;
  }),
};

function iou(mask: { readonly [i: number]: number }, wanted: (x: number, y: number) => boolean): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    const [found, right] = [mask[i]! > 0, wanted(i % WIDTH, Math.floor(i / WIDTH))];
    if (found && right) both++;
    if (found || right) either++;
  }
  return both / either;
}

const ask = async (prompt: Prompt): Promise<SamMask> => bestMask(await model.decode(await model.encode(image), prompt), prompt); // biome-ignore format: one line

describe('prompts', () => {
  test.each([
    [5, 5, 0],
    [30, 35, 1],
    [42, 18, 2],
  ])('a click at %d, %d finds its region', async (x, y, region) => {
    const { logits, predictedIou } = await ask({ points: [{ x, y, positive: true }] });
    expect(logits).toHaveLength(WIDTH * HEIGHT);
    expect(iou(logits, (px, py) => regionOf(px, py) === region)).toBeGreaterThan(0.9);
    expect(predictedIou).toBeGreaterThan(0.9);
  });

  test('the image may stand upright as well', async () => {
    const data = new Uint8Array(image.data.length);
    for (let c = 0; c < 3; c++)
      for (let y = 0; y < HEIGHT; y++)
        for (let x = 0; x < WIDTH; x++) data[(c * WIDTH + x) * HEIGHT + y] = image.data[(c * HEIGHT + y) * WIDTH + x]!;
    const upright = await model.encode({ width: HEIGHT, height: WIDTH, data });
    const prompt = { points: [{ x: 18, y: 42, positive: true }] };
    const { logits } = bestMask(await model.decode(upright, prompt), prompt);
    const turned = Float32Array.from({ length: logits.length }, (_, i) => logits[(i % WIDTH) * HEIGHT + Math.floor(i / WIDTH)]!); // biome-ignore format: one line
    expect(iou(turned, (x, y) => regionOf(x, y) === 2)).toBeGreaterThan(0.9);
  });

  test('two positive clicks join two regions, a negative one takes one away', async () => {
    const both = await ask({ points: [{ x: 5, y: 5, positive: true }, { x: 42, y: 18, positive: true }] }); // biome-ignore format: one line
    expect(iou(both.logits, (x, y) => regionOf(x, y) !== 1)).toBeGreaterThan(0.9);
    const less = await ask({ points: [{ x: 5, y: 5, positive: true }, { x: 42, y: 18, positive: true }, { x: 43, y: 20, positive: false }] }); // biome-ignore format: one line
    expect(iou(less.logits, (x, y) => regionOf(x, y) === 0)).toBeGreaterThan(0.9);
  });

  test('a box keeps what lies in it, with and without a click', async () => {
    const box = { left: 30, top: 5, right: 55, bottom: 30 };
    const inBox = (x: number, y: number): boolean => x >= 30 && x < 55 && y >= 5 && y < 30;
    const alone = await ask({ points: [], box });
    expect(iou(alone.logits, (x, y) => inBox(x, y) && regionOf(x, y) === 2)).toBeGreaterThan(0.85);
    const clicked = await ask({ points: [{ x: 32, y: 7, positive: true }], box });
    expect(iou(clicked.logits, (x, y) => inBox(x, y) && regionOf(x, y) === 1)).toBeGreaterThan(0.85);
  });

  test('a previous mask goes into the answer', async () => {
    const prompt = { points: [{ x: 5, y: 5, positive: true }] };
    const embedding = await model.encode(image);
    const strictest = async (previous?: Float32Array): Promise<SamMask> =>
      (await model.decode(embedding, previous === undefined ? prompt : { ...prompt, previous }))[0]!;
    const first = await strictest();
    expect((await strictest(first.lowRes)).lowRes[0]).toBeGreaterThan(first.lowRes[0]!);
    expect((await strictest(new Float32Array(64 * 64).fill(-4))).lowRes[0]).toBeLessThan(first.lowRes[0]!);
    await expect(ask({ ...prompt, previous: new Float32Array(3) })).rejects.toMatchObject({ code: 'bad-input' });
    await expect(ask({ points: [] })).rejects.toMatchObject({ code: 'bad-input' });
  });

  test('of four answers the first is for several prompts', () => {
    const mask = (predictedIou: number): SamMask => ({ predictedIou, logits: new Float32Array(1), lowRes: new Float32Array(1) }); // biome-ignore format: one line
    const four = [mask(0.9), mask(0.5), mask(0.7), mask(0.6)];
    const point = { x: 1, y: 1, positive: true };
    expect(bestMask(four, { points: [point] })).toBe(four[2]);
    expect(bestMask(four, { points: [point, point] })).toBe(four[0]);
    expect(bestMask(four.slice(1), { points: [point, point] })).toBe(four[2]);
  });

  test('a second click on an image costs no second encoding; the least used image goes first', async () => {
    let loads = 0;
    const load = async (): Promise<PlanarImage> => {
      loads++;
      return image;
    };
    const prompter = new SamPrompter(model, 2.5 * 3 * 64 * 64 * 4);
    const prompt = { points: [{ x: 5, y: 5, positive: true }] };
    const [one, two] = await Promise.all([prompter.ask('a', load, prompt), prompter.ask('a', load, prompt)]);
    expect(one.logits).toEqual(two.logits);
    expect(loads).toBe(1);
    await prompter.ask('b', load, prompt);
    await prompter.ask('a', load, prompt);
    await prompter.ask('c', load, prompt);
    expect(['a', 'b', 'c'].map((key) => prompter.holds(key))).toEqual([true, false, true]);
    await expect(prompter.ask('d', () => Promise.reject(new Error('no file')), prompt)).rejects.toThrow('no file');
    expect(prompter.holds('d')).toBe(false);
  });
});

describe('automatic masks', () => {
  const options = (more: Partial<SamSegmentation> = {}): SamSegmentation =>
    samSegmentationSchema.parse({ pointsPerSide: 6, minPredictedIou: 0.5, minStability: 0.8, ...more });

  test('one for each region, and no more', async () => {
    const masks = await generateMasks(model, image, options());
    const found = [0, 1, 2].map((region) =>
      masks.findIndex((mask) => {
        const pixels = new Uint8Array(WIDTH * HEIGHT);
        let at = 0;
        mask.counts.forEach((count, k) => {
          if (k % 2 === 1) pixels.fill(1, at, at + count);
          at += count;
        });
        expect(pixels.reduce((sum, value) => sum + value, 0)).toBe(mask.areaPx);
        return iou(pixels, (x, y) => regionOf(x, y) === region) > 0.9;
      }),
    );
    expect(new Set(found).size).toBe(3);
    expect(found).not.toContain(-1);
    expect(masks).toHaveLength(3);
  });

  test('filters drop what they say', async () => {
    expect(await generateMasks(model, image, options({ minPredictedIou: 1, minArea: 0.9 }))).toEqual([]);
    const strict = await generateMasks(model, image, options({ minStability: 1, stabilityOffset: 31 }));
    expect(strict.length).toBeLessThan(3);
    for (const mask of await generateMasks(model, image, options({ minArea: 0.2 })))
      expect(mask.areaPx).toBeGreaterThanOrEqual(0.2 * WIDTH * HEIGHT);
  });

  test('crops see the same, without doubles; progress counts every prompt', async () => {
    const seen: number[] = [];
    const masks = await generateMasks(model, image, options({ cropLayers: 1, pointsPerSide: 4 }), {
      onPrompt: (done, total) => {
        expect(total).toBe(5 * 16);
        seen.push(done);
      },
    });
    expect(seen).toEqual(Array.from({ length: 80 }, (_, i) => i + 1));
    expect(masks.length).toBeGreaterThanOrEqual(3);
    await expect(generateMasks(model, image, options(), { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });

  test('crops cover the image and overlap', () => {
    const crops = cropsOf(1500, 1000, 2);
    expect(crops).toHaveLength(1 + 4 + 16);
    for (const { left, top, right, bottom } of crops) {
      expect(left >= 0 && top >= 0 && right <= 1500 && bottom <= 1000 && left < right && top < bottom).toBe(true);
    }
    const second = crops.slice(1, 5);
    expect(Math.max(...second.map(({ right }) => right))).toBe(1500);
    expect(Math.max(...second.map(({ bottom }) => bottom))).toBe(1000);
    expect(second[0]!.right).toBeGreaterThan(second[1]!.left);
  });

  test('of overlapping boxes the best stays', () => {
    const mask = (left: number, predictedIou: number) => ({ counts: [], areaPx: 1, stability: 1, cropPx: 1, predictedIou, box: { left, top: 0, right: left + 10, bottom: 10 } }); // biome-ignore format: one line
    const kept = thinned([mask(0, 0.5), mask(1, 0.9), mask(8, 0.4)], 0.7, (one) => one.predictedIou);
    expect(kept.map(({ predictedIou }) => predictedIou)).toEqual([0.9, 0.4]);
  });
});

describe('a model that cannot be used', () => {
  const copied = (
    name: string,
    edit: (manifest: Record<string, Record<string, unknown>>, path: string) => void,
  ): string => {
    const path = join(folder, name);
    cpSync(TINY, path, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8'));
    edit(manifest, path);
    writeFileSync(join(path, 'manifest.json'), JSON.stringify(manifest));
    return path;
  };
  const failure = (path: string): Promise<{ code?: string; message: string; hint?: string }> =>
    SamModel.open(path, 1).then(
      () => ({ message: 'opened' }),
      (error) => error,
    );

  test('missing: what it would enable, and where to put which file', async () => {
    const error = await failure(join(folder, 'none'));
    expect(error).toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/not installed.*enable segmentation/),
    });
    expect(error.hint).toMatch(/manifest\.json, the encoder .*into .*none; native-models\/README\.md/);
  });

  test.each<[string, RegExp, (manifest: Record<string, Record<string, unknown>>, path: string) => void]>([
    ['damaged file', /decoder\.onnx: has the SHA-256/, (_, path) => writeFileSync(join(path, 'decoder.onnx'), 'x')],
    [
      'missing file',
      /encoder2\.onnx: the manifest names this file/,
      (m) => Object.assign(m.encoder!, { file: 'encoder2.onnx' }),
    ],
    ['name that leads out', /manifest\.json: encoder\.file: must be the plain name/, (m) => Object.assign(m.encoder!, { file: '../x.onnx' })], // biome-ignore format: one line
    [
      'inputs missing',
      /decoder: must have the inputs/,
      (m) => Object.assign(m.decoder!, { inputs: ['image_embeddings'] }),
    ],
    ['other inputs than the file', /encoder\.onnx: has the inputs image; its manifest says photo/, (m) => Object.assign(m.encoder!, { inputs: ['photo'] })], // biome-ignore format: one line
    ['no licence', /manifest\.json: licence/, (m) => Object.assign(m, { licence: '' })],
    ['another kind', /manifest\.json: kind/, (m) => void Object.assign(m, { kind: 'clip' })],
  ])('%s', async (name, message, edit) => {
    expect((await failure(copied(name, edit))).message).toMatch(message);
  });

  test('no JSON, no ONNX', async () => {
    const path = copied('no json', () => undefined);
    writeFileSync(join(path, 'manifest.json'), '{');
    expect((await failure(path)).message).toMatch(/manifest\.json: is not JSON/);
    const { createHash } = await import('node:crypto');
    const text = 'not a model';
    const other = copied('no onnx', (manifest, at) => {
      writeFileSync(join(at, 'encoder.onnx'), text);
      manifest.encoder!.sha256 = createHash('sha256').update(text).digest('hex');
    });
    expect((await failure(other)).message).toMatch(/encoder\.onnx: cannot be loaded/);
  });

  test('a decoder whose answer does not fit its manifest is named', async () => {
    const wrong = copied('mask side', (manifest) => Object.assign(manifest, { maskSide: 128 }));
    await using other = await SamModel.open(wrong, 1);
    const embedding = await other.encode(image);
    const answer = other.decode(embedding, { points: [{ x: 1, y: 1, positive: true }] });
    await expect(answer).rejects.toMatchObject({ code: 'bad-input', message: expect.stringMatching(/tiny-sam/) });
  });
});
