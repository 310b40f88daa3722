import rapier from '@dimforge/rapier3d-compat';
import type { Pose, Vec3 } from './linear.ts';
import type { ObjectModel, Shape } from './model/index.ts';

/** A box that stands still, metres. */
export interface Block {
  readonly centre: Vec3;
  readonly half: Vec3;
}

/** Half extents of the walled floor, metres, and the furniture on it. */
export interface Pen {
  readonly halfX: number;
  readonly halfY: number;
  readonly blocks?: readonly Block[];
}

const STEP_SECONDS = 1 / 90;
const MAX_STEPS = 1400;
/** Settled: nothing travelled further than this (metres) in a quarter of a second, a mean velocity threshold of 4 mm/s that a body rocking in place passes. */
const REST_TRAVEL = 0.001;
const REST_STEPS = 22;
/** [step, linear damping, angular damping]: what still rocks or rolls after seconds is braked harder and harder. */
const CALMING = [
  [300, 3, 8],
  [700, 12, 25],
  [1000, 40, 60],
] as const;
const HULL_DIRECTIONS = 42;

/** Directions of a Fibonacci sphere. */
const DIRECTIONS: readonly Vec3[] = Array.from({ length: HULL_DIRECTIONS }, (_, i) => {
  const z = 1 - (2 * (i + 0.5)) / HULL_DIRECTIONS;
  const r = Math.sqrt(1 - z * z);
  const angle = i * Math.PI * (3 - Math.sqrt(5));
  return [r * Math.cos(angle), r * Math.sin(angle), z];
});

/** The extreme points of a shape in fixed directions: a hull with few vertices. */
function hullPoints(shape: Shape): Float32Array {
  const chosen = new Set<number>();
  for (const [x, y, z] of DIRECTIONS) {
    let best = 0;
    let most = -Infinity;
    for (let i = 0; i < shape.positions.length; i += 3) {
      const reach = x * shape.positions[i]! + y * shape.positions[i + 1]! + z * shape.positions[i + 2]!;
      if (reach > most + 1e-9) {
        most = reach;
        best = i;
      }
    }
    chosen.add(best);
  }
  return new Float32Array([...chosen].flatMap((i) => shape.positions.slice(i, i + 3)));
}

let ready: Promise<void> | undefined;

export interface SettleResult {
  readonly poses: Pose[];
  readonly steps: number;
  /** False when the step limit ended the simulation. */
  readonly atRest: boolean;
}

/**
 * Drops objects from their start poses onto a floor at z = 0 inside four walls until they rest.
 * Each solid shape collides as its convex hull. Repeatable: same input, same poses.
 */
export async function settle(
  models: readonly ObjectModel[],
  starts: readonly Pose[],
  pen: Pen,
  signal?: AbortSignal,
): Promise<SettleResult> {
  ready ??= rapier.init();
  await ready;
  const world = new rapier.World({ x: 0, y: 0, z: -9.81 });
  try {
    world.timestep = STEP_SECONDS;
    const WALL = 0.5;
    const HIGH = 50;
    const slab = (x: number, y: number, z: number, hx: number, hy: number, hz: number) =>
      world.createCollider(rapier.ColliderDesc.cuboid(hx, hy, hz).setTranslation(x, y, z).setFriction(0.9));
    slab(0, 0, -WALL, pen.halfX + 2, pen.halfY + 2, WALL);
    for (const side of [-1, 1]) {
      slab(side * (pen.halfX + WALL), 0, HIGH, WALL, pen.halfY + 2, HIGH + 1);
      slab(0, side * (pen.halfY + WALL), HIGH, pen.halfX + 2, WALL, HIGH + 1);
    }
    for (const { centre, half } of pen.blocks ?? [])
      slab(...(centre as [number, number, number]), ...(half as [number, number, number]));
    const bodies = models.map((model, i) => {
      const { rotation, translation } = starts[i]!;
      const body = world.createRigidBody(
        rapier.RigidBodyDesc.dynamic()
          .setTranslation(...(translation as [number, number, number]))
          .setRotation({ w: rotation[0], x: rotation[1], y: rotation[2], z: rotation[3] })
          .setLinearDamping(0.3)
          .setAngularDamping(1.2)
          .setCcdEnabled(true),
      );
      for (const part of model.parts) {
        if (!part.solid) continue;
        for (const shape of part.shapes) {
          const hull = rapier.ColliderDesc.convexHull(hullPoints(shape));
          // A flat shape (a plate's disc) has no hull of its own; its neighbours carry it.
          if (hull) world.createCollider(hull.setDensity(300).setFriction(0.8).setRestitution(0.02), body);
        }
      }
      if (body.numColliders() === 0) throw new Error(`object ${i} (${model.category}) has no solid part`);
      return body;
    });
    let atRest = false;
    let steps = 0;
    let before = bodies.map((body) => body.translation());
    while (steps < MAX_STEPS && !atRest) {
      for (const [step, linear, angular] of CALMING) {
        if (steps !== step) continue;
        for (const body of bodies) {
          body.setLinearDamping(linear);
          body.setAngularDamping(angular);
        }
      }
      world.step();
      steps++;
      if (steps % REST_STEPS !== 0) continue;
      signal?.throwIfAborted();
      const now = bodies.map((body) => body.translation());
      let still = true;
      now.forEach((p, i) => {
        const q = before[i]!;
        if (Math.hypot(p.x - q.x, p.y - q.y, p.z - q.z) > REST_TRAVEL) still = false;
      });
      atRest = still && steps > 2 * REST_STEPS;
      before = now;
    }
    const poses = bodies.map((body): Pose => {
      const [r, t] = [body.rotation(), body.translation()];
      const length = Math.hypot(r.w, r.x, r.y, r.z);
      return {
        rotation: [r.w / length, r.x / length, r.y / length, r.z / length],
        translation: [t.x, t.y, t.z],
      };
    });
    return { poses, steps, atRest };
  } finally {
    world.free();
  }
}
