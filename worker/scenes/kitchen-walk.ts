import { SURFACES } from './kitchen-room.ts';
import {
  add,
  applyPose,
  composePoses,
  cross,
  lookAt,
  mix,
  multiplyQuaternions,
  normalise,
  type Pose,
  quaternionFromAxisAngle,
  quaternionFromMatrix,
  scaleBy,
  slerp,
  subtract,
  type Vec3,
} from './linear.ts';
import type { Random } from './random.ts';

export interface Place {
  readonly surface: number;
  readonly slot: number;
}

/** One errand: this object from where it stands to another place. */
export interface Errand {
  readonly object: number;
  readonly to: Place;
}

export interface WalkObject {
  readonly place: Place;
  /** Settled pose; its rotation is kept (but for a turn about z) wherever the object is put down. */
  readonly pose: Pose;
  /** Centre of the object's box in its own frame, and half its largest horizontal extent. */
  readonly centre: Vec3;
  readonly reach: number;
}

export interface WalkFrame {
  readonly worldFromCamera: Pose;
  readonly objectPoses: readonly Pose[];
  readonly worldFromRightArm: Pose | null;
  readonly worldFromLeftArm: Pose | null;
  readonly held: number; // index, -1 for none
}

const EYE_HEIGHT = 1.56;
const STAND_OFF = 0.62;
/** How often one stoops to look for a thing, and how high the eyes are then, metres above the surface. */
const STOOP_CHANCE = 0.9;
const STOOP_ABOVE = 0.13;
/** Where a carried thing is held, camera axes, metres. */
const CARRY: Vec3 = [0.1, 0.19, 0.52];
/** Arms at rest, below the picture. */
const RIGHT_REST: Vec3 = [0.28, 0.62, 0.3];
const LEFT_REST: Vec3 = [-0.28, 0.62, 0.3];
const LEFT_BUSY: Vec3 = [-0.2, 0.235, 0.5];
const RIGHT_SHOULDER: Vec3 = [0.2, 0.42, -0.12];
const LEFT_SHOULDER: Vec3 = [-0.2, 0.42, -0.12];

const ease = (t: number): number => t * t * (3 - 2 * t);

interface Head {
  readonly eye: Vec3;
  readonly yaw: number;
  readonly pitch: number;
}

const headTowards = (eye: Vec3, target: Vec3): Head => {
  const [x, y, z] = subtract(target, eye);
  return { eye, yaw: Math.atan2(y, x), pitch: Math.atan2(z, Math.hypot(x, y)) };
};

/** Arm pose: grip at `grip`, the forearm pointing from the shoulder to it. */
const armPose = (grip: Vec3, shoulder: Vec3, worldFromCamera: Pose): Pose => {
  const forward = normalise(subtract(grip, shoulder));
  const down: Vec3 = [0, 1, 0];
  const right = normalise(cross(down, forward));
  const lower = cross(forward, right);
  const cameraFromArm: Pose = {
    rotation: quaternionFromMatrix([
      right[0],
      lower[0],
      forward[0],
      right[1],
      lower[1],
      forward[1],
      right[2],
      lower[2],
      forward[2],
    ]),
    translation: grip,
  };
  return composePoses(worldFromCamera, cameraFromArm);
};

/**
 * Plays the errands as frames: walk to the object, look or stoop, reach, lift, carry, put down, glance around. Objects in hand keep upright and
 * turn with the head. Runs until `frameCount` frames exist, starting again from the last place when the errands are done.
 */
