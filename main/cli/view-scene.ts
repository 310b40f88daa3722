/** A seeded stand-in for a trained room: Gaussians on the surfaces of a box and its furniture, written as a splat PLY. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { splatPlyProperties } from '../capture/index.ts';

const SH_DEGREE = 3;
const SH_C0 = 0.28209479177387814;
const ROOM_HALF = [3, 1.5, 2.5] as const;
const PIECES = 40;
const ROWS_PER_CHUNK = 8192;

interface Face {
  readonly centre: readonly number[];
  readonly half: readonly number[];
  readonly normal: number;
  readonly colour: readonly number[];
}

/**
 * Writes `count` Gaussians of degree 3. Sizes, flatness and opacities have the spread of trained models: log-normal around
 * the spacing of the samples, a fifth as thick as wide, logit opacities of standard deviation 2.
 */
export async function writeRoomPly(path: string, count: number, seed: number): Promise<void> {
  const random = generator(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const faces = roomFaces(random);
  const areas = faces.map(({ half, normal: n }) => 4 * half[(n + 1) % 3]! * half[(n + 2) % 3]!);
  const total = areas.reduce((sum, area) => sum + area, 0);
  const spacing = Math.sqrt(total / count);
  const names = splatPlyProperties(SH_DEGREE);
  const at = Object.fromEntries(names.map((name, i) => [name, i]));
  const header = [
    ...['ply', 'format binary_little_endian 1.0', `element vertex ${count}`],
    ...names.map((name) => `property float ${name}`),
    'end_header\n',
  ];
  const file = createWriteStream(path);
  file.write(header.join('\n'));
  let face = 0;
  // Faces one after the other would leave the file in spatial order, which training does not: draw them at random.
  const cumulative = areas.map((_, i) => areas.slice(0, i + 1).reduce((sum, area) => sum + area, 0) / total);
  for (let first = 0; first < count; first += ROWS_PER_CHUNK) {
    const rows = Math.min(ROWS_PER_CHUNK, count - first);
    const values = new Float32Array(rows * names.length);
    for (let row = 0; row < rows; row++) {
      const draw = random();
      face = cumulative.findIndex((end) => draw < end);
      const { centre, half, normal: n, colour } = faces[Math.max(0, face)]!;
      const base = row * names.length;
      const set = (name: string, value: number) => {
        values[base + at[name]!] = value;
      };
      const [u, v] = [(n + 1) % 3, (n + 2) % 3];
      const point = [...centre];
      point[n]! += 0.15 * spacing * normal();
      point[u]! += (2 * random() - 1) * half[u]!;
      point[v]! += (2 * random() - 1) * half[v]!;
      const size = Math.log(0.6 * spacing) + 0.6 * normal();
      const turn = Math.PI * random();
      const checker = (Math.floor(4 * point[u]!) + Math.floor(4 * point[v]!)) & 1 ? 0.075 : -0.075;
      const texture = 0.15 * Math.sin(14 * point[u]!) * Math.sin(14 * point[v]!) + checker;
      for (let k = 0; k < 3; k++) {
        set('xyz'[k]!, point[k]!);
        set(`scale_${k}`, size + (k === n ? -1.6 : 0) + 0.4 * normal());
        set(`rot_${k + 1}`, (k === n ? Math.sin(turn / 2) : 0) + 0.05 * normal());
        set(`f_dc_${k}`, (colour[k]! + texture + 0.03 * normal() - 0.5) / SH_C0);
      }
      set('rot_0', Math.cos(turn / 2));
      set('opacity', 2 * normal());
      const rest = base + at.f_rest_0!;
      for (let k = 0; k < 45; k++) values[rest + k] = 0.06 * (random() - 0.5);
    }
    if (!file.write(Buffer.from(values.buffer))) await once(file, 'drain');
  }
  file.end();
  await finished(file);
}

function roomFaces(random: () => number): Face[] {
  const boxes: { centre: number[]; half: number[] }[] = [{ centre: [0, 0, 0], half: [...ROOM_HALF] }];
  for (let piece = 0; piece < PIECES; piece++) {
    const half = [0.1 + 0.4 * random(), 0.1 + 0.5 * random(), 0.1 + 0.4 * random()];
    // y points down: furniture stands on y = 1.5.
    boxes.push({ centre: [(2 * random() - 1) * 2.5, ROOM_HALF[1] - half[1]!, (2 * random() - 1) * 2], half });
  }
  return boxes.flatMap(({ centre, half }) =>
    [0, 1, 2].flatMap((normal) =>
      [-1, 1].map((side) => ({
        centre: centre.map((value, k) => (k === normal ? value + side * half[k]! : value)),
        ...{ half, normal, colour: [random(), random(), random()] },
      })),
    ),
  );
}

/** Weyl sequence through a mixing function (splitmix, 32 bit): uniform in [0, 1). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}
