import type { ColourName, Material } from './palette.ts';
import type { Shape } from './shape.ts';
import type { Pattern, Texture } from './texture.ts';

/** A named part of an object: what "the handle of the red mug" points at. */
export interface ObjectPart {
  readonly name: string;
  readonly texture: Texture;
  readonly shapes: readonly Shape[];
  /** Whether the part takes part in collisions (each shape as its convex hull); sprinkles need not. */
  readonly solid: boolean;
}

/** A procedural object in its own frame: z up, resting near z = 0, metres. */
export interface ObjectModel {
  readonly category: string;
  readonly colour: ColourName;
  readonly material: Material;
  readonly pattern: Pattern;
  readonly parts: readonly ObjectPart[];
}

export const part = (name: string, texture: Texture, ...shapes: Shape[]): ObjectPart => ({
  name,
  texture,
  shapes,
  solid: true,
});

/** A part too small to matter to physics. */
export const trim = (name: string, texture: Texture, ...shapes: Shape[]): ObjectPart => ({
  name,
  texture,
  shapes,
  solid: false,
});
