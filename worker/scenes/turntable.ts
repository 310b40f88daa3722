import { boundsOf, MeshBuilder, numberObjects, PartTable } from './assembly.ts';
import { roomLights } from './lights.ts';
import { IDENTITY_POSE, lookAt, type Pose, type Vec3 } from './linear.ts';
import { requireInteger } from './messy-rooms.ts';
import { move, paint, rectangle, type Texture } from './model/index.ts';
import { buildObject, chooseObjects, type ObjectChoice } from './objects/index.ts';
import { createRandom, type Random } from './random.ts';
import { dropRotation, upright } from './room.ts';
import type { Scene, SceneFrame } from './scene.ts';

export interface TurntableOptions {
  readonly seed: string | number;
  /** Number of objects, half of them (rounded up) for training; look-alikes stay on one side. 2 to 4000, default 20. */
  readonly objects?: number;
  /** Image width and height in pixels. Default 128. */
  readonly size?: number;
  /** The objects themselves, instead of drawn ones; all are training objects then. */
  readonly choices?: readonly ObjectChoice[];
}

const VIEWS = 5;
const STEP_DEGREES = 360 / VIEWS;
const JITTER_DEGREES = 6;
/** Stages stand on a grid: far enough to be apart, close enough for float32 coordinates to stay exact to 10 µm. */
const PITCH = 3;
const STAGE_HALF = 1.25;
const STAGE_HEIGHT = 1.3;
const FOCAL_PER_WIDTH = 1.5;

const stageFloor = (random: Random): Texture =>
  random.pick([
    paint([0xc09a68, 0x8a6238], 'wood', {
      pattern: 'planks',
      mapping: 'plane',
      period: 0.12,
      variation: random.integer(1000),
    }),
    paint([0xd9d2c3, 0x9aa6ac, 0x6c6a68], 'stone', {
      pattern: 'tiles',
      mapping: 'plane',
      period: 0.2,
      variation: random.integer(1000),
    }),
    paint([0xb98f7a, 0xd8c4a6, 0x8a9a98], 'stone', {
      pattern: 'hexagons',
      mapping: 'plane',
      period: 0.18,
      variation: random.integer(1000),
    }),
    paint([0x6b8794, 0xc9c4b0, 0x9a7a68, 0x90a79e], 'fabric', { pattern: 'carpet', mapping: 'plane', period: 0.2 }),
    paint(random.pick([0xc9c2b4, 0x8fa39a, 0xb0a0b4]), 'fabric', { period: 0.3 }),
  ]);
const stageWall = (random: Random): Texture =>
  random.pick([
    paint([0xd9e2da, 0xa8c0b6, 0xc88a5a], 'paper', { pattern: 'wallpaper', mapping: 'plane', period: 0.3 }),
    paint([0xb4664a, 0x8c4a36, 0xd6cfc2], 'stone', {
      pattern: 'brick',
      mapping: 'plane',
      period: 0.26,
      variation: random.integer(1000),
    }),
    paint([0xcfd6e2, 0x8fa3bf], 'paper', { pattern: 'stripes', mapping: 'plane', period: 0.3 }),
    paint(random.pick([0xb9c4c9, 0xd6c7a8, 0xa9b59a]), 'paper', { period: 0.4 }),
  ]);

