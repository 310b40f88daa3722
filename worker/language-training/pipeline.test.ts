/** From photos and masks to answers: three balls, red, green and blue, and an encoder that knows colours. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  languageTrainingRequestSchema,
  type PinholeView,
  segmentsOfLabels,
  type TrainingFrame,
  type ViewAnswer,
  type ViewCall,
} from '../../contract/index.ts';
import { BACKENDS } from '../compute/conformance/backends.ts';
import { SOFTWARE_VARIABLE, WasmBackend } from '../compute/index.ts';
import { writeImage } from '../images/index.ts';
import { FakeEncoder, normal, uniform } from '../language/testing.ts';
import { WeightReader } from '../objects/index.ts';
import { MasksWriter } from '../segmentation/index.ts';
import { type SplatArrays, SplatModel, SplatRenderer, viewOf, writeSplats } from '../splats/index.ts';
import { ViewService } from '../view/service.ts';
import { trainLanguageJob } from './job.ts';

const folder = await mkdtemp(join(tmpdir(), 'liftscope-language-'));
const PER_BALL = 80;
const CENTRES = [-1, 0, 1];
const BALLS = ['red', 'green', 'blue'];
const SIZE = { width: 72, height: 40 };

function balls(): SplatArrays {
  const random = uniform(9);
  const count = PER_BALL * CENTRES.length;
  const arrays: SplatArrays = {
    ...{ count, shDegree: 0, means: new Float32Array(3 * count) },
    quaternions: Float32Array.from({ length: 4 * count }, () => normal(random)),
    logScales: new Float32Array(3 * count).fill(Math.log(0.1)),
    logitOpacities: new Float32Array(count).fill(3),
    sh: new Float32Array(3 * count).fill(-1.5),
  };
  for (let i = 0; i < count; i++) {
    const ball = Math.floor(i / PER_BALL);
    const point = [normal(random), normal(random), normal(random)];
    const length = Math.hypot(...point);
    arrays.means.set(
      point.map((value, k) => (0.3 * value) / length + (k === 0 ? CENTRES[ball]! : 0)),
      3 * i,
    );
    arrays.sh[3 * i + ball] = 1.5;
  }
  return arrays;
}

function viewAt(angle: number): PinholeView {
  return {
    ...{ ...SIZE, fx: 60, fy: 60, cx: 36, cy: 20 },
    cameraFromWorld: { quaternion: [Math.cos(angle / 2), 0, Math.sin(angle / 2), 0], translation: [0, 0, 3] },
  };
}

const angles = [-0.3, -0.1, 0.1, 0.3];
const frames = angles.map((angle, i): TrainingFrame => {
  return { ...viewAt(angle), name: `f${i}`, imagePath: join(folder, `f${i}.png`), role: 'train' };
});
const path = (name: string): string => join(folder, name);
const [splatsPath, masksPath, languagePath, idsPath] = ['b.splats', 'b.masks', 'b.language', 'b.ids'].map(path) as [
  string,
  string,
  string,
  string,
];
const encoder = new FakeEncoder(32);
const open = async () => encoder;
const never = new AbortController().signal;

/** Pixels of every ball in every frame. */
const areas: number[][] = [];
let backend: WasmBackend;
let service: ViewService;

beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 1 });
  const splats = balls();
  await writeSplats(splatsPath, splats, {});
  const model = new SplatModel(backend, splats.count, 0, { trainable: false });
  model.upload(splats);
  const renderer = new SplatRenderer(backend, model);
  const reader = new WeightReader(backend, model);
  const oneHot = Float32Array.from({ length: 3 * splats.count }, (_, i) =>
    Math.floor(i / 3 / PER_BALL) === i % 3 ? 1 : 0,
  );
  const features = backend.createBuffer('balls', oneHot.byteLength);
  backend.write(features, oneHot);
  await using writer = await MasksWriter.create(masksPath, {
    ...{ name: 'balls', consistentIds: false, classes: [] },
    provenance: { kind: 'human', source: 'test' },
  });
  for (const frame of frames) {
    await writeImage(frame.imagePath, await renderer.colour(viewOf(frame)));
    const rendered = await reader.render(viewOf(frame), features, 3);
    const pixels = SIZE.width * SIZE.height;
    const labels = Uint32Array.from({ length: pixels }, (_, i) => {
      return [0, 1, 2].reduce((label, k) => (rendered.features[k * pixels + i]! > 0.5 ? k + 1 : label), 0);
    });
    areas.push([1, 2, 3].map((label) => labels.filter((own) => own === label).length));
    await writer.add({ frame: frame.name, ...SIZE, segments: segmentsOfLabels(labels) });
  }
  await writer.finish();
  const ids = new Uint32Array(splats.count).map((_, i) => 10 * (1 + Math.floor(i / PER_BALL)));
  await writeFile(
    idsPath,
    Buffer.concat([Buffer.from(ids.buffer), Buffer.from(new Float32Array(ids.length).fill(1).buffer)]),
  );
  service = new ViewService(backend, 1e9, open);
});
afterAll(async () => {
  service.dispose();
  await backend.dispose();
  await rm(folder, { recursive: true });
});

