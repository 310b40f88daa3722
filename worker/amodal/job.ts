/** The job `amodal-masks`: objects as they are seen, and depth, in; their whole silhouettes and the splats of each out. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import {
  type AmodalRequest,
  type AmodalResult,
  type JobEvent,
  LiftscopeError,
  type Segment,
  segmentsOfLabels,
  trackingRequestSchema,
} from '../../contract/index.ts';
import { loadImage } from '../images/index.ts';
import { type StaticInterval, StaticIntervals, TrackingNotes, type Vector } from '../objects/index.ts';
import { MasksWriter } from '../segmentation/index.ts';
import { startBackend, writeSplats } from '../splats/index.ts';
import { observeFrame, TrackingInputs, TrackingNetworks } from '../tracking/index.ts';
import { FrameStore } from './frame-store.ts';
import { type AmodalFrame, AmodalMasks, fitInterval, type SegmentSighting } from './intervals.ts';

interface AmodalContext {
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
}

type Wanted = AmodalRequest['objects'][number];
type FittedObject = AmodalResult['objects'][number];

const PROGRESS_MS = 250;
const NO_PLACES: AmodalFrame['places'] = new Map();

/** Leaves no file behind when it fails. @throws LiftscopeError `bad-input` for an object that must have a static interval and has none, and where none has */
export async function makeAmodalMasks(request: AmodalRequest, context: AmodalContext): Promise<AmodalResult> {
  const began = performance.now();
  const { frames, outputPath, set, positions, fit } = request;
  const notes: string[] = [];
  const written: string[] = [];
  using store = new FrameStore(`${outputPath}.${randomUUID()}.frames`);
  try {
    const sightings = await readSightings(request, store, context);
    const plans = planOf(request, sightings, notes);
    const read = performance.now();
    const segments = new Map(positions.map((position): [number, Segment[]] => [position, []]));
    const objects: FittedObject[] = [];
    const backend = await startBackend(request);
    try {
      const total = plans.reduce((sum, { intervals }) => sum + intervals.length, 0);
      let done = 0;
      for (const { object, intervals } of plans) {
        const own = sightings.of(object.id);
        const seenAt = new Set(own.map(({ position }) => position));
        const absent = new Set(object.absent);
        const fitted: FittedObject['intervals'] = [];
        const masked = new Set<number>();
        for (const { from, to, at } of intervals) {
          context.signal.throwIfAborted();
          const within = own.filter(({ position }) => from <= position && position <= to);
          const model = await fitInterval(backend, within, at, sightings.frame, photoOf, {
            ...fit,
            signal: context.signal,
          });
          done++;
          const secondsLeft = ((performance.now() - read) / 1000 / done) * (total - done);
          context.emit({ type: 'work', stage: 'object models', done, total, secondsLeft });
          await yieldToEvents();
          if (model === undefined) {
            notes.push(
              `${object.name}: too little is seen of it from ${nameOf(from)} to ${nameOf(to)} to fit a model.`,
            );
            continue;
          }
          const splatsPath = `${outputPath}.${object.id}.${fitted.length}.splats`;
          written.push(splatsPath);
          await writeSplats(splatsPath, model.splats, {
            ...{ generator: 'liftscope amodal', iterations: fit.iterations, seed: fit.seed, backend: backend.kind },
            parameters: { ...fit },
          });
          fitted.push({ from, to, gaussians: model.splats.count, views: model.fittedTo.length, splatsPath });
          const masks = new AmodalMasks(backend, model);
          try {
            for (const [position, list] of segments) {
              if (position < from || position > to || absent.has(position) || masked.has(position)) continue;
              const mask = await masks.mask(frames[position]!);
              const [segment] = mask === undefined ? [] : segmentsOfLabels(mask);
              if (segment === undefined) continue;
              const { id, classId } = object;
              list.push({ id, ...(classId !== undefined && { classId }), rle: segment.rle });
              masked.add(position);
            }
          } finally {
            masks.dispose();
          }
        }
        if (fitted.length === 0) continue;
        const unseenMasks = [...masked].filter((position) => !seenAt.has(position)).length;
        objects.push({ id: object.id, masks: masked.size, unseenMasks, intervals: fitted });
      }
    } finally {
      await backend.dispose();
    }
    await using writer = await MasksWriter.create(outputPath, set);
    for (const [position, list] of segments) {
      const { name, width, height } = frames[position]!;
      await writer.add({ frame: name, width, height, segments: list });
    }
    await writer.finish();
    for (const message of notes) context.emit({ type: 'warning', message });
    const end = performance.now();
    return {
      ...{ masksPath: outputPath, frames: segments.size, objects, notes },
      masks: objects.reduce((sum, { masks }) => sum + masks, 0),
      seconds: { reading: (read - began) / 1000, fitting: (end - read) / 1000, total: (end - began) / 1000 },
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    };
  } catch (error) {
    for (const file of [outputPath, ...written]) await rm(file, { force: true });
    throw error;
  }

  function nameOf(position: number): string {
    return frames[position]!.name;
  }

  async function photoOf(position: number) {
    const frame = frames[position]!;
    return loadImage(frame.imagePath, { expected: frame });
  }
}

