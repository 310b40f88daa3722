/** Depth of the frames from trained splats. */
import type { ComputeOptions, PinholeView } from '../../contract/index.ts';
import type { ShDegree } from '../kernels/index.ts';
import { readSplats, SplatModel, SplatRenderer, startBackend, viewOf } from '../splats/index.ts';

/** Below, the expected depth is that of haze. */
const MIN_ALPHA = 0.5;

export interface SplatDepth extends AsyncDisposable {
  /** [H, W] expected depth, 0 where the splats cover less than half of the pixel. */
  depth(view: PinholeView): Promise<Float32Array>;
}

/** @throws LiftscopeError for a file that cannot be read */
export async function openSplatDepth(splatsPath: string, compute: ComputeOptions): Promise<SplatDepth> {
  const { splats } = await readSplats(splatsPath);
  const backend = await startBackend(compute);
  const model = new SplatModel(backend, splats.count, splats.shDegree as ShDegree, { trainable: false });
  model.upload(splats);
  const renderer = new SplatRenderer(backend, model);
  return {
    depth: async (view) => {
      const { depth, alpha } = await renderer.channels(viewOf(view));
      return depth.map((sum, i) => (alpha[i]! >= MIN_ALPHA ? sum / alpha[i]! : 0));
    },
    [Symbol.asyncDispose]: async () => {
      renderer.dispose();
      await backend.dispose();
    },
  };
}