const train = (overrides: object = {}) => {
  const request = {
    ...{ backend: 'wasm', threads: 1, splatsPath, frames, modelDir: folder, outputPath: languagePath, seed: 3 },
    ...{
      segments: { kind: 'files', paths: [masksPath] },
      recipe: 'language-closed-form',
      cacheDir: join(folder, 'kept'),
    },
    ...overrides,
  };
  return trainLanguageJob(languageTrainingRequestSchema.parse(request), { signal: never, emit: () => undefined }, open);
};

async function ask<K extends ViewCall['kind']>(call: { readonly kind: K } & Record<string, unknown>) {
  return (await service.answer({ splatsPath, ...call }, never)) as ViewAnswer<K>;
}
const query = (text: string, more: object = {}) =>
  ask({ kind: 'query', languagePath, modelDir: folder, text, ...more });

describe('a language field', () => {
  it('is trained from masks, the same every time, with embeddings kept between runs', async () => {
    const first = await train();
    expect(first).toMatchObject({ recipe: 'language-closed-form', framesUsed: 4, segments: 12, framesCached: 0 });
    expect(first.model).toEqual({ name: 'fake', fingerprint: 'fake-1', dimensions: 32 });
    expect(encoder.images).toBe(12);
    const again = await train();
    expect(again.framesCached).toBe(4);
    expect(encoder.images).toBe(12);
    expect(again.languageHash).toBe(first.languageHash);
    expect(again.fingerprints).toEqual(first.fingerprints);
  });

  it.skipIf(BACKENDS.find(({ name }) => name === 'webgpu')?.unavailable !== undefined)(
    'is trained on webgpu as well',
    async () => {
      vi.stubEnv(SOFTWARE_VARIABLE, '1');
      try {
        const other = path('webgpu.language');
        const result = await train({ backend: 'webgpu', outputPath: other });
        expect(result).toMatchObject({ backend: 'webgpu', framesUsed: 4, segments: 12 });
        const answer = await query('red', { languagePath: other, idsPath, views: [viewAt(0.1)] });
        expect(answer.objects.map(({ id }) => id)[0]).toBe(10 * (BALLS.indexOf('red') + 1));
        expect(answer.objects[0]!.share).toBeGreaterThan(0.9);
      } finally {
        vi.unstubAllEnvs();
      }
    },
  );

  it.each([0, 1, 2])('finds ball %i by its word', async (ball) => {
    const views = [viewAt(-0.1), viewAt(0.1)];
    const answer = await query(BALLS[ball]!, { idsPath, views });
    expect(answer.found).toBe(true);
    expect(answer.objects.map(({ id }) => id)[0]).toBe(10 * (ball + 1));
    // Those that are nowhere a tenth of a pixel are left at the gate.
    expect(answer.objects[0]!.share).toBeGreaterThan(0.9);
    expect(answer.objects[1]!.relevancy).toBeLessThan(0.5);
    expect(answer.objects[0]!.views.length).toBe(2);
    for (const [i, { best, areaPx }] of answer.views.entries()) {
      expect(Math.abs(best!.x - (36 + 20 * CENTRES[ball]!)) < 16).toBe(true);
      const expected = areas[1 + i]![ball]!;
      expect(Math.abs(areaPx - expected) <= 0.4 * expected).toBe(true);
    }
  });

  it('answers in the published order as well', async () => {
    const views = [viewAt(0)];
    const [fast, published] = await Promise.all(
      (['splatted', 'rendered'] as const).map((order) => query('green', { views, order, withMaps: true })),
    );
    expect(Math.abs(published!.views[0]!.areaPx - fast!.views[0]!.areaPx) < 60).toBe(true);
    const centre = 20 * SIZE.width + 36;
    for (const { views: seen } of [fast!, published!]) expect(seen[0]!.map![centre]).toBeGreaterThan(140);
  });

  it('has relevancy of Gaussians that is drawn without any model of texts', async () => {
    const relevancyPath = path('red.relevancy');
    const answer = await query('red', { relevancyPath });
    const values = new Float32Array(new Uint8Array(await readFile(relevancyPath)).buffer);
    expect(values.length).toBe(3 * PER_BALL);
    expect(Math.max(...values)).toBeCloseTo(answer.maximum, 6);
    const drawn = await ask({ kind: 'render', view: viewAt(0), channel: 'relevancy', relevancyPath, format: 'rgba' });
    const grey = (x: number) => drawn.bytes[4 * (20 * SIZE.width + x)]!;
    expect(grey(16)).toBeGreaterThan(140);
    expect(grey(36)).toBeLessThan(127);
    expect(grey(2)).toBe(0);
    expect(drawn.maximum! > 0.5 && drawn.maximum! <= answer.maximum + 1e-6).toBe(true);
    await writeFile(path('damaged.relevancy'), new Float32Array(240).fill(Number.NaN));
    const damaged = { kind: 'render', view: viewAt(0), channel: 'relevancy' } as const;
    await expect(ask({ ...damaged, relevancyPath: path('damaged.relevancy') })).rejects.toThrow('value 0 is NaN');
    await expect(ask(damaged)).rejects.toThrow('is not said');
  });
});

