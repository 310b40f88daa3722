import { boundsOf, MeshBuilder, numberObjects, PartTable } from './assembly.ts';
import { armParts } from './hands.ts';
import { addKitchen, BLOCKS, KITCHEN_HALF_X, KITCHEN_HALF_Y, SURFACES } from './kitchen-room.ts';
import { type Errand, type Place, walk } from './kitchen-walk.ts';
import { roomLights } from './lights.ts';
import { IDENTITY_POSE, type Pose, type Vec3 } from './linear.ts';
import { requireInteger } from './messy-rooms.ts';
import { paint } from './model/index.ts';
import { buildObject, CATEGORIES, chooseObjects } from './objects/index.ts';
import { settle } from './physics.ts';
import { createRandom, type Random } from './random.ts';
import type { FrameView, Intrinsics } from './render/index.ts';
import { dropRotation } from './room.ts';
import type { Scene, SceneFrame } from './scene.ts';

export interface KitchenOptions {
  readonly seed: string | number;
  /** Number of objects, 2 to 24 (each has a place of its own). Default 20. */
  readonly objects?: number;
  /** Number of video frames. Default 300. */
  readonly frames?: number;
  /** Frames per second. Default 10. */
  readonly framesPerSecond?: number;
  /** Image width; the height is three quarters of it. Default 160. */
  readonly size?: number;
  readonly signal?: AbortSignal;
}

/** What one finds in a kitchen; big or rolling things stay out. */
const KITCHEN_CATEGORIES = new Set([
  'mug',
  'bowl',
  'plate',
  'teapot',
  'kettle',
  'pan',
  'pot',
  'goblet',
  'jar',
  'can',
  'bottle',
  'apple',
  'pear',
  'banana',
  'donut',
  'cupcake',
  'mushroom',
  'pineapple',
  'cheese',
  'burger',
  'candle',
  'vase',
  'cactus',
  'clock',
  'box',
  'basket',
  'bell',
]);
const MAX_OBJECTS = 24;
const FIELD_OF_VIEW_DEGREES = 78;
const SPLIT_EVERY = 8;

const allPlaces = (): Place[] => SURFACES.flatMap(({ slots }, surface) => slots.map((_, slot) => ({ surface, slot })));

/** Errands with free destinations; look-alikes go first and go next to each other, since that is where trackers err. */
function planErrands(
  placesOf: readonly Place[],
  lookAlikes: readonly (number | undefined)[],
  count: number,
  random: Random,
): Errand[] {
  const at = [...placesOf];
  const twins = lookAlikes.flatMap((other, i) => (other === undefined ? [] : [i, other]));
  const errands: Errand[] = [];
  let last = -1;
  for (let n = 0; n < count; n++) {
    const candidates = (n % 2 === 0 && twins.length > 0 ? twins : at.map((_, i) => i)).filter((i) => i !== last);
    const object = random.pick(candidates.length > 0 ? candidates : at.map((_, i) => i));
    const taken = new Set(at.map(({ surface, slot }) => `${surface}/${slot}`));
    const free = allPlaces().filter(
      ({ surface, slot }) => !taken.has(`${surface}/${slot}`) && surface !== at[object]!.surface,
    );
    if (free.length === 0) break;
    const to = random.pick(free);
    errands.push({ object, to });
    at[object] = to;
    last = object;
  }
  return errands;
}

