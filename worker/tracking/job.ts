/** The job `track-objects`: initial tracks, depth and photos in; objects with the state of each in every frame out. */
import { readFile } from 'node:fs/promises';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import {
  countsOfSegment,
  forEachRun,
  type JobEvent,
  LiftscopeError,
  segmentsOfLabels,
  type TrackingRequest,
  type TrackingResult,
  type TrackLock,
  type TrainingFrame,
} from '../../contract/index.ts';
import { loadImage, type PlanarImage } from '../images/index.ts';
import type { TrackingFrame } from '../metrics/index.ts';
import { cameraOf, DepthAligner, StaticDepth, TrackingNotes } from '../objects/index.ts';
import { MasksWriter } from '../segmentation/index.ts';
import { ObjectHistories } from './assemble.ts';
import { CarriedMasks } from './carried-masks.ts';
import { matchesOf, plainFigures, StateScore, scoreTracks } from './figures.ts';
import { TrackJoins } from './joins.ts';
import { MasksVideo } from './masks-video.ts';
import { TrackingNetworks } from './networks.ts';
import { type FrameDepth, observeFrame, type SegmentedFrame } from './observe.ts';
import { createAssociator, trackingParametersOf } from './recipes.ts';
import { SceneVideo } from './scene-video.ts';
import { openSplatDepth, type SplatDepth } from './splat-depth.ts';
import type { FrameStates } from './state-truth.ts';
import { TracksWriter } from './tracks-writer.ts';

interface TrackingContext {
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
}

const PROGRESS_MS = 250;

/** Streams through the frames: memory grows with objects, not with frames. @throws LiftscopeError, the signal's reason */
export async function trackObjects(request: TrackingRequest, context: TrackingContext): Promise<TrackingResult> {
  const began = performance.now();
  const { frames, recipe } = request;
  const notes = new TrackingNotes();
  const associator = createAssociator(recipe, request.parameters, notes);
  const { centroid } = associator.parameters;
  const mode = centroid === 'mean-pixel' ? centroid : 'median-depth';
  await using networks = await TrackingNetworks.open(request);
  await using inputs = await TrackingInputs.open(request, networks);
  await using writer = await TracksWriter.create(request.outputPath, recipe, frames.length);
  const histories = new ObjectHistories();
  const carried = request.proposals ? new CarriedMasks() : undefined;
  const joins = request.proposals ? new TrackJoins() : undefined;
  const locks = locksByPosition(request.locks);
  const score = inputs.scene && new Score(inputs.scene);
  const seconds = { inputs: 0, attributes: 0, tracking: 0 };
  const depthCounts = { fitted: 0, previous: 0, none: 0 };
  const initialIds = new Set<number>();
  let [segments, framesWithSegments, ambiguities, shownAt] = [0, 0, 0, 0];
  for (const [position, frame] of frames.entries()) {
    context.signal.throwIfAborted();
    const t0 = performance.now();
    const photo = await loadImage(frame.imagePath, { expected: frame });
    const input = await inputs.frame(frame, photo, notes);
    const t1 = performance.now();
    const features = await networks.describe(photo, input.segmented.labels);
    const observed = observeFrame({ view: frame, ...input, photo, features }, mode, notes);
    const t2 = performance.now();
    const locked = locksOfFrame(locks.get(position), observed.labels, frame, notes);
    const ids = associator.step(observed, locked);
    const observations = histories.step(observed, ids);
    joins?.step(observed, ids.ids);
    const ready = carried?.step(observed, observations) ?? [{ name: frame.name, observations }];
    for (const done of ready) await writer.frame(done);
    seconds.inputs += t1 - t0;
    seconds.attributes += t2 - t1;
    seconds.tracking += performance.now() - t2;
    depthCounts[input.depth.from]++;
    segments += observed.segments.length;
    framesWithSegments += observed.segments.length > 0 ? 1 : 0;
    ambiguities += ids.ambiguities.length;
    for (const { shape } of observed.segments) initialIds.add(shape.id);
    if (input.truth !== undefined) {
      const idOf = new Map(observed.segments.map(({ shape }, i) => [shape.id, ids.ids[i]!]));
      score?.add(input.truth, idOf, observations);
    }
    if (performance.now() - shownAt > PROGRESS_MS) {
      shownAt = performance.now();
      const secondsLeft = ((shownAt - began) / 1000 / (position + 1)) * (frames.length - position - 1);
      context.emit({ type: 'work', stage: 'tracking', done: position + 1, total: frames.length, secondsLeft });
      await yieldToEvents();
    }
  }
  for (const message of notes.messages) context.emit({ type: 'warning', message });
  for (const done of carried?.finish() ?? []) await writer.frame(done);
  // Of the parameters that a recipe leaves open, those of the recipe made for it.
  const parameters =
    recipe === 'byte-track' ? trackingParametersOf('spatial') : trackingParametersOf(recipe, request.parameters);
  const may = joins?.list(parameters);
  const objects = histories.objects(associator.lockedTracks).map((object) => {
    const list = may?.get(object.object);
    return list === undefined ? object : { ...object, joins: list };
  });
  await writer.finish(objects);
  const masksPath = await inputs.finish();
  return {
    recipe,
    tracksPath: request.outputPath,
    ...(masksPath !== undefined && { masksPath }),
    frames: frames.length,
    framesWithSegments,
    segments,
    objects: histories.count,
    initialTracks: initialIds.size,
    ambiguities,
    depth: depthCounts,
    noteCounts: notes.counts as Record<string, number>,
    notes: notes.messages,
    parameters: { ...associator.parameters },
    ...(score?.scored === true && { quality: score.quality() }),
    seconds: {
      ...Object.fromEntries(Object.entries(seconds).map(([stage, ms]) => [stage, ms / 1000])),
      total: (performance.now() - began) / 1000,
    },
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  };
}

