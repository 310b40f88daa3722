/** The image of the current frame on a canvas: what is shown, where, and over what. No React in here. */
import { type FrameColumns, OBJECT_MASKS, routes } from '../../../contract/index.ts';
import { type FrameLayer, failureOf, type Studio, type ViewState } from '../../state/index.ts';
import { RelevancyLayers, type RelevancyMap } from '../../tools/index.ts';
import { BitmapCache, type LoadedImage } from './bitmaps.ts';
import { drawGrid } from './grid.ts';
import { heatTable, paintHeat } from './heat.ts';
import { OutlineLayer } from './outline-layer.ts';
import { drawOverlay, idAt, loadOverlay, type MaskLayer, type Overlay } from './overlay.ts';
import { SegmentLayer } from './segment-layer.ts';
import {
  atScale,
  type Box,
  fitView,
  GRID_FROM,
  type ImageView,
  PIXELATED_FROM,
  pannedBy,
  toImage,
  toPanel,
  zoomAround,
} from './zoom.ts';

type Base = Exclude<FrameLayer, 'instances'>;

export interface Source {
  readonly frames: FrameColumns;
  readonly splatsId: number | null;
  /** Masks of the overlay; null where there are none. */
  readonly masks: MaskLayer | null;
  /** Masks on the left of the divider while masks are compared; null while they are not. */
  readonly before: MaskLayer | null;
  /** Part of the masks' URLs. */
  readonly revision: number;
  /** The object whose heat map is shown; null for none. */
  readonly heat: number | null;
  /** Maps of queries, the last one on top: `QueryAnswer.map` and how it is painted. */
  readonly relevancy: readonly (Omit<RelevancyMap, 'url'> & { readonly map: string })[];
}

/** What the status line tells. */
export interface PainterStatus {
  readonly scale: number;
  /** Layers that are still on their way. */
  readonly loading: boolean;
  readonly failure: unknown;
  readonly depth: { readonly near: number; readonly far: number } | null;
  readonly pointer: { readonly x: number; readonly y: number; readonly rgb: readonly number[] | null } | null;
  /** The heat map is on the screen. */
  readonly heat: boolean;
  /** So are the maps of all queries that are wanted. */
  readonly relevancy: boolean;
}

interface Heat {
  readonly url: string;
  readonly image: ImageBitmap;
}

type MaskSide = 'masks' | 'before';

/** Frames on either side of the current one whose photos are decoded ahead. */
const PREFETCH = 3;
/** A press that moves less is a click, CSS pixels. */
const CLICK_SLOP_PX = 4;
const ZOOM_PER_PX = Math.LN2 / 180;
/** The photo stays visible under the heat map. */
const HEAT_OPACITY = 0.75;
/** How near the divider a press takes it, CSS pixels. */
const DIVIDER_REACH_PX = 8;

export class Painter {
  private readonly canvas: HTMLCanvasElement;
  private readonly studio: Studio;
  private readonly onStatus: (status: PainterStatus) => void;
  private readonly cache: BitmapCache;
  private readonly stop = new AbortController();
  private readonly stops: (() => void)[] = [];
  private readonly probe = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  private source: Source | undefined;
  private view: ImageView | undefined;
  /** Last decoded image of each side: it stays until the next one is there, so that stepping does not flicker. */
  private readonly shown: { a?: LoadedImage; b?: LoadedImage } = {};
  private readonly overlays: { masks?: Overlay; before?: Overlay } = {};
  private heat: Heat | undefined;
  private readonly relevancy: RelevancyLayers;
  private readonly heatColors = heatTable();
  private readonly segment: SegmentLayer;
  private readonly outlines: OutlineLayer;
  /** Frame that side a shows. */
  private shownFrame: number | undefined;
  private wanted = '';
  private status: PainterStatus = {
    scale: 1,
    loading: false,
    failure: null,
    depth: null,
    pointer: null,
    heat: false,
    relevancy: false,
  };
  private requested = 0;

