/**
 * How fast frames are tracked, features given: identities, and the state of everything that was ever an object in every frame. 60
 * objects that break and come back, false tracks beside them. In the last fifth no track is opened any more: what memory grows by
 * then, it grows by with time.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { cameraOf, DESCRIPTOR_LENGTH, TrackingNotes } from '../objects/index.ts';
import { createAssociator, ObjectHistories, type ObservedFrame, type ObservedSegment } from '../tracking/index.ts';
import type { BenchmarkContext } from './index.ts';
import { benchmarkRandom } from './random.ts';

const OBJECTS = 60;
const CATEGORIES = 20;
const FALSE_TRACKS_PER_FRAME = 0.3;
/** No track opens from this share of the frames on. */
const CALM_FROM = 0.8;
const [WIDTH, HEIGHT] = [160, 120];
/** Everything lies before this wall, metres from the camera. */
const WALL = 6;

export interface Throughput {
  readonly frames: number;
  readonly objects: number;
  readonly tracks: number;
  readonly seconds: number;
  /** Of them, finding out who is who. */
  readonly associationSeconds: number;
  /** In use after collection: before the first frame, where the last track opened, at the end. */
  readonly heapBytes: readonly [number, number, number];
}

type Place = readonly [number, number, number];

/** All objects in every frame: the most there can be. */
export function measureThroughput(frames: number, { emit }: BenchmarkContext): Throughput {
  const random = benchmarkRandom(7);
  const unit = (): Float32Array => {
    const values = Float32Array.from({ length: DESCRIPTOR_LENGTH }, () => Math.abs(random.normal()));
    const length = Math.hypot(...values);
    return values.map((value) => value / length);
  };
  const camera = cameraOf({
    ...{ width: WIDTH, height: HEIGHT, fx: 100, fy: 100, cx: WIDTH / 2, cy: HEIGHT / 2 },
    cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, 0] },
  });
  const labels = new Int32Array(WIDTH * HEIGHT);
  const depth = { depth: new Float32Array(WIDTH * HEIGHT).fill(WALL), from: 'fitted' as const };
  const place = (): Place => [4 * random.uniform() - 2, 4 * random.uniform() - 2, 2 + random.uniform()];
  const segmentOf = (id: number, category: string, location: Place, feature: Float32Array): ObservedSegment => ({
    shape: { id, areaPx: 25, u: 2.5, v: 2.5, left: 0, top: 0, right: 5, bottom: 5 },
    ...{ category, confidence: 1, location, radius: 0.05, feature },
  });
  const objects = Array.from({ length: OBJECTS }, (_, i) => ({
    ...{ sourceId: i + 1, category: `category ${i % CATEGORIES}`, place: place(), feature: unit() },
  }));
  let nextId = OBJECTS + 1;
  const associator = createAssociator('spatial', {}, new TrackingNotes());
  const histories = new ObjectHistories();
  let [seconds, associationSeconds] = [0, 0];
  const before = usedBytes();
  let settled = before;
  const calm = Math.floor(CALM_FROM * frames);
  for (let index = 0; index < frames; index++) {
    const segments = objects.map((object): ObservedSegment => {
      if (random.uniform() < 0.01 && index < calm) object.sourceId = nextId++;
      const [x, y, z] = object.place;
      return segmentOf(object.sourceId, object.category, [x + 0.02 * random.normal(), y, z], object.feature);
    });
    if (random.uniform() < FALSE_TRACKS_PER_FRAME && index < calm) {
      const category = `category ${Math.floor(CATEGORIES * random.uniform())}`;
      segments[Math.floor(OBJECTS * random.uniform())] = segmentOf(nextId++, category, place(), unit());
    }
    const frame: ObservedFrame = { name: String(index), camera, labels, depth, photo: undefined, segments };
    const began = performance.now();
    const found = associator.step(frame);
    const associated = performance.now();
    histories.step(frame, found);
    associationSeconds += (associated - began) / 1000;
    seconds += (performance.now() - began) / 1000;
    if (index === calm) settled = usedBytes();
    if (index % 500 === 0) emit({ type: 'work', stage: 'throughput', done: index, total: frames });
  }
  return {
    ...{ frames, objects: OBJECTS, tracks: histories.count, seconds, associationSeconds },
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
