import type { SceneObject } from './assembly.ts';
import type { Pose } from './linear.ts';
import type { FrameView, RenderScene } from './render/index.ts';

export const SCENE_KINDS = ['messy-rooms', 'kitchen', 'turntable'] as const;
export type SceneKind = (typeof SCENE_KINDS)[number];

export interface SceneFrame {
  /** File name without folder or extension; frames are in this order in the capture. */
  readonly name: string;
  readonly split: 'train' | 'test';
  readonly timeSeconds: number;
  readonly view: FrameView;
  /** World pose of each object, same order as `objects`; null while an object is not in the scene. */
  readonly objectPoses: readonly (Pose | null)[];
  /** Id of the object in hand, 0 for none. */
  readonly heldObject: number;
}

/** A generated scene: everything that rendering and truth need, nothing rendered yet. */
export interface Scene {
  readonly kind: SceneKind;
  readonly seed: string;
  readonly parameters: Readonly<Record<string, number | string>>;
  readonly objects: readonly SceneObject[];
  readonly render: RenderScene;
  readonly frames: readonly SceneFrame[];
}

export interface Check {
  readonly name: string;
  readonly value: number;
  /** What the value is held against, in words. */
  readonly target: string;
  readonly met: boolean;
}