interface FrameInput {
  readonly segmented: SegmentedFrame;
  readonly depth: FrameDepth;
  readonly truth?: { readonly pairs: TrackingFrame; readonly states: FrameStates };
}

/** Segments and depth of the frames in their order, wherever they come from. */
export class TrackingInputs implements AsyncDisposable {
  readonly scene: SceneVideo | undefined;
  readonly #request: TrackingRequest;
  readonly #networks: TrackingNetworks;
  readonly #masks: MasksVideo | undefined;
  readonly #writer: MasksWriter | undefined;
  readonly #splats: SplatDepth | undefined;
  readonly #static: StaticDepth | undefined;
  readonly #aligner = new DepthAligner('disparity');

  private constructor(
    request: TrackingRequest,
    networks: TrackingNetworks,
    parts: { scene?: SceneVideo; masks?: MasksVideo; writer?: MasksWriter; splats?: SplatDepth; points?: StaticDepth },
  ) {
    this.#request = request;
    this.#networks = networks;
    this.scene = parts.scene;
    this.#masks = parts.masks;
    this.#writer = parts.writer;
    this.#splats = parts.splats;
    this.#static = parts.points;
  }

  static async open(request: TrackingRequest, networks: TrackingNetworks): Promise<TrackingInputs> {
    const { masks, depth, truthDir, points } = request;
    const simulated = masks.kind === 'simulated' ? masks : depth.kind === 'simulated' ? depth : undefined;
    if (simulated !== undefined && truthDir === undefined) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: 'Simulated tracks and depth need a generated scene with its truth.',
        hint: 'Name masks of your own, and --depth splats or none.',
      });
    }
    const monocular = depth.kind === 'simulated' || depth.kind === 'model';
    if (monocular && points === undefined) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: 'The capture has no sparse points, to which monocular depth could be aligned.',
        hint: 'Use --depth splats, or --depth none.',
      });
    }
    const scene =
      simulated !== undefined && truthDir !== undefined
        ? await SceneVideo.open(truthDir, simulated.noise, simulated.seed)
        : undefined;
    const writer =
      masks.kind === 'simulated' && scene !== undefined
        ? await MasksWriter.create(masks.writeMasksTo, {
            name: 'simulated tracker',
            provenance: {
              kind: 'model',
              source: 'simulated tracker',
              parameters: { noise: masks.noise, seed: masks.seed },
            },
            consistentIds: true,
            classes: [...scene.classes],
          })
        : undefined;
    return new TrackingInputs(request, networks, {
      ...(scene && { scene }),
      ...(writer && { writer }),
      ...(masks.kind === 'file' && { masks: await MasksVideo.open(masks.path) }),
      ...(depth.kind === 'splats' && { splats: await openSplatDepth(depth.path, request) }),
      ...(monocular && points && { points: new StaticDepth(await readPoints(points)) }),
    });
  }

  async frame(frame: TrainingFrame, photo: PlanarImage, notes: TrackingNotes): Promise<FrameInput> {
    const { depth } = this.#request;
    const scene = await this.scene?.frame(frame.name, frame);
    const file = await this.#masks?.frame(frame.name, frame);
    if (file?.warning !== undefined) notes.add('no-segments', `${frame.name}: ${file.warning}.`);
    const segmented = file ?? scene!.segmented;
    await this.#write(frame, segmented);
    const camera = cameraOf(frame);
    let found: FrameDepth = { depth: undefined, from: 'none' };
    if (depth.kind === 'splats' && camera !== undefined) {
      found = { depth: await this.#splats!.depth(frame), from: 'fitted' };
    } else if (this.#static !== undefined && camera !== undefined) {
      const aligned =
        depth.kind === 'simulated'
          ? this.#aligner.align(scene!.disparity, this.#static.render(camera))
          : await this.#networks.depth(photo, this.#static, camera);
      if (aligned !== undefined) found = { depth: aligned.depth, from: aligned.from };
    }
    // Figures are those of the simulated tracker's segments; other masks have their own.
    const truth = file === undefined && scene ? { pairs: scene.truth, states: scene.states } : undefined;
    return { segmented, depth: found, ...(truth && { truth }) };
  }

  async #write({ name, width, height }: TrainingFrame, { labels, info }: SegmentedFrame): Promise<void> {
    if (this.#writer === undefined) return;
    const classId = new Map(this.scene!.classes.map((entry) => [entry.name, entry.id]));
    const segments = segmentsOfLabels(labels).map((segment) => {
      const { category, confidence } = info.get(segment.id) ?? {};
      const known = category === undefined ? undefined : classId.get(category);
      return {
        ...segment,
        ...(known !== undefined && { classId: known }),
        ...(confidence !== undefined && { confidence: Math.min(1, Math.max(0, confidence)) }),
      };
    });
    await this.#writer.add({ frame: name, width, height, segments });
  }

  /** @returns the file of the simulated masks */
  async finish(): Promise<string | undefined> {
    await this.#writer?.finish();
    const { masks } = this.#request;
    return masks.kind === 'simulated' ? masks.writeMasksTo : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer?.[Symbol.asyncDispose]();
    await this.#masks?.[Symbol.asyncDispose]();
    await this.#splats?.[Symbol.asyncDispose]();
  }
}

