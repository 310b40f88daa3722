/** A pointer for the keyboard: arrows move it (Shift: one pixel), Space or + puts a positive click, - a negative one. */
const STEP_PX = 12;

const WAYS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export interface CrosshairOptions {
  readonly active: () => boolean;
  /** CSS pixels of the element; null removes it. */
  readonly move: (at: { readonly x: number; readonly y: number } | null) => void;
  readonly click: (x: number, y: number, positive: boolean) => void;
}

/** @returns the way to stop */
export function followCrosshair(element: HTMLElement, options: CrosshairOptions): () => void {
  const stop = new AbortController();
  let at: { x: number; y: number } | null = null;
  element.addEventListener(
    'keydown',
    (event) => {
      if (!options.active() || event.ctrlKey || event.metaKey || event.altKey) return;
      const { clientWidth: width, clientHeight: height } = element;
      const way = WAYS[event.key];
      const positive = event.key === ' ' || event.key === '+';
      if (way === undefined && !positive && event.key !== '-') return;
      event.preventDefault();
      event.stopPropagation();
      const from = at ?? { x: Math.round(width / 2), y: Math.round(height / 2) };
      if (way === undefined) {
        options.move(from);
        options.click(from.x, from.y, positive);
      } else {
        const step = at === null ? 0 : event.shiftKey ? 1 : STEP_PX;
        at = {
          x: Math.max(0, Math.min(width - 1, from.x + way[0] * step)),
          y: Math.max(0, Math.min(height - 1, from.y + way[1] * step)),
        };
        options.move(at);
      }
    },
    { signal: stop.signal },
  );
  const remove = (): void => {
    if (at === null) return;
    at = null;
    options.move(null);
  };
  element.addEventListener('blur', remove, { signal: stop.signal });
  element.addEventListener('pointerdown', remove, { signal: stop.signal });
  return () => stop.abort();
}
