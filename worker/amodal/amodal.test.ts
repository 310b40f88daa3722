import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PinholeView } from '../../contract/index.ts';
import { WasmBackend } from '../compute/index.ts';
import { cameraOf } from '../objects/index.ts';
import { SplatModel, SplatRenderer, viewOf } from '../splats/index.ts';
import { fitObject } from './object-fit.ts';
import { cropBox, croppedView, IGNORED, OBJECT, OUTSIDE, objectView } from './object-views.ts';

const [WIDTH, HEIGHT] = [64, 48];
const RADIUS = 0.1;
/** A camera that slides along x and looks along z at a ball at (0, 0, 1). */
const viewAt = (x: number): PinholeView => ({
  ...{ width: WIDTH, height: HEIGHT, fx: 80, fy: 80, cx: 32, cy: 24 },
  cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [-x, 0, 0] },
});
/** True silhouette, close enough: a disc. */
const inBall = (x: number, px: number, py: number): boolean => {
  const [u, v] = [32 - 80 * x, 24];
  return Math.hypot(px + 0.5 - u, py + 0.5 - v) < 80 * RADIUS;
};
/** Segment 1 is the ball; segment 2 stands before its right half when `covered`; the rest is a wall at depth 2. */
const frameAt = (x: number, covered: boolean) => {
  const labels = new Int32Array(WIDTH * HEIGHT);
  const depth = new Float32Array(WIDTH * HEIGHT).fill(2);
  const data = new Uint8Array(3 * WIDTH * HEIGHT).fill(120);
  for (let i = 0; i < labels.length; i++) {
    const [px, py] = [i % WIDTH, Math.floor(i / WIDTH)];
    if (inBall(x, px, py)) {
      labels[i] = 1;
      depth[i] = 0.97;
      data[i] = 200;
      data[WIDTH * HEIGHT + i] = px % 4 < 2 ? 40 : 160;
    }
    if (covered && px > 32 - 80 * x && px < 32 - 80 * x + 16 && py > 4) {
      labels[i] = 2;
      depth[i] = 0.6;
    }
  }
  const camera = cameraOf(viewAt(x))!;
  const [u, v, z] = camera.project([0, 0, 1]);
  return {
    ...{ view: viewAt(x), photo: { width: WIDTH, height: HEIGHT, data }, labels, segment: 1, depth },
    segmentDepth: new Map([
      [1, 1],
      [2, 0.6],
    ]),
    disc: { u, v, z, radiusPx: 80 * RADIUS },
  };
};

describe('what a frame says about an object', () => {
  it('its pixels, what is beside it, and nothing where something stands in front', () => {
    const { view, roles } = objectView(frameAt(0, true))!;
    const at = (px: number, py: number): number => {
      const box = cropBox(viewAt(0), frameAt(0, true).disc, { left: 24, top: 16, right: 40, bottom: 32 })!;
      return roles[(py - box.top) * view.width + px - box.left]!;
    };
    expect(at(28, 24)).toBe(OBJECT);
    expect(at(36, 24)).toBe(IGNORED);
    expect(at(22, 24)).toBe(OUTSIDE);
  });

  it('a segment behind it is beside it; a near surface without a segment, as a hand, is in front', () => {
    const frame = frameAt(0, true);
    const behind = objectView({ ...frame, segmentDepth: new Map([[2, 1.5]]) })!;
    expect(new Set(behind.roles)).toEqual(new Set([OUTSIDE, OBJECT]));
    const labels = frame.labels.map((id) => (id === 2 ? 0 : id));
    expect(new Set(objectView({ ...frame, labels })!.roles)).toEqual(new Set([OUTSIDE, OBJECT, IGNORED]));
  });

  it('a crop keeps the camera, and ends at the image', () => {
    const box = cropBox(viewAt(0), { u: 2, v: 2, radiusPx: 4 })!;
    expect(box).toMatchObject({ left: 0, top: 0 });
    const before = cameraOf(viewAt(0))!.project([0.1, 0.05, 1]);
    const after = cameraOf(croppedView(viewAt(0), { left: 10, top: 5, right: 50, bottom: 40 }))!.project([
      0.1, 0.05, 1,
    ]);
    expect([before[0] - after[0], before[1] - after[1]].map((value) => Number(value.toFixed(9)))).toEqual([10, 5]);
    expect(cropBox(viewAt(0), { u: -90, v: 2, radiusPx: 4 })).toBeUndefined();
  });
});

describe('object-only splats', () => {
  let backend: WasmBackend;
  beforeAll(async () => {
    backend = await WasmBackend.create({ threads: 1 });
  });
  afterAll(() => backend.dispose());

  it('render the whole silhouette in a view in which half of the object is hidden', async () => {
    const positions = [-0.1, -0.05, 0, 0.05, 0.1];
    const views = positions.map((x) => objectView(frameAt(x, x >= 0))!);
    const splats = (await fitObject(backend, views, { place: [0, 0, 1], radius: RADIUS }, { iterations: 60 }))!;
    const model = new SplatModel(backend, splats.count, 0, { trainable: false });
    model.upload(splats);
    const renderer = new SplatRenderer(backend, model);
    const { alpha } = await renderer.channels(viewOf(viewAt(0.05)));
    let [both, either] = [0, 0];
    for (let i = 0; i < alpha.length; i++) {
      const [predicted, wanted] = [alpha[i]! > 0.5, inBall(0.05, i % WIDTH, Math.floor(i / WIDTH))];
      if (predicted && wanted) both++;
      if (predicted || wanted) either++;
    }
    expect(both / either).toBeGreaterThan(0.85);
    expect(splats.means.every(Number.isFinite)).toBe(true);
    renderer.dispose();
    model.dispose();
    const again = await fitObject(backend, views, { place: [0, 0, 1], radius: RADIUS }, { iterations: 60 });
    expect(again).toEqual(splats);
  });

  it('without a pixel of the object there is nothing to fit', async () => {
    const empty = objectView({ ...frameAt(0, false), segment: 9 });
    expect(await fitObject(backend, empty ? [empty] : [], { place: [0, 0, 1], radius: RADIUS })).toBeUndefined();
  });
});
