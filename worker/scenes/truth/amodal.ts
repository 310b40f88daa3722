/** Whole silhouettes of the objects of a written scene: what a frame would show of each if nothing stood in front. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { applyPose, invertPose, type Pose, type Vec3 } from '../linear.ts';
import { type SceneTruth, SceneTruthError } from './read.ts';

interface Mesh {
  /** [V, 3] in the object's own frame. */
  readonly positions: Float32Array;
  /** [F, 3] */
  readonly faces: Uint32Array;
}

const VERTEX_BYTES = 29;
const FACE_BYTES = 13;
const NEAR = 0.01;

export class AmodalTruth {
  readonly #truth: SceneTruth;
  readonly #meshes: ReadonlyMap<number, Mesh>;

  private constructor(truth: SceneTruth, meshes: ReadonlyMap<number, Mesh>) {
    this.#truth = truth;
    this.#meshes = meshes;
  }

  /** @throws SceneTruthError for a mesh that cannot be read */
  static async open(captureDir: string, truth: SceneTruth): Promise<AmodalTruth> {
    const meshes = new Map<number, Mesh>();
    for (const { id, mesh } of truth.objects) {
      meshes.set(id, await readMesh(path.join(captureDir, 'truth', mesh)));
    }
    return new AmodalTruth(truth, meshes);
  }

  /**
   * Pixels whose centre's ray meets the object, [H, W] of 0 and 1; triangles that reach behind the camera are left out.
   * @param position of the frame in the scene
   * @returns undefined for an object that is not in the scene then
   */
  mask(objectId: number, position: number): Uint8Array | undefined {
    const { scene, tracks } = this.#truth;
    const frame = scene.frames[position];
    const mesh = this.#meshes.get(objectId);
    const placed = tracks.tracks
      .find((track) => track.objectId === objectId)
      ?.poses.find(({ from, to }) => from <= position && position <= to);
    if (frame === undefined || mesh === undefined || placed === undefined) return undefined;
    const { width, height } = scene;
    const cameraFromWorld = invertPose(frame.worldFromCamera as Pose);
    const count = mesh.positions.length / 3;
    const u = new Float64Array(count);
    const v = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const local: Vec3 = [mesh.positions[3 * i]!, mesh.positions[3 * i + 1]!, mesh.positions[3 * i + 2]!];
      const [x, y, z] = applyPose(cameraFromWorld, applyPose(placed.worldFromObject as Pose, local));
      u[i] = z > NEAR ? (frame.fx * x) / z + frame.cx : Number.NaN;
      v[i] = (frame.fy * y) / z + frame.cy;
    }
    const mask = new Uint8Array(width * height);
    for (let t = 0; t < mesh.faces.length; t += 3) {
      const corners = [mesh.faces[t]!, mesh.faces[t + 1]!, mesh.faces[t + 2]!] as const;
      fillTriangle(mask, width, height, ...corners.map((i) => [u[i]!, v[i]!] as const));
    }
    return mask;
  }
}

function fillTriangle(mask: Uint8Array, width: number, height: number, ...corners: (readonly [number, number])[]) {
  const [[ax, ay], [bx, by], [cx, cy]] = corners as [[number, number], [number, number], [number, number]];
  const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
  // NaN for a corner behind the camera.
  if (!(Math.abs(area) > 0)) return;
  const left = Math.max(0, Math.ceil(Math.min(ax, bx, cx) - 0.5));
  const right = Math.min(width - 1, Math.floor(Math.max(ax, bx, cx) - 0.5));
  const top = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5));
  const bottom = Math.min(height - 1, Math.floor(Math.max(ay, by, cy) - 0.5));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const [px, py] = [x + 0.5, y + 0.5];
      const a = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area;
      const b = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area;
      if (a >= 0 && b >= 0 && a + b <= 1) mask[y * width + x] = 1;
    }
  }
}

/** The layout that `objectPly` writes, and no other. */
async function readMesh(file: string): Promise<Mesh> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new SceneTruthError(file, `cannot be read (${error.code ?? 'error'})`);
  });
  const end = bytes.indexOf('end_header\n');
  const header = bytes.toString('ascii', 0, Math.max(0, end));
  const [vertices, faces] = ['vertex', 'face'].map((name) => {
    return Number(new RegExp(`^element ${name} (\\d{1,9})$`, 'm').exec(header)?.[1] ?? Number.NaN);
  }) as [number, number];
  const start = end + 'end_header\n'.length;
  if (end < 0 || bytes.length !== start + vertices * VERTEX_BYTES + faces * FACE_BYTES) {
    throw new SceneTruthError(file, 'is not a mesh as the scene generator writes it');
  }
  const positions = new Float32Array(3 * vertices);
  for (let i = 0; i < vertices; i++) {
    for (let k = 0; k < 3; k++) positions[3 * i + k] = bytes.readFloatLE(start + i * VERTEX_BYTES + 4 * k);
  }
  const indices = new Uint32Array(3 * faces);
  for (let i = 0; i < faces; i++) {
    for (let k = 0; k < 3; k++) {
      const index = bytes.readUInt32LE(start + vertices * VERTEX_BYTES + i * FACE_BYTES + 1 + 4 * k);
      if (index >= vertices) throw new SceneTruthError(file, `face ${i} names vertex ${index} of ${vertices}`);
      indices[3 * i + k] = index;
    }
  }
  return { positions, faces: indices };
}
