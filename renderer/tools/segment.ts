/**
 * Click to segment: asks what the clicks select whenever something of it changes, one question at a time, the newest next.
 * The clicks, the threshold and the answers are in `studio.segment`; panels draw them.
 */
import type { ProcedureInput } from '../../contract/index.ts';
import { failureOf, type SegmentPoint, type Studio } from '../state/index.ts';

type Request = ProcedureInput<'segment.click'>;

const NOTHING = {
  frameMask: null,
  sceneMask: null,
  gaussians: null,
  milliseconds: null,
  busy: false,
  failure: null,
} as const;

function startSegment(studio: Studio): void {
  studio.segment.setState({ ...NOTHING, active: true, points: [] });
}

export function stopSegment(studio: Studio): void {
  studio.segment.setState({ ...NOTHING, active: false, points: [] });
}

export function addPoint(studio: Studio, point: SegmentPoint): void {
  studio.segment.setState(({ points }) => ({ points: [...points, point] }));
}

export function removeLastPoint(studio: Studio): void {
  studio.segment.setState(({ points }) => ({ points: points.slice(0, -1) }));
}

/** Where the surface under a click in the scene was found; the click may be gone by then. */
export function placePoint(studio: Studio, point: SegmentPoint, position: readonly [number, number, number]): void {
  studio.segment.setState(({ points }) => ({
    points: points.map((other) => (other === point ? { ...other, position } : other)),
  }));
}

/** The view of the current frame; null without frames. */
export function frameView(studio: Studio): { captureId: number; frameId: string } | null {
  const { frames } = studio.records.getState();
  if (frames.status !== 'ready') return null;
  const frameId = frames.value.ids[studio.selection.getState().frame];
  return frameId === undefined ? null : { captureId: frames.value.captureId, frameId };
}

/** Longest side of the image that a click is answered for, pixels: an outline needs no more, and the answer comes sooner. */
const MAX_SIDE = 640;

/** The frame in that size. Clicks keep the view that they were made in. */
function smallView(studio: Studio, frame: { captureId: number; frameId: string } | null) {
  const { frames } = studio.records.getState();
  if (frame === null || frames.status !== 'ready') return null;
  const { frame: index } = studio.selection.getState();
  const [width = 1, height = 1] = frames.value.intrinsics.slice(6 * index, 6 * index + 2);
  const longest = Math.max(width, height);
  return longest <= MAX_SIDE ? frame : { ...frame, width: Math.max(1, Math.round((width * MAX_SIDE) / longest)) };
}

function pointsOf(points: readonly SegmentPoint[]) {
  return points.map(({ x, y, positive, view }) => ({ x, y, positive, view }));
}

/** What to ask now; null where there is nothing to ask. In the scene's view where it is open, with the current frame beside it. */
function requestOf(studio: Studio): Request | null {
  const { active, points, threshold, scene } = studio.segment.getState();
  const splatsId = studio.session.getState().project?.currentSplatsId ?? null;
  const frame = frameView(studio);
  const view = scene?.view ?? smallView(studio, frame);
  if (!active || splatsId === null || view === null || !points.some(({ positive }) => positive)) return null;
  const request = { splatsId, view, threshold, points: pointsOf(points) };
  if (scene === null || frame === null) return request;
  return { ...request, frames: { captureId: frame.captureId, ids: [frame.frameId] } };
}

