/**
 * Crops that mini-clip learns from, kept on disk. Rays are most of the work of a picture: each view is traced once and painted several
 * times, with other colours, patterns, materials and surroundings.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RgbImage, segmentCrop } from '../../worker/images/index.ts';
import {
  CATEGORIES,
  createMessyRoom,
  createRandom,
  createTracer,
  createTurntable,
  type FrameView,
  type ObjectChoice,
  paintSurfaces,
  type Random,
  type Scene,
  type Surfaces,
  type Texture,
} from '../../worker/scenes/index.ts';
import type { Content, Stuff } from './captions.ts';
import { colourOf, drawLook, drawPaint, type Look, PAINTED } from './looks.ts';

/** `painted`: turntables of objects that can wear any pattern or material, most of them in one that they are not known for. */
export type CropKind = 'turntable' | 'room' | 'painted';
export type Seen = Omit<Content, 'context'>;
export interface CropSet {
  readonly kind: CropKind;
  readonly seen: readonly Seen[];
  /** [n, side, side, 3] with all that surrounds the segment. */
  readonly rgb: Uint8Array;
  /** [n, side, side], share of a pixel that the segment covers, 255 all. */
  readonly mask: Uint8Array;
}

export const SIDE = 48;
const MARGINS = [0.18, 0.44] as const;
const LOOKS = { turntable: 10, painted: 12 } as const;
const ROOM = { objects: 25, views: 6, looks: 4, size: 192 } as const;
/** Fewest pixels of an object and of a part, in a room and in a crop of an object. */
const LEAST_OBJECT = 60;
const LEAST_PART = 14;
const STUFF = ['void', 'floor', 'wall', 'furniture'];
/** Objects of each category on a painted turntable. */
const SHAPES = 4;

/** Share of turntable crops that are made as coarse as those of small objects in large photos. */
const COARSE = { turntable: 0.35, painted: 0.15 } as const;

class Collector {
  readonly seen: Seen[] = [];
  readonly rgb: Uint8Array[] = [];
  readonly mask: Uint8Array[] = [];

  add({ objects, ...seen }: Seen, rgb: Uint8Array, mask: Uint8Array): void {
    // Shapes are of no more use.
    this.seen.push({ ...seen, objects: objects.map((choice) => ({ ...choice, shapeSeed: '' })) });
    this.rgb.push(rgb);
    this.mask.push(mask);
  }

  set(): Omit<CropSet, 'kind'> {
    return { seen: this.seen, rgb: Buffer.concat(this.rgb), mask: Buffer.concat(this.mask) };
  }
}

/** Of the lamp and of the ring around it four points each, with the light of all: rays to lights are half of all rays. */
function thinned(render: Scene['render']): Scene['render'] {
  const [lamp, ring] = [render.lights.slice(0, -4), render.lights.slice(-4)];
  const kept = lamp.slice(0, 4).map((light) => ({ ...light, weight: (light.weight * lamp.length) / 4 }));
  return { ...render, lights: [...kept, ...ring] };
}

/** Rows of the part table that belong to each object, in the order of its model's parts. */
function rowsOfObjects({ render, objects }: Scene): number[][] {
  const rows: number[][] = objects.map(() => []);
  render.parts.forEach(({ instance }, row) => {
    if (instance > 0) rows[instance - 1]!.push(row);
  });
  return rows;
}

/** The view, turned into a picture of the crop around object `id`; undefined where the object cannot be seen. */
function closeUp(labels: Uint16Array, view: FrameView, size: number, id: number, margin: number) {
  let [left, top, right, bottom] = [size, size, -1, -1];
  labels.forEach((label, i) => {
    if (label !== id) return;
    const [x, y] = [i % size, Math.floor(i / size)];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  });
  if (right < 0) return undefined;
  const length = Math.max(right - left, bottom - top) * (1 + 2 * margin);
  const { fx, fy, cx, cy } = view.intrinsics;
  const scale = SIDE / length;
  const [startX, startY] = [(left + right - length) / 2, (top + bottom - length) / 2];
  const [x, y] = [(cx - startX) * scale, (cy - startY) * scale];
  const intrinsics = { width: SIDE, height: SIDE, fx: fx * scale, fy: fy * scale, cx: x, cy: y };
  return { ...view, intrinsics };
}

