import type { MeshBuilder, PartTable } from './assembly.ts';
import type { Vec3 } from './linear.ts';
import { box, cylinder, lathe, move, paint, rectangle, ring, type Texture, tube, turn } from './model/index.ts';
import type { Block } from './physics.ts';
import type { Random } from './random.ts';
import { upright } from './room.ts';

export const KITCHEN_HALF_X = 2.1;
export const KITCHEN_HALF_Y = 1.9;
const HEIGHT = 2.5;

/** Somewhere to put things: a level top and where a person stands to reach it. */
export interface Surface {
  readonly name: string;
  readonly height: number;
  /** Places for one object each, world x and y. */
  readonly slots: readonly (readonly [number, number])[];
  /** Unit vector (x, y) from the person towards the surface. */
  readonly facing: readonly [number, number];
}

const slotGrid = (
  x0: number,
  x1: number,
  y0: number,
  y1: number,
  columns: number,
  rows: number,
): [number, number][] => {
  const slots: [number, number][] = [];
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < rows; j++) {
      slots.push([x0 + ((i + 0.5) / columns) * (x1 - x0), y0 + ((j + 0.5) / rows) * (y1 - y0)]);
    }
  }
  return slots;
};

const COUNTER = { depth: 0.62, height: 0.9 };
const TABLE = { x: -0.75, y: -1.4, halfX: 0.75, halfY: 0.42, height: 0.76 };
const SIDEBOARD = { x: -1.86, y: 0.2, halfX: 0.23, halfY: 0.62, height: 0.84 };
const ISLAND_FRIDGE = { x: 1.78, y: -1.2, halfX: 0.31, halfY: 0.34, height: 1.75 };
const CART = { x: 1.82, y: 0.1, halfX: 0.25, halfY: 0.42, height: 0.82 };

/** The work surfaces. The middle of the room is free, so that a straight walk between any two of them is. */
export const SURFACES: readonly Surface[] = [
  { name: 'left counter', height: COUNTER.height, slots: slotGrid(-1.5, -0.5, 1.34, 1.82, 3, 2), facing: [0, 1] },
  { name: 'right counter', height: COUNTER.height, slots: slotGrid(0.55, 1.5, 1.34, 1.82, 3, 2), facing: [0, 1] },
  {
    name: 'table',
    height: TABLE.height,
    slots: slotGrid(TABLE.x - 0.68, TABLE.x + 0.68, TABLE.y - 0.34, TABLE.y + 0.36, 4, 2),
    facing: [0, -1],
  },
  {
    name: 'sideboard',
    height: SIDEBOARD.height,
    slots: slotGrid(SIDEBOARD.x - 0.16, SIDEBOARD.x + 0.2, SIDEBOARD.y - 0.55, SIDEBOARD.y + 0.55, 1, 4),
    facing: [-1, 0],
  },
  {
    name: 'trolley',
    height: CART.height,
    slots: slotGrid(CART.x - 0.2, CART.x + 0.16, CART.y - 0.38, CART.y + 0.38, 1, 3),
    facing: [1, 0],
  },
];

/** Surfaces with two rows of places along y: between the rows stand boards, which hide what is behind them. */
const BOARDS = [
  { surface: 0, y: 1.575, count: 2 },
  { surface: 1, y: 1.575, count: 2 },
  { surface: 2, y: -1.39, count: 3 },
] as const;
const BOARD = { width: 0.3, thickness: 0.014, low: 0.08, high: 0.15 };

/** What objects can rest on while they settle. */
export const BLOCKS: readonly Block[] = [
  {
    centre: [0, KITCHEN_HALF_Y - COUNTER.depth / 2, COUNTER.height / 2],
    half: [KITCHEN_HALF_X, COUNTER.depth / 2, COUNTER.height / 2],
  },
  { centre: [TABLE.x, TABLE.y, TABLE.height / 2], half: [TABLE.halfX, TABLE.halfY, TABLE.height / 2] },
  {
    centre: [SIDEBOARD.x, SIDEBOARD.y, SIDEBOARD.height / 2],
    half: [SIDEBOARD.halfX, SIDEBOARD.halfY, SIDEBOARD.height / 2],
  },
  { centre: [CART.x, CART.y, CART.height / 2], half: [CART.halfX, CART.halfY, CART.height / 2] },
];

