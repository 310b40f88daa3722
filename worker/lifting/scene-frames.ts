/** A generated capture as frames with simulated masks, without a project: what benchmarks and tests lift. */
import type { TrainingFrame } from '../../contract/index.ts';
import type { NamedSegments } from '../objects/index.ts';
import { type NoisePreset, readSceneTruth } from '../scenes/index.ts';
import { simulateMasks } from './simulated.ts';

export interface SceneFrames {
  readonly frames: readonly TrainingFrame[];
  /** Masks of the simulated segmenter by frame name, of the test split too. */
  readonly masks: ReadonlyMap<string, NamedSegments>;
  readonly objects: number;
}

/** @throws LiftscopeError, SceneTruthError */
export async function readSceneFrames(captureDir: string, noise: NoisePreset, seed: number): Promise<SceneFrames> {
  const { scene, objects } = await readSceneTruth(captureDir);
  const { width, height } = scene;
  const frames = scene.frames.map(({ name, split, fx, fy, cx, cy, worldFromCamera }): TrainingFrame => {
    return {
      ...{ name, imagePath: name, width, height, fx, fy, cx, cy },
      cameraFromWorld: inverse(worldFromCamera.rotation, worldFromCamera.translation),
      role: split === 'train' ? 'train' : 'holdout',
    };
  });
  const masks = await simulateMasks(captureDir, frames, noise, seed);
  return { frames, masks: masks.frames, objects: objects.length };
}

type Quaternion = readonly [number, number, number, number];
type Vector = readonly [number, number, number];

/** Of x_outer = R(q) x_inner + t. */
function inverse([w, x, y, z]: Quaternion, [a, b, c]: Vector) {
  const rotate = (vx: number, vy: number, vz: number): [number, number, number] => [
    (1 - 2 * (y * y + z * z)) * vx + 2 * (x * y + w * z) * vy + 2 * (x * z - w * y) * vz,
    2 * (x * y - w * z) * vx + (1 - 2 * (x * x + z * z)) * vy + 2 * (y * z + w * x) * vz,
    2 * (x * z + w * y) * vx + 2 * (y * z - w * x) * vy + (1 - 2 * (x * x + y * y)) * vz,
  ];
  const [tx, ty, tz] = rotate(a, b, c);
  return {
    quaternion: [w, -x, -y, -z] as [number, number, number, number],
    translation: [-tx, -ty, -tz] as [number, number, number],
  };
}