  constructor(canvas: HTMLCanvasElement, studio: Studio, onStatus: (status: PainterStatus) => void) {
    this.canvas = canvas;
    this.studio = studio;
    this.onStatus = onStatus;
    this.outlines = new OutlineLayer(studio, () => this.redraw());
    this.segment = new SegmentLayer(studio, canvas, {
      redraw: () => this.redraw(),
      toFrame: (x, y) => {
        const view = this.currentView();
        return view === undefined ? undefined : toImage(view, this.panelBox(), x, y);
      },
      size: () => this.imageBox(),
    });
    this.cache = new BitmapCache((url, init) => studio.transport.fetch(url, init));
    this.relevancy = new RelevancyLayers(
      async (url) => (await this.cache.load(url)).bitmap,
      () => this.redraw(),
    );
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.panelElement);
    const theme = new MutationObserver(() => this.redraw());
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    this.stops.push(
      () => observer.disconnect(),
      () => theme.disconnect(),
      studio.selection.subscribe((now, before) => {
        if (now.frame !== before.frame) this.update();
        else if (now.objects !== before.objects || now.hoveredObject !== before.hoveredObject) this.redraw();
      }),
      studio.view.subscribe((now, before) => {
        if (now.frames !== before.frames) this.update();
      }),
    );
    this.listen();
  }

  setSource(source: Source): void {
    const other = source.frames !== this.source?.frames;
    const before = this.source;
    this.source = source;
    if (other) {
      delete this.shown.a;
      delete this.shown.b;
      this.view = undefined;
    }
    if (other || source.masks !== before?.masks) this.dropOverlay('masks');
    if (other || source.before !== before?.before) this.dropOverlay('before');
    this.wanted = '';
    this.update();
  }

  fit(): void {
    this.view = undefined;
    this.redraw();
  }

  onePixelPerPixel(): void {
    const view = this.currentView();
    if (view !== undefined) this.view = atScale(view, 1 / devicePixelRatio);
    this.redraw();
  }

  zoomBy(factor: number): void {
    const [view, image] = [this.currentView(), this.imageBox()];
    const { width, height } = this.panelBox();
    if (view !== undefined && image !== undefined) {
      this.view = zoomAround(view, { width, height }, image, width / 2, height / 2, factor);
    }
    this.redraw();
  }

  dispose(): void {
    this.stop.abort();
    cancelAnimationFrame(this.requested);
    for (const stop of this.stops) stop();
    this.dropOverlay('masks');
    this.dropOverlay('before');
    this.dropHeat();
    this.segment.dispose();
    this.outlines.dispose();
    this.cache.dispose();
  }

  private get panelElement(): HTMLElement {
    return this.canvas.parentElement ?? this.canvas;
  }

  private panelBox(): Box {
    return { width: this.panelElement.clientWidth, height: this.panelElement.clientHeight };
  }

  /** Size of the frame in its own pixels, known before any image is. */
  private imageBox(): Box | undefined {
    if (this.source === undefined) return undefined;
    const { frame } = this.studio.selection.getState();
    const [width, height] = this.source.frames.intrinsics.slice(6 * frame, 6 * frame + 2);
    return width === undefined || height === undefined ? undefined : { width, height };
  }

  private currentView(): ImageView | undefined {
    const image = this.imageBox();
    if (image === undefined) return undefined;
    return this.view === undefined || this.view.fit ? fitView(this.panelBox(), image) : this.view;
  }

  private urlOf(layer: Base, frame: number): string | null {
    const { source } = this;
    const id = source?.frames.ids[frame];
    if (source === undefined || id === undefined) return null;
    const { captureId } = source.frames;
    if (layer === 'photo') return routes.photo(captureId, id);
    if (source.splatsId === null) return null;
    return routes.render(source.splatsId, captureId, id, layer === 'render' ? 'colour' : layer);
  }

  /** Asks for what the view needs; what is there is drawn at once. */
  private update(): void {
    const { source, studio } = this;
    if (source === undefined) return;
    const { frame } = studio.selection.getState();
    const view = studio.view.getState().frames;
    const a = this.urlOf(view.base, frame);
    const b = view.compare === 'off' ? null : this.urlOf(view.compareWith, frame);
    const id = source.frames.ids[frame];
    const masksOf = (layer: MaskLayer | null): string | null =>
      view.instances && layer !== null && id !== undefined
        ? routes.masks(source.frames.captureId, id, layer.set, source.revision)
        : null;
    const masks = masksOf(source.masks);
    const before = masksOf(source.before);
    const heat =
      source.heat !== null && source.splatsId !== null && id !== undefined
        ? routes.heat(source.splatsId, source.frames.captureId, id, source.heat, source.revision)
        : null;
    const relevancy = this.relevancyOf(id);
    const maps = relevancy.map(({ url }) => url);
    const key = [a, b, masks, before, heat, ...maps].join(' ');
    if (key === this.wanted) {
      void this.showRelevancy(relevancy, key);
      this.redraw();
      return;
    }
    this.wanted = key;
    const ahead = view.base === 'photo' ? this.neighbours(frame) : [];
    this.cache.keepLoading(new Set([a, b, masks, before, heat, ...maps, ...ahead].filter((url) => url !== null)));
    if (b === null) delete this.shown.b;
    if (masks === null) this.dropOverlay('masks');
    if (before === null) this.dropOverlay('before');
    if (heat === null) this.dropHeat();
    this.tell({ failure: null });
    const first = this.show('a', a, key);
    // Not after the masks: whoever steps faster than those arrive would never find the next photo decoded.
    void first.then(() => {
      if (this.wanted === key) for (const url of ahead) this.cache.load(url).catch(() => undefined);
    });
    const work = [
      first,
      ...(b === null ? [] : [this.show('b', b, key)]),
      this.showMasks('masks', masks, key),
      this.showMasks('before', before, key),
      this.showHeat(heat, key),
      this.showRelevancy(relevancy, key),
    ];
    this.tell({ loading: true });
    void Promise.all(work).then(() => {
      if (this.wanted !== key) return;
      this.tell({ loading: false });
    });
    this.redraw();
  }

  private relevancyOf(frameId: string | undefined): readonly RelevancyMap[] {
    const { source } = this;
    if (source === undefined || source.splatsId === null || frameId === undefined) return [];
    const { splatsId, frames } = source;
    return source.relevancy.map(({ map, ...look }) => ({
      ...look,
      url: routes.relevancy(splatsId, frames.captureId, frameId, map),
    }));
  }

  private async showRelevancy(maps: readonly RelevancyMap[], key: string): Promise<void> {
    try {
      await this.relevancy.show(maps);
      if (this.wanted === key) this.tell({ relevancy: this.relevancy.complete });
    } catch (error) {
      if (this.wanted === key) this.studio.toastFailure(failureOf(error));
    }
  }

  private neighbours(frame: number): string[] {
    const urls: (string | null)[] = [];
    for (let away = 1; away <= PREFETCH; away++)
      urls.push(this.urlOf('photo', frame + away), this.urlOf('photo', frame - away));
    return urls.filter((url) => url !== null);
  }

  private async show(side: 'a' | 'b', url: string | null, key: string): Promise<void> {
    if (url === null) {
      delete this.shown[side];
      return;
    }
    const ready = this.cache.peek(url);
    try {
      const image = ready ?? (await this.cache.load(url));
      if (this.wanted !== key) return;
      this.shown[side] = image;
      if (side === 'a') this.shownFrame = this.studio.selection.getState().frame;
      const near = Number(image.headers.get('x-depth-near'));
      const far = Number(image.headers.get('x-depth-far'));
      if (side === 'a') this.tell({ depth: image.headers.has('x-depth-near') ? { near, far } : null });
      this.redraw();
    } catch (error) {
      if (this.wanted !== key) return;
      delete this.shown[side];
      this.tell({ failure: error, depth: null });
      this.redraw();
    }
  }

  private async showMasks(side: MaskSide, url: string | null, key: string): Promise<void> {
    const layer = this.source?.[side] ?? null;
    const known = this.overlays[side];
    if (url === null || layer === null || (known?.url === url && known.layer === layer)) return;
    try {
      const overlay = await loadOverlay(this.cache, url, layer);
      if (this.wanted !== key) {
        overlay.fill.close();
        return;
      }
      this.dropOverlay(side);
      this.overlays[side] = overlay;
    } catch {
      // A frame without masks, or masks that cannot be read: the photo is shown without.
      if (this.wanted === key) this.dropOverlay(side);
    }
    this.redraw();
  }

  private dropOverlay(side: MaskSide): void {
    this.overlays[side]?.fill.close();
    delete this.overlays[side];
  }

  private async showHeat(url: string | null, key: string): Promise<void> {
    if (url === null || this.heat?.url === url) return;
    try {
      const { bitmap } = await this.cache.load(url);
      const { width, height } = bitmap;
      const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
      if (context === null) return;
      context.drawImage(bitmap, 0, 0);
      const pixels = context.getImageData(0, 0, width, height);
      paintHeat(pixels.data, this.heatColors);
      const image = await createImageBitmap(pixels);
      if (this.wanted !== key) {
        image.close();
        return;
      }
      this.dropHeat();
      this.heat = { url, image };
      this.tell({ heat: true });
    } catch (error) {
      if (this.wanted === key) {
        this.dropHeat();
        this.studio.toastFailure(failureOf(error));
      }
    }
    this.redraw();
  }

  private dropHeat(): void {
    this.heat?.image.close();
    this.heat = undefined;
    this.tell({ heat: false });
  }

  private tell(change: Partial<PainterStatus>): void {
    const next = { ...this.status, ...change };
    const same = (Object.keys(change) as (keyof PainterStatus)[]).every((key) =>
      Object.is(next[key], this.status[key]),
    );
    if (same) return;
    this.status = next;
    this.onStatus(next);
  }

  private resize(): void {
    const { width, height } = this.panelBox();
    this.canvas.width = Math.max(1, Math.round(width * devicePixelRatio));
    this.canvas.height = Math.max(1, Math.round(height * devicePixelRatio));
    this.draw();
  }

  private redraw(): void {
    if (this.requested === 0) this.requested = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    cancelAnimationFrame(this.requested);
    this.requested = 0;
    const context = this.canvas.getContext('2d');
    const panel = this.panelBox();
    const image = this.imageBox();
    const view = this.currentView();
    if (context === null) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (image === undefined || view === undefined || panel.width === 0) return;
    this.tell({ scale: view.scale * devicePixelRatio });

    const origin = toPanel(view, panel, 0, 0);
    const scale = view.scale * devicePixelRatio;
    context.setTransform(scale, 0, 0, scale, origin.x * devicePixelRatio, origin.y * devicePixelRatio);
    context.imageSmoothingEnabled = scale < PIXELATED_FROM;
    context.imageSmoothingQuality = 'high';
    const settings = this.studio.view.getState().frames;
    this.drawSides(context, image, settings);
    // For tests and measurements: which frame is on the screen.
    this.canvas.dataset.shown = this.shown.a === undefined ? '' : String(this.shownFrame);
    if (scale >= GRID_FROM) drawGrid(context, view, panel, image, scale);
    if (this.heat !== undefined) {
      context.globalAlpha = HEAT_OPACITY;
      context.drawImage(this.heat.image, 0, 0, image.width, image.height);
      context.globalAlpha = 1;
    }
    this.relevancy.draw(context, image, settings.relevancyOpacity);
    if (settings.instances) this.drawMasks(context, image, settings, scale);
    if (this.divided()) {
      const x = settings.split * image.width;
      context.fillStyle = '#ffffff';
      context.fillRect(x - 1 / view.scale, 0, 2 / view.scale, image.height);
    }
    this.outlines.draw(context, image, scale);
    this.segment.draw(context, image, scale, origin);
  }

  private drawSides(context: CanvasRenderingContext2D, image: Box, settings: ViewState['frames']): void {
    const { a, b } = this.shown;
    if (a !== undefined) context.drawImage(a.bitmap, 0, 0, image.width, image.height);
    if (b === undefined || settings.compare === 'off') return;
    context.save();
    if (settings.compare === 'blend') context.globalAlpha = settings.blend;
    else {
      context.beginPath();
      context.rect(settings.split * image.width, 0, image.width, image.height);
      context.clip();
    }
    context.drawImage(b.bitmap, 0, 0, image.width, image.height);
    context.restore();
  }

  private drawMasks(context: CanvasRenderingContext2D, image: Box, settings: ViewState['frames'], scale: number): void {
    const { objects, hoveredObject } = this.studio.selection.getState();
    const divided = this.source !== undefined && this.source.before !== null;
    const at = settings.split * image.width;
    const painted = this.heat !== undefined || !this.relevancy.empty;
    for (const side of ['before', 'masks'] as const) {
      const overlay = this.overlays[side];
      if (overlay === undefined) continue;
      const byObjects = overlay.layer.set === OBJECT_MASKS;
      context.save();
      if (divided) {
        context.beginPath();
        if (side === 'before') context.rect(0, 0, at, image.height);
        else context.rect(at, 0, image.width - at, image.height);
        context.clip();
      }
      drawOverlay(context, overlay, image, {
        // Two sorts of colours over one another say nothing.
        opacity: painted ? 0 : settings.instancesOpacity,
        marked: (id) => byObjects && (objects.includes(id) || hoveredObject === id),
        markedOnly: painted,
        scale,
      });
      context.restore();
    }
  }

  /** Object under an image point; 0 where there is none or the overlay shows something else. */
  private objectAt(x: number, y: number, image: Box): number {
    const settings = this.studio.view.getState().frames;
    const left = this.source?.before != null && x < settings.split * image.width;
    const overlay = this.overlays[left ? 'before' : 'masks'];
    if (overlay === undefined || overlay.layer.set !== OBJECT_MASKS || !settings.instances) return 0;
    return idAt(overlay, x, y, image);
  }

  /** Something is split at the divider. */
  private divided(): boolean {
    const settings = this.studio.view.getState().frames;
    const images = settings.compare === 'split' && this.shown.b !== undefined;
    return images || (settings.instances && this.source?.before != null);
  }

  private local(event: MouseEvent): [number, number] {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  private listen(): void {
    const { canvas, studio } = this;
    const options = { signal: this.stop.signal };
    let drag:
      | { kind: 'pan' | 'split'; x: number; y: number; startX: number; startY: number; moved: boolean }
      | undefined;

    canvas.addEventListener(
      'pointerdown',
      (event) => {
        if (event.button > 1 && !(event.button === 2 && this.segment.active)) return;
        const [x, y] = this.local(event);
        canvas.setPointerCapture(event.pointerId);
        const kind = this.nearDivider(x) ? 'split' : 'pan';
        drag = { kind, x, y, startX: x, startY: y, moved: false };
      },
      options,
    );
    canvas.addEventListener(
      'pointermove',
      (event) => {
        const [x, y] = this.local(event);
        const [view, image, panel] = [this.currentView(), this.imageBox(), this.panelBox()];
        if (view === undefined || image === undefined) return;
        if (drag === undefined) {
          canvas.style.cursor = this.nearDivider(x) ? 'ew-resize' : '';
          this.point(x, y);
          return;
        }
        if (!drag.moved && Math.hypot(x - drag.startX, y - drag.startY) < CLICK_SLOP_PX) return;
        drag.moved = true;
        if (drag.kind === 'split') {
          studio.setFramesView({ split: Math.max(0, Math.min(1, toImage(view, panel, x, y).x / image.width)) });
        } else {
          this.view = pannedBy(view, image, x - drag.x, y - drag.y);
          canvas.style.cursor = 'grabbing';
          this.redraw();
        }
        drag = { ...drag, x, y };
      },
      options,
    );
    canvas.addEventListener(
      'pointerup',
      (event) => {
        const click = drag !== undefined && !drag.moved && drag.kind === 'pan' && event.button !== 1;
        drag = undefined;
        canvas.style.cursor = '';
        const [view, image] = [this.currentView(), this.imageBox()];
        if (!click || view === undefined || image === undefined) return;
        const at = toImage(view, this.panelBox(), ...this.local(event));
        if (this.segment.active) {
          this.segment.click(at.x, at.y, event.button === 0 && !event.altKey);
          return;
        }
        const id = this.objectAt(at.x, at.y, image);
        if (id !== 0) studio.selectObjects([id], event.ctrlKey || event.metaKey ? 'toggle' : 'replace');
        else if (!event.ctrlKey && !event.metaKey) studio.selectObjects([]);
      },
      options,
    );
    canvas.addEventListener(
      'pointerleave',
      () => {
        studio.hoverObject(null);
        this.tell({ pointer: null });
      },
      options,
    );
    canvas.addEventListener('contextmenu', (event) => this.segment.active && event.preventDefault(), options);
    canvas.addEventListener(
      'dblclick',
      (event) => {
        if (this.segment.active) return;
        const [view, image] = [this.currentView(), this.imageBox()];
        if (view === undefined || image === undefined) return;
        if (!view.fit) this.view = undefined;
        else {
          const [x, y] = this.local(event);
          this.view = zoomAround(view, this.panelBox(), image, x, y, 1 / devicePixelRatio / view.scale);
        }
        this.redraw();
      },
      options,
    );
    canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        const [view, image] = [this.currentView(), this.imageBox()];
        if (view === undefined || image === undefined) return;
        const pixels = event.deltaMode === 0 ? event.deltaY : event.deltaY * 33;
        const [x, y] = this.local(event);
        this.view = zoomAround(
          view,
          this.panelBox(),
          image,
          x,
          y,
          Math.exp(-Math.max(-300, Math.min(300, pixels)) * ZOOM_PER_PX),
        );
        this.redraw();
        this.point(x, y);
      },
      { ...options, passive: false },
    );
  }

  private nearDivider(x: number): boolean {
    const settings = this.studio.view.getState().frames;
    const [view, image] = [this.currentView(), this.imageBox()];
    if (!this.divided() || view === undefined || image === undefined) return false;
    return Math.abs(toPanel(view, this.panelBox(), settings.split * image.width, 0).x - x) <= DIVIDER_REACH_PX;
  }

  /** Tells what is under the pointer, and highlights its object everywhere. */
  private point(x: number, y: number): void {
    const [view, image] = [this.currentView(), this.imageBox()];
    if (view === undefined || image === undefined) return;
    const at = toImage(view, this.panelBox(), x, y);
    const [column, line] = [Math.floor(at.x), Math.floor(at.y)];
    if (column < 0 || line < 0 || column >= image.width || line >= image.height) {
      this.studio.hoverObject(null);
      this.tell({ pointer: null });
      return;
    }
    const id = this.objectAt(at.x, at.y, image);
    this.studio.hoverObject(id === 0 ? null : id);
    this.tell({ pointer: { x: column, y: line, rgb: this.colorAt(column, line, image) } });
  }

  private colorAt(column: number, line: number, image: Box): number[] | null {
    const bitmap = this.shown.a?.bitmap;
    if (bitmap === undefined || this.probe === null) return null;
    const [sx, sy] = [
      Math.floor((column * bitmap.width) / image.width),
      Math.floor((line * bitmap.height) / image.height),
    ];
    this.probe.drawImage(bitmap, sx, sy, 1, 1, 0, 0, 1, 1);
    return [...this.probe.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
  }
}
