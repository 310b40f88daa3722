/** The job `train-language`. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { JobEvent, LanguageTrainingRequest, LanguageTrainingResult } from '../../contract/index.ts';
import type { LanguageFrame } from '../fields/index.ts';
import { languageHash, writeLanguage } from '../language/index.ts';
import { withSplats } from '../lifting/index.ts';
import { type DualEncoder, openDualEncoder } from '../models/index.ts';
import { splatsHash } from '../splats/index.ts';
import { encoderSide, SegmentEmbedder } from './embeddings.ts';
import { type PreparedLanguage, prepareLanguage } from './prepare.ts';
import { loadSegments } from './segments.ts';
import { languageFile, recipeParameters, trainRecipe } from './train.ts';

export interface LanguageContext {
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
}

/** Further ones are in the result. */
const MOST_WARNING_EVENTS = 50;

/**
 * Segments in, a language field out.
 * @param openEncoder stands in for models in tests
 * @throws LiftscopeError, the signal's reason
 */
export async function trainLanguageJob(
  request: LanguageTrainingRequest,
  context: LanguageContext,
  openEncoder: (folder: string, threads: number) => Promise<DualEncoder> = (folder, threads) =>
    openDualEncoder(folder, { threads }),
): Promise<LanguageTrainingResult> {
  const { recipe, seed, signal } = { ...request, signal: context.signal };
  const { pipeline, field: parameters } = recipeParameters(recipe, request.parameters);
  const progress = progressOf(context);
  const began = performance.now();
  progress('segments', 0, 1);
  const { frames: segmented, warnings } = await loadSegments(request.segments, request.frames, request.truthDir);
  for (const message of warnings.slice(0, MOST_WARNING_EVENTS)) context.emit({ type: 'warning', message });
  const segmentSeconds = secondsSince(began);
  await using encoder = await openEncoder(request.modelDir, request.threads);
  const crop = { margin: pipeline.cropMargin, context: pipeline.cropContext };
  const embedder = new SegmentEmbedder(encoder, crop, await encoderSide(request.modelDir), request.cacheDir);
  // Awaited here: the encoder is gone after this function.
  return await withSplats(
    request.splatsPath,
    request,
    async (opened) => {
      const { backend, splats } = opened;
      const opening = performance.now();
      const { pixelsPerView, temperature } = pipeline;
      const prepared = await prepareLanguage(opened, segmented, embedder, {
        ...{ pixelsPerView, seed, signal, onProgress: progress },
      });
      try {
        const field = await trainRecipe(prepared, {
          ...{ backend, means: splats.means, parameters, seed, signal },
          onProgress: ({ step, steps }) => progress('field', step, steps),
        });
        const about = {
          ...{ recipe, seed, temperature },
          model: { name: encoder.name, fingerprint: encoder.fingerprint, dimensions: encoder.dimensions },
          parameters: json({ ...parameters, ...pipeline }),
          fingerprints: { segments: framesHash(prepared.frames), splats: splatsHash(splats) },
        };
        const file = await languageFile(backend, field, prepared, about);
        await mkdir(dirname(request.outputPath), { recursive: true });
        await writeLanguage(request.outputPath, file);
        return {
          ...{ recipe, seed, languagePath: request.outputPath, languageHash: languageHash(file) },
          ...{ model: about.model, parameters: about.parameters, fingerprints: about.fingerprints },
          dimensions: file.field.kind === 'nested' ? file.field.dimensions : encoder.dimensions,
          scales:
            file.field.kind === 'nested'
              ? nestedNames(file.field.dimensions, file.field.step)
              : file.field.levels.map(({ name }) => name),
          framesUsed: prepared.frames.length,
          segments: prepared.frames.reduce((sum, { segments }) => sum + segments.length, 0),
          ...{ framesCached: prepared.framesCached, warnings: [...warnings] },
          seconds: {
            ...{ segments: segmentSeconds, ...prepared.seconds },
            field: field.report.seconds,
            total: segmentSeconds + secondsSince(opening),
          },
          report: json(field.report),
          gaussians: splats.count,
          peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
          backend: backend.kind,
          threads: backend.threads,
        };
      } finally {
        prepared.cache.dispose();
      }
    },
    (message) => context.emit({ type: 'warning', message }),
  );
}

function nestedNames(dimensions: number, step: number): string[] {
  return Array.from({ length: Math.floor(dimensions / step) }, (_, s) => `${(s + 1) * step} dimensions`);
}

const secondsSince = (began: number): number => (performance.now() - began) / 1000;

/** sha256 of masks, scales and embeddings, hexadecimal. */
function framesHash(frames: PreparedLanguage['frames']): string {
  const hash = createHash('sha256');
  const add = (values: Uint32Array | Float32Array): void => {
    hash.update(`/${values.length}/`).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  };
  for (const frame of frames) {
    hash.update(frame.name);
    for (const { pixels, embedding, confidence, scale } of frame.segments satisfies LanguageFrame['segments']) {
      add(pixels);
      add(embedding);
      add(Float32Array.of(confidence, scale));
    }
  }
  return hash.digest('hex');
}

/** At most a few events per second: a step takes milliseconds. */
const PROGRESS_MS = 250;

function progressOf({ emit }: LanguageContext): (stage: string, done: number, total: number) => void {
  let [last, at, since] = ['', 0, 0];
  return (stage, done, total) => {
    const now = performance.now();
    if (stage === last && now - at < PROGRESS_MS) return;
    if (stage !== last) since = now;
    [last, at] = [stage, now];
    const secondsLeft = done > 0 ? { secondsLeft: ((now - since) / 1000 / done) * (total - done) } : {};
    emit({ type: 'work', stage, done, total, ...secondsLeft });
  };
}

/** Through JSON, which drops what is undefined and what is no data. */
function json(value: object): Record<string, z.core.util.JSONType> {
  return z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(value)));
}
