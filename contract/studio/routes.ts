/**
 * URLs of binary resources, built here alone so that renderer and host cannot disagree. All are GET, answer HEAD and ranges, and need
 * the same authority as a procedure. All carry an ETag and are asked for again with it: ids and revisions are those of one
 * project, and the same URL means something else in the next one. Only the page's own files, named by hash, are `immutable`.
 */
const enc = encodeURIComponent;

/** The mask set that shows the objects themselves, as corrected by people. */
export const OBJECT_MASKS = '@objects';

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
  /**
   * How much of each pixel of a frame belongs to an object, as a grey PNG (JPEG with `width`), white at 1: the newest lift's word
   * on the model, times its confidence.
   */
  heat: (splatsId: number, captureId: number, frameId: string, objectId: number, revision: number, width?: number) =>
    `/data/splats/${splatsId}/frames/${captureId}/${enc(frameId)}?channel=membership&object=${objectId}&revision=${revision}${width === undefined ? '' : `&width=${width}`}`,
  /** Raw relevancy of a query in a frame, grey: black 0, white 1, whatever the frame shows. `map`: of `QueryAnswer`. */
  relevancy: (splatsId: number, captureId: number, frameId: string, map: string, width?: number) =>
    `/data/splats/${splatsId}/frames/${captureId}/${enc(frameId)}?channel=relevancy&map=${enc(map)}${width === undefined ? '' : `&width=${width}`}`,
  /** POST a `ViewImageRequest` as JSON, get an image: the model from a free camera. Latest wins per `stream`. */
  view: (splatsId: number) => `/data/splats/${splatsId}/view`,
  /** The model as a splat PLY (for Spark and for saving). */
  splatsPly: (splatsId: number) => `/data/splats/${splatsId}/scene.ply`,
  /** Sparse points: float32 [M, 3], then uint8 [M, 3]. */
  points: (captureId: number) => `/data/captures/${captureId}/points`,
  preview: (jobId: number, preview: number) => `/data/jobs/${jobId}/previews/${preview}`,
  observations: (captureId: number, revision: number) =>
    `/data/captures/${captureId}/observations?revision=${revision}`,
  /**
   * Ids of one frame as 8-bit RGB PNG without a colour profile: id = R + 256 G + 65536 B, 0 none (a browser's canvas gives back
   * no more than 8 bits a channel). `set`: {@link OBJECT_MASKS} for objects (ids of `objects.list`), else a name of
   * `masks.list` (ids of its segments).
   */
  masks: (captureId: number, frameId: string, set: string, revision: number) =>
    `/data/captures/${captureId}/masks/${enc(set)}/${enc(frameId)}?revision=${revision}`,
} as const;