/** Figures of the output beside those of the input. */
class Score {
  readonly #scene: SceneVideo;
  readonly #truths: TrackingFrame[] = [];
  readonly #ids: ReadonlyMap<number, number>[] = [];
  readonly #states = new StateScore();

  constructor(scene: SceneVideo) {
    this.#scene = scene;
  }

  get scored(): boolean {
    return this.#truths.length > 0;
  }

  add(
    { pairs, states }: NonNullable<FrameInput['truth']>,
    idOf: ReadonlyMap<number, number>,
    observations: Parameters<StateScore['add']>[1],
  ): void {
    this.#truths.push(pairs);
    this.#ids.push(idOf);
    const predictedIds = Array.from(pairs.predictedIds, (id) => idOf.get(id)!);
    this.#states.add(matchesOf({ ...pairs, predictedIds }), observations, states);
  }

  quality(): NonNullable<TrackingResult['quality']> {
    const classOf = (truth: number): number => this.#scene.classOf(truth);
    return {
      input: plainFigures(scoreTracks(this.#truths, (_, id) => id, classOf)),
      output: plainFigures(scoreTracks(this.#truths, (frame, id) => this.#ids[frame]!.get(id)!, classOf)),
      stateAccuracy: this.#states.accuracy,
      states: this.#states.perState(),
      occluderAccuracy: this.#states.occluderAccuracy,
    };
  }
}

function locksByPosition(locks: readonly TrackLock[]): Map<number, TrackLock[]> {
  return Map.groupBy(locks, ({ position }) => position);
}

/** Key of each segment that a person tied, by the overlap of the masks. */
function locksOfFrame(
  locks: readonly TrackLock[] | undefined,
  labels: Int32Array,
  { width, height, name }: TrainingFrame,
  notes: TrackingNotes,
): Map<number, number> | undefined {
  if (locks === undefined) return undefined;
  const keys = new Map<number, number>();
  for (const { rle, objectId } of locks) {
    const overlap = new Map<number, number>();
    let area = 0;
    forEachRun(countsOfSegment({ rle }, width, height), (start, end) => {
      area += end - start;
      for (let i = start; i < end; i++) {
        if (labels[i] !== 0) overlap.set(labels[i]!, (overlap.get(labels[i]!) ?? 0) + 1);
      }
    });
    const [best] = [...overlap].sort((a, b) => b[1] - a[1]);
    // A mask that a person accepted where nothing was segmented touches its neighbours, but is none of them.
    if (best === undefined || 2 * best[1] < area) {
      notes.add('lock-without-segment', `${name}: no segment lies on the locked mask of object ${objectId}.`);
    } else keys.set(best[0], objectId);
  }
  return keys;
}

/** [M, 3] @throws LiftscopeError `bad-input` */
async function readPoints({ path, count }: { path: string; count: number }): Promise<Float32Array> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new LiftscopeError({ code: 'bad-input', message: `${path}: cannot be read (${error.message})` });
  });
  if (bytes.length !== 15 * count) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path}: is ${bytes.length} bytes; ${count} points are ${15 * count}.`,
      hint: 'Import the capture again.',
    });
  }
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 12 * count));
}
