import { z } from 'zod';
import { initialView, type ViewState } from './view.ts';

const base = z.enum(['photo', 'render', 'residual', 'depth']);
const fraction = z.number().min(0).max(1);
const { frames, scene } = initialView;

/** Stored by this or an older version: whatever is missing or not understood is the default. */
const viewSettingsSchema = z.object({
  theme: z.enum(['system', 'dark', 'light']).catch(initialView.theme),
  frames: z
    .object({
      base: base.catch(frames.base),
      compareWith: base.catch(frames.compareWith),
      compare: z.enum(['off', 'blend', 'split']).catch(frames.compare),
      blend: fraction.catch(frames.blend),
      split: fraction.catch(frames.split),
      instances: z.boolean().catch(frames.instances),
      instancesOpacity: fraction.catch(frames.instancesOpacity),
      masksCompare: z.boolean().catch(frames.masksCompare),
      heat: z.boolean().catch(frames.heat),
      relevancy: z.boolean().catch(frames.relevancy),
      relevancyOpacity: fraction.catch(frames.relevancyOpacity),
    })
    .catch(frames),
  scene: z
    .object({
      splats: z.boolean().catch(scene.splats),
      points: z.boolean().catch(scene.points),
      cameras: z.boolean().catch(scene.cameras),
      objects: z.boolean().catch(scene.objects),
      tint: z.enum(['off', 'mixed', 'flat']).catch(scene.tint),
      isolate: z.boolean().catch(scene.isolate),
      relevancy: z.boolean().catch(scene.relevancy),
      mode: z.enum(['orbit', 'fly']).catch(scene.mode),
      followFrame: z.boolean().catch(scene.followFrame),
      renderer: z.enum(['auto', 'spark', 'images']).catch(scene.renderer),
    })
    .catch(scene),
  playbackFps: z.number().min(1).max(120).catch(initialView.playbackFps),
});

/** The view as it was left; the defaults where nothing usable was stored. */
export function parseView(value: unknown): ViewState {
  const parsed = viewSettingsSchema.safeParse(value);
  return parsed.success ? parsed.data : initialView;
}
