/** PLY point clouds (x y z and, where present, red green blue) as sparse points. */
import { maxCoordinate, maxSparsePoints } from '../../contract/index.ts';
import { CaptureError } from './errors.ts';
import type { ReadOptions } from './file-reader.ts';
import type { SparsePoints, Warnings } from './model.ts';
import { readPlyVertices } from './ply.ts';

/** Colour of points without one: mid grey. */
const defaultColor = 128;

export async function readPointCloudPly(
  path: string,
  warnings: Warnings,
  options: ReadOptions = {},
): Promise<SparsePoints> {
  let positions = new Float64Array(0);
  let colors = new Uint8Array(0);
  let kept = 0;
  await readPlyVertices(
    path,
    ({ count, properties }) => {
      const at = (...names: string[]): number => properties.findIndex((property) => names.includes(property.name));
      const [x, y, z] = [at('x'), at('y'), at('z')];
      if (x < 0 || y < 0 || z < 0) {
        throw new CaptureError({
          code: 'invalid',
          file: path,
          field: 'header: element vertex',
          problem: `lacks x, y or z (it has ${properties.map((property) => property.name).join(', ')}).`,
          advice: 'Export the point cloud with positions.',
        });
      }
      if (count > maxSparsePoints) {
        throw new CaptureError({
          code: 'too-large',
          file: path,
          field: 'header: element vertex',
          problem: `states ${count} points; at most ${maxSparsePoints} are supported.`,
          advice: 'Thin the point cloud first.',
        });
      }
      const rgb = [at('red', 'r', 'diffuse_red'), at('green', 'g', 'diffuse_green'), at('blue', 'b', 'diffuse_blue')];
      // Colours as floats are in [0, 1], as 16-bit integers in [0, 65535].
      const scale = rgb.map((i) => {
        const type = properties[i]?.type;
        return type === 'f32' || type === 'f64' ? 255 : type === 'u16' ? 255 / 65535 : 1;
      });
      positions = new Float64Array(count * 3);
      colors = new Uint8Array(count * 3);
      return (index, values) => {
        const p = [values[x]!, values[y]!, values[z]!] as const;
        if (!p.every((value) => Math.abs(value) <= maxCoordinate)) {
          warnings.add(
            'point-invalid',
            `Point ${index} lies at [${p.join(', ')}] and was left out.`,
            path,
            `vertex[${index}]`,
          );
          return;
        }
        positions.set(p, kept * 3);
        for (let c = 0; c < 3; c++) {
          const value = rgb[c]! < 0 ? defaultColor : Math.round(values[rgb[c]!]! * scale[c]!);
          colors[kept * 3 + c] = Math.min(255, Math.max(0, value));
        }
        kept++;
      };
    },
    options,
  );
  return { count: kept, positions: positions.slice(0, kept * 3), colors: colors.slice(0, kept * 3) };
}
