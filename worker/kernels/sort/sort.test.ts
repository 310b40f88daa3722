import { afterAll, beforeAll, expect, it } from 'vitest';
import { webgpuTests } from '../../compute/conformance/suite.ts';
import { GrowingBuffers, WebgpuBackend } from '../../compute/index.ts';
import { expectSame, seededRandom } from '../testing/index.ts';
import { binStarts, prefixSums, radixSort } from './index.ts';

const SEED = 8300;
/** Around a thread's elements, a workgroup, a block, and many chunks. */
const COUNTS = [0, 1, 3, 255, 256, 257, 1024, 2047, 2049, 9000, 70_001];
/** So many that a chunk has several blocks. */
const SEVERAL_BLOCKS = 1_100_001;

webgpuTests('prefix sums and radix sort', () => {
  let backend: WebgpuBackend;
  let workspace: GrowingBuffers;
  beforeAll(async () => {
    backend = await WebgpuBackend.create({ allowSoftware: true });
    workspace = new GrowingBuffers(backend, 'test');
  });
  afterAll(() => backend.dispose());
  const upload = (label: string, data: Uint32Array) => {
    const buffer = backend.createBuffer(label, data.byteLength);
    backend.write(buffer, data);
    return buffer;
  };
  const words = async (buffer: Parameters<typeof backend.read>[0]) => new Uint32Array(await backend.read(buffer));

  it.each([...COUNTS, SEVERAL_BLOCKS])(`sums %i values (seed ${SEED})`, async (count) => {
    const random = seededRandom(SEED + count);
    const values = Uint32Array.from({ length: count + 5 }, () => random.integer(1000));
    const buffer = upload('values', values);
    prefixSums(backend, workspace, buffer, { most: count });
    const expected = Uint32Array.from(values);
    let sum = 0;
    for (let i = 0; i < count; i++) {
      expected[i] = sum;
      sum += values[i]!;
    }
    expectSame('sums', await words(buffer), expected);
  });

  const sorts = COUNTS.flatMap((count) => [3, 11, 31].map((bits) => ({ count, bits })));
  it.each([...sorts, { count: SEVERAL_BLOCKS, bits: 11 }])(
    `sorts $count keys of $bits bits, stably (seed ${SEED})`,
    async ({ count, bits }) => {
      const random = seededRandom(SEED + count + bits);
      const keys = Uint32Array.from({ length: count }, () => random.integer(2 ** bits));
      const order = Uint32Array.from({ length: count }, (_, i) => i);
      const sorted = radixSort(
        backend,
        workspace,
        {
          ...{ keys: upload('keys', keys), values: upload('values', order) },
          otherKeys: upload('other keys', new Uint32Array(count)),
          otherValues: upload('other values', new Uint32Array(count)),
        },
        { most: count },
        bits,
      );
      const expected = order.toSorted((a, b) => keys[a]! - keys[b]! || a - b);
      expectSame('values', await words(sorted.values), expected);
      expectSame(
        'keys',
        await words(sorted.keys),
        expected.map((i) => keys[i]!),
      );
    },
  );

  it('sorts as many as the device says, and finds where each key begins', async () => {
    const random = seededRandom(SEED);
    const [most, count, bins] = [5000, 2500, 37];
    const keys = Uint32Array.from({ length: most }, () => 5 * random.integer(7) + 1);
    const header = upload('header', Uint32Array.of(9, count));
    const rest = new Uint32Array(most);
    const from = { most, header, index: 1 };
    const sort = {
      keys: upload('keys', keys),
      values: upload(
        'values',
        rest.map((_, i) => i),
      ),
    };
    const others = { otherKeys: upload('other keys', rest), otherValues: upload('other values', rest) };
    const sorted = radixSort(backend, workspace, { ...sort, ...others }, from, 6);
    const expected = keys.subarray(0, count).toSorted();
    expect((await words(sorted.keys)).subarray(0, count)).toEqual(expected);
    const starts = upload('starts', new Uint32Array(bins + 1).fill(77));
    binStarts(backend, workspace, sorted.keys, from, starts, bins);
    const wanted = Uint32Array.from({ length: bins + 1 }, (_, bin) => expected.filter((key) => key < bin).length);
    expect(await words(starts)).toEqual(wanted);
  });
});
