import type { SceneObject } from '../assembly.ts';
import { paintTexture, srgbFromLinear } from '../model/index.ts';

/** Binary little-endian PLY of an object in its own frame: position, normal, colour and part id per vertex. */
export function objectPly(object: SceneObject): Buffer {
  const shapes = object.model.parts.flatMap((part) =>
    part.shapes.map((shape) => ({ part, shape, id: object.parts.find(({ name }) => name === part.name)!.id })),
  );
  const vertices = shapes.reduce((sum, { shape }) => sum + shape.positions.length / 3, 0);
  const faces = shapes.reduce((sum, { shape }) => sum + shape.indices.length / 3, 0);
  const header = [
    'ply',
    'format binary_little_endian 1.0',
    `element vertex ${vertices}`,
    ...['x', 'y', 'z', 'nx', 'ny', 'nz'].map((name) => `property float ${name}`),
    ...['red', 'green', 'blue'].map((name) => `property uchar ${name}`),
    'property ushort part',
    `element face ${faces}`,
    'property list uchar uint vertex_indices',
    'end_header',
    '',
  ].join('\n');
  const headerBytes = Buffer.from(header, 'ascii');
  const VERTEX_BYTES = 29;
  const FACE_BYTES = 13;
  const out = Buffer.alloc(headerBytes.length + vertices * VERTEX_BYTES + faces * FACE_BYTES);
  headerBytes.copy(out);
  let at = headerBytes.length;
  const colour = new Float64Array(3);
  for (const { part, shape, id } of shapes) {
    for (let i = 0; i < shape.positions.length; i += 3) {
      for (let k = 0; k < 3; k++) {
        out.writeFloatLE(shape.positions[i + k]!, at + 4 * k);
        out.writeFloatLE(shape.normals[i + k]!, at + 12 + 4 * k);
      }
      const [x, y, z] = [shape.coords[i]!, shape.coords[i + 1]!, shape.coords[i + 2]!];
      paintTexture(part.texture, x, y, z, shape.normals[i]!, shape.normals[i + 1]!, shape.normals[i + 2]!, colour);
      for (let k = 0; k < 3; k++) out.writeUInt8(Math.round(255 * srgbFromLinear(colour[k]!)), at + 24 + k);
      out.writeUInt16LE(id, at + 27);
      at += VERTEX_BYTES;
    }
  }
  let first = 0;
  for (const { shape } of shapes) {
    for (let t = 0; t < shape.indices.length; t += 3) {
      out.writeUInt8(3, at);
      for (let k = 0; k < 3; k++) out.writeUInt32LE(first + shape.indices[t + k]!, at + 1 + 4 * k);
      at += FACE_BYTES;
    }
    first += shape.positions.length / 3;
  }
  return out;
}
