import { afterAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../../compute/index.ts';
import { seededRandom } from '../testing/index.ts';
import { widenBfloat16, widenReference } from './index.ts';

test('reference: the halves of 1, −2, infinity and the smallest number above 0', () => {
  expect([...widenReference([0x3f80, 0xc000, 0x7f80, 0x0001])]).toEqual([1, -2, Number.POSITIVE_INFINITY, 2 ** -133]);
});

describe.each([1, 2, 3])('wasm, %i thread(s)', (threads) => {
  const backendPromise = WasmBackend.create({ threads });
  afterAll(async () => (await backendPromise).dispose());

  test.each([0, 1, 7, 8, 9, 31, 1000])('%i values, exactly, and nothing behind them', async (count) => {
    const backend = await backendPromise;
    const random = seededRandom(40 + count);
    const halves = Uint16Array.from(random.fill(count, (r) => Math.floor(r.uniform(0, 0x7f80))));
    const input = backend.createBuffer('input', 4 * Math.ceil(count / 2));
    const output = backend.createBuffer('output', 4 * (count + 1));
    backend.write(output, new Float32Array(count + 1).fill(123));
    backend.write(input, halves);
    backend.run(widenBfloat16, { input, count, output });
    const values = new Float32Array(await backend.read(output));
    expect([...values]).toEqual([...widenReference(halves), 123]);
    backend.destroyBuffer(input);
    backend.destroyBuffer(output);
  });

  test('buffers that are too small are refused', async () => {
    const backend = await backendPromise;
    const small = backend.createBuffer('small', 16);
    expect(() => backend.run(widenBfloat16, { input: small, count: 9, output: small })).toThrow(/input \(small\)/);
    expect(() => backend.run(widenBfloat16, { input: small, count: 8, output: small })).toThrow(/output \(small\)/);
    backend.destroyBuffer(small);
  });
});
