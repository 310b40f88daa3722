/** How objects are shown: which Gaussians are hidden, and what colours the others take on. */
import { readFile } from 'node:fs/promises';
import { LiftscopeError, type ViewObjects } from '../../contract/index.ts';
import type { Backend, DeviceBuffer } from '../compute/index.ts';
import type { PlanarFloatImage } from '../images/index.ts';
import type { PinholeView } from '../kernels/index.ts';
import { splattedMaps } from '../language/index.ts';
import type { WeightReader } from '../objects/index.ts';

export interface Membership {
  readonly path: string;
  /** [N] object, 0 = none */
  readonly ids: Uint32Array;
  /** [N] in [0, 1] */
  readonly confidence: Float32Array;
}

export interface HiddenGaussians {
  readonly key: string;
  /** [N] 1 = not drawn */
  readonly mask: Uint8Array;
}

export interface Tints {
  readonly key: string;
  /** [N, 4] RGB times share, share */
  readonly values: Float32Array;
}

const KEPT_FILES = 4;

/** Files of {@link ViewObjects}; the host names them by what they hold, so that one path never means two things. */
export class MembershipFiles {
  readonly #kept = new Map<string, Membership>();

  /** @throws LiftscopeError `bad-input` naming the file */
  async get(path: string, gaussians: number): Promise<Membership> {
    const known = this.#kept.get(path);
    this.#kept.delete(path);
    const membership = known ?? (await readMembership(path));
    this.#kept.set(path, membership);
    for (const oldest of [...this.#kept.keys()].slice(0, -KEPT_FILES)) this.#kept.delete(oldest);
    if (membership.ids.length === gaussians) return membership;
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path}: is of ${membership.ids.length} Gaussians, the model has ${gaussians}.`,
    });
  }
}

async function readMembership(path: string): Promise<Membership> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new LiftscopeError({ code: 'not-found', message: `${path}: cannot be read (${error.message})` });
  });
  if (bytes.length % 8 !== 0) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path}: has ${bytes.length} bytes, 8 a Gaussian are needed`,
    });
  }
  const { buffer } = new Uint8Array(bytes);
  const count = bytes.length / 8;
  return { path, ids: new Uint32Array(buffer, 0, count), confidence: new Float32Array(buffer, 4 * count, count) };
}

/** Undefined where all are drawn. */
export function hiddenGaussians(
  { path, ids }: Membership,
  { hidden, only }: Pick<ViewObjects, 'hidden' | 'only'>,
): HiddenGaussians | undefined {
  if (hidden.length === 0 && only === undefined) return undefined;
  const listed = new Set(only ?? hidden);
  const seen = only !== undefined;
  const mask = Uint8Array.from(ids, (id) => (listed.has(id) === seen ? 0 : 1));
  return { key: JSON.stringify([path, hidden, only]), mask };
}

/** Selected objects take on at least this much of their colour, and of it this much white, so that they stand out. */
const SELECTED_SHARE = 0.7;
const SELECTED_WHITE = 0.3;

/** Undefined where nothing is tinted. */
export function tintsOf({ path, ids }: Membership, objects: ViewObjects): Tints | undefined {
  const { colours, tint, selected } = objects;
  if (tint === 0 && selected.length === 0) return undefined;
  const chosen = new Set(selected);
  const tints = new Map<number, readonly number[]>();
  for (const [id, colour] of colours) {
    const isSelected = chosen.has(id);
    const share = isSelected ? Math.max(tint, SELECTED_SHARE) : tint;
    const white = isSelected ? SELECTED_WHITE : 0;
    const rgb = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
    if (share > 0) tints.set(id, [...rgb.map((value) => share * (value + white * (1 - value))), share]);
  }
  const values = new Float32Array(4 * ids.length);
  for (let i = 0; i < ids.length; i++) {
    const own = ids[i] === 0 ? undefined : tints.get(ids[i]!);
    if (own !== undefined) values.set(own, 4 * i);
  }
  return { key: JSON.stringify([path, colours, tint, selected]), values };
}

/** Renders values that Gaussians have, keeping the newest on the device. */
export class ValueRenderer {
  readonly #backend: Backend;
  #uploaded: { readonly key: string; readonly features: DeviceBuffer } | undefined;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Mixes the tints into an image of the same view. */
  async tint(image: PlanarFloatImage, reader: WeightReader, view: PinholeView, tints: Tints): Promise<void> {
    const features = this.#upload(tints.key, () => tints.values);
    const { features: mixed } = await reader.render(view, features, 4);
    const pixels = image.width * image.height;
    for (let channel = 0; channel < 3; channel++) {
      for (let i = 0; i < pixels; i++) {
        const at = channel * pixels + i;
        image.data[at] = (1 - mixed[3 * pixels + i]!) * image.data[at]! + mixed[at]!;
      }
    }
  }

  /** How much of what covers a pixel belongs to an object, as a grey image. */
  async membership(
    reader: WeightReader,
    view: PinholeView,
    { path, ids, confidence }: Membership,
    object: number,
  ): Promise<PlanarFloatImage> {
    const features = this.#upload(`${path} ${object}`, () =>
      confidence.map((value, i) => (ids[i] === object ? value : 0)),
    );
    const { width, height, alpha, features: sums } = await reader.render(view, features, 1);
    const grey = sums.map((sum, i) => (alpha[i]! > 0 ? sum / alpha[i]! : 0));
    const data = new Float32Array(3 * grey.length);
    for (let channel = 0; channel < 3; channel++) data.set(grey, channel * grey.length);
    return { width, height, data };
  }

  /** Raw relevancy of what covers a pixel, as a grey image; pixels that are less than half covered are black. */
  async relevancy(
    reader: WeightReader,
    view: PinholeView,
    path: string,
    values: Float32Array,
  ): Promise<{ image: PlanarFloatImage; maximum: number }> {
    const buffer = this.#upload(`relevancy ${path}`, () => values);
    const [map] = await splattedMaps(reader, view, buffer, 1);
    const { width, height, values: grey } = map!;
    const data = new Float32Array(3 * grey.length);
    for (let channel = 0; channel < 3; channel++) data.set(grey, channel * grey.length);
    return { image: { width, height, data }, maximum: grey.reduce((most, value) => Math.max(most, value), 0) };
  }

  #upload(key: string, make: () => Float32Array): DeviceBuffer {
    if (this.#uploaded?.key === key) return this.#uploaded.features;
    this.dispose();
    const values = make();
    const features = this.#backend.createBuffer('values of Gaussians', Math.max(4, values.byteLength));
    this.#backend.write(features, values);
    this.#uploaded = { key, features };
    return features;
  }

  dispose(): void {
    if (this.#uploaded !== undefined) this.#backend.destroyBuffer(this.#uploaded.features);
    this.#uploaded = undefined;
  }
}
