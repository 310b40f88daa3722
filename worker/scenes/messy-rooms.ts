import { MeshBuilder, numberObjects, PartTable, type SceneObject } from './assembly.ts';
import { roomLights } from './lights.ts';
import { IDENTITY_POSE, lookAt, type Pose, type Vec3 } from './linear.ts';
import { paint } from './model/index.ts';
import { buildObject, categoryNamed, chooseObjects } from './objects/index.ts';
import { type SettleResult, settle } from './physics.ts';
import { createRandom, type Random } from './random.ts';
import { type FrameView, type Intrinsics, type RayMesh, type RenderScene, renderFrames } from './render/index.ts';
import { addRoom, dropRotation, type RoomSize } from './room.ts';
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

/** Half extent of the occupied floor at N = 25, metres. */
const OCCUPIED_HALF = 0.62;
/**
 * How the occupied floor grows, given √(N/25). Faster than the shell: a view at the rim of a small floor shows bare floor, and with plain
 * proportionality a view at N = 500 would show 2.3 times as many objects as at N = 25. Fitted so that the means agree within 10 %.
 */
const occupiedHalf = (scale: number): number => OCCUPIED_HALF * scale ** 1.12 * (1 + 0.75 * (1 - 1 / scale));
const SHELL_RADIUS: readonly [number, number] = [1.3, 1.65];
const SHELL_ELEVATION_DEGREES: readonly [number, number] = [33, 58];
const ROOM_HALF = 2.15;
const ROOM_HEIGHT = 2.3;
const PILE_SIZE = 7;
const PILE_RADIUS = 0.17;
const SENSOR_MM = 36;
const FOCAL_MM = 35;
const TEST_SHARE = 0.2;
/** Times that objects too rarely seen are picked up and dropped again. */
const REDROPS = 4;
/** An object must be visible in this many training views, with some margin for the coarser and fewer images of the search. */
const COVERAGE_TARGET = 9;
const COVERAGE_SIZE = 72;
const COVERAGE_VIEWS = 160;
/** Below this many views of the average object there is nothing to search for. */
const COVERAGE_LEAST_MEAN = 4;

const testViewCount = (views: number): number => Math.max(1, Math.round(TEST_SHARE * views));

