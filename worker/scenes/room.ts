import type { MeshBuilder, PartTable } from './assembly.ts';
import type { Pose, Vec3 } from './linear.ts';
import { box, move, paint, rectangle, type Shape, type Texture, turn } from './model/index.ts';
import type { Random } from './random.ts';

const FLOORS: readonly ((variation: number) => Texture)[] = [
  (variation) => paint([0xc09a68, 0x7f5a34], 'wood', { pattern: 'planks', mapping: 'plane', period: 0.16, variation }),
  (variation) =>
    paint([0xd9d2c3, 0x8d9aa0, 0x5c5a58], 'stone', { pattern: 'tiles', mapping: 'plane', period: 0.3, variation }),
  (variation) =>
    paint([0xb9846a, 0xd8c4a6, 0x7a8c8a], 'stone', { pattern: 'hexagons', mapping: 'plane', period: 0.26, variation }),
  (variation) =>
    paint([0xe3ddd0, 0xb4583f, 0x6d6a66, 0x3c5f7a], 'stone', {
      pattern: 'tiles',
      mapping: 'plane',
      period: 0.34,
      variation,
    }),
];
const WALLS: readonly ((variation: number) => Texture)[] = [
  (variation) =>
    paint([0xd9e2da, 0xa8c0b6, 0xc88a5a], 'paper', { pattern: 'wallpaper', mapping: 'plane', period: 0.4, variation }),
  (variation) =>
    paint([0xb4664a, 0x8c4a36, 0xd6cfc2], 'stone', { pattern: 'brick', mapping: 'plane', period: 0.34, variation }),
  (variation) =>
    paint([0xe8dcc0, 0xd2b98c, 0x6e8fa8], 'paper', { pattern: 'wallpaper', mapping: 'plane', period: 0.5, variation }),
  (variation) =>
    paint([0xcfd6e2, 0x8fa3bf], 'paper', { pattern: 'stripes', mapping: 'plane', period: 0.36, variation }),
];
const RUGS: readonly (readonly number[])[] = [
  [0x93605a, 0xc9b08c, 0x6b7478, 0xb08a64],
  [0x6b8794, 0xc9c4b0, 0x9a7a68, 0x90a79e],
  [0x858a66, 0xcdc3a2, 0x97735f, 0xb9a676],
  [0x8a7690, 0xcfc2b6, 0x6f8a8a, 0xb8927c],
];
const PAINTINGS: readonly (readonly number[])[] = [
  [0x2e5d8c, 0xe8c24a, 0xc94f3d, 0xf0e6d2],
  [0x3a7d5c, 0xf2e3b3, 0xd9773a, 0x27425a],
  [0x8c3f5e, 0xf3c9b5, 0x4a5a8c, 0xe7a94b],
];

/** A wall panel: a rectangle standing at `centre`, its face turned towards (nx, ny). */
export const upright = (shape: Shape, centre: Vec3, nx: number, ny: number): Shape =>
  move(
    turn(turn(shape, 'x', 90), 'z', (Math.atan2(ny, nx) * 180) / Math.PI + 90),
    ...(centre as [number, number, number]),
  );

export interface RoomSize {
  readonly half: number;
  readonly height: number;
  /** Half extent of the rug in the middle, 0 for none. */
  readonly rugHalf: number;
}

/** Floor, rug, four walls with skirting, pictures, windows and shelves: something to see in every direction. */
export function addRoom(size: RoomSize, table: PartTable, mesh: MeshBuilder, random: Random): void {
  const { half, height } = size;
  const variation = () => random.integer(1000);
  mesh.add(rectangle(2 * half, 2 * half), table.addStuff('floor', random.pick(FLOORS)(variation())));
  if (size.rugHalf > 0) {
    const rug = 2 * size.rugHalf;
    const colours = random.pick(RUGS);
    mesh.add(
      move(box(rug, rug, 0.008, 0), 0, 0, 0),
      table.addStuff(
        'floor',
        paint(colours, 'fabric', { pattern: 'carpet', mapping: 'plane', period: 0.3, variation: variation() }),
      ),
    );
    mesh.add(
      move(box(rug + 0.16, rug + 0.16, 0.006, 0), 0, 0, 0),
      table.addStuff('floor', paint(colours[2]!, 'fabric')),
    );
  }
  const wall = table.addStuff('wall', random.pick(WALLS)(variation()));
  const skirting = table.addStuff('wall', paint(0x5b4636, 'wood'));
  const frame = table.addStuff('wall', paint(0x4a3524, 'wood'));
  const sides: readonly (readonly [number, number])[] = [
    [1, 0],
    [0, 1],
    [-1, 0],
    [0, -1],
  ];
  for (const [x, y] of sides) {
    const at = (along: number, off: number, z: number): Vec3 => [
      x * (half - off) - y * along,
      y * (half - off) + x * along,
      z,
    ];
    mesh.add(upright(rectangle(2 * half, height), at(0, 0, height / 2), -x, -y), wall);
    mesh.add(upright(box(2 * half, 0.12, 0.03, 0.005), at(0, 0.015, 0.06), -x, -y), skirting);
    // Decorations about every metre and a half, so that no stretch of wall is bare at any room size.
    const places = Math.max(2, Math.round((2 * half) / 1.5));
    for (let k = 0; k < places; k++) {
      const along = ((k + 0.5) / places - 0.5) * 2 * half + random.range(-0.12, 0.12);
      const z = height * random.range(0.42, 0.55);
      if (random.chance(0.6)) {
        const [w, h] = [random.range(0.5, 0.8), random.range(0.45, 0.7)];
        mesh.add(upright(box(w + 0.07, h + 0.07, 0.04, 0.005), at(along, 0.02, z), -x, -y), frame);
        const picture = paint(random.pick(PAINTINGS), 'paper', {
          pattern: 'painting',
          mapping: 'plane',
          period: 0.6,
          variation: variation(),
        });
        mesh.add(upright(rectangle(w, h), at(along, 0.043, z), -x, -y), table.addStuff('wall', picture));
      } else {
        const shelf = table.addStuff('furniture', paint(random.pick([0x8a5d3a, 0xd8d2c6, 0x3f6a72]), 'wood'));
        const tall = random.range(0.5, 0.9);
        mesh.add(upright(box(0.7, tall, 0.26, 0.006), at(along, 0.13, tall / 2), -x, -y), shelf);
        const door = table.addStuff('furniture', paint(random.pick([0xe0b84a, 0xb5573f, 0x5f8aa8, 0xe6e0d4]), 'wood'));
        for (const side of [-1, 1]) {
          mesh.add(
            upright(box(0.3, tall - 0.12, 0.02, 0.006), at(along + side * 0.165, 0.265, tall / 2), -x, -y),
            door,
          );
        }
      }
    }
  }
}

/** Random yaw; with `tumble` a random tilt as well. */
export function dropRotation(random: Random, tumble: boolean): Pose['rotation'] {
  const yaw = random.range(0, 2 * Math.PI);
  if (!tumble) return [Math.cos(yaw / 2), 0, 0, Math.sin(yaw / 2)];
  const q = [random.normal(), random.normal(), random.normal(), random.normal()];
  const length = Math.hypot(...q) || 1;
  return [q[0]! / length, q[1]! / length, q[2]! / length, q[3]! / length];
}
