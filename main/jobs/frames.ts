import { stat } from 'node:fs/promises';
import { LiftscopeError, type PreparedCapture, type TrainingFrame } from '../../contract/index.ts';

/**
 * Frames of a prepared capture as a worker gets them.
 * @throws LiftscopeError `not-found` naming the first image that is no longer where import saw it
 */
export async function framesForWorker(capture: PreparedCapture): Promise<TrainingFrame[]> {
  const cameras = new Map(capture.cameras.map((camera) => [camera.id, camera]));
  const frames = capture.frames.map((frame): TrainingFrame => {
    const camera = cameras.get(frame.cameraId);
    if (camera === undefined) {
      throw new LiftscopeError({
        code: 'damaged-project',
        message: `Frame ${frame.name} refers to camera ${frame.cameraId}, which the capture does not have.`,
      });
    }
    return {
      name: frame.name,
      imagePath: frame.imagePath,
      width: frame.width,
      height: frame.height,
      ...camera.params,
      cameraFromWorld: frame.cameraFromWorld,
      role: frame.role ?? 'train',
    };
  });
  await Promise.all(frames.map(requireImage));
  return frames;
}

async function requireImage(frame: TrainingFrame): Promise<void> {
  const info = await stat(frame.imagePath).catch(() => undefined);
  if (info?.isFile() === true) return;
  throw new LiftscopeError({
    code: 'not-found',
    message: `The image of frame ${frame.name} is missing: ${frame.imagePath}`,
    hint: 'Put the capture back where it was, relink it, or import it again.',
  });
}
