import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bounds, FrameColumns } from '../../../contract/index.ts';
import type { CameraState } from '../../state/index.ts';
import {
  axes,
  dot,
  flown,
  followCamera,
  frameCamera,
  length,
  looked,
  lookedAt,
  orbited,
  overviewCamera,
  panned,
  projectPoint,
  sceneUp,
  sub,
  type Vec3,
  viewRequest,
  writeFrustum,
  zoomed,
} from './geometry.ts';

const bounds: Bounds = { min: [-1, -1, -1], max: [1, 1, 1] };
const near = (a: Vec3, b: Vec3, tolerance = 1e-9) => expect(length(sub(a, b))).toBeLessThan(tolerance);

/** Cameras on a circle of radius 3 around `centre`, level, looking at it; up is -y. */
function ring(count: number, centre: Vec3 = [0, 0, 0]): FrameColumns {
  const poses: number[] = [];
  for (let i = 0; i < count; i++) {
    const angle = (2 * Math.PI * i) / count;
    // cameraFromWorld: a turn about y, then 3 forward.
    const [w, y] = [Math.cos(angle / 2), Math.sin(angle / 2)];
    const rotated: Vec3 = [
      Math.cos(angle) * centre[0] + Math.sin(angle) * centre[2],
      centre[1],
      -Math.sin(angle) * centre[0] + Math.cos(angle) * centre[2],
    ];
    poses.push(w, 0, y, 0, -rotated[0], -rotated[1], 3 - rotated[2]);
  }
  return {
    captureId: 1,
    ids: poses.filter((_, i) => i % 7 === 0).map((_, i) => `f${i}`),
    names: Array.from({ length: count }, (_, i) => `${i}.png`),
    poses,
    intrinsics: Array.from({ length: count }, () => [640, 480, 500, 500, 320, 240]).flat(),
    holdout: Array.from({ length: count }, () => 0 as const),
    timestampsSeconds: Array.from({ length: count }, () => null),
  };
}

const coordinate = fc.double({ min: -5, max: 5, noNaN: true });
const point = fc.tuple(coordinate, coordinate, coordinate);
const anyCamera: fc.Arbitrary<CameraState> = fc
  .record({ position: point, target: point, fovYDegrees: fc.double({ min: 20, max: 100, noNaN: true }) })
  .filter(({ position, target }) => length(sub(position, target)) > 0.1)
  .map((camera) => ({ ...camera, up: [0, -1, 0] as const }));

describe('cameras of frames', () => {
  it('stand where their pose says and look at the subject', () => {
    const frames = ring(12, [0.5, -0.2, 1]);
    for (let i = 0; i < 12; i++) {
      const { centre, forward } = frameCamera(frames, i);
      near([centre[0] + 3 * forward[0], centre[1] + 3 * forward[1], centre[2] + 3 * forward[2]], [0.5, -0.2, 1]);
    }
    near(lookedAt(frames, bounds), [0.5, -0.2, 1], 1e-6);
    near(sceneUp(frames), [0, -1, 0]);
  });

  it('a single camera looks at nothing in particular: the middle of the bounds', () => {
    near(lookedAt(ring(1), bounds), [0, 0, 0]);
  });

  it('following one gives its very view: the centre of the image, and its corners by the vertical field of view', () => {
    const frames = ring(5, [1, 0, 0]);
    const frame = frameCamera(frames, 3);
    const camera = followCamera(frame, [1, 0, 0]);
    near(camera.target, [1, 0, 0]);
    const ours = axes(camera);
    near(ours.right, frame.right);
    near(ours.down, frame.down);
    const corners = new Float32Array(48);
    writeFrustum(frame, 0.5, corners, 0);
    const corner = projectPoint(camera, 640, 480, [corners[3]!, corners[4]!, corners[5]!])!;
    expect(Math.abs(corner.x)).toBeLessThan(1e-3);
    expect(Math.abs(corner.y)).toBeLessThan(1e-3);
    expect(Math.abs(corner.depth - 0.5)).toBeLessThan(1e-6);
  });

  it('the overview sees every camera in front of it', () => {
    const frames = ring(20);
    const camera = overviewCamera(frames, bounds);
    for (let i = 0; i < 20; i++) {
      const seen = projectPoint(camera, 800, 600, frameCamera(frames, i).centre);
      expect(seen).not.toBeNull();
      expect(seen!.x).toBeGreaterThan(0);
      expect(seen!.x).toBeLessThan(800);
      expect(seen!.y).toBeGreaterThan(0);
      expect(seen!.y).toBeLessThan(600);
    }
  });
});

