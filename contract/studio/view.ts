/** The free camera of the Scene panel, drawn by our own rasteriser in the view worker. */
import { z } from 'zod';

const finite = z.number();

export const viewImageRequestSchema = z.object({
  /** Requests of one stream replace one another; two panels use two streams. */
  stream: z.string().min(1).max(100),
  /** Pixels of the answer. */
  width: z.int().min(1).max(4096),
  height: z.int().min(1).max(4096),
  /** Focal length in pixels of the answer; the principal point is its centre. */
  focal: z.number().positive().max(1e6),
  /** wxyz, and scene units; OpenCV axes. */
  cameraFromWorld: z.object({
    quaternion: z.tuple([finite, finite, finite, finite]),
    translation: z.tuple([finite, finite, finite]),
  }),
  channel: z.enum(['colour', 'depth', 'alpha']).default('colour'),
  /** `moving`: as coarse as it takes to keep up. `rest`: exact. */
  quality: z.enum(['moving', 'rest']),
});
export type ViewImageRequest = z.infer<typeof viewImageRequestSchema>;

/** Status of an answer to a request that a newer one of its stream has replaced: no content, and no error. */
export const SUPERSEDED_STATUS = 204;

export const viewPickRequestSchema = viewImageRequestSchema
  .omit({ stream: true, channel: true, quality: true })
  .extend({
    splatsId: z.int().min(0),
    /** Pixels of the view. */
    x: z.number().min(0),
    y: z.number().min(0),
  });
export const viewPickResultSchema = z
  .object({
    gaussian: z.int().min(0),
    /** World coordinates of the surface under the pixel. */
    position: z.tuple([finite, finite, finite]),
    depth: z.number(),
    alpha: z.number(),
    /** Null before a lift. */
    objectId: z.int().nullable(),
  })
  .nullable();
export type ViewPickResult = z.infer<typeof viewPickResultSchema>;
