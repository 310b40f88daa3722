/**
 * How fast frames are associated, features given: 60 objects that break and come back, false tracks beside them. In the last fifth no
 * track is opened any more: what memory grows by then, it grows by with time.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DESCRIPTOR_LENGTH, ObjectTracker, type TrackDetection } from '../objects/index.ts';
import { trackingParametersOf } from '../tracking/index.ts';
import type { BenchmarkContext } from './index.ts';
import { benchmarkRandom } from './random.ts';

const OBJECTS = 60;
const CATEGORIES = 20;
const FALSE_TRACKS_PER_FRAME = 0.3;
/** No track opens from this share of the frames on. */
const CALM_FROM = 0.8;

export interface Throughput {
  readonly frames: number;
  readonly objects: number;
  readonly tracks: number;
  readonly seconds: number;
  /** In use after collection: before the first frame, where the last track opened, at the end. */
  readonly heapBytes: readonly [number, number, number];
}

/** All objects in every frame: the most there can be. */
export function measureThroughput(frames: number, { emit }: BenchmarkContext): Throughput {
  const random = benchmarkRandom(7);
  const unit = (): Float32Array => {
    const values = Float32Array.from({ length: DESCRIPTOR_LENGTH }, () => Math.abs(random.normal()));
    const length = Math.hypot(...values);
    return values.map((value) => value / length);
  };
  const objects = Array.from({ length: OBJECTS }, (_, i) => ({
    sourceId: i + 1,
    category: `category ${i % CATEGORIES}`,
    place: [4 * random.uniform(), 4 * random.uniform(), random.uniform()] as [number, number, number],
    feature: unit(),
  }));
  let nextId = OBJECTS + 1;
  const tracker = new ObjectTracker(trackingParametersOf('spatial'));
  let seconds = 0;
  const before = usedBytes();
  let settled = before;
  const calm = Math.floor(CALM_FROM * frames);
  for (let frame = 0; frame < frames; frame++) {
    const detections = objects.map((object): TrackDetection => {
      if (random.uniform() < 0.01 && frame < calm) object.sourceId = nextId++;
      const { sourceId, category, place, feature } = object;
      return { sourceId, category, feature, location: [place[0] + 0.02 * random.normal(), place[1], place[2]] };
    });
    if (random.uniform() < FALSE_TRACKS_PER_FRAME && frame < calm) {
      const location: [number, number, number] = [4 * random.uniform(), 4 * random.uniform(), random.uniform()];
      const category = `category ${Math.floor(CATEGORIES * random.uniform())}`;
      detections[Math.floor(OBJECTS * random.uniform())] = { sourceId: nextId++, category, location, feature: unit() };
    }
    const began = performance.now();
    tracker.step(detections);
    seconds += (performance.now() - began) / 1000;
    if (frame === calm) settled = usedBytes();
    if (frame % 500 === 0) emit({ type: 'work', stage: 'throughput', done: frame, total: frames });
  }
  return {
    ...{ frames, objects: OBJECTS, tracks: tracker.tracks.length, seconds },
    heapBytes: [before, settled, usedBytes()],
  };
}

/** Heap and array buffers after a full collection. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
