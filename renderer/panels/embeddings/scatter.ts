/** The points of a projection on a canvas. Redrawn on selection, hover and theme, without React. */
import type { EmbeddingPoints, ObjectView } from '../../../contract/index.ts';
import type { Studio } from '../../state/index.ts';
import { fitPlane, movedPlane, nearestPoint, type Plane, toPixel, zoomedPlane } from './plane.ts';

const REACH_PX = 9;
const CLICK_SLOP_PX = 4;
const ZOOM_PER_PX = Math.LN2 / 180;
const RADIUS_PX = 1.9;

export class Scatter {
  private readonly canvas: HTMLCanvasElement;
  private readonly studio: Studio;
  private readonly stop = new AbortController();
  private readonly stops: (() => void)[] = [];
  private data: EmbeddingPoints | undefined;
  private objects: ReadonlyMap<number, ObjectView> = new Map();
  /** Null follows the size of the panel: nobody has zoomed. */
  private plane: Plane | null = null;
  private requested = 0;

  constructor(canvas: HTMLCanvasElement, studio: Studio) {
    this.canvas = canvas;
    this.studio = studio;
    const size = new ResizeObserver(() => this.resize());
    size.observe(canvas);
    const theme = new MutationObserver(() => this.redraw());
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    this.stops.push(
      () => size.disconnect(),
      () => theme.disconnect(),
      studio.selection.subscribe((now, before) => {
        if (now.objects !== before.objects || now.hoveredObject !== before.hoveredObject) this.redraw();
      }),
    );
    this.listen();
  }

  show(data: EmbeddingPoints, objects: readonly ObjectView[]): void {
    if (data !== this.data) this.plane = null;
    this.data = data;
    this.objects = new Map(objects.map((object) => [object.id, object]));
    this.redraw();
  }

  fit(): void {
    this.plane = null;
    this.redraw();
  }

  dispose(): void {
    this.stop.abort();
    cancelAnimationFrame(this.requested);
    for (const stop of this.stops) stop();
  }

  private currentPlane(): Plane {
    return this.plane ?? fitPlane(this.data?.points ?? [], this.canvas.clientWidth, this.canvas.clientHeight);
  }

