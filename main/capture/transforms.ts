/**
 * transforms.json of nerfstudio and instant-ngp: camera-to-world matrices in OpenGL axes, intrinsics for all frames or
 * per frame. The world is kept as the file has it: `applied_transform`, `aabb_scale`, `scale` and `offset` describe how
 * other programs came to it or go on from it, and the point cloud beside the file is in the same world as its cameras.
 */
import { dirname, join } from 'node:path';
import { type Camera, type CaptureFormat, type FrameRole, maxFrames } from '../../contract/index.ts';
import { CaptureError } from './errors.ts';
import type { ReadOptions } from './file-reader.ts';
import { finiteNumbers, JsonNode } from './json.ts';
import {
  cameraModelOf,
  checkedCamera,
  noPoints,
  type ParsedFrame,
  type ParsedModel,
  type SparsePoints,
  type Warnings,
} from './model.ts';
import { cleanReference, type ResolveRule, resolveReference } from './paths.ts';
import { readPointCloudPly } from './point-cloud.ts';
import { poseFromOpenglMatrix } from './pose.ts';

const intrinsicNames = [
  'w', 'h', 'fl_x', 'fl_y', 'cx', 'cy', 'camera_angle_x', 'camera_angle_y', 'camera_model', 'is_fisheye',
  'k1', 'k2', 'k3', 'k4', 'p1', 'p2',
] as const; // biome-ignore format: one table

export function looksLikeTransforms(json: unknown): boolean {
  return typeof json === 'object' && json !== null && Object.hasOwn(json, 'frames');
}

export async function readTransforms(
  path: string,
  json: unknown,
  /** Where `ply_file_path` may lie. */
  rule: ResolveRule,
  options: ReadOptions,
  warnings: Warnings,
): Promise<ParsedModel> {
  const top = new JsonNode(path, '', json);
  const list = top.array('frames') ?? top.fail('frames', 'is missing.');
  if (list.length > maxFrames) top.fail('frames', `has ${list.length} entries; at most ${maxFrames} are supported.`);
  const roles = rolesOf(top);
  const frames = list.map((item, i): ParsedFrame => {
    const frame = new JsonNode(path, `frames[${i}]`, item);
    const imageReference = frame.string('file_path') ?? frame.fail('file_path', 'is missing.');
    const rows = frame.array('transform_matrix') ?? frame.fail('transform_matrix', 'is missing.');
    if (rows.length !== 3 && rows.length !== 4)
      frame.fail('transform_matrix', `has ${rows.length} rows; 4 are needed.`);
    const matrix = rows.map((row, r) => finiteNumbers(path, `frames[${i}].transform_matrix[${r}]`, row, 4));
    const pose = poseFromOpenglMatrix(matrix);
    if (typeof pose === 'string') return frame.fail('transform_matrix', `${pose}.`);
    const field = `frames[${i}].file_path`;
    const name = cleanReference({ text: imageReference, file: path, field });
    return {
      name,
      imageReference,
      field,
      camera: { fromSize: (width, height) => cameraOf(top, frame, width, height) },
      cameraFromWorld: pose,
      maskReference: frame.string('mask_path'),
      role: roles.get(name),
    };
  });
  // Read early so that a bad shared value is reported once, by its own name, even when all images are missing.
  for (const name of intrinsicNames) {
    if (name !== 'camera_model' && name !== 'is_fisheye') top.number(name);
  }
  const ply = await readPly(top, path, rule, options, warnings);
  return {
    format: formatOf(top),
    modelFiles: ply.file === undefined ? [path] : [path, ply.file],
    frames,
    points: ply.points,
    foldersAreLayout: true,
    imageExtensionOptional: true,
    posesIgnoreExif: false,
  };
}

function formatOf(top: JsonNode): CaptureFormat {
  const nerfstudio = ['camera_model', 'applied_transform', 'applied_scale', 'ply_file_path', 'orientation_override'];
  return nerfstudio.some((name) => top.has(name)) ? 'nerfstudio' : 'instant-ngp';
}

/** nerfstudio's explicit splits, by file path. */
function rolesOf(top: JsonNode): Map<string, FrameRole> {
  const roles = new Map<string, FrameRole>();
  for (const [field, role] of [
    ['train_filenames', 'train'],
    ['val_filenames', 'holdout'],
    ['test_filenames', 'holdout'],
  ] as const) {
    for (const [i, name] of (top.array(field) ?? []).entries()) {
      if (typeof name !== 'string') top.fail(`${field}[${i}]`, 'is not a string.');
      roles.set(cleanReference({ text: name as string, file: top.file, field: `${field}[${i}]` }), role);
    }
  }
  return roles;
}

