import { invertPose, matrixFromQuaternion } from '../linear.ts';
import { srgbFromLinear } from '../model/index.ts';
import { createRayCaster, type Hit, type RayCaster } from './bvh.ts';
import type { FrameImages, FrameView, RenderScene } from './scene.ts';
import { addLight, createLit, createSurfaces, keepSample, type Surfaces } from './surfaces.ts';

/** Sub-pixel offsets of a rotated grid; the k-th sample of every pixel also takes every fourth light point from k. */
const SAMPLES: readonly (readonly [number, number])[] = [
  [0.375, 0.125],
  [0.875, 0.375],
  [0.125, 0.625],
  [0.625, 0.875],
];
const NEAR = 0.01;

export interface SurfaceHit {
  /** Ray parameter; for `castPixel`, whose direction has z = 1 in camera axes, the depth in metres. */
  distance: number;
  /** Row of the part table, 0 when nothing was hit. */
  row: number;
}

interface Placed {
  readonly caster: RayCaster;
  readonly mesh: number;
  /** Row-major rotation and translation, local from world and back; null for a mesh that lies at the world origin. */
  readonly localFromWorld: readonly number[] | null;
  readonly worldRotation: readonly number[] | null;
}

export interface Tracer {
  /** Exact visibility at a sub-pixel image position (pixel centres at +0.5). */
  castPixel(view: FrameView, u: number, v: number): SurfaceHit;
  render(view: FrameView): FrameImages;
  /** Labels and depth only (no colour): for coverage checks. */
  renderLabels(view: FrameView): FrameImages;
  /** Everything that makes a picture but the paint, so that one view can be painted many times: `paintSurfaces`. */
  trace(view: FrameView): Surfaces;
}

const isIdentity = (m: readonly number[], t: readonly number[]): boolean =>
  m[0] === 1 && m[4] === 1 && m[8] === 1 && t[0] === 0 && t[1] === 0 && t[2] === 0;

