import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type ModelSummary,
  type ModelsRequest,
  modelsRequestSchema,
  modelsResultSchema,
} from '../../contract/index.ts';
import { tinyClipFiles } from '../../native-models/tiny-clip.ts';
import { tinyDepthFiles, tinyDinoFiles } from '../../native-models/tiny-vision.ts';
import { DepthModel, DinoModel, listModels, manageModels } from './index.ts';

const root = mkdtempSync(join(tmpdir(), 'liftscope-registry-'));
afterAll(() => rmSync(root, { recursive: true }));
const SHIPPED = fileURLToPath(new URL('../../native-models', import.meta.url));
const EMPTY = join(root, 'none');

let count = 0;
const fresh = (): string => join(root, `folder-${++count}`);
function write(folder: string, files: Map<string, Uint8Array>): string {
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  return folder;
}
async function ask(
  user: string,
  action: (typeof modelsRequestSchema)['_input']['action'],
  shipped = EMPTY,
): Promise<ReturnType<typeof modelsResultSchema.parse>> {
  const request: ModelsRequest = modelsRequestSchema.parse({ folders: { shipped, user }, action, threads: 1 });
  return modelsResultSchema.parse(await manageModels(request, new AbortController().signal));
}
const one = ({ models }: { models: readonly ModelSummary[] }): ModelSummary => {
  expect(models).toHaveLength(1);
  return models[0]!;
};

/** Left half of one brightness and colour, right half of another. */
function halves(width: number, height: number): { width: number; height: number; data: Uint8Array } {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    const left = i % width < width / 2;
    data[i] = left ? 255 : 0;
    data[width * height + i] = left ? 200 : 0;
    data[2 * width * height + i] = left ? 200 : 90;
  }
  return { width, height, data };
}

describe('visual features', () => {
  test.each([{ features: 'tokens' }, { features: 'planes' }, { layout: 'published' }] as const)(
    'the mean over a segment: %j',
    async (options) => {
      await using model = await DinoModel.open(write(fresh(), tinyDinoFiles(options)), 1);
      const image = halves(120, 80);
      const { columns, rows, dimensions, data } = await model.features(image);
      expect([columns * rows * dimensions, dimensions]).toEqual([data.length, 3]);
      const labels = new Int32Array(120 * 80).map((_, i) => (i % 120 < 50 ? 7 : i % 120 >= 70 ? 3 : 0));
      const found = await model.describe(image, labels);
      expect([...found.keys()].sort()).toEqual([3, 7]);
      const expected = { 7: [1, 0.57, 0.57], 3: [-1, -1, -0.29] } as const;
      for (const [id, wanted] of Object.entries(expected)) {
        const length = Math.hypot(...wanted);
        const feature = found.get(Number(id))!;
        for (let k = 0; k < 3; k++) expect(Math.abs(feature[k]! - wanted[k]! / length)).toBeLessThan(0.05);
      }
    },
  );

  test('a patch size that is not the graph’s is named', async () => {
    const files = tinyDinoFiles();
    const manifest = JSON.parse(new TextDecoder().decode(files.get('manifest.json')));
    files.set('manifest.json', new TextEncoder().encode(JSON.stringify({ ...manifest, patch: 4 })));
    await using model = await DinoModel.open(write(fresh(), files), 1);
    await expect(model.features(halves(64, 64))).rejects.toThrow(/tiny-dino: gives 65 tokens for 16x16 patches/);
  });
});

describe('depth', () => {
  test.each(['manifest', 'published'] as const)('a value for each pixel of the photo: %s', async (layout) => {
    await using model = await DepthModel.open(write(fresh(), tinyDepthFiles({ layout })), 1);
    expect(model.manifest.values).toBe('disparity');
    const values = await model.predict(halves(200, 100));
    expect(values).toHaveLength(200 * 100);
    expect(Math.abs(values[50 * 200 + 20]! - (2 + (1 + 2 * 0.5686) / 3))).toBeLessThan(0.02);
    expect(Math.abs(values[50 * 200 + 180]! - (2 - 2.294 / 3))).toBeLessThan(0.02);
  });
});

