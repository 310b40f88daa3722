/**
 * EPIC-Fields JSON: `camera` (one COLMAP camera), `images` {name: [qw, qx, qy, qz, tx, ty, tz]} (camera from world), and
 * `points` [[x, y, z, r, g, b], ...].
 */
import { maxCoordinate, maxFrameNameLength, maxFrames, maxSparsePoints } from '../../contract/index.ts';
import { PointBuilder, poseFromColmap } from './colmap-shared.ts';
import { clip } from './errors.ts';
import { finiteNumbers, JsonNode } from './json.ts';
import {
  cameraFromParams,
  cameraModelOf,
  noPoints,
  type ParsedFrame,
  type ParsedModel,
  type SparsePoints,
  type Warnings,
} from './model.ts';

const defaultColor = 128;

export function looksLikeEpicFields(json: unknown): boolean {
  return typeof json === 'object' && json !== null && Object.hasOwn(json, 'camera') && Object.hasOwn(json, 'images');
}

export function readEpicFields(
  path: string,
  json: unknown,
  options: { readonly framesPerSecond?: number | undefined },
  warnings: Warnings,
): ParsedModel {
  const top = new JsonNode(path, '', json);
  const cameraNode = new JsonNode(path, 'camera', top.get('camera'));
  const modelName = cameraNode.string('model') ?? cameraNode.fail('model', 'is missing.');
  const width = cameraNode.number('width') ?? cameraNode.fail('width', 'is missing.');
  const height = cameraNode.number('height') ?? cameraNode.fail('height', 'is missing.');
  const list = cameraNode.array('params') ?? cameraNode.fail('params', 'is missing.');
  const params = finiteNumbers(path, 'camera.params', list, Math.min(list.length, 16));
  const model = cameraModelOf({ file: path, field: 'camera.model' }, modelName);
  const camera = cameraFromParams(
    { file: path, field: 'camera' },
    model,
    cameraNode.number('id') ?? 1,
    width,
    height,
    params,
  );
  const images = Object.entries(new JsonNode(path, 'images', top.get('images')).value);
  if (images.length > maxFrames)
    top.fail('images', `has ${images.length} entries; at most ${maxFrames} are supported.`);
  const frames = images.map(([name, value]): ParsedFrame => {
    const field = `images[${JSON.stringify(clip(name, 80))}]`;
    if (name === '' || name.length > maxFrameNameLength) top.fail(field, 'is not the name of an image.');
    const [qw, qx, qy, qz, tx, ty, tz] = finiteNumbers(path, field, value, 7) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return {
      name,
      imageReference: name,
      field,
      camera,
      cameraFromWorld: poseFromColmap({ file: path, field }, [qw, qx, qy, qz], [tx, ty, tz]),
      timestampSeconds: timestampOf(name, options.framesPerSecond),
    };
  });
  return {
    format: 'epic-fields',
    modelFiles: [path],
    frames,
    points: readPoints(top, warnings),
    foldersAreLayout: false,
    imageExtensionOptional: false,
    posesIgnoreExif: true,
  };
}

/** EPIC-KITCHENS counts frames from 1 in the name (`frame_0000000001.jpg`); the rate is not in the file. */
function timestampOf(name: string, framesPerSecond: number | undefined): number | undefined {
  const digits = /(\d{1,15})\.[^./]+$/.exec(name)?.[1];
  return framesPerSecond === undefined || digits === undefined ? undefined : (Number(digits) - 1) / framesPerSecond;
}

function readPoints(top: JsonNode, warnings: Warnings): SparsePoints {
  const list = top.array('points');
  if (list === undefined) {
    warnings.add('points-missing', 'There are no points; training starts from random points.', top.file, 'points');
    return noPoints;
  }
  if (list.length > maxSparsePoints) top.fail('points', `has ${list.length} entries; at most ${maxSparsePoints}.`);
  const builder = new PointBuilder(top.file, warnings, new Map(), list.length);
  list.forEach((item, i) => {
    const field = `points[${i}]`;
    const values = finiteNumbers(top.file, field, item, Array.isArray(item) && item.length === 3 ? 3 : 6);
    const [x, y, z, ...rgb] = values as [number, number, number, ...number[]];
    if (!(Math.max(Math.abs(x), Math.abs(y), Math.abs(z)) <= maxCoordinate))
      top.fail(field, `is farther than ${maxCoordinate}.`);
    const [r, g, b] = (rgb.length === 3 ? rgb : [defaultColor, defaultColor, defaultColor]) as [number, number, number];
    if (![r, g, b].every((value) => value >= 0 && value <= 255)) top.fail(field, 'has a colour outside 0 to 255.');
    builder.add(i, x, y, z, Math.round(r), Math.round(g), Math.round(b), Number.NaN);
  });
  const { count, positions, colors } = builder.finish();
  return { count, positions, colors };
}