describe('what people type', () => {
  it('may be nothing at all, which is refused in words', async () => {
    await expect(query('')).rejects.toMatchObject({ code: 'bad-input', message: 'The text is empty.' });
    await expect(query(' \n\t ')).rejects.toMatchObject({ code: 'bad-input' });
    await expect(query('x'.repeat(100_001))).rejects.toMatchObject({ code: 'bad-input' });
  });

  it.each([
    ['another language', 'der rote Ball', ['der', 'rote']],
    ['an emoji', '🍎', ['🍎']],
    ['an unknown word', 'red flibbertigibbet', ['flibbertigibbet']],
  ])('may be %s: answered or not, and what is not known is named', async (_what, text, unknown) => {
    const answer = await query(text, { idsPath, views: [viewAt(0)] });
    expect(answer.unknownWords).toEqual(expect.arrayContaining(unknown));
    expect(answer.found).toBe(answer.maximum > 0.50001);
    expect(answer.objects.length > 0).toBe(answer.found);
    expect(answer.views[0]!.best === null).toBe(!(answer.views[0]!.maximum > 0.50001));
  });

  it('may be 10,000 characters: what is read is said', async () => {
    const answer = await query('red '.repeat(2500));
    expect(answer.notes.join(' ')).toContain('left out');
    expect(answer.found).toBe(true);
  });

  it('may be something that is not there: the answer is empty', async () => {
    const answer = await query('object', { idsPath, views: [viewAt(0)] });
    expect(answer).toMatchObject({ found: false, objects: [] });
    expect(answer.maximum).toBe(0.5);
    expect(answer.views[0]).toMatchObject({ best: null, areaPx: 0 });
  });
});

describe('a gate that the text model states', () => {
  it('is what a search over scales must pass, and leaves a scale that was named alone', async () => {
    const views = [viewAt(0)];
    const plain = await query('red', { idsPath, views });
    expect(plain).toMatchObject({ found: true, gate: 0.5 });
    const asked = async (gate: number, more: object = {}) => {
      const stating = Object.assign(new FakeEncoder(32), { gates: { [plain.recipe]: gate } });
      const other = new ViewService(backend, 1e9, async () => stating);
      const call = { kind: 'query', splatsPath, languagePath, modelDir: folder, text: 'red', idsPath, views, ...more };
      try {
        return (await other.answer(call as ViewCall, never)) as ViewAnswer<'query'>;
      } finally {
        other.dispose();
      }
    };
    const [below, above] = [plain.maximum - 0.01, plain.maximum + 0.01];
    expect(await asked(below)).toMatchObject({ found: true, scale: 0 });
    const refused = await asked(above);
    expect(refused).toMatchObject({ found: false, maximum: plain.maximum, objects: [] });
    expect(refused.gate).toBeCloseTo(above, 12);
    expect(refused.views[0]).toMatchObject({ best: null, areaPx: 0 });
    expect(await asked(above, { scale: 0 })).toMatchObject({ found: true, gate: 0.5 });
    const sharp = await query('red', { sharpness: 10 });
    const odds = (value: number): number => value / (1 - value);
    const same = await asked(below, { sharpness: 10 });
    expect(same.maximum).toBeCloseTo(sharp.maximum, 6);
    expect(Math.log(odds(same.gate))).toBeCloseTo(10 * Math.log(odds(below)), 6);
  });
});

describe('what does not fit', () => {
  it('is named: scales, models, files', async () => {
    await expect(query('red', { scale: 'composite' })).rejects.toThrow('not nested');
    await expect(query('red', { scale: 7 })).rejects.toThrow('no scale 7');
    await expect(query('red', { languagePath: path('missing.language') })).rejects.toThrow('missing.language');
    await expect(query('red', { languagePath: masksPath })).rejects.toThrow('is not a language field');
    const other = new ViewService(backend, 1e9, async () =>
      Object.assign(new FakeEncoder(32), { fingerprint: 'fake-2' }),
    );
    const call = { kind: 'query', splatsPath, languagePath, modelDir: folder, text: 'red' };
    await expect(other.answer(call, never)).rejects.toThrow(
      'The language field was trained with another version of the model fake',
    );
    other.dispose();
  });

  it('stops training: parameters, segments, simulated masks without a truth', async () => {
    await expect(train({ parameters: { nonsense: 1 } })).rejects.toThrow('no parameter "nonsense"');
    await expect(train({ parameters: { cropContext: 2 } })).rejects.toThrow('cropContext must be 0 to 1');
    await expect(train({ segments: { kind: 'simulated', noise: 'none', seed: 0 } })).rejects.toThrow('truth');
    const small = frames.map((frame) => ({ ...frame, name: `other ${frame.name}` }));
    await expect(train({ frames: small })).rejects.toThrow('No training frame has a segment');
  });
});
