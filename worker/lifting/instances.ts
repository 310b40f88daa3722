/** What the studio shows of a lift: instance maps of every frame, and how each agrees with the masks that were given. */
import { writeFile } from 'node:fs/promises';
import {
  encodeLiftedObservations,
  type LiftingRequest,
  type LiftingResult,
  type MaskSetInfo,
  segmentsOfLabels,
  type TrainingFrame,
} from '../../contract/index.ts';
import type { Backend } from '../compute/index.ts';
import type { PinholeView } from '../kernels/index.ts';
import { InstanceRenderer, type LiftedGaussians, type NamedSegments, type WeightReader } from '../objects/index.ts';
import { MasksWriter } from '../segmentation/index.ts';
import { viewOf } from '../splats/index.ts';

export interface InstanceOutput {
  readonly backend: Backend;
  readonly reader: WeightReader;
  readonly target: NonNullable<LiftingRequest['instances']>;
  readonly recipe: string;
  readonly frames: readonly TrainingFrame[];
  /** As given, by frame name. */
  readonly masks: ReadonlyMap<string, NamedSegments>;
  /** Equal ids of given segments in different frames are the same object. */
  readonly consistentIds: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Votes of at most this many objects, and values in all, are drawn as channels. */
const DENSE = { objects: 64, values: 2 ** 25 };
/** What a pixel must be given to belong to an object at all. */
const LEAST_VOTE = 1e-20;

/**
 * Votes as one channel an object: the same maps for a third of the time, because the compositor sums up instead of handing over
 * W, as long as there are few objects. A last channel that is next to nothing wins where nobody voted for an object.
 */
function denseVotes({ readout, ...lifted }: LiftedGaussians): LiftedGaussians | undefined {
  const { gaussians, objects } = lifted;
  const channels = objects + 1;
  if (readout.kind !== 'votes' || objects > DENSE.objects || gaussians * channels > DENSE.values) return undefined;
  const features = new Float32Array(gaussians * channels);
  const { start, ids, weights } = readout.shares;
  for (let i = 0; i < gaussians; i++) {
    for (let k = start[i]!; k < start[i + 1]!; k++) features[i * channels + ids[k]! - 1] = weights[k]!;
    features[i * channels + objects] = LEAST_VOTE;
  }
  return { ...lifted, objects: channels, readout: { kind: 'logits', features } };
}

/** Instance maps of a lift, by whichever way is faster. */
function mapsOf(backend: Backend, reader: WeightReader, renderer: InstanceRenderer, lifted: LiftedGaussians) {
  const dense = denseVotes(lifted);
  const drawn = dense && new InstanceRenderer(backend, reader, dense);
  return {
    map: async (view: PinholeView): Promise<Uint32Array> => {
      if (drawn === undefined) return renderer.map(view);
      return (await drawn.map(view)).map((object) => (object > lifted.objects ? 0 : object));
    },
    [Symbol.dispose]: (): void => drawn?.dispose(),
  };
}

/** Renders every frame once. @returns what was written, and the pixels of each object in the frames that `masks` holds */
export async function writeInstances(
  renderer: InstanceRenderer,
  lifted: LiftedGaussians,
  output: InstanceOutput,
): Promise<{
  written: NonNullable<LiftingResult['instances']>;
  areas: { frame: string; areaPx: Uint32Array }[];
}> {
  const { target, frames, masks, consistentIds, signal, onProgress } = output;
  const { objects } = lifted;
  using maps = mapsOf(output.backend, output.reader, renderer, lifted);
  const set: MaskSetInfo = {
    name: target.setName,
    provenance: { kind: 'lifted', source: `lift by ${output.recipe}` },
    consistentIds: true,
    classes: [],
  };
  const rows = new Columns(3);
  const given = new Columns(4);
  const areas: { frame: string; areaPx: Uint32Array }[] = [];
  await using writer = await MasksWriter.create(target.masksPath, set);
  for (const [position, frame] of frames.entries()) {
    signal?.throwIfAborted();
    onProgress?.(position, frames.length);
    const map = await maps.map(viewOf(frame));
    const segments = masks.get(frame.name)?.segments;
    const { areaPx, disagreement, ofSegments } = compareFrame(map, objects, segments);
    if (segments !== undefined) areas.push({ frame: frame.name, areaPx });
    for (let object = 1; object <= objects; object++) {
      if (areaPx[object]! > 0) rows.add(object, position, disagreement[object]!);
    }
    if (consistentIds) for (const { id, object, apart } of ofSegments) given.add(id, position, object, apart);
    const { name, width, height } = frame;
    await writer.add({ frame: name, width, height, segments: segmentsOfLabels(map) });
  }
  await writer.finish();
  await writeFile(
    target.observationsPath,
    encodeLiftedObservations({
      object: rows.integers(0),
      frame: rows.integers(1),
      disagreement: rows.floats(2),
      segments: {
        id: given.integers(0),
        frame: given.integers(1),
        object: given.integers(2),
        disagreement: given.floats(3),
      },
    }),
  );
  return { written: { frames: frames.length, observations: rows.length, segments: given.length }, areas };
}

interface FrameComparison {
  /** [objects + 1] */
  readonly areaPx: Uint32Array;
  /** [objects + 1] see LiftedObservations; NaN without masks */
  readonly disagreement: Float32Array;
  readonly ofSegments: readonly { readonly id: number; readonly object: number; readonly apart: number }[];
}

/**
 * A given segment belongs to the object that most of its pixels lie on (those on no object do not count). The segments of an
 * object together are compared with its lifted mask; an object without any disagrees entirely.
 * @param map [H·W] lifted, 0 = none. @param segments [H·W] given, 0 = none
 */
function compareFrame(
  map: Uint32Array,
  objects: number,
  segments: Uint16Array | Uint32Array | undefined,
): FrameComparison {
  const areaPx = new Uint32Array(objects + 1);
  for (let i = 0; i < map.length; i++) areaPx[map[i]!]!++;
  if (segments === undefined) {
    return { areaPx, disagreement: new Float32Array(objects + 1).fill(Number.NaN), ofSegments: [] };
  }
  const overlaps = new Map<number, Map<number, number>>();
  for (let i = 0; i < map.length; i++) {
    const segment = segments[i]!;
    if (segment === 0) continue;
    let own = overlaps.get(segment);
    if (own === undefined) {
      own = new Map();
      overlaps.set(segment, own);
    }
    own.set(map[i]!, (own.get(map[i]!) ?? 0) + 1);
  }
  const both = new Float64Array(objects + 1);
  const givenPx = new Float64Array(objects + 1);
  const ofSegments: { id: number; object: number; apart: number }[] = [];
  for (const [id, own] of overlaps) {
    let [object, most, total] = [0, 0, 0];
    for (const [candidate, pixels] of own) {
      total += pixels;
      if (candidate !== 0 && (pixels > most || (pixels === most && candidate < object))) {
        [object, most] = [candidate, pixels];
      }
    }
    both[object]! += most;
    givenPx[object]! += total;
    const apart = object === 0 ? Number.NaN : 1 - most / (total + areaPx[object]! - most);
    ofSegments.push({ id, object, apart });
  }
  const disagreement = Float32Array.from(areaPx, (area, object) => {
    const union = area + givenPx[object]! - both[object]!;
    return union > 0 ? 1 - both[object]! / union : 1;
  });
  return { areaPx, disagreement, ofSegments };
}

/** Rows of numbers that become columns. */
class Columns {
  readonly #rows: number[] = [];
  readonly #width: number;

  constructor(width: number) {
    this.#width = width;
  }

  add(...row: number[]): void {
    this.#rows.push(...row);
  }

  get length(): number {
    return this.#rows.length / this.#width;
  }

  integers(column: number): Uint32Array<ArrayBuffer> {
    return Uint32Array.from({ length: this.length }, (_, row) => this.#rows[row * this.#width + column]!);
  }

  floats(column: number): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length: this.length }, (_, row) => this.#rows[row * this.#width + column]!);
  }
}
