/** The two ceilings of a GPU, measured by its own clock. */
import { itemProgram, type WebgpuBackend } from '../../compute/index.ts';

export interface DeviceRoofline {
  /** float32 multiply-adds count as two. */
  readonly flopsPerSecond: number;
  /** Read plus written, data far larger than the caches of a small GPU. */
  readonly bytesPerSecond: number;
}

const REPETITIONS = 5;
/** Bytes of each of three arrays; invocations and multiply-adds of each. */
const LARGE = { arrayBytes: 2 ** 28, invocations: 2 ** 20, rounds: 4096 } as const;
/** Chains of vectors of four. */
const CHAINS = 4;

const MULTIPLY_ADD = itemProgram({
  name: 'roofline (multiply-add)',
  params: { rounds: 'u32', factor: 'f32' },
  buffers: { sums: 'write f32' },
  body: `
fn item(i: u32) {
  let f = vec4f(params.factor);
  var a = vec4f(f32(i));
  var b = a + 1.0;
  var c = a + 2.0;
  var d = a + 3.0;
  for (var round = 0u; round < params.rounds; round++) {
    a = fma(a, f, f);
    b = fma(b, f, f);
    c = fma(c, f, f);
    d = fma(d, f, f);
  }
  sums[i] = dot(a + b, c + d);
}
`,
});

const TRIAD = itemProgram({
  name: 'roofline (triad)',
  params: { factor: 'f32' },
  buffers: { left: 'read f32', right: 'read f32', sums: 'write f32' },
  body: 'fn item(i: u32) { sums[i] = left[i] + params.factor * right[i]; }',
});

/**
 * Of hardware, best of five; undefined where the adapter has no timestamp queries.
 * @param size smaller ones are for tests: the figures then say nothing
 */
export async function measureDeviceRoofline(
  backend: WebgpuBackend,
  size: { readonly arrayBytes: number; readonly invocations: number; readonly rounds: number } = LARGE,
): Promise<DeviceRoofline | undefined> {
  const { invocations, rounds } = size;
  const arrayBytes = Math.min(size.arrayBytes, backend.limits.maxStorageBufferBindingSize);
  const create = (name: string) => backend.createBuffer(`roofline ${name}`, arrayBytes);
  const [left, right, sums] = [create('left'), create('right'), create('sums')] as const;
  try {
    const best = async (launch: () => void): Promise<number | undefined> => {
      let least = Infinity;
      for (let i = 0; i <= REPETITIONS; i++) {
        if (!backend.startClock()) return undefined;
        launch();
        const [time] = [...(await backend.stopClock()).values()];
        // The first run compiles and touches memory.
        if (i > 0) least = Math.min(least, time!.seconds);
      }
      return least;
    };
    const compute = await best(() =>
      backend.launch(MULTIPLY_ADD, { params: { rounds, factor: 0.5, items: invocations }, buffers: { sums } }),
    );
    const stream = await best(() =>
      backend.launch(TRIAD, {
        params: { factor: 0.5, items: arrayBytes / 4 },
        buffers: { left, right, sums },
      }),
    );
    if (compute === undefined || stream === undefined) return undefined;
    return {
      flopsPerSecond: (2 * 4 * CHAINS * rounds * invocations) / compute,
      bytesPerSecond: (3 * arrayBytes) / stream,
    };
  } finally {
    for (const buffer of [left, right, sums]) backend.destroyBuffer(buffer);
  }
}