/** Adds walls, floor, fittings and furniture. */
export function addKitchen(table: PartTable, mesh: MeshBuilder, random: Random): void {
  const variation = () => random.integer(1000);
  const furniture = (texture: Texture): number => table.addStuff('furniture', texture);
  const wallRow = (texture: Texture): number => table.addStuff('wall', texture);
  const steel = furniture(paint('silver', 'metal', { gloss: 0.5 }));
  const dark = furniture(paint(0x2a2b30, 'glass'));
  const front = furniture(paint(random.pick([0x6f9a94, 0xc9b487, 0x7d93b2, 0xa9746a]), 'wood'));
  const carcass = furniture(paint(random.pick([0xe7e0d2, 0xd7d2c8]), 'wood'));
  const top = furniture(
    paint([0xd2c6b4, 0x9c8f80, 0xb7a894], 'stone', {
      pattern: 'speckle',
      mapping: 'plane',
      period: 0.16,
      variation: variation(),
    }),
  );
  const wood = furniture(
    paint([0xb98a54, 0x8a5e34], 'wood', { pattern: 'planks', mapping: 'plane', period: 0.14, variation: variation() }),
  );
  const leg = furniture(paint(0x7a5230, 'wood'));
  const put = (
    row: number,
    x: number,
    y: number,
    z: number,
    sx: number,
    sy: number,
    sz: number,
    rounding = 0.006,
  ): void => mesh.add(move(box(sx, sy, sz, rounding), x, y, z), row);

  mesh.add(
    rectangle(2 * KITCHEN_HALF_X, 2 * KITCHEN_HALF_Y),
    table.addStuff(
      'floor',
      paint([0xdcd5c6, 0x7f8f92, 0x66625c, 0xb56a4a], 'stone', {
        pattern: 'tiles',
        mapping: 'plane',
        period: 0.32,
        variation: variation(),
      }),
    ),
  );
  const plaster = wallRow(
    paint([0xe6dfcb, 0xd8cdb0, 0xa8b48a], 'paper', {
      pattern: 'wallpaper',
      mapping: 'plane',
      period: 0.42,
      variation: variation(),
    }),
  );
  const walls: readonly (readonly [number, number, number])[] = [
    [KITCHEN_HALF_X, 0, KITCHEN_HALF_Y],
    [-KITCHEN_HALF_X, 0, KITCHEN_HALF_Y],
    [0, KITCHEN_HALF_Y, KITCHEN_HALF_X],
    [0, -KITCHEN_HALF_Y, KITCHEN_HALF_X],
  ];
  for (const [x, y, half] of walls) {
    mesh.add(upright(rectangle(2 * half, HEIGHT), [x, y, HEIGHT / 2], -Math.sign(x), -Math.sign(y)), plaster);
  }
  mesh.add(move(rectangle(2 * KITCHEN_HALF_X, 2 * KITCHEN_HALF_Y), 0, 0, HEIGHT), wallRow(paint(0xe9e6de, 'paper')));

  // Counter with doors, tiled splashback, hob, sink and wall cupboards.
  const counterY = KITCHEN_HALF_Y - COUNTER.depth / 2;
  put(carcass, 0, counterY + 0.02, 0.45, 2 * KITCHEN_HALF_X, COUNTER.depth - 0.06, 0.8);
  put(top, 0, counterY, COUNTER.height - 0.02, 2 * KITCHEN_HALF_X, COUNTER.depth, 0.04);
  for (let k = 0; k < 7; k++) {
    const x = -KITCHEN_HALF_X + ((k + 0.5) / 7) * 2 * KITCHEN_HALF_X;
    put(front, x, KITCHEN_HALF_Y - COUNTER.depth + 0.01, 0.45, 0.56, 0.02, 0.7);
    put(steel, x + 0.2, KITCHEN_HALF_Y - COUNTER.depth - 0.012, 0.66, 0.014, 0.02, 0.14, 0.005);
    if (k === 3) continue;
    put(carcass, x, KITCHEN_HALF_Y - 0.16, 1.85, 0.6, 0.32, 0.62);
    put(front, x, KITCHEN_HALF_Y - 0.325, 1.85, 0.55, 0.02, 0.57);
    put(steel, x + 0.2, KITCHEN_HALF_Y - 0.345, 1.66, 0.014, 0.02, 0.12, 0.005);
  }
  mesh.add(
    upright(rectangle(2 * KITCHEN_HALF_X, 0.62), [0, KITCHEN_HALF_Y - 0.004, 1.21], 0, -1),
    wallRow(
      paint([0xeef0ea, 0x8fb3b5, 0xd2d0c6, 0xd9885a], 'ceramic', {
        pattern: 'tiles',
        mapping: 'plane',
        period: 0.155,
        variation: variation(),
      }),
    ),
  );
  put(dark, 0.02, counterY, COUNTER.height + 0.004, 0.56, 0.48, 0.012, 0.004);
  for (const [x, y] of [
    [-0.12, -0.11],
    [0.16, -0.11],
    [-0.12, 0.11],
    [0.16, 0.11],
  ] as const) {
    mesh.add(move(ring(0.075, 0.006, 8), x, counterY + y, COUNTER.height + 0.011), furniture(paint(0x8c3a2c, 'metal')));
  }
  put(steel, 0.02, KITCHEN_HALF_Y - 0.2, 1.75, 0.5, 0.36, 0.22, 0.02);
  const sinkX = -1.78;
  put(steel, sinkX, counterY, COUNTER.height + 0.003, 0.46, 0.44, 0.01, 0.004);
  put(dark, sinkX, counterY - 0.02, COUNTER.height + 0.005, 0.38, 0.32, 0.01, 0.004);
  mesh.add(
    tube(
      [
        [sinkX, counterY + 0.2, 0.9],
        [sinkX, counterY + 0.2, 1.12],
        [sinkX, counterY + 0.1, 1.2],
        [sinkX, counterY, 1.12],
      ],
      0.015,
    ),
    steel,
  );

  // Table, sideboard, trolley, fridge.
  put(wood, TABLE.x, TABLE.y, TABLE.height - 0.02, 2 * TABLE.halfX, 2 * TABLE.halfY, 0.04);
  for (const sx of [-1, 1]) {
    for (const sy of [-1, 1]) {
      put(
        leg,
        TABLE.x + sx * (TABLE.halfX - 0.06),
        TABLE.y + sy * (TABLE.halfY - 0.06),
        TABLE.height / 2 - 0.02,
        0.06,
        0.06,
        TABLE.height - 0.04,
      );
      put(
        steel,
        CART.x + sx * (CART.halfX - 0.02),
        CART.y + sy * (CART.halfY - 0.02),
        CART.height / 2,
        0.025,
        0.025,
        CART.height - 0.02,
      );
    }
  }
  put(wood, SIDEBOARD.x, SIDEBOARD.y, SIDEBOARD.height - 0.015, 2 * SIDEBOARD.halfX, 2 * SIDEBOARD.halfY, 0.03);
  put(
    leg,
    SIDEBOARD.x - 0.01,
    SIDEBOARD.y,
    SIDEBOARD.height / 2,
    2 * SIDEBOARD.halfX - 0.05,
    2 * SIDEBOARD.halfY - 0.04,
    SIDEBOARD.height - 0.03,
  );
  for (const k of [-1, 0, 1])
    put(front, SIDEBOARD.x + SIDEBOARD.halfX - 0.02, SIDEBOARD.y + k * 0.4, 0.42, 0.02, 0.36, 0.6);
  put(wood, CART.x, CART.y, CART.height - 0.015, 2 * CART.halfX, 2 * CART.halfY, 0.03);
  put(wood, CART.x, CART.y, 0.3, 2 * CART.halfX - 0.04, 2 * CART.halfY - 0.04, 0.03);
  const fridge = furniture(paint(random.pick([0xd9dee2, 0xb84a40, 0x8fb8ae]), 'plastic'));
  put(
    fridge,
    ISLAND_FRIDGE.x,
    ISLAND_FRIDGE.y,
    ISLAND_FRIDGE.height / 2,
    2 * ISLAND_FRIDGE.halfX,
    2 * ISLAND_FRIDGE.halfY,
    ISLAND_FRIDGE.height,
    0.03,
  );
  put(
    dark,
    ISLAND_FRIDGE.x - ISLAND_FRIDGE.halfX,
    ISLAND_FRIDGE.y,
    1.12,
    0.008,
    2 * ISLAND_FRIDGE.halfY - 0.02,
    0.012,
    0.002,
  );
  put(steel, ISLAND_FRIDGE.x - ISLAND_FRIDGE.halfX - 0.03, ISLAND_FRIDGE.y + 0.26, 1.36, 0.024, 0.024, 0.36, 0.01);

  // Upright boards in front of some places of the back rows.
  const boards = random.fork('boards');
  for (const { surface, y, count } of BOARDS) {
    const { slots, height } = SURFACES[surface]!;
    const columns = boards.shuffle([...new Set(slots.map(([x]) => x))]).slice(0, count);
    for (const x of columns) {
      const tall = boards.range(BOARD.low, BOARD.high);
      const row = boards.chance(0.5) ? wood : furniture(paint(boards.pick([0x8a5a3c, 0xd9c9a3, 0x5f7f8c]), 'wood'));
      put(row, x, y, height + tall / 2, BOARD.width, BOARD.thickness, tall);
    }
  }

  // A window, pictures and a lamp: landmarks on the walls that no counter covers.
  const frame = wallRow(paint(0xf1ede2, 'wood'));
  const sky = wallRow(
    paint([0xbfdcf0, 0xeaf3f7], 'paper', {
      pattern: 'painting',
      mapping: 'plane',
      period: 1.1,
      variation: variation(),
    }),
  );
  mesh.add(upright(box(1.15, 0.95, 0.05, 0.01), [-0.75, -KITCHEN_HALF_Y + 0.02, 1.55], 0, 1), frame);
  for (const dx of [-0.27, 0.27])
    mesh.add(upright(rectangle(0.48, 0.8), [-0.75 + dx, -KITCHEN_HALF_Y + 0.05, 1.55], 0, 1), sky);
  const pictures: readonly (readonly [Vec3, number, number])[] = [
    [[-KITCHEN_HALF_X + 0.02, 0.35, 1.5], 1, 0],
    [[-KITCHEN_HALF_X + 0.02, -0.95, 1.45], 1, 0],
    [[KITCHEN_HALF_X - 0.02, 0.2, 1.5], -1, 0],
    [[0.75, -KITCHEN_HALF_Y + 0.02, 1.4], 0, 1],
  ];
  for (const [at, nx, ny] of pictures) {
    const picture = paint(
      random.pick([
        [0x2e5d8c, 0xe8c24a, 0xc94f3d, 0xf0e6d2],
        [0x3a7d5c, 0xf2e3b3, 0xd9773a, 0x27425a],
      ]),
      'paper',
      {
        pattern: 'painting',
        mapping: 'plane',
        period: 0.5,
        variation: variation(),
      },
    );
    mesh.add(upright(box(0.62, 0.5, 0.03, 0.005), at, nx, ny), wallRow(paint(0x4a3524, 'wood')));
    mesh.add(upright(rectangle(0.54, 0.42), [at[0] + nx * 0.017, at[1] + ny * 0.017, at[2]], nx, ny), wallRow(picture));
  }
  const shade = furniture(paint(0xd98b3a, 'metal', { gloss: 0.2, metallic: false }));
  mesh.add(
    move(
      lathe([
        [0.18, 0],
        [0.05, 0.13],
        [0.02, 0.16],
      ]),
      TABLE.x,
      TABLE.y,
      1.85,
    ),
    shade,
  );
  mesh.add(move(cylinder(0.006, 0.5, 0.006, 8), TABLE.x, TABLE.y, 2), dark);
  mesh.add(
    move(turn(box(0.5, 0.34, 0.03, 0.01), 'z', 0), 0.3, -0.2, 0.01),
    table.addStuff(
      'floor',
      paint([0x8a5f5a, 0xd8c3a0, 0x5d7478], 'fabric', { pattern: 'carpet', mapping: 'plane', period: 0.2 }),
    ),
  );
}
