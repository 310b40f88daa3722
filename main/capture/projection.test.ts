import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Camera, type CameraId, type CameraModel, cameraModels, type Pose } from '../../contract/index.ts';
import { scaleCamera } from './camera-scaling.ts';
import {
  invertPose,
  matrixFromQuaternion,
  openglMatrixFromPose,
  poseFromOpenglMatrix,
  quaternionFromMatrix,
  transformPoint,
} from './pose.ts';
import { isUndistorted, pinholeOf, projectorOf } from './projection.ts';
import { cameraArbitrary, poseArbitrary, testSeed } from './testing.ts';

const models = Object.keys(cameraModels) as CameraModel[];
const runs = { seed: testSeed, numRuns: 200 };
const camera = (model: CameraModel, params: Record<string, number>): Camera =>
  ({ id: 1 as CameraId, model, width: 640, height: 480, params }) as unknown as Camera;

function project(from: Camera, x: number, y: number, z: number): [number, number] {
  const pixel = new Float64Array(2);
  expect(projectorOf(from).project(x, y, z, pixel)).toBe(true);
  return [pixel[0]!, pixel[1]!];
}

describe.each(models)('%s', (model) => {
  it('projects the ray of every pixel back onto it', () => {
    fc.assert(
      fc.property(
        cameraArbitrary([model]),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0.1, max: 50, noNaN: true }),
        (c, s, t, depth) => {
          const [u, v] = [s * c.width, t * c.height];
          const projector = projectorOf(c);
          const ray = projector.unproject(u, v);
          expect(ray).toBeDefined();
          expect(Math.hypot(...ray!)).toBeCloseTo(1, 12);
          const pixel = new Float64Array(2);
          expect(projector.project(ray![0] * depth, ray![1] * depth, ray![2] * depth, pixel)).toBe(true);
          expect(Math.hypot(pixel[0]! - u, pixel[1]! - v)).toBeLessThan(1e-7);
        },
      ),
      runs,
    );
  });

  it('maps the optical axis to the principal point', () => {
    fc.assert(
      fc.property(cameraArbitrary([model]), (c) => {
        const [u, v] = project(c, 0, 0, 3);
        expect(u).toBeCloseTo(c.params.cx, 12);
        expect(v).toBeCloseTo(c.params.cy, 12);
      }),
      { ...runs, numRuns: 20 },
    );
  });

  it('scales with its image', () => {
    fc.assert(
      fc.property(cameraArbitrary([model]), (c) => {
        const scaled = scaleCamera(c, c.width * 3, c.height * 5);
        const [u, v] = project(c, 0.1, -0.2, 1);
        const [su, sv] = project(scaled, 0.1, -0.2, 1);
        expect(su).toBeCloseTo(u * 3, 9);
        expect(sv).toBeCloseTo(v * 5, 9);
      }),
      { ...runs, numRuns: 50 },
    );
  });
});

