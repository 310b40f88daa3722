import { createKitchen } from './kitchen.ts';
import { createMessyRoom } from './messy-rooms.ts';
import type { Scene, SceneKind } from './scene.ts';
import { createTurntable } from './turntable.ts';

export interface CreateSceneOptions {
  readonly kind: SceneKind;
  readonly seed: string | number;
  readonly objects?: number;
  /** Cameras of a messy room, frames of a kitchen; a turntable has five per object. */
  readonly views?: number;
  /** Image width in pixels (height too, except in a kitchen: three quarters of it). */
  readonly size?: number;
  readonly signal?: AbortSignal;
}

/** Creates a scene by name, each kind with its own defaults. Throws a RangeError that names the option and its range. */
export async function createScene(options: CreateSceneOptions): Promise<Scene> {
  const { kind, seed, objects, views, size, signal } = options;
  const common = {
    seed,
    ...(objects !== undefined && { objects }),
    ...(size !== undefined && { size }),
    ...(signal && { signal }),
  };
  switch (kind) {
    case 'messy-rooms':
      return await createMessyRoom({ ...common, ...(views !== undefined && { views }) });
    case 'kitchen':
      return await createKitchen({ ...common, ...(views !== undefined && { frames: views }) });
    case 'turntable':
      return createTurntable(common);
    default:
      kind satisfies never;
      throw new RangeError(`no scene "${String(kind)}"`);
  }
}
