import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import type { DecodedField } from '../../fields/index.ts';
import { type LanguageFile, openQueryField, RenderedRows, splattedMaps, toBfloat16 } from '../../language/index.ts';
import { normal, uniform, unit } from '../../language/testing.ts';
import { WeightReader } from '../../objects/index.ts';
import { SplatModel, viewOf } from '../../splats/index.ts';
import { roomView, smallRoom } from '../../view/testing.ts';
import { FieldModes } from './field-modes.ts';
import { heldWeights } from './held-views.ts';
import { ModeScores, scoreMap } from './scores.ts';

const [N, E, D] = [300, 8, 12];
const random = uniform(4);
const values = (length: number) => Float32Array.from({ length }, () => normal(random));
const header: LanguageFile['header'] = {
  ...{ gaussians: N, recipe: 'n2f2', seed: 0, generator: 'test', parameters: {} },
  model: { name: 'fake', fingerprint: 'fake-1', dimensions: E },
  fingerprints: { segments: '', splats: '' },
};
const visibility = new Float32Array(N).fill(1);
const nested: LanguageFile = {
  ...{ header, visibility },
  field: {
    ...{ kind: 'nested', dimensions: D, step: 3, temperature: 1, scaleEdges: [] },
    theta: toBfloat16(values(N * D)),
    projection: values(E * D),
  },
};
const levels: LanguageFile = {
  ...{ header, visibility },
  field: { kind: 'levels', levels: ['a', 'b'].map((name) => ({ name, embeddings: toBfloat16(values(N * E)) })) },
};

let backend: WasmBackend;
let reader: WeightReader;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 1 });
  const model = new SplatModel(backend, N, 1, { trainable: false });
  model.upload(smallRoom(N, 3));
  reader = new WeightReader(backend, model);
});
afterAll(() => backend.dispose());