/** Single objects, each on a stage of its own, seen from 5 views about 72° apart. */
export function createTurntable(options: TurntableOptions): Scene {
  const count = requireInteger('objects', options.choices?.length ?? options.objects ?? 20, 2, 4000);
  const size = requireInteger('size', options.size ?? 128, 8, 4096);
  const random = createRandom(`turntable/${options.seed}`);
  const trainCount = options.choices ? count : Math.ceil(count / 2);
  const train = options.choices ?? chooseObjects(trainCount, random.fork('train'));
  const test = (trainCount === count ? [] : chooseObjects(count - trainCount, random.fork('test'))).map(
    (choice): ObjectChoice =>
      choice.lookAlikeOf === undefined ? choice : { ...choice, lookAlikeOf: choice.lookAlikeOf + trainCount },
  );
  const choices = [...train, ...test];
  const models = choices.map((choice) => buildObject(choice, createRandom));
  const objects = numberObjects(choices, models);

  const table = new PartTable(paint('white', 'paper'));
  const mesh = new MeshBuilder();
  const side = Math.ceil(Math.sqrt(count));
  const centres = objects.map(
    (_, i): Vec3 => [((i % side) - side / 2) * PITCH, (Math.floor(i / side) - side / 2) * PITCH, 0],
  );
  const poses = objects.map((object, i): Pose => {
    const dice = random.fork(`stage/${i}`);
    const rotation = dropRotation(dice, false);
    const { low, high } = boundsOf(object.model, { rotation, translation: [0, 0, 0] });
    const [x, y] = centres[i]!;
    const pose: Pose = {
      rotation,
      translation: [x - (low[0] + high[0]) / 2, y - (low[1] + high[1]) / 2, -low[2]],
    };
    table.addObject(object, mesh, pose);
    mesh.add(move(rectangle(2 * STAGE_HALF, 2 * STAGE_HALF), x, y, 0), table.addStuff('floor', stageFloor(dice)));
    const wall = table.addStuff('wall', stageWall(dice));
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ] as const) {
      const at: Vec3 = [x + dx * STAGE_HALF, y + dy * STAGE_HALF, STAGE_HEIGHT / 2];
      mesh.add(upright(rectangle(2 * STAGE_HALF, STAGE_HEIGHT), at, -dx, -dy), wall);
    }
    return pose;
  });

  const focal = FOCAL_PER_WIDTH * size;
  const intrinsics = { width: size, height: size, fx: focal, fy: focal, cx: size / 2, cy: size / 2 };
  const frames = objects.flatMap((object, i): SceneFrame[] => {
    const dice = random.fork(`views/${i}`);
    const { low, high } = boundsOf(object.model, poses[i]!);
    const radius = Math.hypot(high[0] - low[0], high[1] - low[1], high[2] - low[2]) / 2;
    const target: Vec3 = [centres[i]![0], centres[i]![1], (low[2] + high[2]) / 2];
    const start = dice.range(0, 360);
    return Array.from({ length: VIEWS }, (_, k): SceneFrame => {
      const azimuth = ((start + k * STEP_DEGREES + dice.range(-JITTER_DEGREES, JITTER_DEGREES)) * Math.PI) / 180;
      const elevation = (dice.range(18, 42) * Math.PI) / 180;
      const distance = radius * dice.range(3.2, 4.2);
      const eye: Vec3 = [
        target[0] + distance * Math.cos(elevation) * Math.cos(azimuth),
        target[1] + distance * Math.cos(elevation) * Math.sin(azimuth),
        target[2] + distance * Math.sin(elevation),
      ];
      const aim = 0.08 * radius;
      const off: Vec3 = [
        target[0] + dice.range(-aim, aim),
        target[1] + dice.range(-aim, aim),
        target[2] + dice.range(-aim, aim),
      ];
      return {
        name: `object_${String(object.id).padStart(4, '0')}_view_${k}`,
        split: i < trainCount ? 'train' : 'test',
        timeSeconds: i * VIEWS + k,
        view: {
          intrinsics,
          worldFromCamera: lookAt(eye, off, dice.range(-0.05, 0.05)),
          lightOffset: centres[i]!,
          placements: [{ mesh: 0, worldFromMesh: IDENTITY_POSE }],
        },
        objectPoses: poses,
        heldObject: 0,
      };
    });
  });
  return {
    kind: 'turntable',
    seed: String(options.seed),
    parameters: { objects: count, size, viewsPerObject: VIEWS },
    objects,
    render: {
      meshes: [mesh.build()],
      parts: table.rows,
      lights: roomLights([0.3, -0.25, 1.6], 0.6, 1.0, 1.0),
      ambient: 0.14,
      background: [0.35, 0.4, 0.45],
    },
    frames,
  };
}