export function requireInteger(name: string, value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} is ${value}; it must be a whole number from ${low} to ${high}`);
  }
  return value;
}

/**
 * Drop poses: piles of about seven on a jittered grid, each pile's objects one above the other so that they never start inside each
 * other. Piles keep the clutter of a view (who touches whom) the same at every N, although the floor grows faster than N.
 */
function dropPoses(models: readonly SceneObject[], half: number, random: Random): Pose[] {
  const piles = Math.ceil(models.length / PILE_SIZE);
  const side = Math.ceil(Math.sqrt(piles));
  const cell = (2 * half) / side;
  const cells = random.shuffle(Array.from({ length: side * side }, (_, i) => i)).slice(0, piles);
  const centres = cells.map((index): [number, number] => [
    -half + ((index % side) + 0.5 + random.range(-0.18, 0.18)) * cell,
    -half + (Math.floor(index / side) + 0.5 + random.range(-0.18, 0.18)) * cell,
  ]);
  const limit = half - 0.05;
  const keepInside = (value: number): number => Math.max(-limit, Math.min(limit, value));
  return models.map(({ choice: { category } }, i) => {
    const [x, y] = centres[i % piles]!;
    const layer = Math.floor(i / piles);
    const angle = layer * 2.4 + random.range(-0.5, 0.5);
    const off = PILE_RADIUS * Math.sqrt(layer / PILE_SIZE) * random.range(0.75, 1.25);
    const tumble = categoryNamed(category).tumbles && random.chance(0.4);
    return {
      rotation: dropRotation(random, tumble),
      translation: [
        keepInside(x + off * Math.cos(angle)),
        keepInside(y + off * Math.sin(angle)),
        (tumble ? 0.2 : 0.02) + layer * 0.38,
      ] as Vec3,
    };
  });
}

/** Dome shell, own look-at point per camera drawn uniformly on the occupied floor, focal length 35 mm·√(N/25) on a 36 mm sensor. */
function domeViews(count: number, size: number, scale: number, half: number, random: Random): FrameView[] {
  const focal = ((FOCAL_MM * scale) / SENSOR_MM) * size;
  const intrinsics: Intrinsics = { width: size, height: size, fx: focal, fy: focal, cx: size / 2, cy: size / 2 };
  const [sinLow, sinHigh] = SHELL_ELEVATION_DEGREES.map((degrees) => Math.sin((degrees * Math.PI) / 180)) as [
    number,
    number,
  ];
  const order = random.shuffle(Array.from({ length: count }, (_, i) => i));
  const [startX, startY] = [random.float(), random.float()];
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
    // Stratified uniform: the R2 sequence (Roberts 2018) from a random start, so that no corner of the floor is left out.
    const place = order[i]!;
    const [a, b] = [(startX + place * 0.7548776662466927) % 1, (startY + place * 0.5698402909980532) % 1];
    const target: Vec3 = [(2 * a - 1) * half, (2 * b - 1) * half, 0];
    return {
      intrinsics,
      worldFromCamera: lookAt(eye, target),
      placements: [{ mesh: 0, worldFromMesh: IDENTITY_POSE }],
    };
  });
}

interface Drop extends SettleResult {
  readonly mesh: RayMesh;
  readonly table: PartTable;
}

function assemble(
  objects: readonly SceneObject[],
  poses: readonly Pose[],
  room: RoomSize,
  random: Random,
): Pick<Drop, 'mesh' | 'table'> {
  const table = new PartTable(paint('white', 'paper'));
  const mesh = new MeshBuilder();
  addRoom(room, table, mesh, random);
  objects.forEach((object, i) => {
    table.addObject(object, mesh, poses[i]!);
  });
  return { mesh: mesh.build(), table };
}

/** Objects (by index) that are visible in too few training views, judged by small label images of some of them. */
async function rarelySeen(
  { mesh, table }: Drop,
  training: readonly FrameView[],
  count: number,
  signal?: AbortSignal,
): Promise<number[]> {
  const scene: RenderScene = { meshes: [mesh], parts: table.rows, lights: [], ambient: 1, background: [0, 0, 0] };
  const used = Math.min(COVERAGE_VIEWS, training.length);
  const small = Array.from({ length: used }, (_, i): FrameView => {
    const view = training[Math.floor((i * training.length) / used)]!;
    const side = Math.min(COVERAGE_SIZE, view.intrinsics.width);
    const focal = (view.intrinsics.fx * side) / view.intrinsics.width;
    return { ...view, intrinsics: { width: side, height: side, fx: focal, fy: focal, cx: side / 2, cy: side / 2 } };
  });
  const seen = new Uint32Array(count + 1);
  let total = 0;
  for await (const { instance } of renderFrames(scene, small, { labelsOnly: true, ...(signal && { signal }) })) {
    const pixels = new Uint32Array(count + 1);
    for (const id of instance) pixels[id]!++;
    for (let id = 1; id <= count; id++) {
      if (pixels[id]! < 1e-3 * instance.length) continue;
      seen[id]!++;
      total++;
    }
  }
  // A handful of cameras covers nobody; moving what they miss would only pile everything up before them.
  if (total < COVERAGE_LEAST_MEAN * count) return [];
  // With few cameras the protocol's number is out of reach for an average object; then only the buried ones are moved.
  const goal = Math.max(
    1,
    Math.min(Math.ceil((COVERAGE_TARGET * used) / training.length), Math.floor(total / count / 2)),
  );
  return Array.from({ length: count }, (_, i) => i).filter((i) => seen[i + 1]! < goal);
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

  const half = occupiedHalf(scale);
  const shuffled = random.fork('order').shuffle(domeViews(views, size, scale, half, random.fork('cameras')));
  const roomSize = {
    half: Math.max(ROOM_HALF * scale, half + 0.6),
    height: ROOM_HEIGHT * scale,
    rugHalf: half + 0.2,
  };

  const training = shuffled.slice(0, views - testViewCount(views));
  const pen = { halfX: half + 0.12, halfY: half + 0.12 };
  const drop = async (starts: readonly Pose[]): Promise<Drop> => {
    const settled = await settle(models, starts, pen, options.signal);
    return { ...settled, ...assemble(objects, settled.poses, roomSize, random.fork('room')) };
  };
  let dropped = await drop(dropPoses(objects, half, random.fork('drop')));
  for (let attempt = 1; attempt <= REDROPS; attempt++) {
    // Buried under others or in a corner that no camera looks at: on top of the rest, nearer to the middle, it can be seen.
    const rare = await rarelySeen(dropped, training, count, options.signal);
    if (rare.length === 0) break;
    const dice = random.fork(`redrop/${attempt}`);
    const starts = [...dropped.poses];
    rare.forEach((i, k) => {
      const translation: Vec3 = [dice.range(-0.75, 0.75) * half, dice.range(-0.75, 0.75) * half, 0.7 + 0.02 * k];
      starts[i] = { rotation: dropRotation(dice, false), translation };
    });
    dropped = await drop(starts);
  }
  const { poses, steps, atRest, mesh, table } = dropped;
  const lights = roomLights([0.35 * scale, -0.3 * scale, 2.2 * scale], 0.7 * scale, 1.8 * scale, 1.5 * scale);
  const testCount = testViewCount(views);
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
      meshes: [mesh],
      parts: table.rows,
      lights,
      ambient: 0.12,
      background: [0.35, 0.4, 0.45],
    },
    frames,
  };
}
