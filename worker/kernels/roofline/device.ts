/** The two ceilings of a GPU, measured by its own clock. */
import { itemProgram, type WebgpuBackend } from '../../compute/index.ts';

export interface DeviceRoofline {
  /** float32 multiply-adds count as two. */
  readonly flopsPerSecond: number;
  /** Read plus written, data far larger than the caches of a small GPU. */
  readonly bytesPerSecond: number;
}

const REPETITIONS = 5;
/** Bytes of each of three arrays, and multiply-adds, on hardware and on a driver that runs on the processor. */
const HARDWARE = { arrayBytes: 2 ** 28, invocations: 2 ** 20, rounds: 4096 } as const;
const SOFTWARE = { arrayBytes: 2 ** 25, invocations: 2 ** 12, rounds: 2048 } as const;
/** Chains of vectors of four. */
const CHAINS = 4;
const ELEMENTS_EACH = 32;

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
  // Several elements each, neighbours side by side: starting an invocation must not be what is measured.
  body: `
fn item(i: u32) {
  for (var k = 0u; k < ${ELEMENTS_EACH}u; k++) {
    let at = k * params.items + i;
    sums[at] = left[at] + params.factor * right[at];
  }
}
`,
});

/** Best of five; undefined where the adapter has no timestamp queries. */
export async function measureDeviceRoofline(backend: WebgpuBackend): Promise<DeviceRoofline | undefined> {
  const { invocations, rounds, ...size } = backend.isSoftware ? SOFTWARE : HARDWARE;
  const arrayBytes = Math.min(size.arrayBytes, backend.limits.maxStorageBufferBindingSize);
  const [left, right, sums] = ['left', 'right', 'sums'].map((name) =>
    backend.createBuffer(`roofline ${name}`, arrayBytes),
  ) as [
    ReturnType<WebgpuBackend['createBuffer']>,
    ReturnType<WebgpuBackend['createBuffer']>,
    ReturnType<WebgpuBackend['createBuffer']>,
  ];
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
        params: { factor: 0.5, items: arrayBytes / 4 / ELEMENTS_EACH },
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
