import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/index.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const FUNCTIONS = ['exp2x4', 'expx4', 'logx4', 'sigmoidx4', 'rsqrtx4', 'exp2x4InRange'] as const;

/** Applies each function of math.as.ts to an array, and exposes the register shuffles. */
const PROBE = `
import * as m from "./math.as";
${FUNCTIONS.map(
  (name) => `export function ${name}(source: usize, target: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count << 2; i += 16) v128.store(target + i, m.${name}(v128.load(source + i)));
}`,
).join('\n')}
export function transpose(source: usize, target: usize): f32 {
  const a = v128.load(source), b = v128.load(source, 16), c = v128.load(source, 32), d = v128.load(source, 48);
  v128.store(target, m.transpose0(a, b, c, d));
  v128.store(target, m.transpose1(a, b, c, d), 16);
  v128.store(target, m.transpose2(a, b, c, d), 32);
  v128.store(target, m.transpose3(a, b, c, d), 48);
  return m.horizontalSum(a);
}
`;

const memory = new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true });
const CAPACITY = 100_000;
const source = new Float32Array(memory.buffer, 1024, CAPACITY);
const target = new Float32Array(memory.buffer, 1024 + 4 * CAPACITY, CAPACITY);
type Probe = Record<string, (source: number, target: number, count?: number) => number>;
let probe: Probe;

beforeAll(async () => {
  const { default: asc } = await import('assemblyscript/asc');
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      ...['probe.ts', '-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--sharedMemory'],
      ...['--maximumMemory', '16', '--initialMemory', '16', '--enable', 'threads,simd,relaxed-simd'],
      ...['--outFile', 'probe.wasm'],
    ],
    {
      readFile: (name) => {
        if (name === 'probe.ts') return PROBE;
        return name === 'math.as.ts' ? readFileSync(join(HERE, name), 'utf8') : null;
      },
      writeFile: (name, contents) => {
        if (name === 'probe.wasm' && typeof contents !== 'string') binary = contents;
      },
    },
  );
  expect(error, stderr.toString()).toBeNull();
  const module = await WebAssembly.compile(Uint8Array.from(binary!));
  probe = (await WebAssembly.instantiate(module, { env: { memory } })).exports as unknown as Probe;
});

function apply(name: (typeof FUNCTIONS)[number], values: ArrayLike<number>): Float32Array {
  const padded = Math.ceil(values.length / 4) * 4;
  source.fill(0, 0, padded);
  source.set(values);
  probe[name](source.byteOffset, target.byteOffset, padded);
  return target.slice(0, values.length);
}

/** Largest error over a range, relative or absolute against max(1, |f|). */
function largestError(
  name: (typeof FUNCTIONS)[number],
  [low, high]: readonly [number, number],
  exact: (x: number) => number,
  kind: 'relative' | 'mixed' = 'relative',
): number {
  const random = seededRandom(3);
  const values = Float32Array.from(random.fill(80_000, (r) => r.uniform(low, high)));
  const results = apply(name, values);
  let worst = 0;
  values.forEach((x, i) => {
    const expected = exact(x);
    const scale = kind === 'relative' ? Math.abs(expected) : Math.max(1, Math.abs(expected));
    const error = Math.abs(results[i] - expected) / scale;
    if (!(error <= worst)) worst = error;
  });
  return worst;
}

describe('SIMD functions', () => {
  it('exp2x4 is accurate to 3e-7 and ends in 0 and a finite maximum', () => {
    expect(largestError('exp2x4', [-126, 127.9], (x) => 2 ** x)).toBeLessThanOrEqual(3e-7);
    expect(largestError('exp2x4', [-9, 0], (x) => 2 ** x)).toBeLessThanOrEqual(3e-7);
    expect(largestError('exp2x4InRange', [-126, 0.5], (x) => 2 ** x)).toBeLessThanOrEqual(3e-7);
    expect([...apply('exp2x4', [0, 1, -1, 10])]).toEqual([1, 2, 0.5, 1024]);
    expect([...apply('exp2x4', [-126.5, -1e30, Number.NEGATIVE_INFINITY, Number.NaN])]).toEqual([0, 0, 0, 0]);
    const high = apply('exp2x4', [128, 1e30, Number.POSITIVE_INFINITY]);
    expect([...high].every((value) => Number.isFinite(value) && value > 3.4e38)).toBe(true);
  });

  it('expx4 is accurate to 4e-7', () => {
    expect(largestError('expx4', [-80, 80], Math.exp)).toBeLessThanOrEqual(4e-7);
    expect(apply('expx4', [0])[0]).toBe(1);
    expect([...apply('expx4', [-88, Number.NEGATIVE_INFINITY, Number.NaN])]).toEqual([0, 0, 0]);
    expect(Number.isFinite(apply('expx4', [1e9])[0])).toBe(true);
  });

  it('logx4 is accurate to 2e-7', () => {
    expect(largestError('logx4', [1e-3, 10], Math.log, 'mixed')).toBeLessThanOrEqual(2e-7);
    expect(largestError('logx4', [1, 255], Math.log, 'mixed')).toBeLessThanOrEqual(2e-7);
    expect(largestError('logx4', [1e-37, 1e-30], Math.log, 'mixed')).toBeLessThanOrEqual(2e-7);
    expect(apply('logx4', [1])[0]).toBe(0);
  });

  it('sigmoidx4 is accurate to 8e-7 and never denormal', () => {
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    expect(largestError('sigmoidx4', [-79, 20], sigmoid)).toBeLessThanOrEqual(8e-7);
    const [low, high, nan] = apply('sigmoidx4', [-1e4, 1e4, Number.NaN]);
    expect(low).toBeGreaterThan(1.2e-38);
    expect(low).toBeLessThan(1e-34);
    expect(high).toBe(1);
    expect(nan).toBeLessThan(1e-34);
  });

  it('rsqrtx4 is accurate to 2e-7', () => {
    expect(largestError('rsqrtx4', [1e-6, 1e6], (x) => 1 / Math.sqrt(x))).toBeLessThanOrEqual(2e-7);
  });

  it('transposes and sums', () => {
    source.set(Array.from({ length: 16 }, (_, i) => i));
    expect(probe.transpose(source.byteOffset, target.byteOffset)).toBe(0 + 1 + 2 + 3);
    expect([...target.subarray(0, 16)]).toEqual(Array.from({ length: 16 }, (_, i) => 4 * (i % 4) + Math.floor(i / 4)));
  });
});
