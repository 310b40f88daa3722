import { useEffect, useMemo, useRef } from 'react';
import type { ObjectView } from '../../../contract/index.ts';
import { type Studio, useRecords, useSelection, useStudio } from '../../state/index.ts';
import { drawTimeline, type TimelineColors, type TimelineContents } from './draw.ts';
import {
  clamped,
  fitted,
  GUTTER_WIDTH,
  lanesTop,
  revealingFrame,
  revealingLane,
  type TimelineSize,
  type TimelineView,
  xToFrame,
  yToLane,
  zoomedAt,
} from './layout.ts';
import type { Lanes } from './observations.ts';

interface TimelineCanvasProps {
  lanes: Lanes | null;
  objects: readonly ObjectView[];
  holdout: readonly (0 | 1)[];
  /** Per frame, 0 good to 1 bad; null where nothing was measured. */
  error: Float32Array | null;
}

/** Wheel deltas are pixels on most systems; 300 of them double the zoom. */
const ZOOM_PER_PX = Math.LN2 / 300;
const LINE_PX = 33;

/**
 * Lanes on one canvas. React renders it when records change; scrubbing, playing and panning only redraw, at most once per
 * frame of the screen.
 */
export function TimelineCanvas({ lanes, objects, holdout, error }: TimelineCanvasProps) {
  const studio = useStudio();
  const frame = useSelection((state) => state.frame);
  const count = holdout.length;
  const ref = useRef<HTMLCanvasElement>(null);
  const painter = useRef<Painter | null>(null);
  const laneObject = useMemo(() => {
    const index = new Map<number, number>();
    lanes?.objectIds.forEach((id, i) => {
      index.set(id, i);
    });
    return objects.map(({ id }) => index.get(id) ?? -1);
  }, [lanes, objects]);

  useEffect(() => {
    const canvas = ref.current;
    if (canvas === null) return;
    const made = new Painter(canvas, studio);
    painter.current = made;
    return () => {
      painter.current = null;
      made.dispose();
    };
  }, [studio]);
  useEffect(() => {
    painter.current?.setRecords({ lanes, objects, laneObject, holdout, error });
  }, [lanes, objects, laneObject, holdout, error]);

  const name = useRecords((state) => (state.frames.status === 'ready' ? state.frames.value.names[frame] : undefined));
  return (
    <div
      className="timeline-body"
      role="slider"
      tabIndex={0}
      aria-label="Current frame"
      aria-valuemin={1}
      aria-valuemax={count}
      aria-valuenow={frame + 1}
      aria-valuetext={`Frame ${frame + 1} of ${count}${name === undefined ? '' : `, ${name}`}`}
      onKeyDown={(event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
        if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        studio.step(by);
      }}
    >
      <canvas ref={ref} data-testid="timeline-canvas" />
    </div>
  );
}

type Records = Pick<TimelineContents, 'lanes' | 'objects' | 'laneObject' | 'holdout' | 'error'>;

class Painter {
  private readonly canvas: HTMLCanvasElement;
  private readonly studio: Studio;
  private readonly stop = new AbortController();
  private readonly stops: (() => void)[] = [];
  private records: Records = { lanes: null, objects: [], laneObject: [], holdout: [], error: null };
  private view: TimelineView | undefined;
  private colors: TimelineColors | undefined;
  private requested = 0;
  private drag: 'scrub' | { readonly x: number; readonly y: number; readonly view: TimelineView } | undefined;

  constructor(canvas: HTMLCanvasElement, studio: Studio) {
    this.canvas = canvas;
    this.studio = studio;
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(canvas.parentElement ?? canvas);
    const theme = new MutationObserver(() => {
      this.colors = undefined;
      this.redraw();
    });
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    this.stops.push(
      () => observer.disconnect(),
      () => theme.disconnect(),
      studio.selection.subscribe((now, before) => {
        if (now.frame !== before.frame && this.drag === undefined) this.reveal(now.frame);
        if (now.objects !== before.objects && now.objects.length > 0) this.revealObject(now.objects.at(-1)!);
        this.redraw();
      }),
    );
    this.listen();
  }

  setRecords(records: Records): void {
    const reset = records.holdout.length !== this.records.holdout.length;
    this.records = records;
    if (reset) this.view = undefined;
    else if (this.view !== undefined) this.view = clamped(this.view, this.size());
    this.redraw();
  }

  dispose(): void {
    this.stop.abort();
    cancelAnimationFrame(this.requested);
    for (const stop of this.stops) stop();
  }

  private size(): TimelineSize {
    const { clientWidth, clientHeight } = this.canvas.parentElement ?? this.canvas;
    return {
      width: clientWidth,
      height: clientHeight,
      frames: this.records.holdout.length,
      lanes: this.records.objects.length,
    };
  }

  private resize(): void {
    const { width, height } = this.size();
    this.canvas.width = Math.max(1, Math.round(width * devicePixelRatio));
    this.canvas.height = Math.max(1, Math.round(height * devicePixelRatio));
    if (this.view !== undefined) this.view = clamped(this.view, this.size());
    // Setting the size has cleared it: drawn now, or it would flicker.
    this.draw();
  }