describe('values by the published formulas', () => {
  // Point (0.3, -0.2, 1): x² + y² = 0.13.
  const [x, y, r2] = [0.3, -0.2, 0.13];
  const theta = Math.atan(Math.sqrt(r2));

  it('PINHOLE', () => {
    expect(project(camera('PINHOLE', { fx: 500, fy: 400, cx: 320, cy: 240 }), 0.6, -0.4, 2)).toEqual([470, 160]);
  });

  it('OPENCV', () => {
    const [k1, k2, p1, p2] = [-0.2, 0.05, 0.001, -0.002];
    const radial = 1 + k1 * r2 + k2 * r2 ** 2;
    const [u, v] = project(camera('OPENCV', { fx: 500, fy: 400, cx: 320, cy: 240, k1, k2, p1, p2 }), x, y, 1);
    expect(u).toBeCloseTo(320 + 500 * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)), 10);
    expect(v).toBeCloseTo(240 + 400 * (y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y), 10);
  });

  it('FULL_OPENCV', () => {
    const [k1, k2, k3, k4, k5, k6] = [0.3, -0.2, 0.1, 0.25, 0.15, -0.05];
    const ratio = (1 + k1 * r2 + k2 * r2 ** 2 + k3 * r2 ** 3) / (1 + k4 * r2 + k5 * r2 ** 2 + k6 * r2 ** 3);
    const c = camera('FULL_OPENCV', { fx: 500, fy: 400, cx: 320, cy: 240, k1, k2, p1: 0, p2: 0, k3, k4, k5, k6 });
    const [u, v] = project(c, x, y, 1);
    expect(u).toBeCloseTo(320 + 500 * x * ratio, 10);
    expect(v).toBeCloseTo(240 + 400 * y * ratio, 10);
  });

  it('OPENCV_FISHEYE, also beyond 90 degrees', () => {
    const [k1, k2, k3, k4] = [0.02, -0.01, 0.003, -0.001];
    const scale = (t: number): number => t * (1 + k1 * t ** 2 + k2 * t ** 4 + k3 * t ** 6 + k4 * t ** 8);
    const c = camera('OPENCV_FISHEYE', { fx: 300, fy: 310, cx: 320, cy: 240, k1, k2, k3, k4 });
    const [u, v] = project(c, x, y, 1);
    expect(u).toBeCloseTo(320 + (300 * scale(theta) * x) / Math.sqrt(r2), 10);
    expect(v).toBeCloseTo(240 + (310 * scale(theta) * y) / Math.sqrt(r2), 10);
    expect(project(c, 1, 0, -0.1)[0]).toBeCloseTo(320 + 300 * scale(Math.PI / 2 + Math.atan(0.1)), 9);
  });

  it('FOV', () => {
    const omega = 0.9;
    const radius = Math.atan(2 * Math.sqrt(r2) * Math.tan(omega / 2)) / omega;
    const [u] = project(camera('FOV', { fx: 300, fy: 310, cx: 320, cy: 240, omega }), x, y, 1);
    expect(u).toBeCloseTo(320 + (300 * radius * x) / Math.sqrt(r2), 10);
  });

  it('SIMPLE_DIVISION: undistorted = distorted / (1 + k r²)', () => {
    const k = -0.15;
    const [u, v] = project(camera('SIMPLE_DIVISION', { f: 300, cx: 320, cy: 240, k }), x, y, 1);
    const [xd, yd] = [(u - 320) / 300, (v - 240) / 300];
    expect(xd / (1 + k * (xd * xd + yd * yd))).toBeCloseTo(x, 12);
    expect(yd / (1 + k * (xd * xd + yd * yd))).toBeCloseTo(y, 12);
  });

  it('THIN_PRISM_FISHEYE and RAD_TAN_THIN_PRISM_FISHEYE differ in what the tangential terms act on', () => {
    const [a, b] = [(theta * x) / Math.sqrt(r2), (theta * y) / Math.sqrt(r2)];
    const t2 = theta ** 2;
    const k = 0.1;
    const thin = {
      fx: 300,
      fy: 300,
      cx: 0,
      cy: 0,
      k1: k,
      k2: 0,
      p1: 0.01,
      p2: 0.02,
      k3: 0,
      k4: 0,
      sx1: 0.03,
      sy1: 0.04,
    };
    const [u] = project(camera('THIN_PRISM_FISHEYE', thin), x, y, 1);
    expect(u / 300).toBeCloseTo(a * (1 + k * t2) + 2 * 0.01 * a * b + 0.02 * (t2 + 2 * a * a) + 0.03 * t2, 12);
    const aria = {
      fx: 300, fy: 300, cx: 0, cy: 0, k0: k, k1: 0, k2: 0, k3: 0, k4: 0, k5: 0, p0: 0.01, p1: 0.02, s0: 0.03, s1: 0.05, s2: 0, s3: 0,
    }; // biome-ignore format: one row
    const [c, d] = [a * (1 + k * t2), b * (1 + k * t2)];
    const q2 = c * c + d * d;
    const [w] = project(camera('RAD_TAN_THIN_PRISM_FISHEYE', aria), x, y, 1);
    expect(w / 300).toBeCloseTo(c + 2 * 0.02 * c * d + 0.01 * (q2 + 2 * c * c) + 0.03 * q2 + 0.05 * q2 * q2, 12);
  });
});

