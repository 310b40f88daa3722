/** The jobs behind `eval` and `render`: what can be done with a finished `.splats` file. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type {
  ComputeOptions,
  EvaluationRequest,
  EvaluationResult,
  RenderRequest,
  RenderResult,
} from '../../contract/index.ts';
import { writeImage } from '../images/index.ts';
import type { ShDegree } from '../kernels/index.ts';
import { startBackend } from './backend.ts';
import { readSplats } from './file.ts';
import { SplatModel } from './model.ts';
import { greyImage, SplatRenderer } from './render.ts';
import { viewOf } from './targets.ts';
import { evaluateFrames, meanQuality } from './trainer.ts';

interface Opened {
  readonly renderer: SplatRenderer;
  readonly shared: {
    readonly seconds: number;
    readonly gaussians: number;
    readonly peakMemoryBytes: number;
    readonly backend: 'wasm' | 'webgpu';
  };
}

/** Loads a model, hands it to `work`, and measures. */
async function withModel<Result>(
  options: ComputeOptions & { readonly splatsPath: string },
  work: (renderer: SplatRenderer) => Promise<Result>,
): Promise<{ result: Result; shared: Opened['shared'] }> {
  const started = performance.now();
  const { splats } = await readSplats(options.splatsPath);
  const backend = await startBackend(options);
  try {
    const model = new SplatModel(backend, splats.count, splats.shDegree as ShDegree, { trainable: false });
    model.upload(splats);
    const result = await work(new SplatRenderer(backend, model));
    return {
      result,
      shared: {
        seconds: (performance.now() - started) / 1000,
        gaussians: splats.count,
        peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
        backend: backend.kind,
      },
    };
  } finally {
    await backend.dispose();
  }
}

/** Image quality of a finished model on the frames of the request. @throws LiftscopeError, ImageFileError */
export async function evaluateSplats(request: EvaluationRequest): Promise<EvaluationResult> {
  const { result, shared } = await withModel(request, async (renderer) => {
    const perFrame = await evaluateFrames(renderer, request.frames);
    return { ...meanQuality(perFrame), perFrame, ...(await furtherQuality(request, renderer)) };
  });
  return { ...result, ...shared };
}

async function furtherQuality(
  { frames, truthDir, baselineFrames }: EvaluationRequest,
  renderer: SplatRenderer,
): Promise<Pick<EvaluationResult, 'truth' | 'baseline'>> {
  if (truthDir === undefined && baselineFrames === undefined) return {};
  // The libraries of the scene generator are loaded only where there is a truth to read.
  const { truthQuality, meanImageQuality } = await import('./truth-quality.ts');
  return {
    ...(truthDir !== undefined && { truth: await truthQuality(renderer, frames, truthDir) }),
    ...(baselineFrames !== undefined && { baseline: await meanImageQuality(baselineFrames, frames) }),
  };
}

/** One view of a finished model as a PNG. @throws LiftscopeError */
export async function renderSplats(request: RenderRequest): Promise<RenderResult> {
  const view = viewOf(request.view);
  const { result: image, shared } = await withModel(request, async (renderer) =>
    request.channel === 'colour'
      ? renderer.colour(view)
      : greyImage(await renderer.channels(view), request.channel).image,
  );
  await mkdir(dirname(request.outputPath), { recursive: true });
  await writeImage(request.outputPath, image);
  return { outputPath: request.outputPath, width: image.width, height: image.height, ...shared };
}