/** Keeps the answers in step with the clicks until the returned function is called. */
export function runSegmenting(studio: Studio): () => void {
  let asked = '';
  let underWay = false;
  let stopped = false;

  async function ask(): Promise<void> {
    const request = requestOf(studio);
    const key = request === null ? '' : JSON.stringify(request);
    if (underWay || stopped || key === asked) return;
    asked = key;
    if (request === null) {
      studio.segment.setState(NOTHING);
      return;
    }
    const { scene } = studio.segment.getState();
    const frame = frameView(studio);
    underWay = true;
    studio.segment.setState({ busy: true });
    try {
      const answer = await studio.transport.call('segment.click', request);
      if (!stopped && studio.segment.getState().active) {
        const map = scene === null ? answer.mask : answer.maps[0];
        studio.segment.setState({
          frameMask: frame === null || map === undefined ? null : { frameId: frame.frameId, mask: map },
          sceneMask: scene === null ? null : { camera: scene.camera, mask: answer.mask },
          gaussians: answer.gaussians,
          milliseconds: answer.totalMs,
          failure: null,
        });
      }
    } catch (error) {
      if (!stopped) studio.segment.setState({ ...NOTHING, failure: failureOf(error) });
    }
    underWay = false;
    studio.segment.setState({ busy: false });
    // What changed meanwhile is asked now.
    void ask();
  }

  const stops = [
    studio.segment.subscribe((now, before) => {
      if (
        now.active !== before.active ||
        now.points !== before.points ||
        now.threshold !== before.threshold ||
        now.scene !== before.scene
      )
        void ask();
    }),
    studio.selection.subscribe((now, before) => {
      if (now.frame !== before.frame) void ask();
    }),
    studio.session.subscribe((now, before) => {
      // Clicks are made on one model.
      if (now.project?.currentSplatsId !== before.project?.currentSplatsId && studio.segment.getState().active)
        stopSegment(studio);
    }),
  ];
  return () => {
    stopped = true;
    for (const stop of stops) stop();
  };
}

/** Frames that get the mask of a new object: as many as may be asked for, spread over the capture, the current one among them. */
function framesToMask(studio: Studio): { captureId: number; ids: string[] } | null {
  const { frames } = studio.records.getState();
  if (frames.status !== 'ready') return null;
  const { captureId, ids } = frames.value;
  const current = studio.selection.getState().frame;
  return { captureId, ids: spread(ids.length, current).map((index) => ids[index]!) };
}

/** Most frames of one request: the contract's bound is 50, and the one that is clicked on counts. */
const MAX_FRAMES = 49;

/** At most 49 indices below `count`, ascending, evenly spread, `current` among them. */
export function spread(count: number, current: number): number[] {
  const taken = Math.min(count, MAX_FRAMES);
  const all = new Set(Array.from({ length: taken }, (_, i) => Math.floor((i * count) / taken)));
  if (current < count && !all.has(current)) {
    // The one before it makes room.
    const before = [...all].filter((index) => index < current).at(-1);
    if (before !== undefined) all.delete(before);
    all.add(current);
  }
  return [...all].sort((a, b) => a - b);
}

/** A name that no object has. */
export function freshName(names: readonly string[]): string {
  const taken = new Set(names);
  for (let n = names.length + 1; ; n++) if (!taken.has(`object ${n}`)) return `object ${n}`;
}

/** The clicks as a new object: one undoable step. It is selected, and the tool, if still in the hand, ready for the next one. */
export async function createFromClicks(studio: Studio, name: string): Promise<boolean> {
  const request = requestOf(studio);
  if (request === null) return false;
  const { objects } = studio.records.getState();
  const names = objects.status === 'ready' ? objects.value.objects.map((object) => object.name) : [];
  const chosen = name.trim() === '' ? freshName(names) : name.trim();
  const { splatsId, view, threshold, points } = request;
  const frames = framesToMask(studio);
  const asked = studio.segment.getState().points;
  const made = await studio.attempt(() =>
    studio.transport.call('segment.create', {
      ...{ splatsId, view, threshold, points, name: chosen },
      ...(frames === null ? {} : { frames }),
    }),
  );
  if (made === undefined) return false;
  // Masks in many frames take a while: the tool may have been put away, or be at something else by now.
  const now = studio.segment.getState();
  if (now.active && now.points === asked) startSegment(studio);
  studio.selectObjects([made.objectId]);
  studio.toast('success', `Made ${chosen}.`, 'Undo takes it back.');
  return true;
}