describe('list', () => {
  test('what ships, and what every kind would enable', async () => {
    const { models, kinds } = await ask(EMPTY, { kind: 'list' }, SHIPPED);
    expect(models.find(({ id }) => id === 'tiny-sam')).toMatchObject({ kind: 'sam', from: 'shipped', state: 'listed' });
    expect(models.filter(({ state }) => state === 'broken')).toEqual([]);
    expect(kinds.map(({ kind }) => kind)).toEqual(['dual-encoder', 'sam', 'dino', 'depth']);
    for (const { enables, files } of kinds) expect([enables.length > 10, files.length > 0]).toEqual([true, true]);
  });

  test('folders without models are left alone; a broken one says what is wrong with it', async () => {
    const user = fresh();
    write(join(user, 'clip'), tinyClipFiles());
    write(join(user, 'features'), tinyDinoFiles());
    write(join(user, 'depth'), tinyDepthFiles({ layout: 'published' }));
    mkdirSync(join(user, 'empty'));
    mkdirSync(join(user, '.hidden'));
    write(join(user, 'stray'), new Map([['x.onnx', new Uint8Array(4)]]));
    write(join(user, 'half'), new Map([['manifest.json', new TextEncoder().encode('{"kind": "dino"}')]]));
    const { models } = await ask(user, { kind: 'list' });
    expect(models.map(({ id, kind, state }) => [id, kind, state])).toEqual([
      ['clip', 'dual-encoder', 'listed'],
      ['depth', 'depth', 'listed'],
      ['features', 'dino', 'listed'],
      ['half', 'dino', 'broken'],
      ['stray', null, 'broken'],
    ]);
    expect(models[3]!.problem).toMatch(/manifest\.json: /);
    expect(models[4]!.problem).toMatch(/no layout|in no layout/);
  });
});

describe('check', () => {
  test('hashes and one forward pass', async () => {
    const user = fresh();
    write(join(user, 'clip'), tinyClipFiles());
    write(join(user, 'features'), tinyDinoFiles());
    write(join(user, 'worse'), tinyDepthFiles());
    writeFileSync(join(user, 'worse', 'model.onnx'), 'x');
    const { models } = await ask(user, { kind: 'check' });
    expect(models.map(({ id, state }) => [id, state])).toEqual([
      ['clip', 'unverified'],
      ['features', 'ok'],
      ['worse', 'broken'],
    ]);
    expect(models[0]!.detail).toMatch(/8 dimensions/);
    expect(models[2]!.problem).toMatch(/model\.onnx: has the SHA-256/);
    const some = await ask(user, { kind: 'check', ids: ['features'] });
    expect(some.models.map(({ state }) => state)).toEqual(['listed', 'ok', 'listed']);
    await expect(ask(user, { kind: 'check', ids: ['nobody'] })).rejects.toMatchObject({ code: 'not-found' });
  });

  test('the shipped ones pass', async () => {
    for (const { id, state, problem } of (await ask(EMPTY, { kind: 'check' }, SHIPPED)).models) {
      expect([id, state, problem]).toEqual([id, 'ok', undefined]);
    }
  });
});