export function walk(
  objects: readonly WalkObject[],
  errands: readonly Errand[],
  frameCount: number,
  framesPerSecond: number,
  random: Random,
): WalkFrame[] {
  const frames: WalkFrame[] = [];
  const poses: Pose[] = objects.map(({ pose }) => pose);
  const places: Place[] = objects.map(({ place }) => place);
  const seconds = (value: number): number => Math.max(1, Math.round(value * framesPerSecond));
  const phase = [random.range(0, 6), random.range(0, 6), random.range(0, 6)];
  const slotPoint = (place: Place): Vec3 => {
    const surface = SURFACES[place.surface]!;
    const [x, y] = surface.slots[place.slot]!;
    return [x, y, surface.height];
  };
  const standAt = (place: Place): Vec3 => {
    const [x, y] = slotPoint(place);
    const [fx, fy] = SURFACES[place.surface]!.facing;
    const stand: Vec3 = [x - fx * STAND_OFF, y - fy * STAND_OFF, EYE_HEIGHT];
    // The free middle of the room: never inside furniture, whatever the slot.
    return [Math.max(-1.05, Math.min(1.0, stand[0])), Math.max(-0.62, Math.min(0.95, stand[1])), EYE_HEIGHT];
  };
  let head = headTowards([0, 0, EYE_HEIGHT], [0.4, 1.6, 1]);
  let clock = 0;

  const cameraOf = (at: Head): Pose => {
    const t = clock / framesPerSecond;
    const sway = (k: number, speed: number): number => Math.sin(speed * t + phase[k]!);
    const eye: Vec3 = [
      at.eye[0] + 0.008 * sway(0, 2.1),
      at.eye[1] + 0.008 * sway(1, 1.7),
      at.eye[2] + 0.012 * sway(2, 7.3),
    ];
    const [yaw, pitch] = [at.yaw + 0.02 * sway(1, 1.3), at.pitch + 0.015 * sway(0, 1.9)];
    const direction: Vec3 = [Math.cos(pitch) * Math.cos(yaw), Math.cos(pitch) * Math.sin(yaw), Math.sin(pitch)];
    return lookAt(eye, add(eye, direction), 0.02 * sway(2, 0.9));
  };

  /** The pose an object has when its box centre is at a point of the camera frame. */
  const carriedPose = (index: number, worldFromCamera: Pose, yaw: number, yawAtGrasp: number): Pose => {
    const object = objects[index]!;
    const rotation = multiplyQuaternions(quaternionFromAxisAngle([0, 0, 1], yaw - yawAtGrasp), object.pose.rotation);
    const centre = applyPose({ rotation, translation: [0, 0, 0] }, object.centre);
    return { rotation, translation: subtract(applyPose(worldFromCamera, CARRY), centre) };
  };
  const worldCentre = (index: number): Vec3 => applyPose(poses[index]!, objects[index]!.centre);

  interface Motion {
    readonly to: Head;
    readonly frames: number;
    readonly held: number;
    /** Pose of the held object and grips in camera axes, at eased time t. */
    readonly object?: (t: number, worldFromCamera: Pose, now: Head) => Pose;
    readonly right?: (t: number, cameraFromWorld: (p: Vec3) => Vec3) => Vec3;
    readonly left?: (t: number) => Vec3;
  }
  const play = (motion: Motion): void => {
    const from = head;
    const turn = ((motion.to.yaw - from.yaw + 3 * Math.PI) % (2 * Math.PI)) - Math.PI;
    const yawTo = from.yaw + (turn < -Math.PI ? turn + 2 * Math.PI : turn);
    for (let i = 1; i <= motion.frames && frames.length < frameCount; i++) {
      const t = ease(i / motion.frames);
      head = {
        eye: mix(from.eye, motion.to.eye, t),
        yaw: from.yaw + (yawTo - from.yaw) * t,
        pitch: from.pitch + (motion.to.pitch - from.pitch) * t,
      };
      const worldFromCamera = cameraOf(head);
      if (motion.object && motion.held >= 0) poses[motion.held] = motion.object(t, worldFromCamera, head);
      const q = worldFromCamera.rotation;
      const inverse: Pose = { rotation: [q[0], -q[1], -q[2], -q[3]], translation: [0, 0, 0] };
      const cameraFromWorld = (p: Vec3): Vec3 => applyPose(inverse, subtract(p, worldFromCamera.translation));
      const right = motion.right?.(t, cameraFromWorld);
      const left = motion.left?.(t);
      frames.push({
        worldFromCamera,
        objectPoses: [...poses],
        worldFromRightArm: right ? armPose(right, RIGHT_SHOULDER, worldFromCamera) : null,
        worldFromLeftArm: left ? armPose(left, LEFT_SHOULDER, worldFromCamera) : null,
        held: motion.held,
      });
      clock++;
    }
  };

  for (let n = 0; frames.length < frameCount; n++) {
    const errand = errands[n % errands.length]!;
    const { object } = errand;
    const grip = (cameraFromWorld: (p: Vec3) => Vec3): Vec3 => {
      const c = cameraFromWorld(worldCentre(object));
      // The hand closes on the near right side of the thing.
      return add(c, [0.55 * objects[object]!.reach + 0.012, 0.015, -0.55 * objects[object]!.reach]);
    };
    const from = places[object]!;
    const standFrom = standAt(from);
    const target = worldCentre(object);
    play({ to: headTowards(standFrom, target), frames: seconds(random.range(1.2, 1.9)), held: -1 });
    if (random.chance(STOOP_CHANCE)) {
      // From low down, what stands in front hides what stands behind.
      const low: Vec3 = [standFrom[0], standFrom[1], SURFACES[from.surface]!.height + STOOP_ABOVE];
      const along = mix(target, slotPoint(places[random.integer(places.length)]!), 0.15);
      play({ to: headTowards(low, target), frames: seconds(0.5), held: -1 });
      play({ to: headTowards(low, along), frames: seconds(random.range(0.8, 1.4)), held: -1 });
      play({ to: headTowards(standFrom, target), frames: seconds(0.5), held: -1 });
    } else {
      const nearby = add(target, [0, 0, -0.02]);
      play({ to: headTowards(standFrom, nearby), frames: seconds(random.range(0.3, 0.7)), held: -1 });
    }
    const lean: Vec3 = add(mix(standFrom, [target[0], target[1], EYE_HEIGHT], 0.22), [0, 0, -0.1]);
    play({
      to: headTowards(lean, target),
      frames: seconds(0.8),
      held: -1,
      right: (t, cameraFromWorld) => mix(RIGHT_REST, grip(cameraFromWorld), t),
      left: (t) => mix(LEFT_REST, LEFT_BUSY, t),
    });
    const start = poses[object]!;
    const yawAtGrasp = head.yaw;
    const toSurface = slotPoint(errand.to);
    const standTo = standAt(errand.to);
    play({
      to: headTowards(standFrom, add(target, [0, 0, -0.12])),
      frames: seconds(0.7),
      held: object,
      object: (t, camera, now) => {
        const carried = carriedPose(object, camera, now.yaw, yawAtGrasp);
        return {
          rotation: slerp(start.rotation, carried.rotation, t),
          translation: mix(start.translation, carried.translation, t),
        };
      },
      right: (_t, cameraFromWorld) => grip(cameraFromWorld),
      left: (t) => mix(LEFT_BUSY, LEFT_REST, t),
    });
    const lookTo = add(toSurface, [0, 0, 0.05]);
    play({
      to: headTowards(standTo, lookTo),
      frames: seconds(random.range(1.4, 2.2)),
      held: object,
      object: (_t, camera, now) => carriedPose(object, camera, now.yaw, yawAtGrasp),
      right: (_t, cameraFromWorld) => grip(cameraFromWorld),
    });
    const lifted = poses[object]!;
    const surfaceFrom = SURFACES[from.surface]!;
    const slotFrom = slotPoint(from);
    const restRotation = multiplyQuaternions(quaternionFromAxisAngle([0, 0, 1], head.yaw - yawAtGrasp), start.rotation);
    // It rests as it rested before: same tilt and height over the surface, same place over its slot.
    const offset = applyPose(
      { rotation: quaternionFromAxisAngle([0, 0, 1], head.yaw - yawAtGrasp), translation: [0, 0, 0] },
      subtract(start.translation, slotFrom),
    );
    void surfaceFrom;
    const rest: Pose = { rotation: restRotation, translation: add(toSurface, offset) };
    const leanTo: Vec3 = add(mix(standTo, [toSurface[0], toSurface[1], EYE_HEIGHT], 0.22), [0, 0, -0.1]);
    play({
      to: headTowards(leanTo, lookTo),
      frames: seconds(0.9),
      held: object,
      object: (t) => ({
        rotation: slerp(lifted.rotation, rest.rotation, t),
        // Down in an arc: over the surface first, then onto it.
        translation: add(mix(lifted.translation, rest.translation, t), scaleBy([0, 0, 1], 0.1 * Math.sin(Math.PI * t))),
      }),
      right: (_t, cameraFromWorld) => grip(cameraFromWorld),
      left: (t) => mix(LEFT_REST, LEFT_BUSY, t),
    });
    poses[object] = rest;
    places[object] = errand.to;
    play({
      to: headTowards(standTo, lookTo),
      frames: seconds(0.6),
      held: -1,
      right: (t, cameraFromWorld) => mix(grip(cameraFromWorld), RIGHT_REST, t),
      left: (t) => mix(LEFT_BUSY, LEFT_REST, t),
    });
    if (random.chance(0.6)) {
      const elsewhere = SURFACES[random.integer(SURFACES.length)]!;
      const [x, y] = elsewhere.slots[0]!;
      play({ to: headTowards(standTo, [x, y, elsewhere.height]), frames: seconds(random.range(0.8, 1.3)), held: -1 });
    }
  }
  return frames;
}
