import { BufferAttribute, BufferGeometry, DoubleSide, Ray, Vector3 } from 'three';
import { MeshBVH } from 'three-mesh-bvh';
import { describe, expect, test } from 'vitest';
import { IDENTITY_POSE, lookAt } from '../linear.ts';
import { paint } from '../model/index.ts';
import { createRandom } from '../random.ts';
import {
  buildRayMesh,
  createRayCaster,
  createTracer,
  type MeshArrays,
  paintSurfaces,
  type RenderScene,
  renderFrames,
} from './index.ts';

const randomTriangles = (count: number, seed: number): MeshArrays => {
  const random = createRandom(seed);
  const positions = new Float32Array(count * 9);
  for (let t = 0; t < count; t++) {
    const centre = [random.range(-1, 1), random.range(-1, 1), random.range(-1, 1)];
    for (let k = 0; k < 9; k++) positions[9 * t + k] = centre[k % 3]! + random.range(-0.2, 0.2);
  }
  return {
    positions,
    normals: positions.map((_, i) => (i % 3 === 2 ? 1 : 0)),
    coords: positions.slice(),
    parts: new Uint16Array(count * 3).fill(1),
    indices: Uint32Array.from({ length: count * 3 }, (_, i) => i),
  };
};

const floorScene = (): RenderScene => {
  const arrays: MeshArrays = {
    positions: new Float32Array([-5, -5, 0, 5, -5, 0, 5, 5, 0, -5, 5, 0]),
    normals: new Float32Array([0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1]),
    coords: new Float32Array([-5, -5, 0, 5, -5, 0, 5, 5, 0, -5, 5, 0]),
    parts: new Uint16Array([1, 1, 1, 1]),
    indices: new Uint32Array([0, 1, 2, 0, 2, 3]),
  };
  const nothing = paint('white', 'paper');
  const checks = paint(['white', 'black'], 'paper', { pattern: 'checker', mapping: 'plane', period: 1 });
  return {
    meshes: [buildRayMesh(arrays)],
    parts: [
      { instance: 0, classId: 0, part: 0, texture: nothing },
      { instance: 7, classId: 3, part: 9, texture: checks },
    ],
    lights: Array.from({ length: 4 }, () => ({ position: [0, 0, 4] as const, weight: 0.2 })),
    ambient: 0.1,
    background: [0, 0, 0],
  };
};

describe('ray caster', () => {
  test('meets the same triangles as three-mesh-bvh', () => {
    const mesh = randomTriangles(400, 1);
    const caster = createRayCaster(buildRayMesh(mesh));
    const geometry = new BufferGeometry();
    geometry.setAttribute('position', new BufferAttribute(mesh.positions, 3));
    geometry.setIndex(new BufferAttribute(mesh.indices.slice(), 1));
    const reference = new MeshBVH(geometry);
    const random = createRandom(2);
    let hits = 0;
    for (let i = 0; i < 500; i++) {
      const origin = new Vector3(random.range(-1, 1), random.range(-1, 1), random.range(-1, 1));
      const direction = new Vector3(random.normal(), random.normal(), random.normal()).normalize();
      const expected = reference.raycastFirst(new Ray(origin, direction), DoubleSide);
      const hit = { distance: Infinity, triangle: -1, u: 0, v: 0 };
      const found = caster.closest(origin.x, origin.y, origin.z, direction.x, direction.y, direction.z, 0, hit);
      expect(found).toBe(expected !== null);
      expect(caster.blocked(origin.x, origin.y, origin.z, direction.x, direction.y, direction.z, 0, Infinity)).toBe(
        found,
      );
      if (!expected) continue;
      hits++;
      expect(hit.distance).toBeCloseTo(expected.distance, 4);
      const far = hit.distance * 0.999;
      expect(caster.blocked(origin.x, origin.y, origin.z, direction.x, direction.y, direction.z, 0, far)).toBe(false);
    }
    expect(hits).toBeGreaterThan(50);
  });

  test('a mesh without triangles is an error', () => {
    const empty = randomTriangles(0, 1);
    expect(() => buildRayMesh(empty)).toThrow(/no triangles/);
  });
});

