import { describe, expect, it } from 'vitest';
import { carriedMask, surfaceOf } from './carried-mask.ts';
import { shapesOfLabels } from './segments.ts';
import { cameraOf } from './view.ts';

const [WIDTH, HEIGHT, FOCAL] = [64, 48, 50];
/** At x, looking along z; a wall at 4, a box of 12 x 10 pixels in front of it at 2. */
const cameraAt = (x: number) =>
  cameraOf({
    ...{ width: WIDTH, height: HEIGHT, fx: FOCAL, fy: FOCAL, cx: WIDTH / 2, cy: HEIGHT / 2 },
    cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [-x, 0, 0] },
  })!;

/** The box, moved in the image by `shift` pixels; labels say it is segmented under `id`. */
function view(shift: number, id: number) {
  const depth = new Float32Array(WIDTH * HEIGHT).fill(4);
  const labels = new Int32Array(WIDTH * HEIGHT);
  const truth = new Uint8Array(WIDTH * HEIGHT);
  for (let y = 20; y < 30; y++) {
    for (let x = 26 + shift; x < 38 + shift; x++) {
      if (x < 0 || x >= WIDTH) continue;
      depth[y * WIDTH + x] = 2;
      labels[y * WIDTH + x] = id;
      truth[y * WIDTH + x] = 1;
    }
  }
  return { depth, labels, truth };
}

const first = view(0, 3);
const surface = surfaceOf(shapesOfLabels(first.labels, WIDTH, HEIGHT)[0]!, first.labels, first.depth, cameraAt(0))!;

const iou = (a: Uint8Array, b: Uint8Array): number => {
  const both = a.reduce((sum, value, i) => sum + (value & b[i]!), 0);
  return both / a.reduce((sum, value, i) => sum + (value | b[i]!), 0);
};

describe('a carried mask', () => {
  it('lies where the thing is from elsewhere', () => {
    // 0.4 to the right at a depth of 2: ten pixels to the left.
    const second = view(-10, 0);
    const mask = carriedMask(surface, cameraAt(0.4), second.depth, second.labels);
    expect(iou(mask!, second.truth)).toBeGreaterThan(0.8);
  });

  it('is none where the thing is hidden, gone, or out of the image', () => {
    const there = view(-10, 0);
    const hidden = there.depth.map((z, i) => (there.truth[i] === 1 ? 0.5 : z));
    expect(carriedMask(surface, cameraAt(0.4), hidden, there.labels)).toBeUndefined();
    const gone = new Float32Array(WIDTH * HEIGHT).fill(4);
    expect(carriedMask(surface, cameraAt(0.4), gone, there.labels)).toBeUndefined();
    expect(carriedMask(surface, cameraAt(5), there.depth, there.labels)).toBeUndefined();
  });

  it('is none where something else is as deep', () => {
    const photo = (level: number) => {
      return { width: WIDTH, height: HEIGHT, data: new Uint8Array(3 * WIDTH * HEIGHT).fill(level) };
    };
    const [shape] = shapesOfLabels(first.labels, WIDTH, HEIGHT);
    const coloured = surfaceOf(shape!, first.labels, first.depth, cameraAt(0), photo(200))!;
    const { depth, labels, truth } = view(-10, 0);
    expect(iou(carriedMask(coloured, cameraAt(0.4), depth, labels, photo(190))!, truth)).toBeGreaterThan(0.8);
    expect(carriedMask(coloured, cameraAt(0.4), depth, labels, photo(90))).toBeUndefined();
  });

  it('takes no pixel of another segment, but those of its own', () => {
    const { depth, labels, truth } = view(-10, 7);
    expect(carriedMask(surface, cameraAt(0.4), depth, labels)).toBeUndefined();
    expect(iou(carriedMask(surface, cameraAt(0.4), depth, labels, undefined, 7)!, truth)).toBeGreaterThan(0.8);
  });
});
