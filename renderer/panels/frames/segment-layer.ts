/** Click to segment in the frame: clicks, what they select, and a cross for the keyboard. */
import type { SegmentState, Studio } from '../../state/index.ts';
import {
  addPoint,
  type DrawnMask,
  drawCrosshair,
  drawnMask,
  drawPoint,
  drawSegment,
  followCrosshair,
  frameView,
  SEGMENT_COLOR,
} from '../../tools/index.ts';
import type { Box } from './zoom.ts';

interface Options {
  readonly redraw: () => void;
  /** From CSS pixels of the canvas to pixels of the frame. */
  readonly toFrame: (x: number, y: number) => { x: number; y: number } | undefined;
  readonly size: () => Box | undefined;
}

export class SegmentLayer {
  private readonly studio: Studio;
  private readonly options: Options;
  private readonly stops: (() => void)[];
  private drawn: DrawnMask | undefined;
  /** CSS pixels of the canvas. */
  private cross: { x: number; y: number } | null = null;

  constructor(studio: Studio, canvas: HTMLCanvasElement, options: Options) {
    this.studio = studio;
    this.options = options;
    this.stops = [
      studio.segment.subscribe((now: SegmentState, before: SegmentState) => {
        if (now.active !== before.active || now.points !== before.points || now.frameMask !== before.frameMask)
          options.redraw();
      }),
      followCrosshair(canvas, {
        active: () => this.active,
        move: (at) => {
          this.cross = at;
          options.redraw();
        },
        click: (x, y, positive) => {
          const at = options.toFrame(x, y);
          if (at !== undefined) this.click(at.x, at.y, positive);
        },
      }),
    ];
  }

  get active(): boolean {
    return this.studio.segment.getState().active;
  }

  /** In pixels of the frame; nothing outside of it. */
  click(x: number, y: number, positive: boolean): void {
    const size = this.options.size();
    const view = frameView(this.studio);
    if (size === undefined || view === null || x < 0 || y < 0 || x >= size.width || y >= size.height) return;
    addPoint(this.studio, { x, y, positive, view, position: null });
  }

  /** The context's unit is a pixel of the frame; `scale` device pixels each, `origin` in CSS pixels. */
  draw(context: CanvasRenderingContext2D, image: Box, scale: number, origin: { x: number; y: number }): void {
    const { active, points, frameMask } = this.studio.segment.getState();
    const frame = frameView(this.studio);
    if (!active || frame === null) return;
    const mask = frameMask?.frameId === frame.frameId ? frameMask.mask : undefined;
    if (mask !== this.drawn?.mask) this.drawn = mask === undefined ? undefined : drawnMask(mask, SEGMENT_COLOR);
    if (this.drawn !== undefined && mask !== undefined) {
      context.save();
      context.scale(image.width / mask.width, image.height / mask.height);
      drawSegment(context, this.drawn, (mask.width / image.width) * (devicePixelRatio / scale));
      context.restore();
    }
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    for (const { x, y, positive, view } of points) {
      if (!('frameId' in view) || view.frameId !== frame.frameId) continue;
      drawPoint(context, x * scale + origin.x * devicePixelRatio, y * scale + origin.y * devicePixelRatio, positive);
    }
    if (this.cross !== null) drawCrosshair(context, this.cross.x * devicePixelRatio, this.cross.y * devicePixelRatio);
    context.restore();
  }

  dispose(): void {
    for (const stop of this.stops) stop();
  }
}
