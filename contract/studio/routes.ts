/**
 * URLs of binary resources, built here alone so that renderer and host cannot disagree. All are GET, answer HEAD and ranges, and need
 * the same authority as a procedure. A URL whose contents can never change (it names a hash or a revision) is served
 * `immutable`; the others with an ETag.
 */
const enc = encodeURIComponent;

/** What is drawn for a frame: from the photo, or by our rasteriser from the splat model. */
export type FrameChannel = 'colour' | 'depth' | 'alpha' | 'residual';

export const routes = {
  procedure: (name: string) => `/api/${name}`,
  events: (epoch?: string, after?: number) =>
    epoch === undefined ? '/api/events' : `/api/events?epoch=${enc(epoch)}&after=${after ?? 0}`,
  /** The photo; `width` asks for a smaller one (thumbnails: 160 or 320), absent: as imported. */
  photo: (captureId: number, frameId: string, width?: number) =>
    `/data/captures/${captureId}/photos/${enc(frameId)}${width === undefined ? '' : `?width=${width}`}`,
  /** A photo of a capture that is only being previewed. */
  previewPhoto: (path: string, frame: string, width: number) =>
    `/data/import-preview/photo?path=${enc(path)}&frame=${enc(frame)}&width=${width}`,
  /** The model seen by a frame's camera; depth carries `x-depth-near` and `x-depth-far` headers. */
  render: (splatsId: number, captureId: number, frameId: string, channel: FrameChannel, width?: number) =>
    `/data/splats/${splatsId}/frames/${captureId}/${enc(frameId)}?channel=${channel}${width === undefined ? '' : `&width=${width}`}`,
  /** POST a `ViewImageRequest` as JSON, get an image: the model from a free camera. Latest wins per `stream`. */
  view: (splatsId: number) => `/data/splats/${splatsId}/view`,
  /** The model as a splat PLY (for Spark and for saving). */
  splatsPly: (splatsId: number) => `/data/splats/${splatsId}/scene.ply`,
  /** Sparse points: float32 [M, 3], then uint8 [M, 3]. */
  points: (captureId: number) => `/data/captures/${captureId}/points`,
  preview: (jobId: number, preview: number) => `/data/jobs/${jobId}/previews/${preview}`,
  observations: (captureId: number, revision: number) =>
    `/data/captures/${captureId}/observations?revision=${revision}`,
  /** Instance ids of one frame as 16-bit PNG (id = object id of `objects.list`, 0 none), of a named mask set. */
  masks: (captureId: number, frameId: string, set: string, revision: number) =>
    `/data/captures/${captureId}/masks/${enc(set)}/${enc(frameId)}?revision=${revision}`,
} as const;