interface Sightings {
  /** In the order of the frames. */
  of(object: number): readonly SegmentSighting[];
  intervals(object: number): readonly StaticInterval[];
  frame(position: number): AmodalFrame;
}

/** Streams through the frames; what memory keeps is a place for each segment. */
async function readSightings(
  request: AmodalRequest,
  store: FrameStore,
  { signal, emit }: AmodalContext,
): Promise<Sightings> {
  const { frames, masksPath, depth, points, truthDir } = request;
  const notes = new TrackingNotes();
  const wanted = new Map(
    request.objects.map(({ id }) => [id, { sightings: [] as SegmentSighting[], still: new StaticIntervals() }]),
  );
  const places = new Map<number, AmodalFrame['places']>();
  const asTracked = trackingRequestSchema.parse({
    ...{ frames, masks: { kind: 'file', path: masksPath }, depth, points, truthDir, outputPath: request.outputPath },
    ...{ backend: request.backend, threads: request.threads, memoryBudgetBytes: request.memoryBudgetBytes },
  });
  await using networks = await TrackingNetworks.open(asTracked);
  await using inputs = await TrackingInputs.open(asTracked, networks);
  let shownAt = 0;
  for (const [position, frame] of frames.entries()) {
    signal.throwIfAborted();
    const photo = await loadImage(frame.imagePath, { expected: frame });
    const { segmented, depth: measured } = await inputs.frame(frame, photo, notes);
    // Appearance is of no use here.
    const features = new Map<number, Float32Array>();
    const observed = observeFrame({ view: frame, segmented, depth: measured, features }, 'median-depth', notes);
    const found = new Map<number, { location: Vector; radius: number }>();
    let needed = false;
    for (const { shape, location, radius } of observed.segments) {
      if (location !== undefined) found.set(shape.id, { location, radius });
      const own = wanted.get(shape.id);
      if (own === undefined) continue;
      needed = true;
      own.sightings.push({ position, segment: shape.id });
      if (location !== undefined) own.still.add({ frame: position, location });
    }
    places.set(position, found);
    if (needed) store.add(position, segmented.labels, measured.depth);
    if (performance.now() - shownAt > PROGRESS_MS) {
      shownAt = performance.now();
      emit({ type: 'work', stage: 'reading frames', done: position + 1, total: frames.length });
      await yieldToEvents();
    }
  }
  return {
    of: (object) => wanted.get(object)?.sightings ?? [],
    intervals: (object) => wanted.get(object)?.still.list() ?? [],
    frame: (position) => ({
      view: frames[position]!,
      places: places.get(position) ?? NO_PLACES,
      get labels() {
        return store.labels(position);
      },
      get depth() {
        return store.depth(position);
      },
    }),
  };
}

/** The intervals of each object that a wanted frame lies in. */
function planOf(
  { objects, positions }: AmodalRequest,
  sightings: Sightings,
  notes: string[],
): { readonly object: Wanted; readonly intervals: readonly StaticInterval[] }[] {
  const plans = objects.flatMap((object) => {
    const all = sightings.intervals(object.id);
    const intervals = all.filter(({ from, to }) => positions.some((position) => from <= position && position <= to));
    if (intervals.length > 0) return { object, intervals };
    const problem =
      all.length > 0
        ? `${object.name} stands still in none of the frames asked for`
        : `${object.name} has no static interval: it is never seen in the same place in three frames with depth`;
    if (object.required) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `${problem}.`,
        hint: 'Amodal masks need an object that stands still; leave it out of --objects.',
      });
    }
    notes.push(`${problem}; it was left out.`);
    return [];
  });
  if (plans.length > 0) return plans;
  throw new LiftscopeError({
    code: 'bad-input',
    message: 'None of the objects stands still in the frames asked for, so that none has a whole silhouette.',
    hint: notes[0] ?? 'Name other objects or frames.',
  });
}
