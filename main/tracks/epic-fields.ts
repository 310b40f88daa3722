/** Cameras and points of a capture in the layout of EPIC-Fields (Tschernezki et al. 2023), which `import` reads. */
import { readFile } from 'node:fs/promises';
import { LiftscopeError, type PreparedCapture } from '../../contract/index.ts';
import { writeAtomically } from '../capture/index.ts';

/**
 * `{camera, images: {name: [qw, qx, qy, qz, tx, ty, tz]}, points: [[x, y, z, r, g, b], …]}`; poses are camera from world.
 * @param pointsPath float32 [M, 3], then uint8 [M, 3]; undefined without points
 * @throws LiftscopeError `unsupported` for a capture of several cameras, of which the layout has one
 */
export async function writeEpicFields(
  path: string,
  capture: Pick<PreparedCapture, 'cameras' | 'frames' | 'points'>,
  pointsPath: string | undefined,
): Promise<void> {
  const [camera, ...others] = capture.cameras;
  if (camera === undefined || others.length > 0) {
    throw new LiftscopeError({
      code: 'unsupported',
      message: `The capture has ${capture.cameras.length} cameras; the layout of EPIC-Fields has one.`,
    });
  }
  const { fx, fy, cx, cy } = camera.params;
  const { width, height, id } = camera;
  const images = Object.fromEntries(
    capture.frames.map(({ name, cameraFromWorld: { quaternion, translation } }) => {
      return [name, [...quaternion, ...translation]];
    }),
  );
  const points = pointsPath === undefined ? [] : await readPoints(pointsPath, capture.points.count);
  const document = { camera: { id, model: 'PINHOLE', width, height, params: [fx, fy, cx, cy] }, images, points };
  await writeAtomically(path, (handle) => handle.writeFile(`${JSON.stringify(document)}\n`));
}

async function readPoints(path: string, count: number): Promise<number[][]> {
  const bytes = await readFile(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, i) => [
    ...[0, 1, 2].map((k) => view.getFloat32(4 * (3 * i + k), true)),
    ...[0, 1, 2].map((k) => view.getUint8(12 * count + 3 * i + k)),
  ]);
}
