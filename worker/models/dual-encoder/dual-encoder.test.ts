import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type TinyClipOptions, tinyClipFiles } from '../../../native-models/tiny-clip.ts';
import { type DualEncoder, openDualEncoder, type RgbImage } from './model.ts';

const root = mkdtempSync(join(tmpdir(), 'liftscope-clip-'));
const opened: DualEncoder[] = [];
afterAll(async () => {
  for (const model of opened) await model.dispose();
  rmSync(root, { recursive: true });
});

type Files = Map<string, Uint8Array>;
let count = 0;
function written(options: TinyClipOptions = {}, edit: (files: Files) => void = () => undefined): string {
  const folder = join(root, `model-${++count}`);
  const files = tinyClipFiles(options);
  edit(files);
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  return folder;
}
async function open(options: TinyClipOptions = {}, edit?: (files: Files) => void): Promise<DualEncoder> {
  const model = await openDualEncoder(written(options, edit), { threads: 1 });
  opened.push(model);
  return model;
}
const shared = new Map<string, Promise<DualEncoder>>();
/** One model of each tokenizer for every test that only asks it. */
function ready(tokenizer: 'words' | 'bytes' = 'words'): Promise<DualEncoder> {
  const model = shared.get(tokenizer) ?? open({ tokenizer });
  shared.set(tokenizer, model);
  return model;
}
const failure = (folder: string): Promise<{ code?: string; message: string; hint?: string }> =>
  openDualEncoder(folder, { threads: 1 }).then(
    async (model) => {
      await model.dispose();
      return { message: 'opened' };
    },
    (error) => error,
  );
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
function edited(files: Files, name: string, edit: (value: Record<string, unknown>) => void): void {
  const value = JSON.parse(new TextDecoder().decode(files.get(name)));
  edit(value);
  files.set(name, json(value));
}

function plain(red: number, green: number, blue: number, width = 20, height = 30): RgbImage {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i += 3) data.set([red, green, blue], i);
  return { width, height, data };
}
const COLOURS: Record<string, RgbImage> = {
  red: plain(255, 0, 0),
  green: plain(0, 255, 0),
  blue: plain(0, 0, 255, 64, 16),
  yellow: plain(255, 255, 0),
};
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, k) => sum + value * b[k]!, 0);
const rowsOf = (values: Float32Array, dimensions: number): Float32Array[] =>
  Array.from({ length: values.length / dimensions }, (_, i) => values.subarray(i * dimensions, (i + 1) * dimensions));

async function expectColours(model: DualEncoder): Promise<void> {
  const names = Object.keys(COLOURS);
  const texts = rowsOf(await model.encodeTexts(names.map((name) => `the ${name} mug`)), model.dimensions);
  const images = rowsOf(await model.encodeImages(Object.values(COLOURS)), model.dimensions);
  expect(texts).toHaveLength(names.length);
  for (const row of [...texts, ...images]) expect(Math.abs(Math.hypot(...row) - 1)).toBeLessThan(1e-5);
  texts.forEach((text, i) => {
    const similarities = images.map((image) => dot(text, image));
    expect(similarities.indexOf(Math.max(...similarities))).toBe(i);
    expect(similarities[i]).toBeGreaterThan(0.9);
  });
}

describe('one space', () => {
  test.each<[string, TinyClipOptions]>([
    ['a list of words', {}],
    ['byte-level pairs', { tokenizer: 'bytes' }],
    ['with an attention mask', { attentionMask: true }],
    ['quantised file names', { variant: '_quantized' }],
    ['one graph for both', { graphs: 'both' }],
    ['one graph for both, one at a time', { graphs: 'both', batch: 1 }],
    ['batches of three', { batch: 3 }],
  ])('a text finds its image: %s', async (_, options) => {
    await expectColours(await open(options));
  });

  test('graphs may lie beside the settings', async () => {
    const model = await open({}, (files) => {
      for (const name of ['text_model.onnx', 'vision_model.onnx']) {
        files.set(name, files.get(`onnx/${name}`)!);
        files.delete(`onnx/${name}`);
      }
    });
    await expectColours(model);
  });

  test('many images are cut into batches without changing any', async () => {
    const model = await ready();
    const images = Array.from({ length: 71 }, (_, i) =>
      plain((i * 37) % 256, (i * 91) % 256, (i * 53) % 256, 8 + (i % 5)),
    );
    const all = rowsOf(await model.encodeImages(images), model.dimensions);
    expect(all).toHaveLength(71);
    for (const i of [0, 31, 32, 70]) expect(await model.encodeImages([images[i]!])).toEqual(all[i]);
    expect(await model.encodeImages([])).toHaveLength(0);
    expect(await model.encodeTexts([])).toHaveLength(0);
  });

  test('a strip of pixels costs no more than a square', async () => {
    const model = await ready();
    const [strip] = rowsOf(await model.encodeImages([plain(255, 0, 0, 4000, 1)]), model.dimensions);
    expect(dot(strip!, await model.encodeImages([COLOURS.red!]))).toBeGreaterThan(0.999);
  });

  test('resizing averages on the way down and keeps the edges on the way up', async () => {
    const model = await ready();
    const [yellow] = rowsOf(await model.encodeTexts(['yellow']), model.dimensions);
    for (const [width, height] of [
      [1, 1],
      [3, 5],
      [16, 16],
      [301, 200],
    ] as const) {
      // biome-ignore format: a table
      expect(dot(yellow!.subarray(0, 3), (await model.encodeImages([plain(255, 255, 0, width, height)])).subarray(0, 3))).toBeGreaterThan(0.95);
    }
    // Rows of red and green in turn, ten of them in a pixel of the small image: neither colour wins.
    const striped = { ...plain(0, 0, 0, 160, 160) };
    for (let i = 0; i < 160 * 160; i++) striped.data[3 * i + (Math.floor(i / 160) % 2)] = 255;
    const [red, green] = rowsOf(await model.encodeTexts(['red', 'green']), model.dimensions);
    const row = await model.encodeImages([striped]);
    expect(Math.abs(dot(row, red!) - dot(row, green!))).toBeLessThan(0.05);
  });

  test('an image whose bytes are not those of its size is named', async () => {
    const model = await ready();
    const image = { width: 4, height: 4, data: new Uint8Array(47) };
    await expect(model.encodeImages([image])).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringMatching(/4x4 has 47 bytes/),
    });
  });
});

