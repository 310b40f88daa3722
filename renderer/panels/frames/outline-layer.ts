/** Masks of the selected objects that are no segments of the frame: carried over in 3D, or amodal. Outlines, dashed or dotted. */
import { decodeCounts, forEachRun, type ObjectOutline } from '../../../contract/index.ts';
import type { Studio } from '../../state/index.ts';
import { outlinesOf, pathOf } from '../../tools/index.ts';
import type { Box } from './zoom.ts';

/** Of more objects nobody looks at outlines. */
const MAX_OBJECTS = 50;

interface Drawn {
  readonly outline: ObjectOutline;
  readonly path: Path2D;
}

export class OutlineLayer {
  private readonly studio: Studio;
  private readonly redraw: () => void;
  private readonly stops: (() => void)[];
  private drawn: readonly Drawn[] = [];
  private asked: AbortController | undefined;
  private key = '';

  constructor(studio: Studio, redraw: () => void) {
    this.studio = studio;
    this.redraw = redraw;
    this.stops = [
      studio.selection.subscribe(() => this.update()),
      studio.records.subscribe(() => this.update()),
      studio.view.subscribe(() => this.update()),
    ];
    this.update();
  }

  private update(): void {
    const { frame, objects, playing } = this.studio.selection.getState();
    const { objects: record } = this.studio.records.getState();
    const shown = record.status === 'ready' && this.studio.view.getState().frames.instances && !playing;
    const ids = shown ? objects.slice(-MAX_OBJECTS) : [];
    const key = ids.length === 0 || record.status !== 'ready' ? '' : `${frame} ${record.value.revision} ${ids.join()}`;
    if (key === this.key) return;
    this.key = key;
    this.asked?.abort();
    if (this.drawn.length > 0) {
      this.drawn = [];
      this.redraw();
    }
    if (key === '') return;
    const controller = new AbortController();
    this.asked = controller;
    this.studio.transport
      .call('tracks.outlines', { position: frame, ids }, { signal: controller.signal })
      .then(({ outlines }) => {
        if (controller.signal.aborted) return;
        this.drawn = outlines.map((outline) => ({ outline, path: pathOf(linesOf(outline)) }));
        if (this.drawn.length > 0) this.redraw();
      })
      // They are an aid: without them the frame is complete.
      .catch(() => undefined);
  }

  /** The context's unit is a pixel of the frame; `scale` device pixels each. */
  draw(context: CanvasRenderingContext2D, image: Box, scale: number): void {
    for (const { outline, path } of this.drawn) {
      const pixel = (outline.width / image.width) * (devicePixelRatio / scale);
      context.save();
      context.scale(image.width / outline.width, image.height / outline.height);
      context.setLineDash((outline.kind === 'carried' ? [5, 4] : [1.5, 3]).map((length) => length * pixel));
      context.lineWidth = 4 * pixel;
      context.strokeStyle = 'rgb(0 0 0 / 0.6)';
      context.stroke(path);
      context.lineWidth = 2 * pixel;
      context.strokeStyle = this.colorOf(outline.objectId);
      context.stroke(path);
      context.restore();
    }
  }

  private colorOf(id: number): string {
    const { objects } = this.studio.records.getState();
    const found = objects.status === 'ready' ? objects.value.objects.find((object) => object.id === id) : undefined;
    return found?.color ?? '#ffffff';
  }

  dispose(): void {
    this.asked?.abort();
    for (const stop of this.stops) stop();
  }
}

function linesOf({ rle, width, height }: ObjectOutline): readonly number[] {
  const ids = new Uint32Array(width * height);
  forEachRun(decodeCounts(rle, width * height), (start, end) => ids.fill(1, start, end));
  return outlinesOf(ids, width, height).get(1) ?? [];
}
