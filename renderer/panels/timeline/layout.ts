/** Where things are on the timeline. Lengths in CSS pixels. */
export const RULER_HEIGHT = 26;
export const OVERVIEW_HEIGHT = 18;
export const LANE_HEIGHT = 22;
export const GUTTER_WIDTH = 168;
/** Frames wider than this would be bars, not a timeline. */
const MAX_FRAME_WIDTH = 48;

export interface TimelineView {
  /** Frame at the left edge of the lanes, fractional. */
  readonly left: number;
  readonly pixelsPerFrame: number;
  /** Scrolled distance of the lanes. */
  readonly top: number;
}

export interface TimelineSize {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly lanes: number;
}

export const lanesTop = RULER_HEIGHT + OVERVIEW_HEIGHT;

export function fitted({ width, frames }: TimelineSize): TimelineView {
  const room = Math.max(1, width - GUTTER_WIDTH);
  return { left: 0, pixelsPerFrame: Math.min(MAX_FRAME_WIDTH, room / Math.max(1, frames)), top: 0 };
}

/** The nearest view that shows no more emptiness than it must. */
export function clamped(view: TimelineView, size: TimelineSize): TimelineView {
  const room = Math.max(1, size.width - GUTTER_WIDTH);
  const smallest = Math.min(MAX_FRAME_WIDTH, room / Math.max(1, size.frames));
  const pixelsPerFrame = Math.max(smallest, Math.min(MAX_FRAME_WIDTH, view.pixelsPerFrame));
  const left = Math.max(0, Math.min(size.frames - room / pixelsPerFrame, view.left));
  const lanesRoom = Math.max(0, size.height - lanesTop);
  const top = Math.max(0, Math.min(size.lanes * LANE_HEIGHT - lanesRoom, view.top));
  return { left, pixelsPerFrame, top };
}

export function frameToX({ left, pixelsPerFrame }: TimelineView, frame: number): number {
  return GUTTER_WIDTH + (frame - left) * pixelsPerFrame;
}

/** Frame under a pixel, not clamped. */
export function xToFrame({ left, pixelsPerFrame }: TimelineView, x: number): number {
  return Math.floor(left + (x - GUTTER_WIDTH) / pixelsPerFrame);
}

/** Lane under a pixel; -1 above the lanes or below the last. */
export function yToLane({ top }: TimelineView, y: number, lanes: number): number {
  if (y < lanesTop) return -1;
  const lane = Math.floor((y - lanesTop + top) / LANE_HEIGHT);
  return lane < lanes ? lane : -1;
}

/** Zoomed by `factor` around the frame under `x`, which stays there. */
export function zoomedAt(view: TimelineView, size: TimelineSize, x: number, factor: number): TimelineView {
  const under = view.left + (x - GUTTER_WIDTH) / view.pixelsPerFrame;
  const { pixelsPerFrame } = clamped({ ...view, pixelsPerFrame: view.pixelsPerFrame * factor }, size);
  return clamped({ ...view, pixelsPerFrame, left: under - (x - GUTTER_WIDTH) / pixelsPerFrame }, size);
}

/** Moved as little as needed for a frame to be in sight, with a margin so that stepping on stays in sight too. */
export function revealingFrame(view: TimelineView, size: TimelineSize, frame: number): TimelineView {
  const room = (size.width - GUTTER_WIDTH) / view.pixelsPerFrame;
  const margin = Math.min(room / 4, 40 / view.pixelsPerFrame);
  if (frame < view.left) return clamped({ ...view, left: frame - margin }, size);
  if (frame + 1 > view.left + room) return clamped({ ...view, left: frame + 1 - room + margin }, size);
  return view;
}

export function revealingLane(view: TimelineView, size: TimelineSize, lane: number): TimelineView {
  const y = lane * LANE_HEIGHT;
  const room = size.height - lanesTop;
  if (y < view.top) return clamped({ ...view, top: y }, size);
  if (y + LANE_HEIGHT > view.top + room) return clamped({ ...view, top: y + LANE_HEIGHT - room }, size);
  return view;
}

/** Distance between ticks, in frames: 1, 2, 5, 10, 20, 50 … such that labels are at least this far apart. */
export function tickStep(pixelsPerFrame: number, minimumPx = 64): number {
  const frames = minimumPx / pixelsPerFrame;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, frames)));
  for (const step of [1, 2, 5, 10]) if (power * step >= frames) return power * step;
  return power * 10;
}
