import { ShapeUtils, Vector2 } from 'three';
import {
  add,
  cross,
  dot,
  norm,
  normalise,
  quaternionFromAxisAngle,
  rotate,
  scaleBy,
  subtract,
  type Vec3,
} from '../linear.ts';

/**
 * A triangle mesh piece. `coords` are positions before any move or turn: the frame procedural patterns are painted in, so that
 * stripes follow a bent handle and dots stay on a tumbled mug.
 */
export interface Shape {
  readonly positions: number[]; // [V, 3] metres
  readonly normals: number[]; // [V, 3]
  readonly coords: number[]; // [V, 3] metres
  readonly indices: number[]; // [T, 3]
}

export type Point2 = readonly [number, number];

const emptyShape = (): Shape => ({ positions: [], normals: [], coords: [], indices: [] });

const pushVertex = (shape: Shape, position: Vec3, normal: Vec3, coord: Vec3 = position): number => {
  shape.positions.push(...position);
  shape.normals.push(...normal);
  shape.coords.push(...coord);
  return shape.positions.length / 3 - 1;
};

const mapShape = (shape: Shape, point: (v: Vec3) => Vec3, normal: (v: Vec3) => Vec3, flip = false): Shape => {
  const out = emptyShape();
  for (let i = 0; i < shape.positions.length; i += 3) {
    out.positions.push(...point([shape.positions[i]!, shape.positions[i + 1]!, shape.positions[i + 2]!]));
    out.normals.push(...normalise(normal([shape.normals[i]!, shape.normals[i + 1]!, shape.normals[i + 2]!])));
  }
  out.coords.push(...shape.coords);
  for (let i = 0; i < shape.indices.length; i += 3) {
    const [a, b, c] = [shape.indices[i]!, shape.indices[i + 1]!, shape.indices[i + 2]!];
    out.indices.push(a, flip ? c : b, flip ? b : c);
  }
  return out;
};

export const move = (shape: Shape, x: number, y: number, z: number): Shape =>
  mapShape(
    shape,
    (v) => [v[0] + x, v[1] + y, v[2] + z],
    (n) => n,
  );

/** Turns about a coordinate axis through the origin, counter-clockwise. */
export const turn = (shape: Shape, axis: 'x' | 'y' | 'z', degrees: number): Shape => {
  const q = quaternionFromAxisAngle(
    axis === 'x' ? [1, 0, 0] : axis === 'y' ? [0, 1, 0] : [0, 0, 1],
    (degrees * Math.PI) / 180,
  );
  return mapShape(
    shape,
    (v) => rotate(q, v),
    (n) => rotate(q, n),
  );
};

export const stretch = (shape: Shape, x: number, y: number, z: number): Shape =>
  mapShape(
    shape,
    (v) => [v[0] * x, v[1] * y, v[2] * z],
    (n) => [n[0] / x, n[1] / y, n[2] / z],
    x * y * z < 0,
  );

/** Displaces vertices freely and recomputes smooth normals from the faces. */
export function bend(shape: Shape, displace: (v: Vec3) => Vec3): Shape {
  const moved = mapShape(shape, displace, (n) => n);
  const sums = new Map<string, [number, number, number]>();
  const key = (i: number) =>
    `${shape.positions[3 * i]!.toFixed(6)},${shape.positions[3 * i + 1]!.toFixed(6)},${shape.positions[3 * i + 2]!.toFixed(6)}`;
  const at = (i: number): Vec3 => [moved.positions[3 * i]!, moved.positions[3 * i + 1]!, moved.positions[3 * i + 2]!];
  for (let t = 0; t < moved.indices.length; t += 3) {
    const [a, b, c] = [moved.indices[t]!, moved.indices[t + 1]!, moved.indices[t + 2]!];
    const n = cross(subtract(at(b), at(a)), subtract(at(c), at(a)));
    for (const v of [a, b, c]) {
      const sum = sums.get(key(v)) ?? [0, 0, 0];
      sum[0] += n[0];
      sum[1] += n[1];
      sum[2] += n[2];
      sums.set(key(v), sum);
    }
  }
  for (let i = 0; i < moved.positions.length / 3; i++) {
    const n = normalise(sums.get(key(i)) ?? [0, 0, 1]);
    for (let k = 0; k < 3; k++) moved.normals[3 * i + k] = n[k]!;
  }
  return moved;
}

const CREASE_COSINE = Math.cos((38 * Math.PI) / 180);