  private resize(): void {
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * devicePixelRatio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * devicePixelRatio));
    this.draw();
  }

  private redraw(): void {
    if (this.requested === 0) this.requested = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    cancelAnimationFrame(this.requested);
    this.requested = 0;
    const { canvas, data } = this;
    const context = canvas.getContext('2d');
    if (context === null) return;
    const { clientWidth: width, clientHeight: height } = canvas;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (data === undefined || width === 0) return;
    const style = getComputedStyle(document.documentElement);
    const [none, ring] = [style.getPropertyValue('--text-faint'), style.getPropertyValue('--text')];
    const plane = this.currentPlane();
    const { objects: selected, hoveredObject } = this.studio.selection.getState();
    const marked = new Set(hoveredObject === null ? selected : [...selected, hoveredObject]);

    /** Points of each object, background first, marked ones last and on top. */
    const groups = new Map<number, number[]>();
    data.objects.forEach((id, i) => {
      const group = groups.get(id);
      if (group === undefined) groups.set(id, [i]);
      else group.push(i);
    });
    const rank = (id: number): number => (id === 0 ? 0 : marked.has(id) ? 2 : 1);
    for (const [id, members] of [...groups].sort(([a], [b]) => rank(a) - rank(b))) {
      const object = this.objects.get(id);
      const on = marked.has(id);
      const shown = object !== undefined && !object.hidden;
      const radius = on ? RADIUS_PX * 1.5 : RADIUS_PX;
      context.globalAlpha = !shown ? 0.35 : marked.size > 0 && !on ? 0.4 : 0.9;
      const path = new Path2D();
      for (const i of members) {
        const [x, y] = toPixel(plane, width, height, data.points[2 * i]!, data.points[2 * i + 1]!);
        if (x < -radius || y < -radius || x > width + radius || y > height + radius) continue;
        path.moveTo(x + radius, y);
        path.arc(x, y, radius, 0, 2 * Math.PI);
      }
      if (on) {
        context.lineWidth = 1.5;
        context.strokeStyle = ring;
        context.stroke(path);
      }
      context.fillStyle = shown ? object.color : none;
      context.fill(path);
    }
    context.globalAlpha = 1;
    canvas.dataset.points = String(data.objects.length);
  }

  /** Object under a pixel; 0 for a point of none, -1 where no point is. */
  private objectAt(x: number, y: number): number {
    const { data, canvas } = this;
    if (data === undefined) return -1;
    const { clientWidth: width, clientHeight: height } = canvas;
    const found = nearestPoint(data.points, this.currentPlane(), width, height, x, y, REACH_PX);
    return found < 0 ? -1 : (data.objects[found] ?? 0);
  }

  /** Ids that have points, ascending: what the arrow keys walk through. */
  private ids(): number[] {
    return [...new Set(this.data?.objects ?? [])].filter((id) => this.objects.has(id)).sort((a, b) => a - b);
  }

  private listen(): void {
    const { canvas, studio } = this;
    const options = { signal: this.stop.signal };
    let drag: { x: number; y: number; startX: number; startY: number; moved: boolean } | undefined;
    canvas.addEventListener(
      'pointerdown',
      (event) => {
        if (event.button !== 0) return;
        canvas.setPointerCapture(event.pointerId);
        const [x, y] = [event.offsetX, event.offsetY];
        drag = { x, y, startX: x, startY: y, moved: false };
      },
      options,
    );
    canvas.addEventListener(
      'pointermove',
      (event) => {
        const [x, y] = [event.offsetX, event.offsetY];
        if (drag === undefined) {
          const id = this.objectAt(x, y);
          canvas.style.cursor = id > 0 ? 'pointer' : '';
          studio.hoverObject(id > 0 ? id : null);
          return;
        }
        if (!drag.moved && Math.hypot(x - drag.startX, y - drag.startY) < CLICK_SLOP_PX) return;
        this.plane = movedPlane(this.currentPlane(), x - drag.x, y - drag.y);
        drag = { ...drag, x, y, moved: true };
        this.redraw();
      },
      options,
    );
    canvas.addEventListener(
      'pointerup',
      (event) => {
        const click = drag !== undefined && !drag.moved;
        drag = undefined;
        if (!click) return;
        const id = this.objectAt(event.offsetX, event.offsetY);
        const toggle = event.ctrlKey || event.metaKey;
        if (id > 0) studio.selectObjects([id], toggle ? 'toggle' : 'replace');
        else if (!toggle) studio.selectObjects([]);
      },
      options,
    );
    canvas.addEventListener('pointerleave', () => studio.hoverObject(null), options);
    canvas.addEventListener('dblclick', () => this.fit(), options);
    canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        const pixels = Math.max(-300, Math.min(300, event.deltaMode === 0 ? event.deltaY : event.deltaY * 33));
        const { clientWidth: width, clientHeight: height } = canvas;
        const factor = Math.exp(-pixels * ZOOM_PER_PX);
        this.plane = zoomedPlane(this.currentPlane(), width, height, event.offsetX, event.offsetY, factor);
        this.redraw();
      },
      { ...options, passive: false },
    );
    canvas.addEventListener(
      'keydown',
      (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const by = ['ArrowRight', 'ArrowDown'].includes(event.key)
          ? 1
          : ['ArrowLeft', 'ArrowUp'].includes(event.key)
            ? -1
            : 0;
        const ids = this.ids();
        if (by === 0 || ids.length === 0) return;
        event.preventDefault();
        const at = ids.indexOf(studio.selection.getState().objects.at(-1) ?? -1);
        const next = at < 0 ? (by > 0 ? 0 : ids.length - 1) : (at + by + ids.length) % ids.length;
        studio.selectObjects([ids[next]!]);
      },
      options,
    );
  }
}