/** A first-person walk through a kitchen in which things are picked up, carried and put down elsewhere. */
export async function createKitchen(options: KitchenOptions): Promise<Scene> {
  const count = requireInteger('objects', options.objects ?? 20, 2, MAX_OBJECTS);
  const frameCount = requireInteger('frames', options.frames ?? 300, 2, 100_000);
  const framesPerSecond = requireInteger('framesPerSecond', options.framesPerSecond ?? 10, 1, 120);
  const width = requireInteger('size', options.size ?? 160, 8, 4096);
  const random = createRandom(`kitchen/${options.seed}`);

  const among = CATEGORIES.filter(({ name }) => KITCHEN_CATEGORIES.has(name));
  const choices = chooseObjects(count, random.fork('objects'), among);
  const models = choices.map((choice) => buildObject(choice, createRandom));
  const objects = numberObjects(choices, models);

  const places = random.fork('places').shuffle(allPlaces()).slice(0, count);
  const drop = random.fork('drop');
  const starts = places.map(({ surface, slot }): Pose => {
    const { slots, height } = SURFACES[surface]!;
    const [x, y] = slots[slot]!;
    return { rotation: dropRotation(drop, false), translation: [x, y, height + 0.01] };
  });
  const pen = { halfX: KITCHEN_HALF_X, halfY: KITCHEN_HALF_Y, blocks: BLOCKS };
  const { poses, steps, atRest } = await settle(models, starts, pen, options.signal);

  // An errand takes about seven seconds; plan enough for the whole walk.
  const errandCount = Math.max(1, Math.ceil(frameCount / (6 * framesPerSecond)) + 1);
  const errands = planErrands(
    places,
    choices.map(({ lookAlikeOf }) => lookAlikeOf),
    errandCount,
    random.fork('errands'),
  );
  const walkObjects = models.map((model, i) => {
    const { low, high } = boundsOf(model);
    const centre = low.map((value, k) => (value + high[k]!) / 2) as unknown as Vec3;
    return { place: places[i]!, pose: poses[i]!, centre, reach: Math.max(high[0] - low[0], high[1] - low[1]) / 2 };
  });
  const played = walk(walkObjects, errands, frameCount, framesPerSecond, random.fork('walk'));

  const moved = new Set(
    objects.flatMap((_, i) => (played.some((frame) => frame.objectPoses[i] !== poses[i]) ? [i] : [])),
  );
  const table = new PartTable(paint('white', 'paper'));
  const still = new MeshBuilder();
  addKitchen(table, still, random.fork('room'));
  const meshes: MeshBuilder[] = [still];
  const meshOf = new Map<number, number>();
  objects.forEach((object, i) => {
    if (!moved.has(i)) table.addObject(object, still, poses[i]!);
    else {
      const mesh = new MeshBuilder();
      table.addObject(object, mesh);
      meshOf.set(i, meshes.push(mesh) - 1);
    }
  });
  const sleeve = random.fork('sleeve').pick([0x3d5a80, 0x7a3b3b, 0x4f6b4a, 0x5b4a72]);
  const arms = (['right', 'left'] as const).map((side) => {
    const mesh = new MeshBuilder();
    for (const { texture, shapes } of armParts(side, sleeve)) {
      const row = table.addStuff('hand', texture);
      for (const shape of shapes) mesh.add(shape, row);
    }
    return meshes.push(mesh) - 1;
  }) as [number, number];

  const height = Math.round((width * 3) / 4);
  const focal = width / 2 / Math.tan((FIELD_OF_VIEW_DEGREES * Math.PI) / 360);
  const intrinsics: Intrinsics = { width, height, fx: focal, fy: focal, cx: width / 2, cy: height / 2 };
  const frames = played.map((frame, i): SceneFrame => {
    const placements: { mesh: number; worldFromMesh: Pose }[] = [{ mesh: 0, worldFromMesh: IDENTITY_POSE }];
    for (const [object, mesh] of meshOf) placements.push({ mesh, worldFromMesh: frame.objectPoses[object]! });
    if (frame.worldFromRightArm) placements.push({ mesh: arms[0], worldFromMesh: frame.worldFromRightArm });
    if (frame.worldFromLeftArm) placements.push({ mesh: arms[1], worldFromMesh: frame.worldFromLeftArm });
    const view: FrameView = { intrinsics, worldFromCamera: frame.worldFromCamera, placements };
    return {
      name: `frame_${String(i).padStart(5, '0')}`,
      split: i % SPLIT_EVERY === SPLIT_EVERY - 1 ? 'test' : 'train',
      timeSeconds: i / framesPerSecond,
      view,
      objectPoses: frame.objectPoses,
      heldObject: frame.held < 0 ? 0 : frame.held + 1,
    };
  });
  return {
    kind: 'kitchen',
    seed: String(options.seed),
    parameters: {
      objects: count,
      frames: frameCount,
      framesPerSecond,
      size: width,
      settleSteps: steps,
      settled: atRest ? 'yes' : 'no',
    },
    objects,
    render: {
      meshes: meshes.map((mesh) => mesh.build()),
      parts: table.rows,
      lights: roomLights([0, 0, 2.42], 1.2, 1.5, 2.2),
      ambient: 0.1,
      background: [0.3, 0.3, 0.3],
    },
    frames,
  };
}
