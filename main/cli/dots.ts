import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

const WIDTH = 48;
const HEIGHT = 40;
const FOCAL = 50;

/** Eight coloured balls around the origin: position, sRGB. */
const BALLS = Array.from({ length: 8 }, (_, i) => ({
  centre: [i & 1 ? 0.6 : -0.6, i & 2 ? 0.5 : -0.5, i & 4 ? 0.4 : -0.4] as const,
  colour: [i & 1 ? 230 : 60, i & 2 ? 200 : 40, i & 4 ? 210 : 90] as const,
}));
const RADIUS = 0.3;
const POINTS_PER_BALL = 12;

/**
 * Writes a COLMAP text capture of `count` photos of eight balls on black, taken from a circle around them, with points on
 * the balls as sparse points: small enough to be trained in a test, real enough to be learnt.
 */
export async function writeDotsCapture(folder: string, count: number): Promise<void> {
  await mkdir(join(folder, 'images'), { recursive: true });
  await mkdir(join(folder, 'sparse', '0'), { recursive: true });
  const poses = Array.from({ length: count }, (_, index) => poseAt((index / count) * 2 * Math.PI));
  await Promise.all(
    poses.map((pose, index) =>
      sharp(photograph(pose), { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
        .png()
        .toFile(join(folder, 'images', nameOf(index))),
    ),
  );
  const camera = `1 PINHOLE ${WIDTH} ${HEIGHT} ${FOCAL} ${FOCAL} ${WIDTH / 2} ${HEIGHT / 2}\n`;
  const images = poses.map(
    ({ quaternion, translation }, index) =>
      `${index + 1} ${quaternion.join(' ')} ${translation.join(' ')} 1 ${nameOf(index)}\n\n`,
  );
  const points = BALLS.flatMap(({ centre, colour }) =>
    spiral(POINTS_PER_BALL).map((direction) => ({
      position: centre.map((c, axis) => c + RADIUS * direction[axis]!),
      colour,
    })),
  ).map(({ position, colour }, index) => `${index + 1} ${position.join(' ')} ${colour.join(' ')} 0.5\n`);
  const model = join(folder, 'sparse', '0');
  await writeFile(join(model, 'cameras.txt'), camera);
  await writeFile(join(model, 'images.txt'), images.join(''));
  await writeFile(join(model, 'points3D.txt'), points.join(''));
}

/** Evenly spread unit vectors. */
function spiral(count: number): [number, number, number][] {
  return Array.from({ length: count }, (_, i) => {
    const z = 1 - (2 * i + 1) / count;
    const angle = i * Math.PI * (3 - Math.sqrt(5));
    const radius = Math.sqrt(1 - z * z);
    return [radius * Math.cos(angle), radius * Math.sin(angle), z];
  });
}

function nameOf(index: number): string {
  return `${String(index).padStart(2, '0')}.png`;
}

interface Pose {
  /** cameraFromWorld, wxyz: a turn about the vertical axis. */
  readonly quaternion: readonly [number, number, number, number];
  readonly translation: readonly [number, number, number];
  readonly angle: number;
}

/** A camera that looks at the origin from a distance of 3. */
function poseAt(angle: number): Pose {
  return { angle, quaternion: [Math.cos(angle / 2), 0, Math.sin(angle / 2), 0], translation: [0, 0, 3] };
}

/** RGB bytes [HEIGHT, WIDTH, 3]: every ball a disc with a little shading, nearest in front. */
function photograph({ angle }: Pose): Uint8Array {
  const pixels = new Uint8Array(WIDTH * HEIGHT * 3);
  const depth = new Float64Array(WIDTH * HEIGHT).fill(Number.POSITIVE_INFINITY);
  for (const { centre, colour } of BALLS) {
    const [x, y, z] = centre;
    const inCamera = [
      Math.cos(angle) * x + Math.sin(angle) * z,
      y,
      -Math.sin(angle) * x + Math.cos(angle) * z + 3,
    ] as const;
    const u = (FOCAL * inCamera[0]) / inCamera[2] + WIDTH / 2;
    const v = (FOCAL * inCamera[1]) / inCamera[2] + HEIGHT / 2;
    const radius = (FOCAL * RADIUS) / inCamera[2];
    for (let row = 0; row < HEIGHT; row++) {
      for (let column = 0; column < WIDTH; column++) {
        const distance = Math.hypot(column + 0.5 - u, row + 0.5 - v) / radius;
        const at = row * WIDTH + column;
        if (distance >= 1 || inCamera[2] >= (depth[at] ?? 0)) continue;
        depth[at] = inCamera[2];
        const shade = Math.sqrt(1 - distance * distance);
        for (let channel = 0; channel < 3; channel++) pixels[at * 3 + channel] = (colour[channel] ?? 0) * shade;
      }
    }
  }
  return pixels;
}