  private redraw(): void {
    if (this.requested !== 0) return;
    this.requested = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    cancelAnimationFrame(this.requested);
    this.requested = 0;
    const context = this.canvas.getContext('2d');
    const size = this.size();
    if (context === null || size.width === 0 || size.height === 0) return;
    this.view ??= fitted(size);
    this.colors ??= readColors(this.canvas);
    const { frame, objects, hoveredObject } = this.studio.selection.getState();
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    const selected = new Set(objects);
    // For tests and measurements: what is on the screen.
    this.canvas.dataset.observations = String(this.records.lanes?.observations ?? 0);
    this.canvas.dataset.frame = String(frame);
    this.canvas.dataset.selected = objects.join(' ');
    this.canvas.dataset.top = String(this.view.top);
    this.canvas.dataset.left = String(this.view.left);
    this.canvas.dataset.frameWidth = String(this.view.pixelsPerFrame);
    drawTimeline(context, size, this.view, { ...this.records, frame, selected, hovered: hoveredObject }, this.colors);
  }

  private setView(view: TimelineView): void {
    this.view = clamped(view, this.size());
    this.redraw();
  }

  private reveal(frame: number): void {
    if (this.view !== undefined) this.view = revealingFrame(this.view, this.size(), frame);
  }

  private revealObject(id: number): void {
    const lane = this.records.objects.findIndex((object) => object.id === id);
    if (lane >= 0 && this.view !== undefined) this.view = revealingLane(this.view, this.size(), lane);
  }

  private local(event: MouseEvent): [number, number] {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  private listen(): void {
    const { canvas, studio } = this;
    const options = { signal: this.stop.signal };
    canvas.addEventListener('pointerdown', (event) => this.press(event), options);
    canvas.addEventListener('pointermove', (event) => this.move(event), options);
    const release = (): void => {
      this.drag = undefined;
      canvas.style.cursor = '';
    };
    canvas.addEventListener('pointerup', release, options);
    canvas.addEventListener('pointercancel', release, options);
    canvas.addEventListener('pointerleave', () => studio.hoverObject(null), options);
    canvas.addEventListener('dblclick', () => this.setView(fitted(this.size())), options);
    canvas.addEventListener('wheel', (event) => this.wheel(event), { ...options, passive: false });
  }

  private press(event: PointerEvent): void {
    const { canvas, studio, view } = this;
    if (view === undefined) return;
    const [x, y] = this.local(event);
    canvas.setPointerCapture(event.pointerId);
    canvas.parentElement?.focus({ preventScroll: true });
    event.preventDefault();
    if (event.button === 1 || (event.button === 0 && event.altKey)) {
      this.drag = { x, y, view };
      canvas.style.cursor = 'grabbing';
      return;
    }
    if (event.button !== 0) return;
    const lane = yToLane(view, y, this.records.objects.length);
    const object = this.records.objects[lane];
    if (object !== undefined) {
      if (event.shiftKey) studio.selectObjects(this.lanesTo(lane), 'add');
      else studio.selectObjects([object.id], event.ctrlKey || event.metaKey ? 'toggle' : 'replace');
    }
    if (x < GUTTER_WIDTH) return;
    this.drag = 'scrub';
    studio.setPlaying(false);
    studio.goToFrame(xToFrame(view, x));
    // Going to a frame makes the frame the subject; a click on a lane means the object.
    if (object !== undefined) studio.selection.setState({ subject: 'objects' });
  }

  /** Objects from the one that was selected last to a lane. */
  private lanesTo(lane: number): number[] {
    const { objects } = this.records;
    const last = this.studio.selection.getState().objects.at(-1);
    const from = objects.findIndex(({ id }) => id === last);
    const [first, end] = from < 0 ? [lane, lane] : [Math.min(from, lane), Math.max(from, lane)];
    const ids = objects.slice(first, end + 1).map(({ id }) => id);
    return from > lane ? ids.reverse() : ids;
  }

  private move(event: PointerEvent): void {
    const { drag, studio, view } = this;
    if (view === undefined) return;
    const [x, y] = this.local(event);
    if (drag === 'scrub') {
      studio.goToFrame(xToFrame(view, Math.max(GUTTER_WIDTH, x)));
    } else if (drag !== undefined) {
      const left = drag.view.left - (x - drag.x) / drag.view.pixelsPerFrame;
      this.setView({ ...drag.view, left, top: drag.view.top - (y - drag.y) });
    } else {
      const object = this.records.objects[yToLane(view, y, this.records.objects.length)];
      studio.hoverObject(object?.id ?? null);
      this.canvas.style.cursor = x >= GUTTER_WIDTH && y < lanesTop ? 'ew-resize' : '';
    }
  }

  private wheel(event: WheelEvent): void {
    const { view } = this;
    if (view === undefined) return;
    event.preventDefault();
    const unit = event.deltaMode === 0 ? 1 : LINE_PX;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    const [x] = this.local(event);
    if (event.ctrlKey || event.metaKey) {
      this.view = zoomedAt(view, this.size(), Math.max(GUTTER_WIDTH, x), Math.exp(-dy * ZOOM_PER_PX));
      this.redraw();
    } else if (event.shiftKey) {
      this.setView({ ...view, left: view.left + (dx + dy) / view.pixelsPerFrame });
    } else {
      this.setView({ ...view, left: view.left + dx / view.pixelsPerFrame, top: view.top + dy });
    }
  }
}

function readColors(element: HTMLElement): TimelineColors {
  const style = getComputedStyle(element);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  return {
    background: token('--bg-panel'),
    raised: token('--bg-raised'),
    inset: token('--bg-inset'),
    line: token('--line'),
    text: token('--text'),
    muted: token('--text-muted'),
    faint: token('--text-faint'),
    accent: token('--accent'),
    selected: token('--bg-selected'),
    warn: token('--warn'),
    font: `${token('--type-small')} ${token('--font')}`,
  };
}
