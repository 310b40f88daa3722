/**
 * Images of the model from the free camera, drawn by our own rasteriser in the view worker. One request is under way at a
 * time and the newest camera is next; when the camera rests, the exact image follows.
 */
import { routes, SUPERSEDED_STATUS, type ViewImageRequest } from '../../../contract/index.ts';
import type { CameraState } from '../../state/index.ts';
import { viewRequest } from './geometry.ts';

/** After the last movement, before the exact image is asked for. */
const REST_MS = 150;
/** A wider panel gets an image of this width, stretched: the worker's time goes with the pixels. */
const MAX_SIDE = 1920;

export interface ViewedImage {
  readonly blob: Blob;
  /** The camera it was drawn for: what lies over the image must be drawn for the same. */
  readonly camera: CameraState;
  readonly quality: 'moving' | 'rest';
  /** From request to answer. */
  readonly milliseconds: number;
}

export interface ImageStreamOptions {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly onImage: (image: ViewedImage) => void;
  readonly onFailure: (error: unknown) => void;
  /** True while an exact image is still to come. */
  readonly onBusy: (busy: boolean) => void;
}

type ObjectLook = NonNullable<ViewImageRequest['objects']> | null;

interface Wanted {
  readonly splatsId: number;
  readonly objects: ObjectLook;
  readonly camera: CameraState;
  readonly width: number;
  readonly height: number;
  /** When the camera counts as resting, by `performance.now()`. */
  readonly restAt: number;
  /** Best image that has been shown of it. */
  shown: 'none' | 'moving' | 'rest';
}

export class ImageStream {
  private readonly options: ImageStreamOptions;
  private readonly stream = `scene-${crypto.randomUUID()}`;
  private wanted: Wanted | undefined;
  private underWay: { readonly abort: AbortController; readonly quality: 'moving' | 'rest' } | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ImageStreamOptions) {
    this.options = options;
  }

  /** @param moving false asks for the exact image at once. Sizes in device pixels. */
  show(
    splatsId: number,
    camera: CameraState,
    width: number,
    height: number,
    moving: boolean,
    objects: ObjectLook = null,
  ): void {
    const shrink = Math.min(1, MAX_SIDE / Math.max(width, height));
    this.wanted = {
      splatsId,
      objects,
      camera,
      width: Math.max(1, Math.round(width * shrink)),
      height: Math.max(1, Math.round(height * shrink)),
      restAt: performance.now() + (moving ? REST_MS : 0),
      shown: 'none',
    };
    this.options.onBusy(true);
    // A coarse image that is under way is waited for: it is what keeps the picture moving. An exact one gives way.
    if (this.underWay?.quality === 'rest') this.stop();
    this.next();
  }

  clear(): void {
    this.wanted = undefined;
    this.stop();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.underWay?.abort.abort();
    this.underWay = undefined;
  }

  /** Starts what is due, or waits for it. */
  private next(): void {
    clearTimeout(this.timer);
    const { wanted } = this;
    if (wanted === undefined || this.underWay !== undefined) return;
    if (wanted.shown === 'rest') {
      this.options.onBusy(false);
      return;
    }
    const restsIn = wanted.restAt - performance.now();
    if (restsIn <= 0) void this.fetch(wanted, 'rest');
    else if (wanted.shown === 'none') void this.fetch(wanted, 'moving');
    else this.timer = setTimeout(() => this.next(), restsIn);
  }

  private async fetch(wanted: Wanted, quality: 'moving' | 'rest'): Promise<void> {
    const abort = new AbortController();
    this.underWay = { abort, quality };
    const started = performance.now();
    const { splatsId, camera, width, height, objects } = wanted;
    const look = objects === null ? {} : { objects };
    const body = { stream: this.stream, channel: 'colour', quality, ...viewRequest(camera, width, height), ...look };
    try {
      const response = await this.options.fetch(routes.view(splatsId), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: abort.signal,
      });
      // What another request of the stream has replaced is not tried again as it was: the exact one follows.
      wanted.shown = response.status === SUPERSEDED_STATUS ? 'moving' : quality;
      const blob = response.status === SUPERSEDED_STATUS ? undefined : await response.blob();
      if (abort.signal.aborted) return;
      if (blob !== undefined) {
        this.options.onImage({ blob, camera, quality, milliseconds: performance.now() - started });
      }
    } catch (error) {
      if (abort.signal.aborted) return;
      this.underWay = undefined;
      this.wanted = undefined;
      this.options.onBusy(false);
      this.options.onFailure(error);
      return;
    }
    this.underWay = undefined;
    this.next();
  }
}