describe('the free camera', () => {
  it('asks for what it shows: a point projects the same through the request', () => {
    fc.assert(
      fc.property(anyCamera, point, (camera, world) => {
        const ours = projectPoint(camera, 640, 480, world);
        fc.pre(ours !== null && ours.depth > 0.05);
        const { cameraFromWorld, focal } = viewRequest(camera, 640, 480);
        const [w, x, y, z] = cameraFromWorld.quaternion;
        const q: Vec3 = [x, y, z];
        // v' = v + 2 q x (q x v + w v)
        const c1: Vec3 = [
          q[1] * world[2] - q[2] * world[1] + w * world[0],
          q[2] * world[0] - q[0] * world[2] + w * world[1],
          q[0] * world[1] - q[1] * world[0] + w * world[2],
        ];
        const t = cameraFromWorld.translation;
        const camera3: Vec3 = [
          world[0] + 2 * (q[1] * c1[2] - q[2] * c1[1]) + t[0],
          world[1] + 2 * (q[2] * c1[0] - q[0] * c1[2]) + t[1],
          world[2] + 2 * (q[0] * c1[1] - q[1] * c1[0]) + t[2],
        ];
        const tolerance = 1e-6 * (1 + Math.abs(ours!.x) + Math.abs(ours!.y));
        expect(Math.abs(320 + (focal * camera3[0]) / camera3[2] - ours!.x)).toBeLessThan(tolerance);
        expect(Math.abs(240 + (focal * camera3[1]) / camera3[2] - ours!.y)).toBeLessThan(tolerance);
      }),
    );
  });

  const pixels = fc.double({ min: -300, max: 300, noNaN: true });

  it('orbiting keeps target and distance, never turns over, and goes back', () => {
    fc.assert(
      fc.property(anyCamera, pixels, pixels, (camera, dx, dy) => {
        const distance = length(sub(camera.position, camera.target));
        const moved = orbited(camera, dx, dy, 0.005);
        expect(moved.target).toEqual(camera.target);
        expect(Math.abs(length(sub(moved.position, moved.target)) - distance)).toBeLessThan(1e-6 * distance);
        expect(dot(axes(moved).down, camera.up)).toBeLessThanOrEqual(1e-9);
      }),
    );
    const camera: CameraState = { position: [0, 0, -4], target: [0, 0, 0], up: [0, -1, 0], fovYDegrees: 50 };
    near(orbited(orbited(camera, 40, 25, 0.005), -40, -25, 0.005).position, camera.position);
    // Dragging right turns the scene right: the camera goes left, which is -x as it looks along +z.
    expect(orbited(camera, 40, 0, 0.005).position[0]).toBeLessThan(-0.1);
    // Dragging down shows it from above: up is -y.
    expect(orbited(camera, 0, 40, 0.005).position[1]).toBeLessThan(-0.1);
  });

  it('panning drags the target with the pointer', () => {
    fc.assert(
      fc.property(anyCamera, pixels, pixels, (camera, dx, dy) => {
        const moved = panned(camera, dx, dy, 480);
        const seen = projectPoint(moved, 640, 480, camera.target);
        fc.pre(seen !== null);
        expect(Math.abs(seen!.x - (320 + dx))).toBeLessThan(1e-5);
        expect(Math.abs(seen!.y - (240 + dy))).toBeLessThan(1e-5);
      }),
    );
  });

  it('looking around keeps the position, flying keeps the direction, zooming is bounded', () => {
    const camera: CameraState = { position: [1, 2, 3], target: [1, 2, 5], up: [0, -1, 0], fovYDegrees: 50 };
    expect(looked(camera, 30, 10, 0.005).position).toEqual(camera.position);
    // The pointer to the right turns the view to the right: +x.
    expect(looked(camera, 30, 0, 0.005).target[0]).toBeGreaterThan(1.1);
    expect(looked(camera, 0, 30, 0.005).target[1]).toBeGreaterThan(2.1);
    const ahead = flown(camera, [0, 0, 1], 2);
    near(ahead.position, [1, 2, 5]);
    near(sub(ahead.target, ahead.position), [0, 0, 2]);
    near(flown(camera, [0, 1, 0], 1).position, [1, 1, 3]);
    let far = camera;
    for (let i = 0; i < 500; i++) far = zoomed(far, 2);
    expect(Number.isFinite(length(far.position))).toBe(true);
  });
});
