/** One frame of the timeline on a canvas. Only what is in sight is looked at. */
import type { ObjectView } from '../../../contract/index.ts';
import { errorColor } from '../../ui/index.ts';
import {
  frameToX,
  GUTTER_WIDTH,
  LANE_HEIGHT,
  lanesTop,
  OVERVIEW_HEIGHT,
  RULER_HEIGHT,
  type TimelineSize,
  type TimelineView,
  tickStep,
} from './layout.ts';
import { DISAGREEMENT_LEVELS, disagreementLevel, firstAfter, type Lanes, UNKNOWN } from './observations.ts';

export interface TimelineColors {
  readonly background: string;
  readonly raised: string;
  readonly inset: string;
  readonly line: string;
  readonly text: string;
  readonly muted: string;
  readonly faint: string;
  readonly accent: string;
  readonly selected: string;
  readonly warn: string;
  readonly font: string;
}

export interface TimelineContents {
  readonly lanes: Lanes | null;
  /** In the order of the lanes. */
  readonly objects: readonly ObjectView[];
  /** Index into `lanes.objectIds` of each lane, -1 without observations. */
  readonly laneObject: readonly number[];
  readonly frame: number;
  readonly selected: ReadonlySet<number>;
  readonly hovered: number | null;
  readonly holdout: readonly (0 | 1)[];
  /** 0 good to 1 bad, NaN unknown, per frame. */
  readonly error: Float32Array | null;
}

export function drawTimeline(
  context: CanvasRenderingContext2D,
  size: TimelineSize,
  view: TimelineView,
  contents: TimelineContents,
  colors: TimelineColors,
): void {
  context.fillStyle = colors.background;
  context.fillRect(0, 0, size.width, size.height);
  context.font = colors.font;
  context.textBaseline = 'middle';
  drawLanes(context, size, view, contents, colors);
  drawOverview(context, size, view, contents, colors);
  drawRuler(context, size, view, colors);
  drawPlayhead(context, size, view, contents, colors);
}

function drawRuler(
  context: CanvasRenderingContext2D,
  size: TimelineSize,
  view: TimelineView,
  colors: TimelineColors,
): void {
  context.fillStyle = colors.raised;
  context.fillRect(0, 0, size.width, RULER_HEIGHT);
  context.fillStyle = colors.line;
  context.fillRect(0, RULER_HEIGHT - 1, size.width, 1);
  const step = tickStep(view.pixelsPerFrame);
  const minor = tickStep(view.pixelsPerFrame, 10);
  const last = Math.min(size.frames, Math.ceil(view.left + (size.width - GUTTER_WIDTH) / view.pixelsPerFrame));
  for (let frame = Math.ceil(view.left / minor) * minor; frame < last; frame += minor) {
    const x = Math.round(frameToX(view, frame) + view.pixelsPerFrame / 2);
    const major = frame % step === 0;
    context.fillStyle = major ? colors.muted : colors.line;
    context.fillRect(x, RULER_HEIGHT - (major ? 7 : 4), 1, major ? 6 : 3);
    if (!major) continue;
    context.fillStyle = colors.muted;
    context.textAlign = x < GUTTER_WIDTH + 20 ? 'left' : 'center';
    context.fillText(String(frame + 1), x, 10);
  }
  context.textAlign = 'left';
}

/** Held-out frames and how badly each is rendered. */
function drawOverview(
  context: CanvasRenderingContext2D,
  size: TimelineSize,
  view: TimelineView,
  { holdout, error }: TimelineContents,
  colors: TimelineColors,
): void {
  context.fillStyle = colors.inset;
  context.fillRect(0, RULER_HEIGHT, size.width, OVERVIEW_HEIGHT);
  const width = Math.max(1, view.pixelsPerFrame - (view.pixelsPerFrame > 4 ? 1 : 0));
  let drawn = -1;
  const last = Math.min(size.frames, Math.ceil(view.left + (size.width - GUTTER_WIDTH) / view.pixelsPerFrame));
  for (let frame = Math.max(0, Math.floor(view.left)); frame < last; frame++) {
    const x = Math.max(GUTTER_WIDTH, frameToX(view, frame));
    const pixel = Math.floor(x);
    const value = error?.[frame] ?? Number.NaN;
    if (holdout[frame] === 1) {
      context.fillStyle = colors.accent;
      context.fillRect(x, RULER_HEIGHT + OVERVIEW_HEIGHT - 4, width, 3);
    }
    if (Number.isNaN(value) || (pixel === drawn && value < 0.8)) continue;
    drawn = pixel;
    context.fillStyle = errorColor(value);
    context.fillRect(x, RULER_HEIGHT + 3, width, OVERVIEW_HEIGHT - 8);
  }
  context.fillStyle = colors.background;
  context.fillRect(0, RULER_HEIGHT, GUTTER_WIDTH, OVERVIEW_HEIGHT);
  context.fillStyle = colors.faint;
  context.fillText('Error · held out', 10, RULER_HEIGHT + OVERVIEW_HEIGHT / 2);
  context.fillStyle = colors.line;
  context.fillRect(0, lanesTop - 1, size.width, 1);
}