describe('ways of answering', () => {
  const view = viewOf(roomView(0.4, 40, 24));
  const pixels = 40 * 24;
  const labels = { instance: new Uint16Array(pixels), part: new Uint16Array(pixels), width: 40 };
  const mask = Uint8Array.from({ length: pixels }, (_, i) => (i % 40 < 20 ? 1 : 0));
  const truth = { mask, areaPx: pixels / 2, boxes: [[0, 0, 20, 24]] } as const;
  const phrase = () => unit(values(E));
  const vectors = { query: phrase(), negatives: [phrase(), phrase()], sharpness: 1 };
  const heldView = async () => ({
    ...{ ...labels, height: 24 },
    ...(await heldWeights(backend, reader, N, view)),
  });
  const score = async (
    file: LanguageFile,
    options: Parameters<typeof FieldModes.open>[2] = { canonical: [phrase()], temperatures: [0.5, 2], rendered: true },
    alternatives: readonly Float32Array[] = [],
  ) => {
    const modes = await FieldModes.open(backend, file, options);
    const held = await heldView();
    const [own] = await modes.score(
      [{ vectors, alternatives, truths: [truth, undefined] }],
      [held, held],
      () => undefined,
    );
    modes.dispose();
    held.weights.dispose();
    return own!;
  };

  it('of a nested field are composites, searches and the oracle, in both orders, in views that count', async () => {
    const own = await score(nested);
    const names = ['splatted', 'rendered'].flatMap((order) => [
      ...[0.5, 2].map((temperature) => `composite, T = ${temperature}, ${order}`),
      ...['3', '30', 'D'].map((count) => `explicit, S = ${count}, ${order}`),
      `oracle scale, ${order}`,
    ]);
    expect(Object.keys(own).toSorted()).toEqual(names.toSorted());
    for (const { views, iou } of Object.values(own)) {
      expect(views).toBe(1);
      expect(iou.every((value) => value >= 0 && value <= 100)).toBe(true);
    }
    // Four scales: thirty of them are all.
    expect(own['explicit, S = 30, splatted']).toEqual(own['explicit, S = D, splatted']);
    const best = own['oracle scale, splatted']!.iou;
    for (const [b, value] of own['explicit, S = D, splatted']!.iou.entries()) expect(best[b]! >= value).toBe(true);
  });

  it('are those of the studio, whose maps are rendered anew', async () => {
    const canonical = [phrase(), phrase()];
    const own = await score(nested, { canonical, temperatures: [2], rendered: true });
    const field = await openQueryField(backend, nested, { canonical, temperature: 2 });
    const values = backend.createBuffer('relevancy', 4 * N);
    backend.write(values, await field.relevancy(vectors, 'composite'));
    const [splatted] = await splattedMaps(reader, view, values, 1);
    const rows = await RenderedRows.render(backend, reader, view, field.renderable('composite'));
    const rendered = await rows.map(vectors);
    for (const [order, map] of [
      ['splatted', splatted!],
      ['rendered', rendered],
    ] as const) {
      const scores = new ModeScores();
      scores.add(scoreMap(map.values, truth, 40));
      const expected = scores.summary();
      const found = own[`composite, T = 2, ${order}`]!;
      expect(expected.answered).toBe(1);
      expect({ ...found, iou: [], byView: [] }).toEqual({ ...expected, iou: [], byView: [] });
      // A pixel may fall on the other side of a threshold.
      for (const [b, value] of expected.iou.entries()) expect(Math.abs(found.iou[b]! - value)).toBeLessThan(0.5);
    }
    rows.dispose();
    field.dispose();
    backend.destroyBuffer(values);
  });

  it('against a closed vocabulary beat what is named there too: nothing where that is the question itself', async () => {
    for (const [file, mode] of [
      [nested, 'composite, T = 2'],
      [levels, 'explicit, S = D'],
    ] as const) {
      const options = { canonical: [phrase()], temperatures: [2], rendered: false };
      const same = await score(file, options, vectors.negatives);
      expect(same[`${mode}, closed vocabulary`]).toEqual(same[`${mode}, splatted`]);
      expect(same[`${mode}, splatted`]!.answered).toBe(1);
      const many = Array.from({ length: 40 }, (_, i) => (i === 39 ? vectors.query : vectors.negatives[0]!));
      const own = await score(file, options, many);
      expect(own[`${mode}, closed vocabulary`]).toMatchObject({ answered: 0 });
    }
  });

  it('of codes are decoded at pixels: with a network that changes nothing, what rendered embeddings say', async () => {
    const features = values(N * E);
    const identity = Float32Array.from({ length: E * E }, (_, i) => (i % (E + 1) === 0 ? 1 : 0));
    // Lifted over what the ReLU cuts off, and back.
    const layers = [10, -10].map((shift) => ({ weights: identity, bias: new Float32Array(E).fill(shift) }));
    const own: LanguageFile = {
      ...{ header, visibility },
      field: { kind: 'levels', levels: [{ name: 'a', embeddings: toBfloat16(features) }] },
    };
    const decoded: DecodedField = {
      ...{ kind: 'decoded', gaussians: N, embeddingDimensions: E, channels: E, network: { layers } },
      levels: [{ name: 'a', features, condition: [] }],
      report: {} as DecodedField['report'],
    };
    const options = { canonical: [], temperatures: [1], rendered: true };
    const [plain, coded] = [await score(own, options), await score(own, { ...options, decoded })];
    expect(coded['explicit, S = D, splatted']).toEqual(plain['explicit, S = D, splatted']);
    const [left, right] = [plain, coded].map((modes) => modes['explicit, S = D, rendered']!.byView[0]!);
    expect(left!.maximum).toBeGreaterThan(0.5);
    // Embeddings were rounded to half their size.
    expect(Math.abs(left!.maximum - right!.maximum)).toBeLessThan(2e-3);
    expect(Math.abs(left!.iou[0]! - right!.iou[0]!)).toBeLessThan(1);
    const unseen = await score({ ...own, visibility: new Float32Array(N) }, { ...options, decoded });
    expect(unseen['explicit, S = D, rendered']).toMatchObject({ answered: 0 });
  });

  it('of levels are searches and the oracle', async () => {
    expect(Object.keys(await score(levels)).length).toBe(8);
  });
});
