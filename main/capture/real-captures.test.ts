/** The importers on real captures, where they are present (LIFTSCOPE_CAPTURES, default ../shared/captures). */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Capture } from '../../contract/index.ts';
import { importCapture } from './import.ts';
import { cameraCentre, matrixFromQuaternion } from './pose.ts';
import { prepareCapture } from './prepare.ts';

const root = resolve(process.env.LIFTSCOPE_CAPTURES ?? join(import.meta.dirname, '../../../shared/captures'));

const capture = (name: string): { path: string; suffix: string; absent: boolean } => {
  const path = join(root, name);
  const absent = !existsSync(path);
  return { path, absent, suffix: absent ? ` (skipped: ${name} is not in ${root})` : '' };
};

const fox = capture('fox');
const quarter = capture('fox-quarter');
const transforms = capture('fox-transforms');

describe('fox', () => {
  it.skipIf(fox.absent)(`reprojects its points within a pixel${fox.suffix}`, async () => {
    const imported = await importCapture(fox.path, { observationsPerFrame: Number.POSITIVE_INFINITY });
    expect(imported.capture.frames).toHaveLength(50);
    expect(imported.capture.cameras).toMatchObject([{ model: 'PINHOLE', width: 530, height: 946 }]);
    expect(imported.points.count).toBe(11_996);
    expect(imported.capture.warnings).toEqual([]);
    expect(imported.reprojection?.count).toBeGreaterThan(50_000);
    expect(imported.reprojection?.meanErrorPx).toBeLessThan(1);
    const sampled = await importCapture(fox.path);
    expect(sampled.reprojection?.count).toBeLessThanOrEqual(50 * 64);
    expect(sampled.reprojection?.meanErrorPx).toBeLessThan(1);
  });

  it.skipIf(quarter.absent)(`at a quarter of the size needs no image written${quarter.suffix}`, async () => {
    const imported = await importCapture(quarter.path, { observationsPerFrame: Number.POSITIVE_INFINITY });
    expect(imported.reprojection?.meanErrorPx).toBeLessThan(0.3);
    const { capture: prepared, writtenImages } = await prepareCapture(
      imported,
      { holdout: ['0074.png'] },
      { writeImage: () => Promise.reject(new Error('nothing should be written')) },
    );
    expect(writtenImages).toBe(0);
    expect(prepared.cameras).toMatchObject([{ model: 'PINHOLE', width: 132, height: 236 }]);
    expect(prepared.frames.filter((frame) => frame.role === 'holdout').map((frame) => frame.name)).toEqual([
      '0074.png',
    ]);
  });
});

describe('fox-transforms', () => {
  it.skipIf(transforms.absent)(`undistorts to pinhole images${transforms.suffix}`, async () => {
    const imported = await importCapture(transforms.path);
    expect(imported.capture.format).toBe('instant-ngp');
    expect(imported.capture.frames).toHaveLength(13);
    expect(imported.capture.cameras).toMatchObject([{ model: 'OPENCV', width: 270, height: 480 }]);
    const folder = await mkdtemp(join(tmpdir(), 'liftscope-fox-'));
    try {
      const prepared = await prepareCapture(
        imported,
        { holdout: 8 },
        {
          writeImage: async (name, png) => {
            await writeFile(join(folder, name), png);
            return join(folder, name);
          },
        },
      );
      expect(prepared.writtenImages).toBe(13);
      const target = prepared.capture.cameras[0]!;
      expect(target.params).toMatchObject({ fx: 343.88, fy: 343.6225 });
      expect(target.width).toBeGreaterThan(255);
      expect(target.width).toBeLessThanOrEqual(290);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.skipIf(fox.absent || transforms.absent)(
    `has the cameras of fox, up to a similarity${fox.suffix}${transforms.suffix}`,
    async () => {
      const [a, b] = [(await importCapture(transforms.path)).capture, (await importCapture(fox.path)).capture];
      const pairs = sharedFrames(a, b);
      expect(pairs.length).toBeGreaterThanOrEqual(8);
      // Relative rotations do not depend on the frame of reference. The reconstructions are independent: half a degree is normal.
      for (const [p, q] of pairs
        .slice(1)
        .map((pair) => [relative(pairs[0]![0], pair[0]), relative(pairs[0]![1], pair[1])] as const)) {
        expect(angleDegrees(p, q)).toBeLessThan(1);
      }
      // Neither do ratios of distances between centres.
      const distances = (side: 0 | 1): number[] =>
        pairs.slice(1).map((pair) => {
          const [c, d] = [cameraCentre(pairs[0]![side].cameraFromWorld), cameraCentre(pair[side].cameraFromWorld)];
          return Math.hypot(c[0] - d[0], c[1] - d[1], c[2] - d[2]);
        });
      const [da, db] = [distances(0), distances(1)];
      const scale = db.reduce((sum, d) => sum + d, 0) / da.reduce((sum, d) => sum + d, 0);
      const longest = Math.max(...db);
      for (const [i, d] of da.entries()) expect(Math.abs(d * scale - db[i]!) / longest).toBeLessThan(0.005);
    },
  );
});

type FramePair = readonly [Capture['frames'][number], Capture['frames'][number]];

function sharedFrames(a: Capture, b: Capture): FramePair[] {
  return a.frames.flatMap((frame): FramePair[] => {
    const other = b.frames.find((item) => item.name === frame.name);
    return other === undefined ? [] : [[frame, other]];
  });
}

/** `[9]` rotation from the first camera to the second. */
function relative(first: Capture['frames'][number], second: Capture['frames'][number]): number[] {
  const [p, q] = [first, second].map((frame) => matrixFromQuaternion(frame.cameraFromWorld.quaternion)) as [
    number[],
    number[],
  ];
  return Array.from({ length: 9 }, (_, i) => {
    const [row, column] = [Math.floor(i / 3), i % 3];
    return [0, 1, 2].reduce((sum, k) => sum + q[row * 3 + k]! * p[column * 3 + k]!, 0);
  });
}

function angleDegrees(p: readonly number[], q: readonly number[]): number {
  const trace = p.reduce((sum, value, i) => sum + value * q[i]!, 0);
  return (Math.acos(Math.min(1, (trace - 1) / 2)) * 180) / Math.PI;
}
