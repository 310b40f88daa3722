/** Recipe `mask-tracking-2d` (methods 2.5): ids made consistent by tracking in 2D, then the one-pass vote of consistent masks. */
import { z } from 'zod';
import {
  CLOSED_FORM_DEFAULTS,
  closedFormLift,
  type LiftInput,
  type LiftRecipe,
  type TrackedFrame,
  trackMasks,
} from '../objects/index.ts';
import { parseParameters } from './parameters.ts';

const schema = z.strictObject({
  kind: z.enum(['consecutive', 'warped', 'fused']).default('consecutive').describe('what a segment is compared with'),
  leastIou: z.number().min(0).max(1).default(0.25).describe('pairs with a lower IoU are not matched'),
  order: z
    .enum(['capture', 'nearest'])
    .default('nearest')
    .describe('frames as they come, or always the nearest camera'),
  depthTolerance: z.number().positive().default(0.05).describe('warped: share within which depths agree'),
  voxelPixels: z.number().positive().default(2).describe('fused: edge of a voxel in pixels at the median depth'),
  leastViews: z
    .number()
    .int()
    .min(1)
    .default(CLOSED_FORM_DEFAULTS.leastViews)
    .describe('views that must show an object'),
  foregroundShare: z.number().min(0).max(1).default(CLOSED_FORM_DEFAULTS.foregroundShare),
});

/** Below this alpha a pixel has no depth to speak of. */
const COVERED_ALPHA = 0.5;

export const maskTracking2d: LiftRecipe = async (input) => {
  const parameters = parseParameters('mask-tracking-2d', schema, input.parameters);
  const { reader, splats, frames, signal, onProgress } = input;
  const began = performance.now();
  const tracked = parameters.kind === 'consecutive' ? frames : await withDepth(input);
  const tracks = trackMasks(tracked, parameters);
  const lengths = new Map<number, number>();
  for (const frame of tracks)
    for (const track of new Set(frame.values())) lengths.set(track, (lengths.get(track) ?? 0) + 1);
  // Tracks too short to be objects do not vote, but stay foreground: the same rule as for the other recipes.
  const least = Math.min(parameters.leastViews, frames.length);
  const consistent = frames.map((frame, index) => ({
    ...frame,
    segments: Uint32Array.from(frame.segments, (label) => (label === 0 ? 0 : tracks[index]!.get(label)!)),
  }));
  const associated = performance.now();
  const lift = await closedFormLift(
    reader,
    splats.count,
    consistent,
    {
      ...CLOSED_FORM_DEFAULTS,
      masks: 'consistent',
      leastViews: least,
      foregroundShare: parameters.foregroundShare,
    },
    signal,
    (done, total) => onProgress?.('evidence', done, total),
  );
  const { votes, evidence, seconds } = lift;
  return {
    lifted: {
      gaussians: splats.count,
      objects: votes.objects,
      foreground: votes.foreground,
      foregroundShare: parameters.foregroundShare,
      readout: { kind: 'votes', shares: votes.shares },
    },
    parameters,
    report: {
      segments: evidence.nodes.length,
      tracks: lengths.size,
      framesPerTrack: lengths.size === 0 ? 0 : [...lengths.values()].reduce((a, b) => a + b, 0) / lengths.size,
    },
    seconds: { tracking: (associated - began) / 1000, evidence: seconds.evidence, vote: seconds.vote },
  };
};

async function withDepth({ backend, reader, frames, signal, onProgress }: LiftInput): Promise<TrackedFrame[]> {
  const none = backend.createBuffer('no features', 0);
  try {
    const result: TrackedFrame[] = [];
    for (const [index, frame] of frames.entries()) {
      signal?.throwIfAborted();
      onProgress?.('depth', index, frames.length);
      const { depth, alpha } = await reader.render(frame.view, none, 0);
      result.push({ ...frame, depth: depth.map((z, i) => (alpha[i]! >= COVERED_ALPHA ? z / alpha[i]! : 0)) });
    }
    return result;
  } finally {
    backend.destroyBuffer(none);
  }
}
