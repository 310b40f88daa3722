import { BufferAttribute, BufferGeometry } from 'three';
import { MeshBVH, SAH } from 'three-mesh-bvh';

/**
 * A triangle mesh ready for rays: shared memory only, so that every render thread reads the same bytes.
 * The tree is built by three-mesh-bvh (surface area heuristic) in its serialised layout, 32 bytes per node: six float32 bounds,
 * then (right child offset, split axis) or (first triangle, count + leaf flag). It is walked here with plain numbers, because
 * `raycastFirst` allocates per hit and reaches a third of the rays per second; the tests compare both.
 */
export interface RayMesh {
  readonly nodes: SharedArrayBuffer;
  readonly index: Uint32Array; // [T, 3], in tree order
  readonly triangles: Float32Array; // [T, 9] first vertex and the two edges from it, in tree order
  readonly normals: Float32Array; // [V, 3]
  readonly coords: Float32Array; // [V, 3] paint coordinates
  readonly parts: Uint16Array; // [V] row of the part table
}

export interface MeshArrays {
  readonly positions: Float32Array;
  readonly normals: Float32Array;
  readonly coords: Float32Array;
  readonly parts: Uint16Array;
  readonly indices: Uint32Array;
}

const shared = <T extends Float32Array | Uint32Array | Uint16Array>(source: T): T => {
  const buffer = new SharedArrayBuffer(Math.max(source.byteLength, 4));
  const Type = source.constructor as new (buffer: SharedArrayBuffer, offset: number, length: number) => T;
  const copy = new Type(buffer, 0, source.length);
  copy.set(source);
  return copy;
};

/** Builds the tree. Throws a RangeError for a mesh without triangles. */
export function buildRayMesh(mesh: MeshArrays): RayMesh {
  if (mesh.indices.length === 0) throw new RangeError('buildRayMesh: the mesh has no triangles');
  const geometry = new BufferGeometry();
  const index = shared(mesh.indices);
  geometry.setAttribute('position', new BufferAttribute(mesh.positions, 3));
  geometry.setIndex(new BufferAttribute(index, 1));
  const bvh = new MeshBVH(geometry, {
    strategy: SAH,
    useSharedArrayBuffer: true,
    targetLeafSize: 4,
  } as ConstructorParameters<typeof MeshBVH>[1]);
  const nodes = MeshBVH.serialize(bvh, { cloneBuffers: false }).roots[0] as unknown as SharedArrayBuffer;
  const triangles = new Float32Array(new SharedArrayBuffer(index.length * 12));
  const p = mesh.positions;
  for (let t = 0; t < index.length / 3; t++) {
    const [a, b, c] = [3 * index[3 * t]!, 3 * index[3 * t + 1]!, 3 * index[3 * t + 2]!];
    for (let k = 0; k < 3; k++) {
      triangles[9 * t + k] = p[a + k]!;
      triangles[9 * t + 3 + k] = p[b + k]! - p[a + k]!;
      triangles[9 * t + 6 + k] = p[c + k]! - p[a + k]!;
    }
  }
  return {
    nodes,
    index,
    triangles,
    normals: shared(mesh.normals),
    coords: shared(mesh.coords),
    parts: shared(mesh.parts),
  };
}

export interface Hit {
  /** Ray parameter; Infinity when nothing was hit. */
  distance: number;
  triangle: number;
  /** Barycentric weights of the second and third vertex. */
  u: number;
  v: number;
}

export interface RayCaster {
  /** Closest hit with near < t < hit.distance on entry (set it to Infinity); both faces count. Returns whether `hit` changed. */
  closest(ox: number, oy: number, oz: number, dx: number, dy: number, dz: number, near: number, hit: Hit): boolean;
  /** Whether anything lies at near < t < far. */
  blocked(ox: number, oy: number, oz: number, dx: number, dy: number, dz: number, near: number, far: number): boolean;
}

const LEAF = 0xffff;
const MAX_DEPTH = 128;

