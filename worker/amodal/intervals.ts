/** Object-only splats of each static interval of an object, and the amodal masks that they give. */
import { AMODAL_FIT_DEFAULTS, type PinholeView } from '../../contract/index.ts';
import type { Backend } from '../compute/index.ts';
import { cameraOf, type Photo, type Vector } from '../objects/index.ts';
import { type SplatArrays, SplatModel, SplatRenderer, viewOf } from '../splats/index.ts';
import { type FittedObject, fitObject, type ObjectFitOptions } from './object-fit.ts';
import { cropBox, croppedView, type ObjectView, objectView } from './object-views.ts';

/** One frame as far as amodal masks need it. */
export interface AmodalFrame {
  readonly view: PinholeView;
  /** [H, W] segments, 0 = none. */
  readonly labels: ArrayLike<number>;
  /** [H, W] z, 0 = none; undefined without. */
  readonly depth: Float32Array | undefined;
  /** Where each segment is and half its width, scene units. */
  readonly places: ReadonlyMap<number, { readonly location: Vector; readonly radius: number }>;
}

/** The object's segment in a frame. */
export interface SegmentSighting {
  readonly position: number;
  readonly segment: number;
}

/** Alpha from here on is the object. */
const MASK_ALPHA = 0.5;
/** A sighting so many radii off the interval's place has a wrong depth or is another thing. */
const FAR_RADII = 2.5;

export interface IntervalFitOptions extends ObjectFitOptions {
  /** Views that a model is fitted to, spread evenly over the sightings. */
  readonly views?: number;
}

export interface FittedInterval extends FittedObject {
  readonly splats: SplatArrays;
  /** Positions of the frames that it was fitted to. */
  readonly fittedTo: readonly number[];
}

/**
 * @param sightings of the object within the interval, in order; @param at the interval's place, world
 * @returns undefined where no sighting has a place and pixels
 */
export async function fitInterval(
  backend: Backend,
  sightings: readonly SegmentSighting[],
  at: Vector,
  frameOf: (position: number) => AmodalFrame,
  photoOf: (position: number) => Promise<Photo>,
  options: IntervalFitOptions = {},
): Promise<FittedInterval | undefined> {
  const radii = sightings.flatMap(({ position, segment }) => frameOf(position).places.get(segment)?.radius ?? []);
  radii.sort((a, b) => a - b);
  // What is partly hidden is seen smaller than it is, never larger.
  const radius = radii[Math.floor(0.8 * (radii.length - 1))];
  if (radius === undefined || !(radius > 0)) return undefined;
  const near = sightings.filter(({ position, segment }) => {
    const place = frameOf(position).places.get(segment);
    return place !== undefined && distance(place.location, at) <= Math.max(FAR_RADII * radius, 0.12);
  });
  const object = { place: at, radius };
  const views: ObjectView[] = [];
  const fittedTo: number[] = [];
  for (const { position, segment } of spread(near, options.views ?? AMODAL_FIT_DEFAULTS.views)) {
    const frame = frameOf(position);
    const disc = discOf(frame.view, object);
    if (disc === undefined) continue;
    const camera = cameraOf(frame.view)!;
    const segmentDepth = new Map([...frame.places].map(([id, { location }]) => [id, camera.project(location)[2]]));
    const photo = await photoOf(position);
    const { view, labels, depth } = frame;
    const seen = objectView({ view, photo, labels, segment, depth, segmentDepth, disc });
    if (seen === undefined) continue;
    views.push(seen);
    fittedTo.push(position);
  }
  const splats = await fitObject(backend, views, object, options);
  return splats && { ...object, splats, fittedTo };
}

/** Amodal masks of one fitted interval. */
export class AmodalMasks {
  readonly #model: SplatModel;
  readonly #renderer: SplatRenderer;
  readonly #object: FittedObject;

  constructor(backend: Backend, { splats, place, radius }: FittedInterval) {
    this.#object = { place, radius };
    this.#model = new SplatModel(backend, splats.count, 0, { trainable: false });
    this.#model.upload(splats);
    this.#renderer = new SplatRenderer(backend, this.#model);
  }

  /** [H, W] of 0 and 1: rendered alpha above a half; undefined when the object is not in the view. */
  async mask(view: PinholeView): Promise<Uint8Array | undefined> {
    const disc = discOf(view, this.#object);
    const box = disc && cropBox(view, disc);
    if (box === undefined) return undefined;
    const part = croppedView(view, box);
    const { alpha } = await this.#renderer.channels(viewOf(part));
    const mask = new Uint8Array(view.width * view.height);
    for (let y = 0; y < part.height; y++) {
      for (let x = 0; x < part.width; x++) {
        if (alpha[y * part.width + x]! > MASK_ALPHA) mask[(box.top + y) * view.width + box.left + x] = 1;
      }
    }
    return mask;
  }

  dispose(): void {
    this.#renderer.dispose();
    this.#model.dispose();
  }
}

/** Undefined behind the camera, or without one. */
function discOf(view: PinholeView, { place, radius }: FittedObject) {
  const camera = cameraOf(view);
  if (camera === undefined) return undefined;
  const [u, v, z] = camera.project(place);
  return z > 0.01 ? { u, v, z, radiusPx: (radius * camera.focal) / z } : undefined;
}

function spread<T>(values: readonly T[], most: number): T[] {
  if (values.length <= most) return [...values];
  return Array.from({ length: most }, (_, k) => values[Math.round((k * (values.length - 1)) / (most - 1))]!);
}

function distance(a: Vector, b: Vector): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}