/** Per-vertex normals of a 2D polyline with sharp corners kept: two entries per inner vertex, [before, after]. */
const polylineNormals = (points: readonly Point2[], closed: boolean): [Point2, Point2][] => {
  const count = points.length;
  const edge = (i: number): Point2 => {
    const a = points[(i + count) % count]!;
    const b = points[(i + 1) % count]!;
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const length = Math.hypot(dx, dy) || 1;
    return [dy / length, -dx / length];
  };
  return points.map((_, i) => {
    const before = i > 0 || closed ? edge(i - 1) : edge(0);
    const after = i < count - 1 || closed ? edge(i) : edge(count - 2);
    if (before[0] * after[0] + before[1] * after[1] < CREASE_COSINE) return [before, after];
    const [x, y] = [before[0] + after[0], before[1] + after[1]];
    const length = Math.hypot(x, y) || 1;
    return [
      [x / length, y / length],
      [x / length, y / length],
    ];
  });
};

/** Surface of revolution about z. `profile` lists (radius, z) from bottom to top, outside on the right hand. */
export function lathe(profile: readonly Point2[], segments = 24): Shape {
  const shape = emptyShape();
  const normals = polylineNormals(profile, false);
  for (let i = 0; i + 1 < profile.length; i++) {
    const rows: [Point2, Point2][] = [
      [profile[i]!, normals[i]![1]],
      [profile[i + 1]!, normals[i + 1]![0]],
    ];
    const start = shape.positions.length / 3;
    for (const [[radius, z], [nr, nz]] of rows) {
      for (let k = 0; k <= segments; k++) {
        const angle = (2 * Math.PI * k) / segments;
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        pushVertex(shape, [radius * c, radius * s, z], [nr * c, nr * s, nz]);
      }
    }
    const width = segments + 1;
    for (let k = 0; k < segments; k++) {
      const [a, b, c, d] = [start + k, start + k + 1, start + width + k, start + width + k + 1];
      if (profile[i]![0] > 0) shape.indices.push(a, b, d);
      if (profile[i + 1]![0] > 0) shape.indices.push(a, d, c);
    }
  }
  return shape;
}

/** Closed cylinder from z = 0 to `height`; `topRadius` 0 gives a cone. */
export const cylinder = (radius: number, height: number, topRadius = radius, segments = 24): Shape =>
  lathe(
    topRadius > 0
      ? [
          [0, 0],
          [radius, 0],
          [topRadius, height],
          [0, height],
        ]
      : [
          [0, 0],
          [radius, 0],
          [0, height],
        ],
    segments,
  );

export function ellipsoid(rx: number, ry: number, rz: number, segments = 20): Shape {
  const rows = Math.max(6, Math.round(segments * 0.6));
  const profile: Point2[] = [];
  for (let i = 0; i <= rows; i++) {
    const angle = -Math.PI / 2 + (Math.PI * i) / rows;
    profile.push([i === 0 || i === rows ? 0 : Math.cos(angle), Math.sin(angle)]);
  }
  const stretched = stretch(lathe(profile, segments), rx, ry, rz);
  return { ...stretched, coords: [...stretched.positions] };
}

export const ball = (radius: number, segments = 20): Shape => ellipsoid(radius, radius, radius, segments);

/** Axis-aligned box centred at the origin with rounded edges. */
export function box(sx: number, sy: number, sz: number, rounding = 0.1 * Math.min(sx, sy, sz)): Shape {
  const shape = emptyShape();
  const half = [sx / 2, sy / 2, sz / 2];
  const r = Math.min(rounding, 0.499 * Math.min(sx, sy, sz));
  const steps = r > 0 ? [0, 0.29, 1] : [0];
  const line = (h: number): number[] => [
    ...steps.map((s) => -h + s * r),
    ...[...steps].reverse().map((s) => h - s * r),
  ];
  for (let axis = 0; axis < 3; axis++) {
    const [u, v] = [(axis + 1) % 3, (axis + 2) % 3] as [number, number];
    for (const side of [-1, 1]) {
      const us = line(half[u]!);
      const vs = line(half[v]!);
      const start = shape.positions.length / 3;
      for (const pu of us) {
        for (const pv of vs) {
          const p = [0, 0, 0];
          p[axis] = side * half[axis]!;
          p[u] = pu;
          p[v] = pv;
          const inner = p.map((c, k) => Math.max(-half[k]! + r, Math.min(half[k]! - r, c))) as unknown as Vec3;
          const flat: [number, number, number] = [0, 0, 0];
          flat[axis] = side;
          const n = r > 0 ? normalise(subtract(p as unknown as Vec3, inner)) : flat;
          const position = r > 0 ? add(inner, scaleBy(n, r)) : (p as unknown as Vec3);
          pushVertex(shape, position, n);
        }
      }
      for (let i = 0; i + 1 < us.length; i++) {
        for (let j = 0; j + 1 < vs.length; j++) {
          const a = start + i * vs.length + j;
          const [b, c, d] = [a + 1, a + vs.length, a + vs.length + 1];
          if (side > 0) shape.indices.push(a, c, d, a, d, b);
          else shape.indices.push(a, d, c, a, b, d);
        }
      }
    }
  }
  return shape;
}