/** [H, W] share of each pixel's samples that `belongs`, 255 all. */
function coverage({ rows, samples }: Surfaces, belongs: (row: number) => boolean): Uint8Array {
  const mask = new Uint8Array(rows.length / samples);
  rows.forEach((row, i) => {
    if (belongs(row)) mask[Math.floor(i / samples)]! += 255 / samples;
  });
  return mask;
}

/** The square around a segment of a picture: the picture itself and the segment's share of every pixel. */
function cut(image: RgbImage, mask: Uint8Array, pixels: Uint32Array, margin: number): [Uint8Array, Uint8Array] {
  const { data: rgb } = segmentCrop(image, pixels, { side: SIDE, context: 1, margin });
  const grey: RgbImage = { ...image, data: mask.length === image.data.length ? mask : spread(mask) };
  const { data } = segmentCrop(grey, pixels, { side: SIDE, context: 1, margin, fill: [0, 0, 0] });
  return [rgb, data.filter((_, i) => i % 3 === 0)];
}

const spread = (mask: Uint8Array): Uint8Array =>
  Uint8Array.from({ length: 3 * mask.length }, (_, i) => mask[Math.floor(i / 3)]!);

/** As if photographed with `side` pixels: averaged, then interpolated. */
export function coarse(values: Uint8Array, channels: number, side: number): Uint8Array {
  const small = new Float32Array(side * side * channels);
  const weight = new Float32Array(side * side);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const to = Math.floor((y * side) / SIDE) * side + Math.floor((x * side) / SIDE);
      weight[to]!++;
      for (let c = 0; c < channels; c++) small[to * channels + c]! += values[(y * SIDE + x) * channels + c]!;
    }
  }
  const out = new Uint8Array(values.length);
  for (let y = 0; y < SIDE; y++) {
    const v = Math.max(0, Math.min(side - 1, ((y + 0.5) * side) / SIDE - 0.5));
    const y0 = Math.min(side - 2, Math.floor(v));
    for (let x = 0; x < SIDE; x++) {
      const u = Math.max(0, Math.min(side - 1, ((x + 0.5) * side) / SIDE - 0.5));
      const x0 = Math.min(side - 2, Math.floor(u));
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let k = 0; k < 4; k++) {
          const at = (y0 + (k >> 1)) * side + x0 + (k & 1);
          const share = (k & 1 ? u - x0 : 1 - u + x0) * (k >> 1 ? v - y0 : 1 - v + y0);
          sum += (share * small[at * channels + c]!) / weight[at]!;
        }
        out[(y * SIDE + x) * channels + c] = Math.round(sum);
      }
    }
  }
  return out;
}

const pixelsWhere = (mask: Uint8Array): Uint32Array => {
  const found: number[] = [];
  mask.forEach((value, i) => {
    if (value >= 128) found.push(i);
  });
  return Uint32Array.from(found);
};

