/**
 * Splat PLY files in the layout that 3D Gaussian Splatting programs share:
 * x y z, nx ny nz (unused), f_dc_0..2, f_rest_0.. (channel-major), opacity (logit), scale_0..2 (log), rot_0..3 (wxyz).
 */
import { maxCoordinate, SPLATS_LIMITS, shCoefficientCount } from '../../contract/index.ts';
import { CaptureError } from './errors.ts';
import type { ReadOptions } from './file-reader.ts';
import { type PlyVertices, readPlyVertices } from './ply.ts';

/** Gaussians in memory, laid out like the `.splats` artifact. */
export interface SplatModel {
  readonly count: number;
  readonly shDegree: number;
  /** `[N, 3]` world space. */
  readonly means: Float32Array;
  /** `[N, 4]` wxyz, as stored: not necessarily of unit length. */
  readonly quaternions: Float32Array;
  /** `[N, 3]` */
  readonly logScales: Float32Array;
  /** `[N]` */
  readonly logitOpacities: Float32Array;
  /** `[N, (shDegree + 1)^2, 3]` */
  readonly sh: Float32Array;
}

export interface SplatImport {
  readonly splats: SplatModel;
  /** Opacities of ±infinity (alpha exactly 0 or 1) that were replaced by ±`opacityLogitLimit`. */
  readonly clampedOpacities: number;
  /** `[N]` objects by the int property `object_id`, 0 = none; absent where the file has none. */
  readonly objectIds?: Uint32Array;
  /** Properties that were not understood and are not kept. */
  readonly ignoredProperties: readonly string[];
}

/** Our own addition to the layout: which object a Gaussian belongs to. */
export const OBJECT_ID_PROPERTY = 'object_id';

/** sigmoid(30) is 1 within float32: programs that store alpha 1 as an infinite logit lose nothing. */
const opacityLogitLimit = 30;

const geometryNames = ['x', 'y', 'z', 'opacity', 'scale_0', 'scale_1', 'scale_2', 'rot_0', 'rot_1', 'rot_2', 'rot_3'];
const colourNames = ['f_dc_0', 'f_dc_1', 'f_dc_2'];

/** Property names of the common layout, in file order. */
export function splatPlyProperties(shDegree: number): string[] {
  const rest = Array.from({ length: 3 * (shCoefficientCount(shDegree) - 1) }, (_, i) => `f_rest_${i}`);
  return [
    ...['x', 'y', 'z', 'nx', 'ny', 'nz'],
    ...colourNames,
    ...rest,
    ...['opacity', 'scale_0', 'scale_1', 'scale_2', 'rot_0', 'rot_1', 'rot_2', 'rot_3'],
  ];
}

export function emptySplats(count: number, shDegree: number): SplatModel {
  return {
    count,
    shDegree,
    means: new Float32Array(count * 3),
    quaternions: new Float32Array(count * 4),
    logScales: new Float32Array(count * 3),
    logitOpacities: new Float32Array(count),
    sh: new Float32Array(count * 3 * shCoefficientCount(shDegree)),
  };
}