const catmullRom = (points: readonly Vec3[], closed: boolean, perSpan: number): { point: Vec3; t: number }[] => {
  const count = points.length;
  const at = (i: number): Vec3 =>
    closed ? points[(i + count) % count]! : points[Math.max(0, Math.min(count - 1, i))]!;
  const spans = closed ? count : count - 1;
  const out: { point: Vec3; t: number }[] = [];
  for (let i = 0; i < spans; i++) {
    const [p0, p1, p2, p3] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    for (let k = 0; k < perSpan; k++) {
      const t = k / perSpan;
      const point = [0, 1, 2].map(
        (a) =>
          0.5 *
          (2 * p1[a]! +
            (p2[a]! - p0[a]!) * t +
            (2 * p0[a]! - 5 * p1[a]! + 4 * p2[a]! - p3[a]!) * t * t +
            (3 * p1[a]! - p0[a]! - 3 * p2[a]! + p3[a]!) * t * t * t),
      ) as unknown as Vec3;
      out.push({ point, t: i + t });
    }
  }
  if (!closed) out.push({ point: points[count - 1]!, t: count - 1 });
  return out;
};

/**
 * Round tube along a smooth curve through `points`; one radius, or one per point. Open ends are closed with round caps.
 * Paint coordinates: (r cos θ, r sin θ, arc length).
 */
