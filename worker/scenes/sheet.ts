import sharp, { type OverlayOptions } from 'sharp';
import { boundsOf, MeshBuilder, numberObjects, PartTable } from './assembly.ts';
import { roomLights } from './lights.ts';
import { IDENTITY_POSE, lookAt, type Vec3 } from './linear.ts';
import { paint, rectangle } from './model/index.ts';
import { buildObject, CATEGORIES, chooseObjects } from './objects/index.ts';
import { createRandom } from './random.ts';
import { createTracer, type FrameImages, renderFrames } from './render/index.ts';
import type { Scene } from './scene.ts';

/** A saturated colour that differs between consecutive ids. */
function idColour(id: number): readonly [number, number, number] {
  if (id === 0) return [38, 38, 42];
  const hue = (id * 0.61803398875) % 1;
  const light = 0.45 + 0.2 * ((id * 0.754877666) % 1);
  const channel = (k: number): number => {
    const t = (k + hue * 12) % 12;
    return Math.round(255 * (light - 0.75 * Math.min(light, 1 - light) * Math.max(-1, Math.min(t - 3, 9 - t, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

const colourLabels = (labels: Uint16Array): Uint8Array => {
  const rgb = new Uint8Array(labels.length * 3);
  for (let i = 0; i < labels.length; i++) rgb.set(idColour(labels[i]!), 3 * i);
  return rgb;
};

/** Near is bright; black where there is no depth. */
function colourDepth(depth: Float32Array): Uint8Array {
  let near = Infinity;
  let far = 0;
  for (const z of depth) {
    if (z > 0) {
      near = Math.min(near, z);
      far = Math.max(far, z);
    }
  }
  const rgb = new Uint8Array(depth.length * 3);
  for (let i = 0; i < depth.length; i++) {
    const z = depth[i]!;
    // Shade by disparity: the near field, where the objects are, gets most of the range.
    const t = z > 0 && far > near ? (1 / z - 1 / far) / (1 / near - 1 / far) : 0;
    if (z > 0) rgb.set([30 + 225 * t, 30 + 190 * t * t, 60 + 80 * Math.sin(Math.PI * t)], 3 * i);
  }
  return rgb;
}

export interface SheetOptions {
  /** Frames shown, spread over the scene. Default 4. */
  readonly frames?: number;
  /** Width of one picture in pixels; frames are rendered anew at this size. Default 320. */
  readonly cellWidth?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

const GAP = 4;

/** One row per frame: RGB, depth, instances, parts. Returns PNG bytes. */
export async function contactSheet(scene: Scene, options: SheetOptions = {}): Promise<Buffer> {
  const rows = Math.max(1, Math.min(options.frames ?? 4, scene.frames.length));
  const chosen = Array.from(
    { length: rows },
    (_, i) => scene.frames[Math.floor(((i + 0.5) * scene.frames.length) / rows)]!,
  );
  const views = chosen.map(({ view }) => {
    const scale = (options.cellWidth ?? 320) / view.intrinsics.width;
    const { width, height, fx, fy, cx, cy } = view.intrinsics;
    const intrinsics = {
      width: Math.round(width * scale),
      height: Math.round(height * scale),
      fx: fx * scale,
      fy: fy * scale,
      cx: cx * scale,
      cy: cy * scale,
    };
    return { ...view, intrinsics };
  });
  const tiles: OverlayOptions[] = [];
  let top = GAP;
  let width = 0;
  const { threads, signal } = options;
  const rendering = renderFrames(scene.render, views, {
    ...(threads !== undefined && { threads }),
    ...(signal && { signal }),
  });
  for await (const images of rendering) {
    const pictures: ((images: FrameImages) => Uint8Array)[] = [
      ({ rgb }) => rgb,
      ({ depth }) => colourDepth(depth),
      ({ instance }) => colourLabels(instance),
      ({ part }) => colourLabels(part),
    ];
    pictures.forEach((picture, column) => {
      tiles.push({
        input: Buffer.from(picture(images)),
        raw: { width: images.width, height: images.height, channels: 3 },
        left: GAP + column * (images.width + GAP),
        top,
      });
    });
    top += images.height + GAP;
    width = Math.max(width, GAP + pictures.length * (images.width + GAP));
  }
  return await sharp({ create: { width, height: top, channels: 3, background: '#101014' } })
    .composite(tiles)
    .png()
    .toBuffer();
}

const CATALOGUE_COLUMNS = 10;
const CAPTION_HEIGHT = 14;

/** Every category once, on a plain floor, with its name below: to see whether a person could name the things. PNG bytes. */
export async function catalogueSheet(seed: string | number = 1, cell = 128, signal?: AbortSignal): Promise<Buffer> {
  const random = createRandom(`catalogue/${seed}`);
  const tiles: OverlayOptions[] = [];
  for (const [i, category] of CATEGORIES.entries()) {
    signal?.throwIfAborted();
    const choice = chooseObjects(1, random.fork(category.name), [category])[0]!;
    const model = buildObject(choice, createRandom);
    const [object] = numberObjects([choice], [model]);
    const { low, high } = boundsOf(model);
    const table = new PartTable(paint('white', 'paper'));
    const mesh = new MeshBuilder();
    mesh.add(rectangle(4, 4), table.addStuff('floor', paint(0xb4aa9c, 'fabric', { period: 0.3 })));
    table.addObject(object!, mesh, { rotation: [1, 0, 0, 0], translation: [0, 0, -low[2]] });
    const lights = roomLights([0.4, -0.4, 1.6], 0.5, 1.5, 1.2);
    const tracer = createTracer({
      meshes: [mesh.build()],
      parts: table.rows,
      lights,
      ambient: 0.12,
      background: [0.5, 0.5, 0.5],
    });
    const extent = Math.max(high[2] - low[2], 0.9 * Math.hypot(high[0] - low[0], high[1] - low[1]));
    const centre: Vec3 = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, (high[2] - low[2]) / 2];
    const eye: Vec3 = [centre[0] + 1.1 * extent, centre[1] + 1.0 * extent, centre[2] + 0.8 * extent];
    const images = tracer.render({
      intrinsics: { width: cell, height: cell, fx: 1.35 * cell, fy: 1.35 * cell, cx: cell / 2, cy: cell / 2 },
      worldFromCamera: lookAt(eye, centre),
      placements: [{ mesh: 0, worldFromMesh: IDENTITY_POSE }],
    });
    const left = (i % CATALOGUE_COLUMNS) * cell;
    const top = Math.floor(i / CATALOGUE_COLUMNS) * (cell + CAPTION_HEIGHT);
    tiles.push({ input: Buffer.from(images.rgb), raw: { width: cell, height: cell, channels: 3 }, left, top });
    const caption = `<svg width="${cell}" height="${CAPTION_HEIGHT}"><text x="3" y="11" font-size="10" font-family="sans-serif">${category.name}</text></svg>`;
    tiles.push({ input: Buffer.from(caption), left, top: top + cell });
  }
  const rows = Math.ceil(CATEGORIES.length / CATALOGUE_COLUMNS);
  const size = { width: CATALOGUE_COLUMNS * cell, height: rows * (cell + CAPTION_HEIGHT) };
  return await sharp({ create: { ...size, channels: 3, background: 'white' } })
    .composite(tiles)
    .png()
    .toBuffer();
}