describe('tracer', () => {
  const view = {
    intrinsics: { width: 9, height: 7, fx: 10, fy: 10, cx: 4.5, cy: 3.5 },
    worldFromCamera: lookAt([0, 0, 2], [0, 0, 0]),
    placements: [{ mesh: 0, worldFromMesh: IDENTITY_POSE }],
  };

  test('a traced view, painted with the textures of the scene, is the rendered one; with others it is another', () => {
    const scene = floorScene();
    const tracer = createTracer(scene);
    const { rgb, instance, part } = tracer.render(view);
    const surfaces = tracer.trace(view);
    expect(surfaces.instance).toEqual(instance);
    expect(surfaces.part).toEqual(part);
    const textures = scene.parts.map(({ texture }) => texture);
    const painted = paintSurfaces(surfaces, textures);
    // Paint coordinates are kept in float32.
    painted.forEach((value, i) => {
      expect(Math.abs(value - rgb[i]!)).toBeLessThanOrEqual(1);
    });
    const red = paintSurfaces(surfaces, [textures[0]!, paint('red', 'metal')]);
    const [r, g, b] = red;
    expect(r).toBeGreaterThan(2 * g!);
    expect(r).toBeGreaterThan(2 * b!);
  });

  test('depth is z along the optical axis, labels come from the part table', () => {
    const images = createTracer(floorScene()).render(view);
    // The camera looks straight down from 2 m: every pixel of the floor has z = 2, also away from the centre.
    for (const z of images.depth) expect(z).toBeCloseTo(2, 6);
    expect(new Set(images.instance)).toEqual(new Set([7]));
    expect(new Set(images.classId)).toEqual(new Set([3]));
    expect(new Set(images.part)).toEqual(new Set([9]));
    expect(Math.max(...images.rgb)).toBeGreaterThan(100);
  });

  test('a ray that leaves the scene has depth 0 and no labels', () => {
    const away = { ...view, worldFromCamera: lookAt([0, 0, 2], [0, 0.001, 9]) };
    const images = createTracer(floorScene()).render(away);
    expect(Math.max(...images.depth, ...images.instance, ...images.rgb)).toBe(0);
  });

  test('moving a mesh and moving the camera the other way are the same', () => {
    const tracer = createTracer(floorScene());
    const lifted = tracer.render({
      ...view,
      placements: [{ mesh: 0, worldFromMesh: { rotation: [1, 0, 0, 0], translation: [0, 0, 0.5] } }],
    });
    for (const z of lifted.depth) expect(z).toBeCloseTo(1.5, 6);
    expect(() => tracer.render({ ...view, placements: [{ mesh: 4, worldFromMesh: IDENTITY_POSE }] })).toThrow(/mesh 4/);
  });

  test('threads do not change the images', async () => {
    const scene = floorScene();
    const views = [0, 1, 2].map((x) => ({ ...view, worldFromCamera: lookAt([0.3 * x, 0.1, 2], [0, 0, 0]) }));
    const collect = async (threads: number) => {
      const all = [];
      for await (const images of renderFrames(scene, views, { threads })) all.push(images);
      return all;
    };
    const [alone, two] = [await collect(0), await collect(2)];
    expect(two).toHaveLength(3);
    two.forEach((images, i) => {
      expect(images.rgb).toEqual(alone[i]!.rgb);
      expect(images.depth).toEqual(alone[i]!.depth);
      expect(images.instance).toEqual(alone[i]!.instance);
    });
  });

  test('an aborted rendering rejects with the reason', async () => {
    const controller = new AbortController();
    const frames = renderFrames(floorScene(), Array(50).fill(view), { threads: 1, signal: controller.signal });
    await frames.next();
    controller.abort(new Error('enough'));
    await expect(
      (async () => {
        for await (const _ of frames);
      })(),
    ).rejects.toThrow('enough');
  });
});