/** One object of each category (or several of those that patterns can be seen on) on a stage of its own, from one side, in several looks; and parts of them. */
function turntableCrops(seed: string, kind: 'turntable' | 'painted'): Omit<CropSet, 'kind'> {
  const random = createRandom(`crops/${kind}/${seed}`);
  const shapes =
    kind === 'turntable'
      ? CATEGORIES.map(({ name }) => ({ category: name, shapeSeed: `${random.seed}/${name}` }))
      : PAINTED.flatMap((category) =>
          Array.from({ length: SHAPES }, (_, i) => ({ category, shapeSeed: `${random.seed}/${category}/${i}` })),
        );
  const choices = random.shuffle(shapes).map((shape) => drawLook(shape as ObjectChoice, random).choice);
  const size = 40;
  const scene = createTurntable({ seed: `mini-clip/${kind === 'turntable' ? '' : `${kind}/`}${seed}`, size, choices });
  // Materials are told apart by their highlights, which a few lights make other than many do.
  const tracer = createTracer(kind === 'painted' ? scene.render : thinned(scene.render));
  const { parts } = scene.render;
  const own = rowsOfObjects(scene);
  const stage = (name: 'floor' | 'wall'): Texture[] =>
    parts.filter(({ instance, classId }) => instance === 0 && STUFF[classId] === name).map(({ texture }) => texture);
  const [floors, walls] = [stage('floor'), stage('wall')];
  const views = scene.frames.length / choices.length;
  const out = new Collector();
  scene.objects.forEach((object, i) => {
    const { view } = scene.frames[i * views + random.integer(views)]!;
    const labels = tracer.renderLabels(view).instance;
    const close = closeUp(labels, view, size, object.id, random.range(...MARGINS));
    if (!close) return;
    const surfaces = tracer.trace(close);
    const mask = coverage(surfaces, (row) => parts[row]!.instance === object.id);
    const total = mask.reduce((sum, value) => sum + value, 0);
    const partMasks = object.parts.map(({ id }) => coverage(surfaces, (row) => parts[row]!.part === id));
    const shares = partMasks.map((one) => one.reduce((sum, value) => sum + value, 0) / total);
    const large = shares.flatMap((share, k) => (share * total >= 255 * LEAST_PART ? [k] : []));
    const partPixels = partMasks.map(pixelsWhere);
    for (let k = 0; k < LOOKS[kind]; k++) {
      const { choice, textures } =
        kind === 'painted' ? drawPaint(object.choice, random) : drawLook(object.choice, random);
      const [floor, wall] = [random.pick(floors), random.pick(walls)];
      const table = parts.map(({ classId, texture }) =>
        STUFF[classId] === 'floor' ? floor : STUFF[classId] === 'wall' ? wall : texture,
      );
      own[i]!.forEach((row, part) => {
        table[row] = textures[part]!;
      });
      const rgb = paintSurfaces(surfaces, table);
      const seen: Seen = { kind: 'object', objects: [choice], share: Math.max(...shares) };
      if (random.chance(COARSE[kind])) {
        const side = 14 + random.integer(26);
        out.add(seen, coarse(rgb, 3, side), coarse(mask, 1, side));
      } else out.add(seen, rgb, mask);
      if (kind === 'painted' || large.length === 0 || random.chance(0.5)) continue;
      const part = random.pick(large);
      if (partPixels[part]!.length < LEAST_PART) continue;
      const image: RgbImage = { width: SIDE, height: SIDE, data: rgb };
      const { name } = object.parts[part]!;
      out.add(
        partSeen({ choice, textures }, object.model, name, shares[part]!),
        ...cut(image, partMasks[part]!, partPixels[part]!, random.range(...MARGINS)),
      );
    }
  });
  return out.set();
}

function partSeen(
  { choice, textures }: Look,
  model: Scene['objects'][number]['model'],
  part: string,
  share: number,
): Seen {
  const partColour = colourOf(textures[model.parts.findIndex(({ name }) => name === part)]!);
  return { kind: 'part', objects: [choice], part, share, ...(partColour && { partColour }) };
}

/** Objects of a messy room as the views show them, in several looks; parts, pairs of neighbours, and patches of the surroundings. */
async function roomCrops(seed: string): Promise<Omit<CropSet, 'kind'>> {
  const random = createRandom(`crops/room/${seed}`);
  const { objects: count, views, looks, size } = ROOM;
  const scene = await createMessyRoom({ seed: `mini-clip/${seed}`, objects: count, views, size });
  const tracer = createTracer(thinned(scene.render));
  const { parts } = scene.render;
  const own = rowsOfObjects(scene);
  const out = new Collector();
  for (const { view } of scene.frames) {
    const surfaces = tracer.trace(view);
    const byInstance = pixelsByLabel(surfaces.instance);
    const byPart = pixelsByLabel(surfaces.part);
    const shown = [...byInstance].filter(([, pixels]) => pixels.length >= LEAST_OBJECT).map(([id]) => id);
    const maskOf = (pixels: Uint32Array): Uint8Array => {
      const mask = new Uint8Array(3 * size * size);
      for (const i of pixels) mask.fill(255, 3 * i, 3 * i + 3);
      return mask;
    };
    for (let k = 0; k < looks; k++) {
      const worn = scene.objects.map(({ choice }) => drawLook(choice, random));
      const table = parts.map(({ texture }) => texture);
      own.forEach((rows, i) => {
        rows.forEach((row, part) => {
          table[row] = worn[i]!.textures[part]!;
        });
      });
      const image: RgbImage = { width: size, height: size, data: paintSurfaces(surfaces, table) };
      const add = (seen: Seen, pixels: Uint32Array): void => {
        out.add(seen, ...cut(image, maskOf(pixels), pixels, random.range(...MARGINS)));
      };
      for (const id of shown) {
        const { model, parts: named } = scene.objects[id - 1]!;
        const pixels = byInstance.get(id)!;
        const visible = named.filter((part) => byPart.has(part.id));
        const shares = visible.map((part) => byPart.get(part.id)!.length / pixels.length);
        add({ kind: 'object', objects: [worn[id - 1]!.choice], share: Math.max(0, ...shares) }, pixels);
        visible.forEach(({ id: part, name }, p) => {
          if (byPart.get(part)!.length < LEAST_PART || random.chance(0.75)) return;
          add(partSeen(worn[id - 1]!, model, name, shares[p]!), byPart.get(part)!);
        });
      }
      for (const [a, b] of neighbours(shown, byInstance, size)) {
        const pixels = Uint32Array.from([...byInstance.get(a)!, ...byInstance.get(b)!]).sort();
        add({ kind: 'group', objects: [worn[a - 1]!.choice, worn[b - 1]!.choice] }, pixels);
      }
      for (const { stuff, pixels } of patches(surfaces.classId, size, random))
        add({ kind: 'stuff', objects: [], stuff }, pixels);
    }
  }
  return out.set();
}