export function createTracer(scene: RenderScene): Tracer {
  const casters = scene.meshes.map(createRayCaster);
  const hit: Hit = { distance: 0, triangle: 0, u: 0, v: 0 };
  const lit = createLit(Math.ceil(scene.lights.length / SAMPLES.length));
  const sum = new Float64Array(3);
  let placed: Placed[] = [];
  let placedFor: FrameView | null = null;
  let lampX = 0;
  let lampY = 0;
  let lampZ = 0;

  const place = (view: FrameView): void => {
    if (placedFor === view) return;
    placedFor = view;
    [lampX, lampY, lampZ] = view.lightOffset ?? [0, 0, 0];
    placed = view.placements.map(({ mesh, worldFromMesh }) => {
      const caster = casters[mesh];
      if (!caster) throw new RangeError(`placement refers to mesh ${mesh}, the scene has ${casters.length}`);
      const inverse = invertPose(worldFromMesh);
      const m = matrixFromQuaternion(inverse.rotation);
      const identity = isIdentity(m, inverse.translation);
      return {
        caster,
        mesh,
        localFromWorld: identity ? null : [...m, ...inverse.translation],
        worldRotation: identity ? null : matrixFromQuaternion(worldFromMesh.rotation),
      };
    });
  };

  let hitPlaced: Placed | null = null;
  const closest = (ox: number, oy: number, oz: number, dx: number, dy: number, dz: number): boolean => {
    hit.distance = Infinity;
    hitPlaced = null;
    for (const item of placed) {
      const m = item.localFromWorld;
      const found =
        m === null
          ? item.caster.closest(ox, oy, oz, dx, dy, dz, NEAR, hit)
          : item.caster.closest(
              m[0]! * ox + m[1]! * oy + m[2]! * oz + m[9]!,
              m[3]! * ox + m[4]! * oy + m[5]! * oz + m[10]!,
              m[6]! * ox + m[7]! * oy + m[8]! * oz + m[11]!,
              m[0]! * dx + m[1]! * dy + m[2]! * dz,
              m[3]! * dx + m[4]! * dy + m[5]! * dz,
              m[6]! * dx + m[7]! * dy + m[8]! * dz,
              NEAR,
              hit,
            );
      if (found) hitPlaced = item;
    }
    return hitPlaced !== null;
  };
  const blocked = (ox: number, oy: number, oz: number, dx: number, dy: number, dz: number): boolean => {
    for (const item of placed) {
      const m = item.localFromWorld;
      const found =
        m === null
          ? item.caster.blocked(ox, oy, oz, dx, dy, dz, 0, 1)
          : item.caster.blocked(
              m[0]! * ox + m[1]! * oy + m[2]! * oz + m[9]!,
              m[3]! * ox + m[4]! * oy + m[5]! * oz + m[10]!,
              m[6]! * ox + m[7]! * oy + m[8]! * oz + m[11]!,
              m[0]! * dx + m[1]! * dy + m[2]! * dz,
              m[3]! * dx + m[4]! * dy + m[5]! * dz,
              m[6]! * dx + m[7]! * dy + m[8]! * dz,
              0,
              1,
            );
      if (found) return true;
    }
    return false;
  };

  const rowOfHit = (): number => {
    const mesh = scene.meshes[hitPlaced!.mesh]!;
    return mesh.parts[mesh.index[3 * hit.triangle]!]!;
  };

  const toWorld = (vector: [number, number, number]): void => {
    const r = hitPlaced!.worldRotation;
    if (r === null) return;
    const [x, y, z] = vector;
    for (let k = 0; k < 3; k++) vector[k] = r[3 * k]! * x + r[3 * k + 1]! * y + r[3 * k + 2]! * z;
  };

  /** Gathers what falls on the last hit in `lit`. */
  const light = (ox: number, oy: number, oz: number, dx: number, dy: number, dz: number, sample: number): void => {
    const mesh = scene.meshes[hitPlaced!.mesh]!;
    const t = hit.triangle;
    const [ia, ib, ic] = [3 * mesh.index[3 * t]!, 3 * mesh.index[3 * t + 1]!, 3 * mesh.index[3 * t + 2]!];
    const { u, v } = hit;
    const w = 1 - u - v;
    lit.row = rowOfHit();
    const length = Math.hypot(dx, dy, dz);
    const [rx, ry, rz] = [dx / length, dy / length, dz / length];
    const tri = mesh.triangles;
    const o = 9 * t;
    const facet: [number, number, number] = [
      tri[o + 4]! * tri[o + 8]! - tri[o + 5]! * tri[o + 7]!,
      tri[o + 5]! * tri[o + 6]! - tri[o + 3]! * tri[o + 8]!,
      tri[o + 3]! * tri[o + 7]! - tri[o + 4]! * tri[o + 6]!,
    ];
    const n = mesh.normals;
    const normal: [number, number, number] = [
      w * n[ia]! + u * n[ib]! + v * n[ic]!,
      w * n[ia + 1]! + u * n[ib + 1]! + v * n[ic + 1]!,
      w * n[ia + 2]! + u * n[ib + 2]! + v * n[ic + 2]!,
    ];
    toWorld(facet);
    toWorld(normal);
    const facetLength = Math.hypot(...facet) || 1;
    const normalLength = Math.hypot(...normal) || 1;
    let side = facet[0] * normal[0] + facet[1] * normal[1] + facet[2] * normal[2] < 0 ? -1 : 1;
    for (let k = 0; k < 3; k++) {
      facet[k] = (facet[k]! * side) / facetLength;
      normal[k] = normal[k]! / normalLength;
    }
    side = facet[0] * rx + facet[1] * ry + facet[2] * rz > 0 ? -1 : 1;
    for (let k = 0; k < 3; k++) {
      facet[k] = facet[k]! * side;
      normal[k] = normal[k]! * side;
    }

    const q = mesh.coords;
    const { coords } = lit;
    for (let k = 0; k < 3; k++) coords[k] = w * q[ia + k]! + u * q[ib + k]! + v * q[ic + k]!;
    // The facet's normal in paint coordinates, which patterns that differ between the sides of a box ask for.
    const [ax, ay, az] = [q[ib]! - q[ia]!, q[ib + 1]! - q[ia + 1]!, q[ib + 2]! - q[ia + 2]!];
    const [bx, by, bz] = [q[ic]! - q[ia]!, q[ic + 1]! - q[ia + 1]!, q[ic + 2]! - q[ia + 2]!];
    coords[3] = ay * bz - az * by;
    coords[4] = az * bx - ax * bz;
    coords[5] = ax * by - ay * bx;

    const [px, py, pz] = [ox + dx * hit.distance, oy + dy * hit.distance, oz + dz * hit.distance];
    const offset = 1e-4 + 2e-5 * hit.distance * length;
    const [sx, sy, sz] = [px + facet[0] * offset, py + facet[1] * offset, pz + facet[2] * offset];
    lit.diffuse = scene.ambient * (0.75 + 0.25 * normal[2]);
    lit.count = 0;
    for (let i = sample; i < scene.lights.length; i += SAMPLES.length) {
      const source = scene.lights[i]!;
      const [lx, ly, lz] = [
        source.position[0] + lampX - sx,
        source.position[1] + lampY - sy,
        source.position[2] + lampZ - sz,
      ];
      const facing = lx * facet[0] + ly * facet[1] + lz * facet[2];
      if (facing <= 0) continue;
      const distance = Math.hypot(lx, ly, lz);
      const cosine = (lx * normal[0] + ly * normal[1] + lz * normal[2]) / distance;
      if (cosine <= 0 || blocked(sx, sy, sz, lx, ly, lz)) continue;
      const weight = source.weight * SAMPLES.length;
      lit.diffuse += weight * cosine;
      const [hx, hy, hz] = [lx / distance - rx, ly / distance - ry, lz / distance - rz];
      lit.weights[lit.count] = weight;
      lit.halves[lit.count++] = (hx * normal[0] + hy * normal[1] + hz * normal[2]) / (Math.hypot(hx, hy, hz) || 1);
    }
  };

  const run = (view: FrameView, colour: boolean, surfaces?: Surfaces): FrameImages => {
    place(view);
    const { width, height, fx, fy, cx, cy } = view.intrinsics;
    const r = matrixFromQuaternion(view.worldFromCamera.rotation);
    const [ox, oy, oz] = view.worldFromCamera.translation;
    const images: FrameImages = {
      width,
      height,
      rgb: new Uint8Array(colour ? width * height * 3 : 0),
      depth: new Float32Array(width * height),
      instance: new Uint16Array(width * height),
      classId: new Uint16Array(width * height),
      part: new Uint16Array(width * height),
    };
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const pixel = y * width + x;
        const cast = (u: number, v: number, sample: number): void => {
          const a = (u - cx) / fx;
          const b = (v - cy) / fy;
          const dx = r[0]! * a + r[1]! * b + r[2]!;
          const dy = r[3]! * a + r[4]! * b + r[5]!;
          const dz = r[6]! * a + r[7]! * b + r[8]!;
          const found = closest(ox, oy, oz, dx, dy, dz);
          if (sample < 0) {
            if (!found) return;
            const row = scene.parts[rowOfHit()]!;
            images.depth[pixel] = hit.distance;
            images.instance[pixel] = row.instance;
            images.classId[pixel] = row.classId;
            images.part[pixel] = row.part;
          } else if (found) {
            light(ox, oy, oz, dx, dy, dz, sample);
            if (surfaces) keepSample(surfaces, pixel * SAMPLES.length + sample, lit);
            else addLight(lit, scene.parts[lit.row]!.texture, sum);
          } else for (let k = 0; k < 3; k++) sum[k] = sum[k]! + scene.background[k]!;
        };
        cast(x + 0.5, y + 0.5, -1);
        if (!colour && !surfaces) continue;
        sum.fill(0);
        for (let s = 0; s < SAMPLES.length; s++) cast(x + SAMPLES[s]![0], y + SAMPLES[s]![1], s);
        if (!colour) continue;
        for (let k = 0; k < 3; k++) {
          const mean = Math.min(1, sum[k]! / SAMPLES.length);
          images.rgb[3 * pixel + k] = Math.round(255 * srgbFromLinear(mean));
        }
      }
    }
    return images;
  };

  return {
    castPixel: (view, u, v) => {
      place(view);
      const { fx, fy, cx, cy } = view.intrinsics;
      const r = matrixFromQuaternion(view.worldFromCamera.rotation);
      const [ox, oy, oz] = view.worldFromCamera.translation;
      const [a, b] = [(u - cx) / fx, (v - cy) / fy];
      const found = closest(
        ox,
        oy,
        oz,
        r[0]! * a + r[1]! * b + r[2]!,
        r[3]! * a + r[4]! * b + r[5]!,
        r[6]! * a + r[7]! * b + r[8]!,
      );
      return found ? { distance: hit.distance, row: rowOfHit() } : { distance: Infinity, row: 0 };
    },
    render: (view) => run(view, true),
    renderLabels: (view) => run(view, false),
    trace: (view) => {
      const { width, height } = view.intrinsics;
      const surfaces = createSurfaces(width, height, SAMPLES.length, lit.weights.length, scene.background);
      const { instance, part, classId } = run(view, false, surfaces);
      return { ...surfaces, instance, part, classId };
    },
  };
}
