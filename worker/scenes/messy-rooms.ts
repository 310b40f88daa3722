import { boundsOf, MeshBuilder, numberObjects, PartTable } from './assembly.ts';
import { roomLights } from './lights.ts';
import { IDENTITY_POSE, lookAt, type Pose, type Vec3 } from './linear.ts';
import { paint } from './model/index.ts';
import { buildObject, categoryNamed, chooseObjects } from './objects/index.ts';
import { settle } from './physics.ts';
import { createRandom, type Random } from './random.ts';
import type { FrameView, Intrinsics } from './render/index.ts';
import { addRoom, dropRotation } from './room.ts';
import type { Scene, SceneFrame } from './scene.ts';

export interface MessyRoomsOptions {
  readonly seed: string | number;
  /** Number of objects, 1 to 2000. Default 25. */
  readonly objects?: number;
  /** Number of cameras. Default 60·√(N/25) (the benchmark's); the published protocol is `publishedViewCount(N)`. */
  readonly views?: number;
  /** Image width and height in pixels. Default 160. */
  readonly size?: number;
  readonly signal?: AbortSignal;
}

/** Everything that grows with the number of objects grows by this factor. */
const growth = (objects: number): number => Math.sqrt(objects / 25);

/** M = min(1200, ⌊600·√(N/25)⌋). */
export const publishedViewCount = (objects: number): number => Math.min(1200, Math.floor(600 * growth(objects)));
export const benchmarkViewCount = (objects: number): number => Math.max(2, Math.round(60 * growth(objects)));

/** Half extent of the occupied floor at N = 25, metres: 0.28 m of floor per object and side. */
const OCCUPIED_HALF = 0.7;
const SHELL_RADIUS: readonly [number, number] = [1.5, 1.95];
const SHELL_ELEVATION_DEGREES: readonly [number, number] = [28, 66];
const ROOM_HALF = 2.15;
const ROOM_HEIGHT = 2.3;
const SENSOR_MM = 36;
const FOCAL_MM = 35;
const TEST_SHARE = 0.2;

function requireInteger(name: string, value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} is ${value}; it must be a whole number from ${low} to ${high}`);
  }
  return value;
}

export { requireInteger };

/** Drop poses: one object per jittered cell, four layers of height so that neighbours never start inside each other. */
function dropPoses(models: readonly { category: string; height: number }[], half: number, random: Random): Pose[] {
  const side = Math.ceil(Math.sqrt(models.length));
  const cell = (2 * half) / side;
  const cells = random.shuffle(Array.from({ length: side * side }, (_, i) => i));
  return models.map(({ category }, i) => {
    const [column, row] = [cells[i]! % side, Math.floor(cells[i]! / side)];
    const layer = (column & 1) + 2 * (row & 1);
    const jitter = 0.22 * cell;
    const tumble = categoryNamed(category).tumbles && random.chance(0.4);
    return {
      rotation: dropRotation(random, tumble),
      translation: [
        -half + (column + 0.5) * cell + random.range(-jitter, jitter),
        -half + (row + 0.5) * cell + random.range(-jitter, jitter),
        (tumble ? 0.2 : 0.02) + layer * 0.42,
      ] as Vec3,
    };
  });
}

/** Dome shell, own look-at point per camera drawn uniformly on the occupied floor, focal length 35 mm·√(N/25) on a 36 mm sensor. */
function domeViews(count: number, size: number, scale: number, random: Random): FrameView[] {
  const focal = ((FOCAL_MM * scale) / SENSOR_MM) * size;
  const intrinsics: Intrinsics = { width: size, height: size, fx: focal, fy: focal, cx: size / 2, cy: size / 2 };
  const [sinLow, sinHigh] = SHELL_ELEVATION_DEGREES.map((degrees) => Math.sin((degrees * Math.PI) / 180)) as [
    number,
    number,
  ];
  return Array.from({ length: count }, (_, i) => {
    // A golden-angle azimuth with jitter covers the dome evenly at any count; frame order is shuffled afterwards.
    const azimuth = i * Math.PI * (3 - Math.sqrt(5)) + random.range(-0.2, 0.2);
    const elevation = Math.asin(random.range(sinLow, sinHigh));
    const radius = scale * random.range(...SHELL_RADIUS);
    const eye: Vec3 = [
      radius * Math.cos(elevation) * Math.cos(azimuth),
      radius * Math.cos(elevation) * Math.sin(azimuth),
      radius * Math.sin(elevation),
    ];
    const half = OCCUPIED_HALF * scale;
    const target: Vec3 = [random.range(-half, half), random.range(-half, half), 0];
    return {
      intrinsics,
      worldFromCamera: lookAt(eye, target),
      placements: [{ mesh: 0, worldFromMesh: IDENTITY_POSE }],
    };
  });
}

/** A room with N objects dropped on its floor, after the benchmark page's `messy-rooms` protocol. */
export async function createMessyRoom(options: MessyRoomsOptions): Promise<Scene> {
  const count = requireInteger('objects', options.objects ?? 25, 1, 2000);
  const views = requireInteger('views', options.views ?? benchmarkViewCount(count), 2, 10_000);
  const size = requireInteger('size', options.size ?? 160, 8, 4096);
  const random = createRandom(`messy-rooms/${options.seed}`);
  const scale = growth(count);

  const choices = random.shuffle(chooseObjects(count, random.fork('objects')).map((choice, i) => ({ choice, i })));
  const moved = new Map(choices.map(({ i }, position) => [i, position]));
  const ordered = choices.map(({ choice }) =>
    choice.lookAlikeOf === undefined ? choice : { ...choice, lookAlikeOf: moved.get(choice.lookAlikeOf)! },
  );
  const models = ordered.map((choice) => buildObject(choice, createRandom));
  const objects = numberObjects(ordered, models);

  const half = OCCUPIED_HALF * scale;
  const sizes = models.map((model) => ({ category: model.category, height: boundsOf(model).high[2] }));
  const starts = dropPoses(sizes, half, random.fork('drop'));
  const { poses, steps, atRest } = await settle(
    models,
    starts,
    { halfX: half + 0.12, halfY: half + 0.12 },
    options.signal,
  );

  const table = new PartTable(paint('white', 'paper'));
  const mesh = new MeshBuilder();
  addRoom(
    { half: ROOM_HALF * scale, height: ROOM_HEIGHT * scale, rugHalf: half + 0.2 },
    table,
    mesh,
    random.fork('room'),
  );
  objects.forEach((object, i) => {
    table.addObject(object, mesh, poses[i]!);
  });
  const lampHeight = 2.2 * scale;
  const lights = roomLights([0.35 * scale, -0.3 * scale, lampHeight], 0.7 * scale, 1.8 * scale, 1.5 * scale);

  const drawn = domeViews(views, size, scale, random.fork('cameras'));
  const shuffled = random.fork('order').shuffle(drawn);
  const testCount = Math.max(1, Math.round(TEST_SHARE * views));
  const frames = shuffled.map(
    (view, i): SceneFrame => ({
      name: `frame_${String(i).padStart(5, '0')}`,
      split: i < views - testCount ? 'train' : 'test',
      timeSeconds: i / 30,
      view,
      objectPoses: poses,
      heldObject: 0,
    }),
  );
  return {
    kind: 'messy-rooms',
    seed: String(options.seed),
    parameters: { objects: count, views, size, settleSteps: steps, settled: atRest ? 'yes' : 'no' },
    objects,
    render: {
      meshes: [mesh.build()],
      parts: table.rows,
      lights,
      ambient: 0.12,
      background: [0.35, 0.4, 0.45],
    },
    frames,
  };
}
