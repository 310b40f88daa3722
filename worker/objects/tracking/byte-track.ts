/**
 * Baseline in the manner of ByteTrack (Zhang et al. 2022): boxes at constant velocity, matched by overlap, first the confident
 * segments, then the others. It knows neither places nor appearance. Segments that match nothing and open no track keep an id of
 * their own for this frame, where the original drops them: all trackers here are scored on the same segments.
 */
import type { ByteTrackParameters } from '../../../contract/index.ts';
import { AssignmentSolver } from '../assignment/index.ts';

type Box = readonly [left: number, top: number, right: number, bottom: number];

export interface BoxDetection {
  readonly box: Box;
  readonly confidence: number;
}

interface BoxTrack {
  readonly id: number;
  box: Box;
  /** Per frame, of each side. */
  velocity: Box;
  lastFrame: number;
}

/** Weight of the newest movement in the velocity. */
const VELOCITY_GAIN = 0.5;

export class ByteTracker {
  readonly #parameters: ByteTrackParameters;
  readonly #solver = new AssignmentSolver();
  #tracks: BoxTrack[] = [];
  #frame = -1;
  #nextId = 1;

  constructor(parameters: ByteTrackParameters) {
    this.#parameters = parameters;
  }

  /** Track id of each detection, from 1. */
  step(detections: readonly BoxDetection[]): Int32Array {
    const { highConfidence, minIou, minIouLow, bufferFrames } = this.#parameters;
    const frame = ++this.#frame;
    this.#tracks = this.#tracks.filter(({ lastFrame }) => frame - lastFrame - 1 <= bufferFrames);
    const ids = new Int32Array(detections.length);
    const indices = detections.map((_, i) => i);
    const high = indices.filter((i) => detections[i]!.confidence >= highConfidence);
    const low = indices.filter((i) => detections[i]!.confidence < highConfidence);
    const known = [...this.#tracks];
    const free = this.#match(detections, high, known, minIou, ids);
    // As in the original, only tracks seen in the last frame are looked for among the uncertain segments.
    const recent = free.filter(({ lastFrame }) => lastFrame === frame - 1);
    this.#match(detections, low, recent, minIouLow, ids);
    for (const i of indices) {
      if (ids[i] !== 0) continue;
      ids[i] = this.#nextId++;
      if (detections[i]!.confidence < highConfidence) continue;
      this.#tracks.push({ id: ids[i]!, box: detections[i]!.box, velocity: [0, 0, 0, 0], lastFrame: frame });
    }
    return ids;
  }

  /** @returns tracks without a match */
  #match(
    detections: readonly BoxDetection[],
    rows: readonly number[],
    tracks: readonly BoxTrack[],
    minIou: number,
    ids: Int32Array,
  ): BoxTrack[] {
    const frame = this.#frame;
    if (rows.length === 0 || tracks.length === 0) return [...tracks];
    const width = tracks.length + rows.length;
    const costs = new Float64Array(rows.length * width).fill(Infinity);
    const boxes = tracks.map(({ box, velocity, lastFrame }) => moved(box, velocity, frame - lastFrame));
    rows.forEach((index, row) => {
      boxes.forEach((box, column) => {
        const overlap = boxIou(detections[index]!.box, box);
        if (overlap >= minIou && overlap > 0) costs[row * width + column] = 1 - overlap;
      });
      costs[row * width + tracks.length + row] = 1;
    });
    this.#solver.solve(costs, rows.length, width);
    const used = new Set<BoxTrack>();
    rows.forEach((index, row) => {
      const track = tracks[this.#solver.columnOfRow[row]!];
      if (track === undefined) return;
      const { box } = detections[index]!;
      const gap = frame - track.lastFrame;
      track.velocity = track.velocity.map(
        (speed, k) => speed + VELOCITY_GAIN * ((box[k]! - track.box[k]!) / gap - speed),
      ) as unknown as Box;
      track.box = box;
      track.lastFrame = frame;
      used.add(track);
      ids[index] = track.id;
    });
    return tracks.filter((track) => !used.has(track));
  }
}

function moved(box: Box, velocity: Box, frames: number): Box {
  return box.map((side, k) => side + velocity[k]! * frames) as unknown as Box;
}

function boxIou(a: Box, b: Box): number {
  const wide = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const high = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (!(wide > 0 && high > 0)) return 0;
  const both = wide * high;
  return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}