function drawLanes(
  context: CanvasRenderingContext2D,
  size: TimelineSize,
  view: TimelineView,
  contents: TimelineContents,
  colors: TimelineColors,
): void {
  const first = Math.max(0, Math.floor(view.top / LANE_HEIGHT));
  const last = Math.min(contents.objects.length, Math.ceil((view.top + size.height - lanesTop) / LANE_HEIGHT));
  for (let lane = first; lane < last; lane++) {
    const object = contents.objects[lane]!;
    const y = lanesTop + lane * LANE_HEIGHT - view.top;
    const selected = contents.selected.has(object.id);
    if (selected || contents.hovered === object.id) {
      context.fillStyle = selected ? colors.selected : colors.raised;
      context.fillRect(0, y, size.width, LANE_HEIGHT);
    }
    context.fillStyle = colors.line;
    context.fillRect(0, y + LANE_HEIGHT - 1, size.width, 1);
    const index = contents.laneObject[lane]!;
    if (contents.lanes !== null && index >= 0) drawLane(context, size, view, contents.lanes, index, y, object, colors);
    drawLabel(context, y, object, selected, colors);
  }
}

/** Pixels of the lane's height that a state takes: what is seen is tall, what is remembered is a line. */
const STATE_HEIGHTS = [12, 12, 3, 8] as const;
const STATE_ALPHAS = [1, 0.42, 0.75, 0.5] as const;
/** States that are drawn as an outline: nothing is there, or nobody has said yet that what is there is right. */
const ABSENT = 3;

function drawLane(
  context: CanvasRenderingContext2D,
  size: TimelineSize,
  view: TimelineView,
  lanes: Lanes,
  index: number,
  y: number,
  object: ObjectView,
  colors: TimelineColors,
): void {
  const end = lanes.runStart[index + 1]!;
  const right = view.left + (size.width - GUTTER_WIDTH) / view.pixelsPerFrame;
  const middle = y + LANE_HEIGHT / 2 - 0.5;
  const dim = object.hidden ? 0.35 : 1;
  // Runs narrower than a pixel are joined: the tallest state of a pixel is what it shows.
  let pixel = -1;
  let tallest = 0;
  for (let run = firstAfter(lanes.to, lanes.runStart[index]!, end, view.left); run < end; run++) {
    const from = lanes.from[run]!;
    if (from > right) break;
    const state = Math.min(3, lanes.state[run]!);
    const height = STATE_HEIGHTS[state]!;
    // On whole pixels: neighbouring runs must not show a seam.
    const x0 = Math.max(GUTTER_WIDTH, Math.round(frameToX(view, from)));
    const x1 = Math.round(frameToX(view, lanes.to[run]!));
    const column = x1;
    if (column === pixel && x1 - x0 < 1 && height <= tallest) continue;
    tallest = column === pixel ? Math.max(tallest, height) : height;
    pixel = column;
    const width = Math.max(1, x1 - x0 - (view.pixelsPerFrame > 6 ? 1 : 0));
    context.globalAlpha = STATE_ALPHAS[state]! * dim;
    context.fillStyle = object.color;
    if (state === ABSENT || lanes.carried[run] === 1) {
      context.strokeStyle = object.color;
      context.setLineDash(state === ABSENT ? [] : [3, 2]);
      context.strokeRect(x0 + 0.5, middle - height / 2 + 0.5, Math.max(1, width - 1), height - 1);
      if (state !== ABSENT) {
        context.globalAlpha = 0.2 * dim;
        context.fillRect(x0, middle - height / 2, width, height);
      }
    } else context.fillRect(x0, middle - height / 2, width, height);
    const disagreement = lanes.disagreement[run]!;
    const level = disagreementLevel(disagreement);
    if (disagreement !== UNKNOWN && level > 0 && state === 0) {
      context.globalAlpha = dim;
      context.fillStyle = errorColor(level / (DISAGREEMENT_LEVELS - 1));
      context.fillRect(x0, middle + 4, width, 3);
    }
  }
  context.globalAlpha = 1;
  drawMarks(size, view, lanes.switches, index, (x) => {
    context.fillStyle = colors.warn;
    context.beginPath();
    context.moveTo(x, middle - 3);
    context.lineTo(x - 4, middle - 10);
    context.lineTo(x + 4, middle - 10);
    context.fill();
  });
  context.setLineDash([]);
  drawMarks(size, view, lanes.ambiguous, index, (x) => {
    context.strokeStyle = colors.warn;
    context.beginPath();
    context.moveTo(x, middle - 3);
    context.lineTo(x - 4, middle - 10);
    context.lineTo(x + 4, middle - 10);
    context.closePath();
    context.stroke();
  });
  drawMarks(size, view, lanes.keyframes, index, (x) => {
    context.fillStyle = colors.text;
    context.beginPath();
    context.moveTo(x, middle - 4);
    context.lineTo(x + 4, middle);
    context.lineTo(x, middle + 4);
    context.lineTo(x - 4, middle);
    context.fill();
  });
}

