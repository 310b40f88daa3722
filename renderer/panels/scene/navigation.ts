/** Mouse and keyboard of the free camera, on a plain element: orbit (left), pan (right, or Shift), wheel zoom, fly keys. */
import { flyKeys } from '../../commands/index.ts';
import type { CameraState } from '../../state/index.ts';
import { flown, length, looked, orbited, panned, sub, type Vec3, zoomed } from './geometry.ts';

export interface NavigationOptions {
  readonly mode: () => 'orbit' | 'fly';
  readonly camera: () => CameraState;
  /** `moving` is false once, when the movement has ended. */
  readonly move: (camera: CameraState, moving: boolean) => void;
  /** A press of the left or the right button without a drag, in CSS pixels of the element. */
  readonly click: (x: number, y: number, event: PointerEvent) => void;
  readonly doubleClick: (x: number, y: number) => void;
  readonly hover: (x: number, y: number) => void;
}

/** Below this many pixels a press is a click. */
const CLICK_SLOP_PX = 4;
const RADIANS_PER_PX = 0.006;
/** Wheel deltas are pixels on most systems; 500 of them halve or double the distance. */
const ZOOM_PER_PX = Math.LN2 / 500;
/** Distances to the target per second. */
const FLY_SPEED = 0.6;
const FLY_FAST = 4;

const DIRECTIONS: Readonly<Record<string, Vec3>> = {
  forward: [0, 0, 1],
  back: [0, 0, -1],
  left: [-1, 0, 0],
  right: [1, 0, 0],
  up: [0, 1, 0],
  down: [0, -1, 0],
};

/** @returns the way to stop */
export function navigate(element: HTMLElement, options: NavigationOptions): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  let drag:
    | { id: number; x: number; y: number; startX: number; startY: number; moved: boolean; pan: boolean }
    | undefined;

  const local = (event: MouseEvent): [number, number] => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  element.addEventListener(
    'pointerdown',
    (event) => {
      if (event.button > 2 || drag !== undefined) return;
      element.focus({ preventScroll: true });
      element.setPointerCapture(event.pointerId);
      const [x, y] = local(event);
      const pan = event.button !== 0 || event.shiftKey;
      drag = { id: event.pointerId, x, y, startX: x, startY: y, moved: false, pan };
    },
    { signal },
  );
  element.addEventListener(
    'pointermove',
    (event) => {
      const [x, y] = local(event);
      if (drag === undefined || event.pointerId !== drag.id) {
        options.hover(x, y);
        return;
      }
      if (!drag.moved && Math.hypot(x - drag.startX, y - drag.startY) < CLICK_SLOP_PX) return;
      drag.moved = true;
      const [dx, dy] = [x - drag.x, y - drag.y];
      drag = { ...drag, x, y };
      const camera = options.camera();
      const next = drag.pan
        ? panned(camera, dx, dy, element.clientHeight)
        : options.mode() === 'fly'
          ? looked(camera, dx, dy, RADIANS_PER_PX / 2)
          : orbited(camera, dx, dy, RADIANS_PER_PX);
      options.move(next, true);
    },
    { signal },
  );
  const release = (event: PointerEvent): void => {
    if (drag === undefined || event.pointerId !== drag.id) return;
    const { moved, pan } = drag;
    const pressed = event.button === 2 || !pan;
    drag = undefined;
    if (moved) options.move(options.camera(), false);
    else if (event.type === 'pointerup' && pressed) options.click(...local(event), event);
  };
  element.addEventListener('pointerup', release, { signal });
  element.addEventListener('pointercancel', release, { signal });
  element.addEventListener('contextmenu', (event) => event.preventDefault(), { signal });
  element.addEventListener('dblclick', (event) => options.doubleClick(...local(event)), { signal });
  element.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const pixels = event.deltaMode === 0 ? event.deltaY : event.deltaY * 33;
      options.move(zoomed(options.camera(), Math.exp(Math.max(-300, Math.min(300, pixels)) * ZOOM_PER_PX)), true);
    },
    { signal, passive: false },
  );

  const held = new Set<string>();
  let fast = false;
  let last = 0;
  const fly = (now: number): void => {
    if (signal.aborted || held.size === 0) return;
    let direction: Vec3 = [0, 0, 0];
    for (const name of held) {
      const way = DIRECTIONS[name];
      if (way !== undefined) direction = [direction[0] + way[0], direction[1] + way[1], direction[2] + way[2]];
    }
    const seconds = Math.min(0.1, (now - last) / 1000);
    last = now;
    const camera = options.camera();
    const speed = length(sub(camera.target, camera.position)) * FLY_SPEED * (fast ? FLY_FAST : 1);
    options.move(flown(camera, direction, speed * seconds), true);
    requestAnimationFrame(fly);
  };
  element.addEventListener(
    'keydown',
    (event) => {
      const direction = flyKeys.get(event.code);
      if (direction === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      fast = event.shiftKey;
      const first = held.size === 0;
      held.add(direction);
      if (!first) return;
      last = performance.now();
      requestAnimationFrame(fly);
    },
    { signal },
  );
  const letGo = (name?: string): void => {
    const flying = held.size > 0;
    if (name === undefined) held.clear();
    else held.delete(name);
    if (flying && held.size === 0) options.move(options.camera(), false);
  };
  element.addEventListener('keyup', (event) => letGo(flyKeys.get(event.code) ?? ''), { signal });
  element.addEventListener('blur', () => letGo(), { signal });
  return () => stop.abort();
}
