import { describe, expect, it } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { binTiles, TileLists } from '../binning/index.ts';
import { PROJECTED, PROJECTED_FLOATS } from '../shared/index.ts';
import { seededRandom } from '../testing/index.ts';
import { BlendState, blendBackward, blendChannels, blendForward } from './index.ts';

const [count, width, height] = [4000, 320, 240];

/** Faint, wide Gaussians: far more blocks per (tile, Gaussian) than the arena has room for at first. */
function faintRecords(): Float32Array {
  const random = seededRandom(11);
  const records = new Float32Array(count * PROJECTED_FLOATS);
  for (let g = 0; g < count; g++) {
    const variance = 400;
    const opacity = 0.02;
    const cutoff = 2 * Math.log(255 * opacity);
    const values = {
      ...{ x: random.uniform(0, width), y: random.uniform(0, height), depth: random.uniform(1, 9), opacity, cutoff },
      ...{ conicA: 1 / variance, conicC: 1 / variance, conicDet: 1 / variance ** 2, red: 0.5, green: 0.2, blue: 0.7 },
      ...{ extentX: Math.sqrt(cutoff * variance), extentY: Math.sqrt(cutoff * variance) },
    };
    for (const [name, value] of Object.entries(values)) {
      records[g * PROJECTED_FLOATS + PROJECTED[name as keyof typeof PROJECTED]] = value;
    }
  }
  return records;
}

describe('arena of alphas', () => {
  it('grows to what the view needs, and not far beyond it', async () => {
    const backend = await WasmBackend.create({ threads: 2 });
    const records = faintRecords();
    const projected = backend.createBuffer('projected', records.byteLength);
    backend.write(projected, records);
    const lists = new TileLists(backend);
    backend.run(binTiles, { projected, count, width, height, lists });
    const images = ['rgb', 'again', 'upstream'].map((label) => backend.createBuffer(label, 12 * width * height));
    const channels = backend.createBuffer('channels', 16 * width * height);
    const planes = ['alpha', 'contributors'].map((label) => backend.createBuffer(label, 4 * width * height));
    const slots = backend.createBuffer('slots', lists.instanceCount * 48);
    backend.bytes(images[2]).fill(0);

    const render = (state: BlendState, rgb: (typeof images)[0]) => {
      const view = { projected, lists, state, width, height, background: [0, 0, 0] } as const;
      backend.run(blendForward, { ...view, rgb, record: true });
      const chunks = state.arenaChunks;
      backend.run(blendBackward, { ...view, upstream: images[2], slots });
      return chunks;
    };
    const small = new BlendState(backend);
    const roomy = new BlendState(backend);
    roomy.ensure('arena', 2 ** 29);
    roomy.arenaChunks = 2 ** 13;
    const grown = render(small, images[0]);
    render(roomy, images[1]);
    expect(await backend.read(images[0])).toEqual(await backend.read(images[1]));
    // Every (tile, Gaussian) writes at most 1 KiB.
    const mostChunks = Math.ceil((lists.instanceCount * 1024) / 65_536) + 8;
    const firstGuess = Math.ceil((lists.instanceCount * 6 * 32) / 65_536) + 4;
    expect(grown).toBeGreaterThan(firstGuess);
    expect(grown).toBeLessThan(1.4 * mostChunks);

    const other = new BlendState(backend);
    const [alpha, contributors] = planes;
    const view = { projected, lists, state: other, width, height, background: [0, 0, 0] } as const;
    const features = backend.createBuffer('features', 0);
    backend.run(blendChannels, { ...view, features, featureDim: 0, output: channels, alpha, contributors });
    expect(other.arenaChunks).toBeLessThan(1.4 * mostChunks);
    expect((await backend.read(channels)).slice(0, 12 * width * height)).toEqual(await backend.read(images[0]));
    await backend.dispose();
  });
});
