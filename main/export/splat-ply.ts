/** Writing of splat PLY files in the common 3DGS layout (see main/capture/splat-ply.ts for reading). */
import { shCoefficientCount } from '../../contract/index.ts';
import {
  OBJECT_ID_PROPERTY,
  readSplatsFile,
  type SplatModel,
  splatPlyProperties,
  writeAtomically,
} from '../capture/index.ts';

export interface ExportOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  /** [N] written as the int property `object_id` behind all others. */
  readonly objectIds?: Uint32Array;
}

const chunkGaussians = 16_384;

/**
 * Binary little endian, all properties float, normals zero, header lines as the reference program writes them: files of
 * that program are reproduced byte for byte.
 */
export async function writeSplatPly(path: string, splats: SplatModel, options: ExportOptions = {}): Promise<void> {
  const { objectIds } = options;
  const names = splatPlyProperties(splats.shDegree);
  const header = [
    'ply',
    'format binary_little_endian 1.0',
    `element vertex ${splats.count}`,
    ...names.map((name) => `property float ${name}`),
    ...(objectIds === undefined ? [] : [`property int ${OBJECT_ID_PROPERTY}`]),
    'end_header',
    '',
  ].join('\n');
  const k = shCoefficientCount(splats.shDegree);
  const stride = names.length + (objectIds === undefined ? 0 : 1);
  await writeAtomically(path, async (handle) => {
    await handle.writeFile(header, 'latin1');
    for (let from = 0; from < splats.count; from += chunkGaussians) {
      options.signal?.throwIfAborted();
      options.onProgress?.(from, splats.count);
      const to = Math.min(splats.count, from + chunkGaussians);
      const view = new DataView(new ArrayBuffer((to - from) * stride * 4));
      let at = 0;
      const put = (value: number): void => {
        view.setFloat32(at, value, true);
        at += 4;
      };
      for (let i = from; i < to; i++) {
        for (let c = 0; c < 3; c++) put(splats.means[i * 3 + c]!);
        for (let c = 0; c < 3; c++) put(0);
        const sh = i * k * 3;
        for (let c = 0; c < 3; c++) put(splats.sh[sh + c]!);
        for (let c = 0; c < 3; c++) for (let j = 1; j < k; j++) put(splats.sh[sh + j * 3 + c]!);
        put(splats.logitOpacities[i]!);
        for (let c = 0; c < 3; c++) put(splats.logScales[i * 3 + c]!);
        for (let c = 0; c < 4; c++) put(splats.quaternions[i * 4 + c]!);
        if (objectIds !== undefined) {
          view.setInt32(at, objectIds[i]!, true);
          at += 4;
        }
      }
      await handle.writeFile(new Uint8Array(view.buffer));
    }
    options.onProgress?.(splats.count, splats.count);
  });
}

/** Converts a `.splats` artifact to a splat PLY file. */
export async function exportSplatPly(
  splatsPath: string,
  plyPath: string,
  options: ExportOptions = {},
): Promise<{ gaussians: number }> {
  const { splats } = await readSplatsFile(splatsPath, options.signal === undefined ? {} : { signal: options.signal });
  await writeSplatPly(plyPath, splats, options);
  return { gaussians: splats.count };
}