/** @throws CaptureError naming file and property, or the first Gaussian with a value that is not a number */
export async function readSplatPly(path: string, options: ReadOptions = {}): Promise<SplatImport> {
  let splats = emptySplats(0, 0);
  let clampedOpacities = 0;
  let ignoredProperties: string[] = [];
  let objectIds: Uint32Array | undefined;
  await readPlyVertices(
    path,
    (header) => {
      const shDegree = checkedDegree(path, header);
      const { count, properties } = header;
      splats = emptySplats(count, shDegree);
      const index = new Map(properties.map((property, i) => [property.name, i]));
      const objectSource = index.get(OBJECT_ID_PROPERTY);
      const ids = objectSource === undefined ? undefined : new Uint32Array(count);
      objectIds = ids;
      const known = new Set([...splatPlyProperties(shDegree), OBJECT_ID_PROPERTY]);
      ignoredProperties = properties.map((property) => property.name).filter((name) => !known.has(name));
      const at = (name: string): number => index.get(name)!;
      const k = shCoefficientCount(shDegree);
      // [K, 3] in memory, [3][K - 1] behind the constant term in the file.
      const shSource = Array.from({ length: k * 3 }, (_, i) => {
        const [coefficient, channel] = [Math.floor(i / 3), i % 3];
        return at(coefficient === 0 ? `f_dc_${channel}` : `f_rest_${channel * (k - 1) + coefficient - 1}`);
      });
      const meanSource = ['x', 'y', 'z'].map(at);
      const scaleSource = [0, 1, 2].map((i) => at(`scale_${i}`));
      const rotationSource = [0, 1, 2, 3].map((i) => at(`rot_${i}`));
      const opacitySource = at('opacity');
      const used = Int32Array.of(...meanSource, ...scaleSource, ...rotationSource, ...shSource);
      const coefficients = Int32Array.from(shSource);
      const { means, quaternions, logScales, logitOpacities, sh } = splats;
      return (i, values) => {
        for (let u = 0; u < used.length; u++) {
          const p = used[u]!;
          if (!(Math.abs(values[p]!) <= maxCoordinate)) badValue(path, i, properties[p]!.name, values[p]!);
        }
        let opacity = values[opacitySource]!;
        if (Number.isNaN(opacity)) badValue(path, i, 'opacity', opacity);
        if (!Number.isFinite(opacity)) {
          opacity = Math.sign(opacity) * opacityLogitLimit;
          clampedOpacities++;
        }
        for (let c = 0; c < 3; c++) means[i * 3 + c] = values[meanSource[c]!]!;
        for (let c = 0; c < 4; c++) quaternions[i * 4 + c] = values[rotationSource[c]!]!;
        for (let c = 0; c < 3; c++) logScales[i * 3 + c] = values[scaleSource[c]!]!;
        logitOpacities[i] = opacity;
        if (ids !== undefined) {
          const id = values[objectSource!]!;
          if (!(Number.isInteger(id) && id >= 0 && id <= 0x7fff_ffff)) badValue(path, i, OBJECT_ID_PROPERTY, id);
          ids[i] = id;
        }
        const row = i * coefficients.length;
        for (let c = 0; c < coefficients.length; c++) sh[row + c] = values[coefficients[c]!]!;
      };
    },
    options,
  );
  return { splats, clampedOpacities, ignoredProperties, ...(objectIds !== undefined && { objectIds }) };
}

function badValue(path: string, index: number, name: string, value: number): never {
  throw new CaptureError({
    code: 'invalid',
    file: path,
    field: `vertex[${index}].${name}`,
    problem: `is ${value}; a number within ±${maxCoordinate} is needed.`,
    advice: 'Remove that Gaussian in a splat editor or export the file again.',
  });
}

function checkedDegree(path: string, { count, properties }: PlyVertices): number {
  const names = new Set(properties.map((property) => property.name));
  const refuse = (problem: string, advice: string): never => {
    throw new CaptureError({ code: 'invalid', file: path, field: 'header: element vertex', problem, advice });
  };
  const missing = [...geometryNames, ...colourNames].filter((name) => !names.has(name));
  if (missing.length > 0) {
    refuse(
      `lacks ${missing.join(', ')}.`,
      'This is not a 3D Gaussian splat file: export it in the common 3DGS layout.',
    );
  }
  const rest = properties.filter((property) => /^f_rest_\d+$/.test(property.name)).length;
  const degree = [0, 1, 2, 3].find((d) => 3 * (shCoefficientCount(d) - 1) === rest);
  if (degree === undefined || !Array.from({ length: rest }, (_, i) => `f_rest_${i}`).every((name) => names.has(name))) {
    return refuse(
      `has ${rest} f_rest properties; spherical harmonics of degree 0 to ${SPLATS_LIMITS.shDegree} have 0, 9, 24 or 45.`,
      'Export the file again with a full degree.',
    );
  }
  if (count > SPLATS_LIMITS.gaussians) {
    refuse(`states ${count} Gaussians; at most ${SPLATS_LIMITS.gaussians} are supported.`, 'Prune the scene first.');
  }
  return degree;
}