export function tube(
  points: readonly Vec3[],
  radius: number | readonly number[],
  options: { closed?: boolean; segments?: number; perSpan?: number; flatten?: number } = {},
): Shape {
  const { closed = false, segments = 10, perSpan = 4, flatten = 1 } = options;
  const path = catmullRom(points, closed, perSpan);
  const radiusAt = (t: number): number => {
    if (typeof radius === 'number') return radius;
    const i = Math.floor(t);
    const [a, b] = [
      radius[i % radius.length]!,
      radius[closed ? (i + 1) % radius.length : Math.min(i + 1, radius.length - 1)]!,
    ];
    return a + (b - a) * (t - i);
  };
  interface Ring {
    centre: Vec3;
    tangent: Vec3;
    radius: number;
    lean: number;
  }
  const rings: Ring[] = path.map(({ point, t }, i) => {
    const before = path[i > 0 ? i - 1 : closed ? path.length - 1 : 0]!.point;
    const after = path[i < path.length - 1 ? i + 1 : closed ? 0 : i]!.point;
    return { centre: point, tangent: normalise(subtract(after, before)), radius: radiusAt(t), lean: 0 };
  });
  if (!closed) {
    const first = rings[0]!;
    const last = rings[rings.length - 1]!;
    for (const angle of [0.55, 1.1, 1.5]) {
      const [s, c] = [Math.sin(angle), Math.max(Math.cos(angle), 0.01)];
      const r0 = first.radius;
      rings.unshift({ ...first, centre: add(first.centre, scaleBy(first.tangent, -s * r0)), radius: r0 * c, lean: -s });
      const r1 = last.radius;
      rings.push({ ...last, centre: add(last.centre, scaleBy(last.tangent, s * r1)), radius: r1 * c, lean: s });
    }
    // The caps above restart from the untouched end rings, so their radii do not compound.
  } else {
    rings.push({ ...rings[0]! });
  }
  const shape = emptyShape();
  let side: Vec3 = normalise(cross(rings[0]!.tangent, Math.abs(rings[0]!.tangent[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0]));
  let along = 0;
  for (let i = 0; i < rings.length; i++) {
    const ring = rings[i]!;
    side = normalise(subtract(side, scaleBy(ring.tangent, dot(side, ring.tangent))));
    const other = cross(ring.tangent, side);
    if (i > 0) along += norm(subtract(ring.centre, rings[i - 1]!.centre));
    for (let k = 0; k <= segments; k++) {
      const angle = (2 * Math.PI * k) / segments;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      const flat = Math.sqrt(Math.max(0, 1 - ring.lean * ring.lean));
      const direction = add(scaleBy(side, c), scaleBy(other, s * flatten));
      const normal = normalise(
        add(scaleBy(add(scaleBy(side, c * flatten), scaleBy(other, s)), flat), scaleBy(ring.tangent, ring.lean)),
      );
      pushVertex(shape, add(ring.centre, scaleBy(direction, ring.radius)), normal, [
        ring.radius * c,
        ring.radius * s,
        along,
      ]);
    }
  }
  const width = segments + 1;
  for (let i = 0; i + 1 < rings.length; i++) {
    for (let k = 0; k < segments; k++) {
      const [a, b, c, d] = [i * width + k, i * width + k + 1, (i + 1) * width + k, (i + 1) * width + k + 1];
      shape.indices.push(a, b, d, a, d, c);
    }
  }
  return shape;
}

/** Torus around z. */
export const ring = (radius: number, thickness: number, segments = 12, around = 8): Shape => {
  const points: Vec3[] = [];
  for (let k = 0; k < around; k++) {
    const angle = (2 * Math.PI * k) / around;
    points.push([radius * Math.cos(angle), radius * Math.sin(angle), 0]);
  }
  return tube(points, thickness, { closed: true, segments, perSpan: 4 });
};

/** Extrudes a polygon of the xy plane (counter-clockwise, holes clockwise) from z = 0 to `thickness`. */
export function extrude(
  outline: readonly Point2[],
  thickness: number,
  holes: readonly (readonly Point2[])[] = [],
): Shape {
  const shape = emptyShape();
  const loops = [outline, ...holes];
  const flat = loops.flat();
  const faces = ShapeUtils.triangulateShape(
    outline.map(([x, y]) => new Vector2(x, y)),
    holes.map((hole) => hole.map(([x, y]) => new Vector2(x, y))),
  );
  for (const [z, up] of [
    [0, -1],
    [thickness, 1],
  ] as const) {
    const start = shape.positions.length / 3;
    for (const [x, y] of flat) pushVertex(shape, [x, y, z], [0, 0, up]);
    for (const [a, b, c] of faces as [number, number, number][]) {
      const [p, q, r] = [flat[a]!, flat[b]!, flat[c]!];
      const clockwise = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]) < 0;
      if (clockwise === up > 0) shape.indices.push(start + a, start + c, start + b);
      else shape.indices.push(start + a, start + b, start + c);
    }
  }
  for (const loop of loops) {
    const normals = polylineNormals(loop, true);
    for (let i = 0; i < loop.length; i++) {
      const j = (i + 1) % loop.length;
      const start = shape.positions.length / 3;
      for (const [point, n] of [
        [loop[i]!, normals[i]![1]],
        [loop[j]!, normals[j]![0]],
      ] as const) {
        pushVertex(shape, [point[0], point[1], 0], [n[0], n[1], 0]);
        pushVertex(shape, [point[0], point[1], thickness], [n[0], n[1], 0]);
      }
      shape.indices.push(start, start + 2, start + 3, start, start + 3, start + 1);
    }
  }
  return shape;
}

/** Flat rectangle in the xy plane facing +z, centred at the origin. */
export function rectangle(sx: number, sy: number): Shape {
  const shape = emptyShape();
  for (const [x, y] of [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ] as const) {
    pushVertex(shape, [(x * sx) / 2, (y * sy) / 2, 0], [0, 0, 1]);
  }
  shape.indices.push(0, 1, 2, 0, 2, 3);
  return shape;
}

/** Points of a circle or of a star (every second point at `inner` radius), counter-clockwise. */
export function circle(radius: number, count = 20, centre: Point2 = [0, 0], inner = radius): Point2[] {
  return Array.from({ length: count }, (_, k) => {
    const angle = (2 * Math.PI * k) / count;
    const r = k % 2 === 0 ? radius : inner;
    return [centre[0] + r * Math.cos(angle), centre[1] + r * Math.sin(angle)] as const;
  });
}

export const reversed = (points: readonly Point2[]): Point2[] => [...points].reverse();
