import { describe, expect, it } from 'vitest';
import type { SceneTruth, TruthObject } from '../../scenes/index.ts';
import { benchmarkRandom } from '../random.ts';
import { oracle, searched, searchScales } from './modes.ts';
import { alternativesOf, roomQueries, truthOf } from './queries.ts';
import { BINS, ModeScores, scoreMap } from './scores.ts';

function object(id: number, colour: string, category: string, parts: readonly string[]): TruthObject {
  const words = [`${colour} ceramic ${category}`, `${colour} ${category}`, category];
  return {
    ...{ id, classId: id, category, colour, material: 'ceramic', pattern: 'plain', words, lookAlikeOf: null },
    parts: parts.map((name, k) => {
      return { id: 10 * id + k, name, words: [...words.map((word) => `${name} of the ${word}`), name] };
    }),
    mesh: 'meshes/1.ply',
  };
}
const objects = [
  object(1, 'red', 'mug', ['body', 'handle']),
  object(2, 'blue', 'mug', ['body', 'handle']),
  object(3, 'red', 'book', ['cover', 'pages']),
  object(4, 'green', 'ball', ['ball']),
];
const classes = ['floor', 'mug', 'book', 'ball', 'kettle', 'rolling-pin'].map((name, id) => {
  return { id, name, isThing: name !== 'floor' };
});
const truth = { objects, scene: { classes } } as unknown as SceneTruth;

describe('queries of a room', () => {
  const queries = roomQueries(truth, benchmarkRandom(1));
  it('name what is there: alone, by colour, in parts', () => {
    const of = (kind: string) => queries.filter((query) => query.kind === kind).map(({ text }) => text);
    expect(of('simple')).toEqual(['mug', 'book', 'ball']);
    expect(of('compound')).toEqual(['red mug', 'blue mug', 'red book', 'green ball']);
    expect(of('partitive').length).toBe(3);
    for (const text of of('partitive'))
      expect(text).toMatch(/^(body|handle|cover|pages) of the (red|blue) (mug|book)$/);
    expect(queries.find(({ text }) => text === 'mug')!.objects).toEqual([1, 2]);
  });

  it('are absent ones in one of five, and those answer to nothing', () => {
    const absent = queries.filter(({ kind }) => kind === 'absent');
    expect(absent.length / queries.length).toBeCloseTo(0.2, 1);
    const said = new Set(objects.flatMap(({ words, parts }) => [...words, ...parts.flatMap((part) => part.words)]));
    for (const { text, objects: whole, parts } of absent) {
      expect(said.has(text)).toBe(false);
      expect([...whole, ...parts]).toEqual([]);
    }
    expect(roomQueries(truth, benchmarkRandom(1))).toEqual(queries);
  });

  it('have alternatives: another colour, another category, never both', () => {
    const categories = ['mug', 'book', 'rolling pin', 'pin'];
    expect(alternativesOf('handle of the red mug', categories, ['red', 'blue'])).toEqual([
      'handle of the blue mug',
      'handle of the red book',
      'handle of the red rolling pin',
      'handle of the red pin',
    ]);
    expect(alternativesOf('rolling pin', categories, ['red'])).toEqual(['mug', 'book', 'pin']);
    expect(alternativesOf('flurb', categories, ['red'])).toEqual([]);
  });

  it('have masks and boxes of what answers them', () => {
    const instance = Uint16Array.of(0, 1, 1, 0, 2, 2, 0, 0);
    const part = Uint16Array.of(0, 10, 11, 0, 20, 20, 0, 0);
    const mug = queries.find(({ text }) => text === 'mug')!;
    const own = truthOf(mug, { instance, part, width: 4 });
    expect([...own.mask]).toEqual([0, 1, 1, 0, 1, 1, 0, 0]);
    expect(own.areaPx).toBe(4);
    expect(own.boxes).toEqual([
      [1, 0, 3, 1],
      [0, 1, 2, 2],
    ]);
    const handle = { text: '', kind: 'partitive', objects: [], parts: [11] } as const;
    expect(truthOf(handle, { instance, part, width: 4 }).areaPx).toBe(1);
  });
});

describe('scores', () => {
  const mask = Uint8Array.of(1, 1, 0, 0);
  const own = { mask, areaPx: 2, boxes: [[0, 0, 2, 1]] } as const;
  it('are IoUs of the masks at every threshold, counted as the definition says', () => {
    // None of them lies where two bins meet.
    const values = Float32Array.of(0.91, 0.613, 0.717, 0.4);
    const score = scoreMap(values, own, 2);
    for (let b = 0; b < BINS; b++) {
      const level = 0.5 + (b / BINS) * (0.91 - 0.5 - 1e-6);
      const found = [...values].map((value) => value > 0.5 && value >= level);
      const hit = found.filter((is, i) => is && mask[i] === 1).length;
      const union = found.filter((is, i) => is || mask[i] === 1).length;
      expect(score.iou[b]).toBeCloseTo(hit / union, 6);
    }
    expect(score).toMatchObject({ answered: true, inBox: true, inMask: true });
    expect(scoreMap(Float32Array.of(0.6, 0.6, 0.9, 0.4), own, 2)).toMatchObject({ inBox: false, inMask: false });
    expect(scoreMap(new Float32Array(4).fill(0.5), own, 2)).toMatchObject({ answered: false, inBox: false });
  });

  it('of searches are those of the scale with the highest maximum; the oracle knows better', () => {
    const scores = [
      [0.9, 0.4, 0.4, 0.4],
      [0.6, 0.6, 0.4, 0.4],
      [0.4, 0.4, 0.8, 0.4],
    ].map((values) => scoreMap(Float32Array.from(values), own, 2));
    expect(searched(scores, 0)).toBe(scores[0]);
    expect(searched(scores, 2)).toBe(scores[2]);
    expect(searched(scores, 1)).toBe(scores[2]);
    expect(oracle(scores).iou[10]).toBe(1);
    expect([...searchScales(64, 1, 3)]).toEqual([21, 43, 64]);
    expect([...searchScales(64, 32, 30)]).toEqual([32, 64]);
    const mean = new ModeScores();
    for (const score of scores) mean.add(score);
    expect(mean.summary()).toMatchObject({ views: 3, answered: 1, inMask: 2 / 3 });
  });
});
