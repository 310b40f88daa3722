/** Depth of the frames from trained splats, for the graph segmenter's creases. */
import type { ComputeOptions, PinholeView } from '../../contract/index.ts';
import type { ShDegree } from '../kernels/index.ts';
import { readSplats, SplatModel, SplatRenderer, startBackend, viewOf } from '../splats/index.ts';

/** Low: dark surfaces are trained nearly transparent over the black background, and their depth is right all the same. */
const MIN_ALPHA = 0.1;

export interface DepthRenderer extends AsyncDisposable {
  /** [H, W] expected depth; 0 where the splats cover less than a tenth of the pixel. */
  depth(view: PinholeView): Promise<Float32Array>;
}

/** Opens a `.splats` file for rendering depth. @throws LiftscopeError */
export async function openDepth(splatsPath: string, compute: ComputeOptions): Promise<DepthRenderer> {
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