/** Intrinsics of a frame: its own values before the shared ones, the image's size where neither states one. */
function cameraOf(top: JsonNode, frame: JsonNode, imageWidth: number, imageHeight: number): Camera {
  const number = (name: (typeof intrinsicNames)[number]): number | undefined => frame.number(name) ?? top.number(name);
  const width = number('w') ?? imageWidth;
  const height = number('h') ?? imageHeight;
  const own = (names: readonly string[]): boolean => names.some((name) => frame.has(name));
  const node = own(['fl_x', 'fl_y', 'camera_angle_x']) ? frame : top;
  const fromAngle = (side: number, name: 'camera_angle_x' | 'camera_angle_y'): number | undefined => {
    const angle = node.number(name) ?? number(name);
    if (angle === undefined) return undefined;
    if (!(angle > 0 && angle < Math.PI)) node.fail(name, `is ${angle}; an angle between 0 and π is needed.`);
    return (0.5 * side) / Math.tan(0.5 * angle);
  };
  const fx = node.number('fl_x') ?? node.number('fl_y') ?? fromAngle(width, 'camera_angle_x');
  if (fx === undefined) frame.fail('fl_x', 'is missing, and so are fl_y and camera_angle_x.', 'Add the focal length.');
  const fy = node.number('fl_y') ?? node.number('fl_x') ?? fromAngle(height, 'camera_angle_y') ?? fx;
  const cx = number('cx') ?? width / 2;
  const cy = number('cy') ?? height / 2;
  const [k1, k2, k3, k4, p1, p2] = (['k1', 'k2', 'k3', 'k4', 'p1', 'p2'] as const).map((name) => number(name) ?? 0) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const source = { file: frame.file, field: frame.field };
  const make = (model: Camera['model'], extra: Record<string, number>): Camera =>
    checkedCamera(source, { id: 1, model, width, height, params: { fx, fy, cx, cy, ...extra } });
  if (isFisheye(top, frame)) {
    if (p1 !== 0 || p2 !== 0) return make('THIN_PRISM_FISHEYE', { k1, k2, k3, k4, p1, p2, sx1: 0, sy1: 0 });
    return make('OPENCV_FISHEYE', { k1, k2, k3, k4 });
  }
  if (k4 !== 0) {
    frame.fail(
      'k4',
      'is a fourth radial coefficient, which no perspective camera model here has.',
      'Refit with k1-k3.',
    );
  }
  if (k3 !== 0) return make('FULL_OPENCV', { k1, k2, p1, p2, k3, k4: 0, k5: 0, k6: 0 });
  if (k1 === 0 && k2 === 0 && p1 === 0 && p2 === 0) return make('PINHOLE', {});
  return make('OPENCV', { k1, k2, p1, p2 });
}

function isFisheye(top: JsonNode, frame: JsonNode): boolean {
  const node = frame.has('camera_model') ? frame : top;
  const name = node.string('camera_model');
  if (name === undefined) return (frame.get('is_fisheye') ?? top.get('is_fisheye')) === true;
  if (name === 'PERSPECTIVE') return false;
  const model = cameraModelOf({ file: node.file, field: node.path('camera_model') }, name);
  switch (model) {
    case 'SIMPLE_PINHOLE':
    case 'PINHOLE':
    case 'SIMPLE_RADIAL':
    case 'RADIAL':
    case 'OPENCV':
    case 'FULL_OPENCV':
      return false;
    case 'OPENCV_FISHEYE':
    case 'SIMPLE_FISHEYE':
    case 'FISHEYE':
    case 'SIMPLE_RADIAL_FISHEYE':
    case 'RADIAL_FISHEYE':
      return true;
    default:
      throw new CaptureError({
        code: 'unsupported',
        file: node.file,
        field: node.path('camera_model'),
        problem: `is ${model}, whose parameters transforms.json has no fields for.`,
        advice: 'Import the COLMAP model instead.',
      });
  }
}

async function readPly(
  top: JsonNode,
  path: string,
  rule: ResolveRule,
  options: ReadOptions,
  warnings: Warnings,
): Promise<{ points: SparsePoints; file?: string }> {
  const text = top.string('ply_file_path');
  if (text === undefined) return { points: noPoints };
  const file = await resolveReference({ text, file: path, field: 'ply_file_path' }, rule);
  if (file === undefined) {
    const message = `The point cloud ${join(dirname(path), text)} does not exist; training starts from random points.`;
    warnings.add('points-missing', message, path, 'ply_file_path');
    return { points: noPoints };
  }
  return { points: await readPointCloudPly(file, warnings, options), file };
}
