/** The job `evaluate-tracks`: tracks of any origin, a person's corrections included, against a generated scene's truth. */
import type { TracksEvaluationRequest, TracksEvaluationResult } from '../../contract/index.ts';
import type { TrackingFrame } from '../metrics/index.ts';
import { readSceneTruth, trackingFrame } from '../scenes/index.ts';
import { plainFigures, scoreTracks } from './figures.ts';
import { MasksVideo } from './masks-video.ts';
import { readTruth } from './scene-video.ts';

/** Scores ids of 16 bits: those of the file are numbered as they come. @throws LiftscopeError, the signal's reason */
export async function evaluateTracks(
  { masksPath, truthDir, frames }: TracksEvaluationRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<TracksEvaluationResult> {
  const truth = await readTruth(() => readSceneTruth(truthDir));
  await using masks = await MasksVideo.open(masksPath);
  const numbers = new Map<number, number>([[0, 0]]);
  const pairs: TrackingFrame[] = [];
  let [segments, truths] = [0, 0];
  for (const { name, ...size } of frames) {
    signal.throwIfAborted();
    const { instance, width, height } = await readTruth(() => truth.readFrame(name));
    const { labels, info } = await masks.frame(name, size);
    for (const id of info.keys()) if (!numbers.has(id)) numbers.set(id, numbers.size);
    const pair = trackingFrame(
      instance,
      Uint16Array.from(labels, (id) => numbers.get(id) ?? 0),
      width,
      height,
    );
    segments += pair.predictedIds.length;
    truths += pair.truthIds.length;
    pairs.push(pair);
  }
  const classOf = (object: number): number => truth.objects.find(({ id }) => id === object)?.classId ?? 0;
  const figures = plainFigures(scoreTracks(pairs, (_, id) => id, classOf));
  return { ...figures, frames: frames.length, segments, truths };
}