/** Walks one mesh's tree. Not re-entrant: one caster per thread and mesh. */
export function createRayCaster(mesh: RayMesh): RayCaster {
  const bounds = new Float32Array(mesh.nodes);
  const words = new Uint32Array(mesh.nodes);
  const halves = new Uint16Array(mesh.nodes);
  const tri = mesh.triangles;
  const stack = new Int32Array(MAX_DEPTH);

  const walk = (
    ox: number,
    oy: number,
    oz: number,
    dx: number,
    dy: number,
    dz: number,
    near: number,
    farthest: number,
    hit: Hit | null,
  ): boolean => {
    const ix = 1 / dx;
    const iy = 1 / dy;
    const iz = 1 / dz;
    let far = farthest;
    let found = false;
    let depth = 0;
    stack[depth++] = 0;
    while (depth > 0) {
      const node = stack[--depth]!;
      let t0 = (bounds[node]! - ox) * ix;
      let t1 = (bounds[node + 3]! - ox) * ix;
      let enter = t0 < t1 ? t0 : t1;
      let leave = t0 < t1 ? t1 : t0;
      t0 = (bounds[node + 1]! - oy) * iy;
      t1 = (bounds[node + 4]! - oy) * iy;
      if (t0 > t1) {
        const swap = t0;
        t0 = t1;
        t1 = swap;
      }
      if (t0 > enter) enter = t0;
      if (t1 < leave) leave = t1;
      t0 = (bounds[node + 2]! - oz) * iz;
      t1 = (bounds[node + 5]! - oz) * iz;
      if (t0 > t1) {
        const swap = t0;
        t0 = t1;
        t1 = swap;
      }
      if (t0 > enter) enter = t0;
      if (t1 < leave) leave = t1;
      // Bounds are float32 roundings of the vertices: leave a hair of slack rather than lose a grazing triangle.
      if (enter > leave * (1 + 1e-6) + 1e-7 || leave < near || enter > far) continue;
      if (halves[2 * node + 15] !== LEAF) {
        const left = node + 8;
        const right = node + words[node + 6]! * 8;
        const axis = words[node + 7]!;
        const direction = axis === 0 ? dx : axis === 1 ? dy : dz;
        if (direction >= 0) {
          stack[depth++] = right;
          stack[depth++] = left;
        } else {
          stack[depth++] = left;
          stack[depth++] = right;
        }
        continue;
      }
      const first = words[node + 6]!;
      const last = first + halves[2 * node + 14]!;
      for (let t = first; t < last; t++) {
        // Moeller-Trumbore, both faces.
        const o = 9 * t;
        const e1x = tri[o + 3]!;
        const e1y = tri[o + 4]!;
        const e1z = tri[o + 5]!;
        const e2x = tri[o + 6]!;
        const e2y = tri[o + 7]!;
        const e2z = tri[o + 8]!;
        const px = dy * e2z - dz * e2y;
        const py = dz * e2x - dx * e2z;
        const pz = dx * e2y - dy * e2x;
        const determinant = e1x * px + e1y * py + e1z * pz;
        if (determinant === 0) continue;
        const inverse = 1 / determinant;
        const sx = ox - tri[o]!;
        const sy = oy - tri[o + 1]!;
        const sz = oz - tri[o + 2]!;
        const u = (sx * px + sy * py + sz * pz) * inverse;
        if (!(u >= 0 && u <= 1)) continue;
        const qx = sy * e1z - sz * e1y;
        const qy = sz * e1x - sx * e1z;
        const qz = sx * e1y - sy * e1x;
        const v = (dx * qx + dy * qy + dz * qz) * inverse;
        if (!(v >= 0 && u + v <= 1)) continue;
        const distance = (e2x * qx + e2y * qy + e2z * qz) * inverse;
        if (!(distance > near && distance < far)) continue;
        if (hit === null) return true;
        far = distance;
        found = true;
        hit.distance = distance;
        hit.triangle = t;
        hit.u = u;
        hit.v = v;
      }
    }
    return found;
  };

  return {
    closest: (ox, oy, oz, dx, dy, dz, near, hit) => walk(ox, oy, oz, dx, dy, dz, near, hit.distance, hit),
    blocked: (ox, oy, oz, dx, dy, dz, near, far) => walk(ox, oy, oz, dx, dy, dz, near, far, null),
  };
}