describe('add', () => {
  test.each<[string, Map<string, Uint8Array>, string]>([
    ['clip', tinyClipFiles({ variant: '_quantized' }), 'dual-encoder'],
    ['both', tinyClipFiles({ graphs: 'both' }), 'dual-encoder'],
    ['features', tinyDinoFiles({ layout: 'published' }), 'dino'],
    ['depth', tinyDepthFiles(), 'depth'],
  ])('%s: copied, described, and then its hashes hold', async (name, files, kind) => {
    const user = fresh();
    const source = write(join(fresh(), name), files);
    writeFileSync(join(source, 'unrelated.txt'), 'x');
    const statement = { source: 'a paper', licence: 'MIT' };
    const added = one(await ask(user, { kind: 'add', path: source, statement }));
    expect(added).toMatchObject({ id: name, kind, from: 'user', state: 'ok' });
    if (!files.has('manifest.json')) expect(added).toMatchObject({ source: 'a paper', licence: 'MIT' });
    expect(readdirSync(join(user, name))).not.toContain('unrelated.txt');
    expect(readdirSync(user)).toEqual([name]);
    expect(one(await ask(user, { kind: 'check' }))).toMatchObject({ state: 'ok' });
    await expect(ask(user, { kind: 'add', path: source })).rejects.toThrow(/exists already/);
    expect((await ask(user, { kind: 'add', path: source, statement: { name: 'other' } })).models).toHaveLength(2);
  });

  test('a SAM model comes over with its manifest', async () => {
    const user = fresh();
    const added = one(await ask(user, { kind: 'add', path: join(SHIPPED, 'tiny-sam') }));
    expect(added).toMatchObject({ id: 'tiny-sam', kind: 'sam', state: 'ok' });
  });

  test.each<[string, RegExp, (folder: string) => void]>([
    ['no folder', /is no folder/, (folder) => rmSync(folder, { recursive: true })],
    [
      'nothing in it',
      /no model in a layout/,
      (folder) => readdirSync(folder).forEach((name) => void rmSync(join(folder, name))),
    ],
    ['a damaged file', /has the SHA-256/, (folder) => writeFileSync(join(folder, 'model.onnx'), 'x')],
    ['a missing file', /does not exist/, (folder) => rmSync(join(folder, 'model.onnx'))],
    [
      'a link that leads out',
      /link that leads out/,
      (folder) => {
        cpSync(join(folder, 'model.onnx'), `${folder}.onnx`);
        rmSync(join(folder, 'model.onnx'));
        symlinkSync(`${folder}.onnx`, join(folder, 'model.onnx'));
      },
    ],
  ])('refused, and nothing is left behind: %s', async (_, message, spoil) => {
    const [user, source] = [fresh(), write(fresh(), tinyDinoFiles())];
    mkdirSync(user);
    spoil(source);
    await expect(ask(user, { kind: 'add', path: source })).rejects.toThrow(message);
    expect(readdirSync(user)).toEqual([]);
  });

  test('links are followed where the caller says so: a download cache is made of them', async () => {
    const [user, cache, source] = [fresh(), write(fresh(), tinyDinoFiles()), fresh()];
    mkdirSync(source);
    for (const name of readdirSync(cache)) symlinkSync(join(cache, name), join(source, name));
    expect(one(await ask(user, { kind: 'add', path: source, followLinks: true }))).toMatchObject({ state: 'ok' });
  });
});

test('a hostile manifest is named, never thrown over, and leads nowhere', async () => {
  const user = fresh();
  const folder = write(join(user, 'model'), tinyDinoFiles());
  const good = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Record<string, unknown>;
  const paths = fc.constantFrom(
    '../x',
    '/etc/hostname',
    'a/../../b',
    '.',
    '',
    'a\\..\\b',
    '\u0000',
    'x'.repeat(5000),
    'CON/..',
  );
  const value = fc.oneof(fc.jsonValue(), paths, fc.constantFrom(1e308, -1, 2 ** 53));
  const keys = fc.constantFrom(...Object.keys(good), 'output', 'files', '__proto__', 'constructor');
  const hostile = fc.oneof(
    fc.tuple(keys, value).map(([key, bad]) => JSON.stringify({ ...good, [key]: bad })),
    paths.map((file) => JSON.stringify({ ...good, model: { ...(good.model as object), file } })),
    paths.map((file) => JSON.stringify({ ...good, files: [{ file }] })),
    fc.json(),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(hostile, async (text) => {
      writeFileSync(join(folder, 'manifest.json'), text);
      const result = modelsResultSchema.parse(await listModels({ shipped: EMPTY, user }));
      for (const model of result.models) {
        if (model.state === 'broken') expect(model.problem!.length).toBeGreaterThan(10);
        else expect(model.sizeBytes).toBeLessThan(10_000);
      }
    }),
    { numRuns: 80, seed: 6 },
  );
  writeFileSync(join(folder, 'manifest.json'), ' '.repeat(2 << 20));
  expect(one(await listModels({ shipped: EMPTY, user })).problem).toMatch(/more than any manifest needs/);
});