describe.each(['words', 'bytes'] as const)('texts (%s)', (tokenizer) => {
  test.each(['', '   ', '\n\t', '\u0000\u0007', '<|endoftext|>'])('an empty text is refused: %j', async (text) => {
    const model = await ready(tokenizer);
    const error = await model.encodeTexts([text]).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'bad-input', message: expect.stringMatching(/text/) });
    expect(model.unknownWords(text.trim() === '' ? text : '')).toEqual([]);
  });

  test('10,000 characters and more: cut to the context, the end token stays, and it is said', async () => {
    const model = await ready(tokenizer);
    const short = `${'red '.repeat(10)}`.trim();
    for (const text of ['red '.repeat(2500), 'red '.repeat(25_000)]) {
      const { tokens, truncated, notes } = model.inspectText(text);
      expect([tokens, truncated]).toEqual([12, true]);
      expect(notes.join(' ')).toMatch(/reads 12 tokens/);
      // Ten words and two special tokens are the context: nothing else is left of the long one.
      expect(await model.encodeTexts([text])).toEqual(await model.encodeTexts([short]));
    }
    expect(model.inspectText('x'.repeat(25_000)).notes.join(' ')).toMatch(/has 25000 characters/);
    await model.encodeTexts(['x'.repeat(10_000)]);
    expect(model.inspectText(short).truncated).toBe(false);
  });

  test.each([
    ['emoji', '🥄 red mug', ['🥄']],
    ['another script', 'красная mug', ['красная']],
    ['without spaces', '赤いマグ', 1],
    ['an unknown word', 'the zyxwv mug', ['zyxwv']],
    ['twice the same', 'zyxwv zyxwv', ['zyxwv']],
    ['a lone surrogate', '\ud83d red', ['\ufffd']],
    ['known words', 'The HANDLE of a red mug', []],
    ['punctuation', 'red, mug!', []],
    ['a number', 'mug 2024', []],
  ])('unknown words are named: %s', async (_, text, unknown) => {
    const model = await ready(tokenizer);
    const words = model.inspectText(text).unknownWords;
    if (typeof unknown === 'number') expect(words.length).toBeGreaterThanOrEqual(unknown);
    else expect(words).toEqual(unknown);
    expect(words.length > 0).toBe(model.inspectText(text).notes.some((note) => note.startsWith('Not known')));
    const row = await model.encodeTexts([text]);
    expect(row.every(Number.isFinite)).toBe(true);
  });

  test('letters of either form, case and spaces make no difference', async () => {
    const model = await ready(tokenizer);
    const [a, b, c] = rowsOf(await model.encodeTexts(['red mug', '  RED\n mug ', 'red\u0000mug']), model.dimensions);
    expect(b).toEqual(a);
    expect(c).toEqual(a);
    expect(model.inspectText('caf\u0065\u0301').text).toBe('caf\u00e9');
  });

  test('what means something to the model itself is taken out and said', async () => {
    const model = await ready(tokenizer);
    const { text, notes } = model.inspectText('red <|endoftext|> mug');
    expect(text).toBe('red mug');
    expect(notes).toEqual([expect.stringMatching(/<\|endoftext\|>/)]);
  });
});

