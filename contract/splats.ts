import { z } from 'zod';

/**
 * The `.splats` artifact: a set of 3D Gaussians as the trainer holds them, written by the worker and by the PLY importer.
 *
 * ```
 * offset            content
 * 0                 8 bytes ASCII `LSSPLAT1`
 * 8                 u32 little endian: byte length H of the header
 * 12                H bytes UTF-8 JSON, a `SplatsHeader`
 * 12 + H            zero bytes up to the next multiple of 64
 * dataOffset        float32 little endian, N = count, K = (shDegree + 1)^2:
 *                     means         [N, 3]     world space
 *                     quaternions   [N, 4]     wxyz, worldFromGaussian, not necessarily of unit length
 *                     logScales     [N, 3]     natural logarithm of the standard deviations, world units
 *                     logitOpacities [N]
 *                     sh            [N, K, 3]  coefficients by ascending degree, colour = max(SH + 0.5, 0)
 * end of arrays     end of file, no trailing bytes
 * ```
 *
 * A reader checks, before it allocates anything: the magic, H <= `SPLATS_LIMITS.headerBytes`, the header by schema, and that the
 * file's size equals `splatsFileBytes(header, H)`.
 */
export const SPLATS_MAGIC = 'LSSPLAT1';

/** Arrays start at a multiple of this many bytes. */
const SPLATS_ALIGNMENT_BYTES = 64;

export const SPLATS_LIMITS = {
  /** More than any header needs; a larger length field is a damaged or hostile file. */
  headerBytes: 1 << 20,
  /** 50 M Gaussians of degree 3 are 11.8 GB: above what any reader here can hold. */
  gaussians: 50_000_000,
  shDegree: 3,
} as const;

export const shDegreeSchema = z.number().int().min(0).max(SPLATS_LIMITS.shDegree);

export const splatsHeaderSchema = z.object({
  /** Number of Gaussians N. */
  count: z.number().int().min(0).max(SPLATS_LIMITS.gaussians),
  shDegree: shDegreeSchema,
  /** What wrote the file, for example `liftscope 0.1.0` or `import scene.ply`. */
  generator: z.string().max(1000).optional(),
  /** Iterations the Gaussians were trained for. */
  iterations: z.number().int().min(0).optional(),
  seed: z.number().int().min(0).optional(),
  backend: z.string().max(100).optional(),
  /** Every hyper-parameter the trainer used. */
  parameters: z.record(z.string().max(100), z.json()).optional(),
  /** sha256 of the training request's data (frames and points), hexadecimal. */
  dataFingerprint: z.string().max(200).optional(),
});
export type SplatsHeader = z.infer<typeof splatsHeaderSchema>;

/** One array of the file: byte offset from the start of the data block, and number of float32 values. */
export interface SplatsArray {
  readonly offsetBytes: number;
  readonly length: number;
}

export interface SplatsLayout {
  readonly means: SplatsArray;
  readonly quaternions: SplatsArray;
  readonly logScales: SplatsArray;
  readonly logitOpacities: SplatsArray;
  readonly sh: SplatsArray;
  /** Size of all arrays together. */
  readonly dataBytes: number;
}

/** Coefficients per colour channel of spherical harmonics up to `degree`. */
export function shCoefficientCount(degree: number): number {
  return (degree + 1) ** 2;
}

/** Where each array lies inside the data block. */
export function splatsLayout(header: Pick<SplatsHeader, 'count' | 'shDegree'>): SplatsLayout {
  let offsetBytes = 0;
  const take = (valuesPerGaussian: number): SplatsArray => {
    const array = { offsetBytes, length: header.count * valuesPerGaussian };
    offsetBytes += array.length * 4;
    return array;
  };
  const means = take(3);
  const quaternions = take(4);
  const logScales = take(3);
  const logitOpacities = take(1);
  const sh = take(3 * shCoefficientCount(header.shDegree));
  return { means, quaternions, logScales, logitOpacities, sh, dataBytes: offsetBytes };
}

/** Byte offset of the data block in a file whose JSON header is `headerBytes` long. */
export function splatsDataOffset(headerBytes: number): number {
  const unpadded = SPLATS_MAGIC.length + 4 + headerBytes;
  return Math.ceil(unpadded / SPLATS_ALIGNMENT_BYTES) * SPLATS_ALIGNMENT_BYTES;
}

/** Exact size of a valid file whose JSON header is `headerBytes` long. */
export function splatsFileBytes(header: Pick<SplatsHeader, 'count' | 'shDegree'>, headerBytes: number): number {
  return splatsDataOffset(headerBytes) + splatsLayout(header).dataBytes;
}