function drawMarks(
  size: TimelineSize,
  view: TimelineView,
  { start, frames }: Lanes['switches'],
  index: number,
  draw: (x: number) => void,
): void {
  const end = start[index + 1]!;
  let last = -Infinity;
  for (let i = firstAfter(frames, start[index]!, end, view.left - 1); i < end; i++) {
    const x = frameToX(view, frames[i]!) + view.pixelsPerFrame / 2;
    if (x > size.width) return;
    // Marks closer than this are one blot.
    if (x < GUTTER_WIDTH || x - last < 5) continue;
    last = x;
    draw(x);
  }
}

function drawLabel(
  context: CanvasRenderingContext2D,
  y: number,
  object: ObjectView,
  selected: boolean,
  colors: TimelineColors,
): void {
  context.fillStyle = selected ? colors.selected : colors.background;
  context.fillRect(0, y, GUTTER_WIDTH - 1, LANE_HEIGHT - 1);
  context.fillStyle = colors.line;
  context.fillRect(GUTTER_WIDTH - 1, y, 1, LANE_HEIGHT);
  context.globalAlpha = object.hidden ? 0.4 : 1;
  context.fillStyle = object.color;
  context.beginPath();
  context.roundRect(10, y + LANE_HEIGHT / 2 - 5.5, 10, 10, 3);
  context.fill();
  context.fillStyle = colors.text;
  context.fillText(elided(context, object.name, GUTTER_WIDTH - 38), 28, y + LANE_HEIGHT / 2);
  context.globalAlpha = 1;
}

const widths = new Map<string, string>();

/** Text cut to fit, with an ellipsis. Measured once per text: measuring is what a lane's label costs. */
function elided(context: CanvasRenderingContext2D, text: string, room: number): string {
  const known = widths.get(text);
  if (known !== undefined) return known;
  let cut = text;
  if (context.measureText(text).width > room) {
    let low = 0;
    let high = text.length;
    while (low < high) {
      const half = (low + high + 1) >> 1;
      if (context.measureText(`${text.slice(0, half)}…`).width <= room) low = half;
      else high = half - 1;
    }
    cut = `${text.slice(0, low)}…`;
  }
  if (widths.size > 5000) widths.clear();
  widths.set(text, cut);
  return cut;
}

function drawPlayhead(
  context: CanvasRenderingContext2D,
  size: TimelineSize,
  view: TimelineView,
  { frame }: TimelineContents,
  colors: TimelineColors,
): void {
  const x = frameToX(view, frame) + view.pixelsPerFrame / 2;
  if (x < GUTTER_WIDTH - 1 || x > size.width) return;
  const px = Math.round(x);
  context.fillStyle = colors.accent;
  context.fillRect(px - 0.75, RULER_HEIGHT - 6, 1.5, size.height);
  const text = String(frame + 1);
  const width = Math.max(22, context.measureText(text).width + 10);
  const at = Math.max(GUTTER_WIDTH, Math.min(size.width - width, px - width / 2));
  context.beginPath();
  context.roundRect(at, 2, width, 17, 4);
  context.fill();
  context.fillStyle = colors.background;
  context.textAlign = 'center';
  context.fillText(text, at + width / 2, 11);
  context.textAlign = 'left';
}