function pixelsByLabel(labels: Uint16Array): Map<number, Uint32Array> {
  const counts = new Map<number, number>();
  for (const label of labels) if (label > 0) counts.set(label, (counts.get(label) ?? 0) + 1);
  const lists = new Map([...counts].map(([label, count]) => [label, new Uint32Array(count)]));
  const next = new Map([...counts.keys()].map((label) => [label, 0]));
  labels.forEach((label, i) => {
    if (label === 0) return;
    const at = next.get(label)!;
    lists.get(label)![at] = i;
    next.set(label, at + 1);
  });
  return lists;
}

/** Pairs whose boxes overlap, each object in at most one. */
function neighbours(ids: readonly number[], pixels: ReadonlyMap<number, Uint32Array>, width: number) {
  const boxes = ids.map((id) => {
    let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
    for (const index of pixels.get(id)!) {
      const x = index % width;
      const y = Math.floor(index / width);
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
    }
    return { left, top, right, bottom };
  });
  const pairs: [number, number][] = [];
  const taken = new Set<number>();
  ids.forEach((a, i) => {
    ids.forEach((b, j) => {
      if (j <= i || taken.has(a) || taken.has(b)) return;
      const [p, q] = [boxes[i]!, boxes[j]!];
      if (p.left > q.right || q.left > p.right || p.top > q.bottom || q.top > p.bottom) return;
      pairs.push([a, b]);
      taken.add(a).add(b);
    });
  });
  return pairs;
}

/** Some regions of floor, walls and furniture: what of one class lies in a random box. */
function patches(classes: Uint16Array, width: number, random: Random) {
  const found: { stuff: Stuff; pixels: Uint32Array }[] = [];
  for (let n = 0; n < 2; n++) {
    const side = Math.round(width * random.range(0.12, 0.6));
    const [left, top] = [random.integer(width - side), random.integer(width - side)];
    const id = classes[(top + (side >> 1)) * width + left + (side >> 1)]!;
    const name = STUFF[id];
    if (name === undefined || name === 'void') continue;
    const pixels: number[] = [];
    for (let y = top; y < top + side; y++) {
      for (let x = left; x < left + side; x++) if (classes[y * width + x] === id) pixels.push(y * width + x);
    }
    if (pixels.length >= LEAST_OBJECT) found.push({ stuff: name as Stuff, pixels: Uint32Array.from(pixels) });
  }
  return found;
}

/** Crops of one scene, from the cache or rendered into it. */
export async function crops(cache: string, kind: CropKind, seed: string): Promise<CropSet> {
  await mkdir(cache, { recursive: true });
  const path = join(cache, `${kind}-${seed}.crops`);
  if (!existsSync(path)) {
    const { seen, rgb, mask } = kind === 'room' ? await roomCrops(seed) : turntableCrops(seed, kind);
    const partial = `${path}.partial-${process.pid}`;
    await writeFile(partial, Buffer.concat([Buffer.from(`${JSON.stringify(seen)}\n`), rgb, mask]));
    await rename(partial, path);
  }
  const bytes = await readFile(path);
  const end = bytes.indexOf(10);
  const seen = JSON.parse(bytes.subarray(0, end).toString()) as Seen[];
  const pixels = seen.length * SIDE * SIDE;
  if (bytes.length !== end + 1 + 4 * pixels) throw new Error(`${path} is no file of crops`);
  return { kind, seen, rgb: bytes.subarray(end + 1, end + 1 + 3 * pixels), mask: bytes.subarray(end + 1 + 3 * pixels) };
}
