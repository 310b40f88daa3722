import { describe, expect, it } from 'vitest';
import { webgpuTests } from '../../compute/conformance/suite.ts';
import { type Backend, WasmBackend, WebgpuBackend } from '../../compute/index.ts';
import { binTiles, TileLists } from '../binning/index.ts';
import { PROJECTED, PROJECTED_FLOATS } from '../shared/index.ts';
import { seededRandom } from '../testing/index.ts';
import { BlendState, blendForward } from './blending.ts';
import { fromEntries, type LabelWeights, labelWeights } from './label-weights.ts';

const [count, width, height] = [300, 83, 45];

function records(): Float32Array {
  const random = seededRandom(4);
  const values = new Float32Array(count * PROJECTED_FLOATS);
  for (let g = 0; g < count; g++) {
    const variance = random.uniform(4, 90);
    const opacity = random.uniform(0.05, 0.95);
    const cutoff = 2 * Math.log(255 * opacity);
    const record = {
      ...{ x: random.uniform(-5, width + 5), y: random.uniform(-5, height + 5), depth: random.uniform(1, 9) },
      ...{ opacity, cutoff, conicA: 1 / variance, conicC: 1 / variance, conicDet: 1 / variance ** 2 },
      ...{ extentX: Math.sqrt(cutoff * variance), extentY: Math.sqrt(cutoff * variance) },
    };
    for (const [name, value] of Object.entries(record)) {
      values[g * PROJECTED_FLOATS + PROJECTED[name as keyof typeof PROJECTED]] = value;
    }
  }
  return values;
}

/** Sum of each (label, Gaussian). */
function table({ labels, rowStart, columns, weights }: LabelWeights): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [row, label] of labels.entries()) {
    for (let e = rowStart[row]!; e < rowStart[row + 1]!; e++) {
      const key = `${label} ${columns[e]}`;
      sums.set(key, (sums.get(key) ?? 0) + weights[e]!);
    }
  }
  return sums;
}

async function both(backend: Backend, labelAt: (x: number, y: number) => number) {
  try {
    const data = records();
    const projected = backend.createBuffer('projected', data.byteLength);
    backend.write(projected, data);
    const lists = new TileLists(backend);
    const state = new BlendState(backend);
    const rgb = backend.createBuffer('rgb', 12 * width * height);
    backend.run(binTiles, { projected, count, width, height, lists });
    backend.run(blendForward, { projected, lists, state, width, height, background: [0, 0, 0], rgb, record: true });
    const labels = Uint32Array.from({ length: width * height }, (_, i) => labelAt(i % width, Math.floor(i / width)));
    const view = { lists, state, width, height };
    return { sums: await labelWeights(backend, view, labels), expected: await fromEntries(backend, view, labels) };
  } finally {
    await backend.dispose();
  }
}

const LABELS = [
  ['stripes', (x: number) => 7 * (x >> 3)],
  ['one label', () => 0],
  ['a label per pixel', (x: number, y: number) => y * width + x],
  ['labels beyond 16 bits', (x: number, y: number) => (x > y ? 70_000 : 4_000_000_000)],
] as const;

function equalSums(create: () => Promise<Backend>): void {
  it.each(LABELS)('equals the sums of the entries of W: %s', async (_, labelAt) => {
    const { sums, expected } = await both(await create(), labelAt);
    expect([...sums.labels]).toEqual([...expected.labels]);
    const [found, wanted] = [table(sums), table(expected)];
    expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
    const far = [...wanted].filter(([key, value]) => !(Math.abs(found.get(key)! - value) < 1e-5 * (1 + value)));
    expect(far).toEqual([]);
    const total = [...found.values()].reduce((sum, value) => sum + value, 0);
    expect(total).toBeGreaterThan(0.3 * width * height);
  });
}

webgpuTests('labelWeights', () => equalSums(() => WebgpuBackend.create({ allowSoftware: true })));

describe('labelWeights', () => {
  equalSums(() => WasmBackend.create({ threads: 2 }));

  it('is the same on any number of threads', async () => {
    const labelAt = (x: number, y: number) => (x >> 4) * 3 + (y >> 3);
    const on = async (threads: number) => both(await WasmBackend.create({ threads }), labelAt);
    const [one, three] = [await on(1), await on(3)];
    expect(three.sums).toEqual(one.sums);
  });

  it('refuses labels of another image', async () => {
    const backend = await WasmBackend.create({ threads: 1 });
    const view = { lists: new TileLists(backend), state: new BlendState(backend), width: 4, height: 4 };
    await expect(labelWeights(backend, view, [1, 2])).rejects.toThrow(/2 labels/);
    await backend.dispose();
  });
});