describe('domain', () => {
  it('has no image of points behind a perspective camera', () => {
    const pixel = new Float64Array(2);
    for (const z of [0, -1, Number.NaN]) {
      expect(projectorOf(camera('PINHOLE', { fx: 1, fy: 1, cx: 0, cy: 0 })).project(1, 1, z, pixel)).toBe(false);
    }
  });

  it('does not invert a distortion beyond its fold', () => {
    // r (1 - 0.5 r²) turns back at r = 0.816, where the image radius is 0.544.
    const folded = projectorOf(camera('SIMPLE_RADIAL', { f: 100, cx: 0, cy: 0, k: -0.5 }));
    expect(folded.unproject(50, 0)).toBeDefined();
    expect(folded.unproject(60, 0)).toBeUndefined();
    expect(folded.unproject(Number.NaN, 0)).toBeUndefined();
  });

  it('knows a pinhole by any model name', () => {
    expect(isUndistorted(camera('OPENCV', { fx: 1, fy: 1, cx: 0, cy: 0, k1: 0, k2: 0, p1: 0, p2: 0 }))).toBe(true);
    expect(isUndistorted(camera('OPENCV', { fx: 1, fy: 1, cx: 0, cy: 0, k1: 0, k2: 0, p1: 1e-9, p2: 0 }))).toBe(false);
    expect(isUndistorted(camera('FISHEYE', { fx: 1, fy: 1, cx: 0, cy: 0 }))).toBe(false);
    expect(pinholeOf(camera('SIMPLE_PINHOLE', { f: 7, cx: 1, cy: 2 })).params).toEqual({ fx: 7, fy: 7, cx: 1, cy: 2 });
  });
});

describe('poses', () => {
  const near = (a: Pose, b: Pose): void => {
    const dot = a.quaternion.reduce((sum, value, i) => sum + value * b.quaternion[i]!, 0);
    expect(Math.abs(dot)).toBeCloseTo(1, 10);
    for (const i of [0, 1, 2]) expect(a.translation[i]).toBeCloseTo(b.translation[i]!, 8);
  };

  it('round-trip through matrices, inverses and OpenGL axes', () => {
    fc.assert(
      fc.property(poseArbitrary, (pose) => {
        near({ ...pose, quaternion: quaternionFromMatrix(matrixFromQuaternion(pose.quaternion)) }, pose);
        near(invertPose(invertPose(pose)), pose);
        near(poseFromOpenglMatrix(openglMatrixFromPose(pose)) as Pose, pose);
        const p = transformPoint(invertPose(pose), transformPoint(pose, [1, 2, 3]));
        for (const i of [0, 1, 2]) expect(p[i]).toBeCloseTo(i + 1, 8);
      }),
      runs,
    );
  });

  it('turns OpenGL axes into OpenCV axes: the camera looks along -z of the matrix', () => {
    const pose = poseFromOpenglMatrix([[1, 0, 0, 5], [0, 1, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]]) as Pose; // biome-ignore format: one matrix
    // One unit along the viewing direction (world -z) and half a unit up (world +y).
    const p = transformPoint(pose, [5, 6.5, 6]);
    for (const [i, value] of [0, -0.5, 1].entries()) expect(p[i]).toBeCloseTo(value, 12);
  });

  it.each([
    [
      [
        [2, 0, 0, 0],
        [0, 2, 0, 0],
        [0, 0, 2, 0],
        [0, 0, 0, 1],
      ],
      'lengths',
    ],
    [
      [
        [-1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
      ],
      'mirrors',
    ],
    [
      [
        [1, 0.5, 0, 0],
        [0, 0.866, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
      ],
      'perpendicular',
    ],
    [
      [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 1],
      ],
      'last row',
    ],
    [
      [
        [Number.NaN, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
      ],
      'finite',
    ],
    [
      [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
      'lengths',
    ],
  ])('refuses %j', (matrix, reason) => {
    expect(poseFromOpenglMatrix(matrix)).toContain(reason);
  });
});
