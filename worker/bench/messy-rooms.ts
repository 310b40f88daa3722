/**
 * One cell of `bench messy-rooms`: one room, one recipe, one seed, in a process of its own so that its peak memory is its own.
 * The host makes rooms and splats, runs the cells, keeps their documents, and compares with the targets.
 */
import { z } from 'zod';
import {
  clusteringParametersSchema,
  LiftscopeError,
  liftingRecipeSchema,
  noisePresetSchema,
} from '../../contract/index.ts';
import { liftQuality, readSceneFrames, recipeNamed, scoreLift, withSplats } from '../lifting/index.ts';
import { InstanceRenderer, objectsOfGaussians } from '../objects/index.ts';
import type { Benchmark } from './index.ts';

const argumentsSchema = z.strictObject({
  /** Folder of the generated room. */
  capture: z.string().min(1),
  splats: z.string().min(1),
  /** `stability`: no lift; the noise of the gradients of slow-fast and vanilla at the same checkpoints. */
  mode: z.enum(['lift', 'stability']).default('lift'),
  recipe: liftingRecipeSchema.default('closed-form'),
  noise: noisePresetSchema.default('default'),
  parameters: z.record(z.string(), z.json()).default({}),
  clustering: clusteringParametersSchema.partial().default({}),
  /** Nothing else was running: its times are meant. Tells cells apart; not looked at. */
  alone: z.boolean().default(false),
});

export const run: Benchmark = async (request, { signal, emit }) => {
  const parsed = argumentsSchema.safeParse(request.arguments);
  if (!parsed.success) {
    throw new LiftscopeError({ code: 'bad-input', message: `bench messy-rooms: ${z.prettifyError(parsed.error)}` });
  }
  const { capture, splats: splatsPath, mode, recipe: name, noise, parameters, clustering } = parsed.data;
  const { frames, masks, objects } = await readSceneFrames(capture, noise, request.seed);
  const training = frames.filter(({ role }) => role === 'train').map((frame) => masks.get(frame.name)!);
  const held = frames.filter(({ role }) => role === 'holdout');
  if (mode === 'stability') {
    return withSplats(splatsPath, request, async (opened) => {
      const { measureStability } = await import('./messy-rooms-stability.ts');
      const stability = await measureStability(opened, training, request.seed, signal, (stage, done, total) =>
        emit({ type: 'work', stage: `stability: ${stage}`, done, total }),
      );
      return { ...stability, rows: stability.rows.map((row) => ({ ...row })), seed: request.seed, targets: [] };
    });
  }
  return withSplats(splatsPath, request, async (opened) => {
    const recipe = await recipeNamed(name);
    const began = performance.now();
    const outcome = await recipe({
      ...opened,
      frames: training,
      consistentIds: false,
      parameters,
      clustering: clusteringParametersSchema.parse(clustering),
      seed: request.seed,
      signal,
      onProgress: (stage, done, total) => emit({ type: 'work', stage: `${name}: ${stage}`, done, total }),
    });
    const { objectOfGaussian } = objectsOfGaussians(outcome.lifted);
    const seconds = (performance.now() - began) / 1000;
    const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
    const renderer = new InstanceRenderer(opened.backend, opened.reader, outcome.lifted);
    try {
      const quality = await scoreLift(renderer, held, masks, capture);
      // What may be looked at when a rate is chosen: the training masks, never the truth.
      const sample = training.filter((_, index) => index % SELECTION_STRIDE === 0);
      const selection = [];
      for (const frame of sample) {
        signal.throwIfAborted();
        const { widthPixels: width, heightPixels: height } = frame.view;
        selection.push({
          width,
          height,
          truth: Uint16Array.from(frame.segments),
          lifted: await renderer.map(frame.view),
        });
      }
      return {
        recipe: name,
        noise,
        seed: request.seed,
        objectsTrue: objects,
        objectsFound: outcome.lifted.objects,
        gaussians: opened.splats.count,
        gaussiansOfObjects: objectOfGaussian.reduce((sum, id) => sum + (id > 0 ? 1 : 0), 0),
        quality,
        selectionPq: liftQuality(selection).perFrame.after,
        seconds,
        stages: { ...outcome.seconds },
        parameters: { ...outcome.parameters },
        report: { ...outcome.report },
        peakMemoryBytes,
        peakBackendBytes: opened.backend.memory.peakBytes,
        threads: opened.backend.threads,
        targets: [],
      };
    } finally {
      renderer.dispose();
    }
  });
};

/** Every tenth training frame. */
const SELECTION_STRIDE = 10;
