import { applyPose, type Pose, rotate, type Vec3 } from './linear.ts';
import type { ObjectModel, Shape, Texture } from './model/index.ts';
import { CATEGORIES, type ObjectChoice } from './objects/index.ts';
import { buildRayMesh, type MeshArrays, type PartRow, type RayMesh } from './render/index.ts';

/** Class ids of the surroundings; categories follow from FIRST_CATEGORY_CLASS in the catalogue's order. 0 is "nothing was hit". */
const STUFF_CLASSES = ['void', 'floor', 'wall', 'furniture', 'hand'] as const;
export type StuffClass = (typeof STUFF_CLASSES)[number];
const FIRST_CATEGORY_CLASS = 16;

export const stuffClassId = (name: StuffClass): number => STUFF_CLASSES.indexOf(name);
const categoryClassId = (category: string): number =>
  FIRST_CATEGORY_CLASS + CATEGORIES.findIndex((entry) => entry.name === category);

export interface SceneClass {
  readonly id: number;
  readonly name: string;
  readonly isThing: boolean;
}
export const SCENE_CLASSES: readonly SceneClass[] = [
  ...STUFF_CLASSES.map((name, id) => ({ id, name, isThing: false })),
  ...CATEGORIES.map(({ name }, i) => ({ id: FIRST_CATEGORY_CLASS + i, name, isThing: true })),
];

/** An object as it stands in a scene: ids are 1-based and dense; part ids are unique in the scene. */
export interface SceneObject {
  readonly id: number;
  readonly choice: ObjectChoice;
  readonly model: ObjectModel;
  readonly classId: number;
  /** One entry per distinct part name, in the model's order. */
  readonly parts: readonly { readonly id: number; readonly name: string }[];
  /** Id of the object this one was made to resemble. */
  readonly lookAlikeOf: number | null;
}

const MAX_ID = 65535;

/** Numbers objects and their parts. Throws a RangeError when ids would not fit 16 bits. */
export function numberObjects(choices: readonly ObjectChoice[], models: readonly ObjectModel[]): SceneObject[] {
  let nextPart = 1;
  return choices.map((choice, i) => {
    const model = models[i]!;
    const names = [...new Set(model.parts.map((part) => part.name))];
    const parts = names.map((name) => ({ id: nextPart++, name }));
    if (nextPart > MAX_ID)
      throw new RangeError(`${choices.length} objects have more than ${MAX_ID} parts; use fewer objects`);
    return {
      id: i + 1,
      choice,
      model,
      classId: categoryClassId(choice.category),
      parts,
      lookAlikeOf: choice.lookAlikeOf === undefined ? null : choice.lookAlikeOf + 1,
    };
  });
}

/** Collects placed shapes into one mesh. */
export class MeshBuilder {
  readonly #positions: number[] = [];
  readonly #normals: number[] = [];
  readonly #coords: number[] = [];
  readonly #parts: number[] = [];
  readonly #indices: number[] = [];

  /** Adds a shape whose surface belongs to `row` of the part table. */
  add(shape: Shape, row: number, pose?: Pose): void {
    const first = this.#positions.length / 3;
    for (let i = 0; i < shape.positions.length; i += 3) {
      const position: Vec3 = [shape.positions[i]!, shape.positions[i + 1]!, shape.positions[i + 2]!];
      const normal: Vec3 = [shape.normals[i]!, shape.normals[i + 1]!, shape.normals[i + 2]!];
      const [p, n] = pose ? [applyPose(pose, position), rotate(pose.rotation, normal)] : [position, normal];
      this.#positions.push(p[0], p[1], p[2]);
      this.#normals.push(n[0], n[1], n[2]);
      this.#coords.push(shape.coords[i]!, shape.coords[i + 1]!, shape.coords[i + 2]!);
      this.#parts.push(row);
    }
    for (const index of shape.indices) this.#indices.push(first + index);
  }

  arrays(): MeshArrays {
    return {
      positions: new Float32Array(this.#positions),
      normals: new Float32Array(this.#normals),
      coords: new Float32Array(this.#coords),
      parts: new Uint16Array(this.#parts),
      indices: new Uint32Array(this.#indices),
    };
  }

  build(): RayMesh {
    return buildRayMesh(this.arrays());
  }
}

/** The part table under construction; row 0 is reserved. */
export class PartTable {
  readonly rows: PartRow[] = [];

  constructor(nothing: Texture) {
    this.rows.push({ instance: 0, classId: 0, part: 0, texture: nothing });
  }

  addStuff(name: StuffClass, texture: Texture): number {
    return this.rows.push({ instance: 0, classId: stuffClassId(name), part: 0, texture }) - 1;
  }

  /** Adds every part of an object and its shapes to a mesh. */
  addObject(object: SceneObject, mesh: MeshBuilder, pose?: Pose): void {
    for (const part of object.model.parts) {
      const id = object.parts.find(({ name }) => name === part.name)!.id;
      const row = this.rows.push({ instance: object.id, classId: object.classId, part: id, texture: part.texture }) - 1;
      if (row > MAX_ID) throw new RangeError(`more than ${MAX_ID} surfaces in one scene; use fewer objects`);
      for (const shape of part.shapes) mesh.add(shape, row, pose);
    }
  }
}

/** Lowest z of an object turned by the pose's rotation, and its extent: for putting things down. */
export function boundsOf(model: ObjectModel, pose?: Pose): { low: Vec3; high: Vec3 } {
  const low: [number, number, number] = [Infinity, Infinity, Infinity];
  const high: [number, number, number] = [-Infinity, -Infinity, -Infinity];
  for (const part of model.parts) {
    for (const { positions } of part.shapes) {
      for (let i = 0; i < positions.length; i += 3) {
        const local: Vec3 = [positions[i]!, positions[i + 1]!, positions[i + 2]!];
        const p = pose ? applyPose(pose, local) : local;
        for (let k = 0; k < 3; k++) {
          low[k] = Math.min(low[k]!, p[k]!);
          high[k] = Math.max(high[k]!, p[k]!);
        }
      }
    }
  }
  return { low, high };
}
