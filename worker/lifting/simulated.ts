/** Masks of the simulated segmenter for a generated capture that was imported. */
import { createHash } from 'node:crypto';
import { LiftscopeError, type TrainingFrame } from '../../contract/index.ts';
import type { NamedSegments } from '../objects/index.ts';
import { type NoisePreset, readSceneTruth, SceneTruthError, segmentImage } from '../scenes/index.ts';
import { viewOf } from '../splats/index.ts';
import type { LoadedMasks } from './masks.ts';

/** @throws LiftscopeError `bad-input` for a truth that cannot be read, or frames imported at another size */
export async function simulateMasks(
  truthDir: string,
  frames: readonly TrainingFrame[],
  noise: NoisePreset,
  seed: number,
): Promise<LoadedMasks> {
  const hash = createHash('sha256');
  const loaded = new Map<string, NamedSegments>();
  try {
    const truth = await readSceneTruth(truthDir);
    for (const frame of frames) {
      const { instance, width, height } = await truth.readFrame(frame.name);
      if (width !== frame.width || height !== frame.height) {
        throw new LiftscopeError({
          code: 'bad-input',
          message: `Frame ${frame.name} is ${frame.width}x${frame.height}, its truth ${width}x${height}: simulated masks need the scene at its own size.`,
          hint: 'Import the scene without --scale, or name masks of your own.',
        });
      }
      // The segmenter's dice depend on the frame's name as the scene has it.
      const name = truth.frameNamed(frame.name)?.name ?? frame.name;
      const { labels, segments } = segmentImage(instance, width, height, name, noise, seed);
      hash.update(frame.name).update(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength));
      loaded.set(frame.name, {
        name: frame.name,
        view: viewOf(frame),
        segments: labels,
        confidences: new Map(segments.map(({ id, confidence }) => [id, confidence])),
      });
    }
  } catch (error) {
    if (!(error instanceof SceneTruthError)) throw error;
    const message = `The scene's truth cannot be used: ${error.message}`;
    throw new LiftscopeError({ code: 'bad-input', message, hint: 'Generate the scene again.' }, { cause: error });
  }
  const name = `simulated ${noise}`;
  const set = {
    name,
    provenance: { kind: 'model' as const, source: 'simulated segmenter', parameters: { noise, seed } },
    consistentIds: false,
    classes: [],
  };
  return { set, frames: loaded, warnings: [], fingerprint: hash.digest('hex') };
}