describe('identity', () => {
  test('the fingerprint is that of the files, wherever they lie', async () => {
    const [one, two, other] = [await open(), await open(), await open({ tokenizer: 'bytes' })];
    expect(one.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(two.fingerprint).toBe(one.fingerprint);
    expect(other.fingerprint).not.toBe(one.fingerprint);
    expect([one.name.startsWith('model-'), one.dimensions]).toEqual([true, 8]);
  });

  const manifest = {
    format: 'liftscope-model',
    version: 1,
    kind: 'dual-encoder',
    name: 'tiny',
    source: 's',
    licence: 'MIT',
  };
  test('a manifest of a few lines is enough; what it states is checked', async () => {
    expect((await open({}, (files) => files.set('manifest.json', json(manifest)))).name).toBe('tiny');
    const sha256 = createHash('sha256').update(tinyClipFiles().get('config.json')!).digest('hex');
    const files = [{ file: 'config.json', sha256 }];
    expect(
      (await open({}, (all) => all.set('manifest.json', json({ ...manifest, files, dimensions: 8 })))).dimensions,
    ).toBe(8);
    expect((await open({}, (all) => all.set('manifest.json', json(manifest)))).gates).toEqual({});
    const gates = { n2f2: 0.53 };
    expect((await open({}, (all) => all.set('manifest.json', json({ ...manifest, gates })))).gates).toEqual(gates);
    const wrong = (more: object): Promise<{ message: string }> =>
      failure(written({}, (all) => all.set('manifest.json', json({ ...manifest, ...more }))));
    // Below it a negative fits better: no gate may let that pass.
    expect((await wrong({ gates: { n2f2: 0.4 } })).message).toMatch(/gates\.n2f2/);
    expect((await wrong({ dimensions: 9 })).message).toMatch(/says 9 dimensions, its graphs have 8/);
    expect((await wrong({ files: [{ file: 'config.json', sha256: '0'.repeat(64) }] })).message).toMatch(
      /config\.json: has the SHA-256/,
    );
    expect((await wrong({ files: [{ file: '../config.json' }] })).message).toMatch(/files\.0\.file: must be/);
    expect((await wrong({ kind: 'sam' })).message).toMatch(/manifest\.json: kind/);
    const text = { file: 'onnx/text_model.onnx', sha256: '0'.repeat(64) };
    expect((await wrong({ text, vision: { file: 'onnx/vision_model.onnx' } })).message).toMatch(
      /text_model\.onnx: has the SHA-256/,
    );
  });
});

describe('what cannot be used', () => {
  test('missing: what it would enable, and where to put which files', async () => {
    const error = await failure(join(root, 'none'));
    expect(error).toMatchObject({ code: 'not-found', message: expect.stringMatching(/would enable text queries/) });
    expect(error.hint).toMatch(/tokenizer\.json.*onnx\/vision_model\.onnx into .*none/);
  });

  test.each<[string, RegExp, (files: Files) => void, TinyClipOptions?]>([
    ['no tokenizer', /not installed.*tokenizer\.json does not exist/, (files) => files.delete('tokenizer.json')],
    ['no vision graph', /neither onnx\/text_model\.onnx with/, (files) => files.delete('onnx/vision_model.onnx')],
    ['no JSON', /tokenizer\.json: is not JSON/, (files) => files.set('tokenizer.json', json('x').slice(0, 2))],
    ['no tokenizer in it', /tokenizer\.json: model/, (files) => files.set('tokenizer.json', json({}))],
    [
      'another tokenizer',
      /tokenizer\.json: cannot be used/,
      (files) => edited(files, 'tokenizer.json', (value) => Object.assign(value, { model: { type: 'Nonsense' } })),
    ],
    [
      'endless images',
      /preprocessor_config\.json: size/,
      (files) => edited(files, 'preprocessor_config.json', (value) => Object.assign(value, { size: 1e9 })),
    ],
    [
      'images of another size',
      /makes images of 3x8x8, its graph takes 3x16x16|graph takes/,
      (files) =>
        edited(files, 'preprocessor_config.json', (value) =>
          Object.assign(value, { crop_size: { width: 8, height: 8 } }),
        ),
    ],
    ['no ONNX', /text_model\.onnx: cannot be loaded/, (files) => files.set('onnx/text_model.onnx', json('x'))],
    ['two models', /texts have 8 dimensions and images 5/, () => undefined, { imageDimensions: 5 }],
    [
      'no text graph',
      /takes pixel_values, and no input_ids/,
      (files) => files.set('onnx/text_model.onnx', files.get('onnx/vision_model.onnx')!),
    ],
  ])('%s', async (_, message, edit, options) => {
    // biome-ignore format: a table
    const folder = written(options, edit);
    const error = await failure(folder);
    if (error.message !== 'opened') {
      expect(error.message).toMatch(message);
      return;
    }
    await using model = await openDualEncoder(folder, { threads: 1 });
    await expect(model.encodeImages([COLOURS.red!])).rejects.toThrow(message);
  });
});
