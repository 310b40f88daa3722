/**
 * COLMAP's text model: cameras.txt, images.txt (two lines per image), points3D.txt
 * (format page: colmap.github.io/format.html). Read line by line; a line is bounded, the file is not.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Camera } from '../../contract/index.ts';
import { maxCameras, maxFrameNameLength, maxFrames } from '../../contract/index.ts';
import { type ColmapOptions, knownCamera } from './colmap-binary.ts';
import { PointBuilder, poseFromColmap, type RawObservation, resolveObservations, wantedIds } from './colmap-shared.ts';
import { CaptureError, clip } from './errors.ts';
import { type ReadOptions, readLines } from './file-reader.ts';
import {
  cameraFromParams,
  cameraModelOf,
  noPoints,
  type ParsedFrame,
  type ParsedModel,
  type SparsePoints,
  StrideSample,
  type Warnings,
} from './model.ts';

export async function readColmapText(folder: string, options: ColmapOptions, warnings: Warnings): Promise<ParsedModel> {
  const files = ['cameras.txt', 'images.txt', 'points3D.txt'].map((name) => join(folder, name));
  const [camerasFile, imagesFile, pointsFile] = files as [string, string, string];
  const cameras = await readCameras(camerasFile, options);
  const images = await readImages(imagesFile, cameras, options);
  const wanted = wantedIds(images.map((image) => image.sample));
  const hasPoints = await access(pointsFile).then(
    () => true,
    () => false,
  );
  let points: SparsePoints = noPoints;
  if (hasPoints) points = await readPoints(pointsFile, wanted, options, warnings);
  else warnings.add('points-missing', 'There is no points3D.txt; training starts from random points.', pointsFile);
  return {
    format: 'colmap-txt',
    modelFiles: hasPoints ? files : files.slice(0, 2),
    frames: images.map(({ frame, sample }) => ({ ...frame, observations: resolveObservations(sample, wanted) })),
    points,
    foldersAreLayout: false,
    imageExtensionOptional: false,
    posesIgnoreExif: true,
  };
}

/** One row of a text file, for numbers that name themselves when they are wrong. */
class Row {
  readonly file: string;
  readonly lineNumber: number;
  readonly tokens: readonly string[];

  constructor(file: string, lineNumber: number, tokens: readonly string[]) {
    this.file = file;
    this.lineNumber = lineNumber;
    this.tokens = tokens;
  }

  fail(column: string, problem: string): never {
    throw new CaptureError({
      code: 'invalid',
      file: this.file,
      field: `line ${this.lineNumber}, ${column}`,
      problem,
      advice: 'Correct the line or export the model again.',
    });
  }

  number(index: number, column: string): number {
    const token = this.tokens[index];
    if (token === undefined) this.fail(column, `is missing: the line has only ${this.tokens.length} values.`);
    const value = parseNumber(token);
    if (value === undefined) this.fail(column, `is not a finite number: ${JSON.stringify(clip(token, 40))}.`);
    return value;
  }

  integer(index: number, column: string, max: number): number {
    const value = this.number(index, column);
    if (!Number.isInteger(value) || value < 0 || value > max) {
      this.fail(column, `is ${value}; a whole number from 0 to ${max} is needed.`);
    }
    return value;
  }
}

/** Decimal numbers only: `Number` would also take '', '0x10' and 'Infinity'. */
function parseNumber(token: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(token)) return undefined;
  const value = Number(token);
  return Number.isFinite(value) ? value : undefined;
}

const splitOnSpace = (line: string): string[] => line.trim().split(/\s+/);
const isComment = (line: string): boolean => /^\s*(#|$)/.test(line);

/** Every value of a camera line becomes a string of its own, so these lines are kept short. */
const maxCameraLineBytes = 64 * 1024;

async function readCameras(path: string, options: ReadOptions): Promise<Map<number, Camera>> {
  const cameras = new Map<number, Camera>();
  let lineNumber = 0;
  for await (const line of readLines(path, options, maxCameraLineBytes)) {
    lineNumber++;
    if (isComment(line)) continue;
    const row = new Row(path, lineNumber, splitOnSpace(line));
    const id = row.integer(0, 'CAMERA_ID', 0xffff_ffff);
    const model = cameraModelOf({ file: path, field: `line ${lineNumber}, MODEL` }, row.tokens[1] ?? '');
    const width = row.number(2, 'WIDTH');
    const height = row.number(3, 'HEIGHT');
    const values = row.tokens.slice(4).map((_, i) => row.number(4 + i, `PARAMS[${i}]`));
    if (cameras.has(id)) row.fail('CAMERA_ID', `repeats camera ${id}.`);
    if (cameras.size >= maxCameras) row.fail('CAMERA_ID', `is camera number ${maxCameras + 1}; that many are refused.`);
    cameras.set(id, cameraFromParams({ file: path, field: `line ${lineNumber}` }, model, id, width, height, values));
  }
  return cameras;
}

interface ImageRecord {
  readonly frame: ParsedFrame;
  readonly sample: readonly RawObservation[];
}

async function readImages(
  path: string,
  cameras: ReadonlyMap<number, Camera>,
  options: ColmapOptions,
): Promise<ImageRecord[]> {
  const images: ImageRecord[] = [];
  let lineNumber = 0;
  let pending: ParsedFrame | undefined;
  for await (const line of readLines(path, options)) {
    lineNumber++;
    if (pending !== undefined) {
      // The observations line belongs to the image before it, even when it is empty.
      const sample = sampleObservations(line, new Row(path, lineNumber, []), options.observationsPerFrame);
      images.push({ frame: pending, sample });
      pending = undefined;
      continue;
    }
    if (isComment(line)) continue;
    // The name is the rest of the line: it may contain spaces.
    const head = /^\s*((?:\S+\s+){8}\S+)\s+(.*\S)\s*$/.exec(line);
    const row = new Row(path, lineNumber, splitOnSpace(head?.[1] ?? line));
    row.integer(0, 'IMAGE_ID', 0xffff_ffff);
    const [qw, qx, qy, qz] = [1, 2, 3, 4].map((i) => row.number(i, `Q${'WXYZ'[i - 1]}`)) as [
      number,
      number,
      number,
      number,
    ];
    const [tx, ty, tz] = [5, 6, 7].map((i) => row.number(i, `T${'XYZ'[i - 5]}`)) as [number, number, number];
    const cameraId = row.integer(8, 'CAMERA_ID', 0xffff_ffff);
    const name = head?.[2] ?? row.fail('NAME', 'is missing.');
    if (name.length > maxFrameNameLength) row.fail('NAME', `is longer than ${maxFrameNameLength} characters.`);
    if (images.length >= maxFrames) row.fail('IMAGE_ID', `is image number ${maxFrames + 1}; that many are refused.`);
    const source = { file: path, field: `line ${lineNumber}` };
    pending = {
      name,
      imageReference: name,
      field: `line ${lineNumber}, NAME`,
      camera: knownCamera(cameras, cameraId, source, name),
      cameraFromWorld: poseFromColmap(source, [qw, qx, qy, qz], [tx, ty, tz]),
    };
  }
  // A file may end right after the last image when that has no observations.
  if (pending !== undefined) images.push({ frame: pending, sample: [] });
  return images;
}

function sampleObservations(line: string, row: Row, limit: number): readonly RawObservation[] {
  const sample = new StrideSample<RawObservation>(limit);
  const numbers = /\S+/g;
  const next = (column: string): number | undefined => {
    const token = numbers.exec(line)?.[0];
    if (token === undefined) return undefined;
    const value = parseNumber(token);
    if (value === undefined) row.fail(column, `is not a finite number: ${JSON.stringify(clip(token, 40))}.`);
    return value;
  };
  for (let i = 0; ; i++) {
    const x = next(`POINTS2D[${i}].X`);
    if (x === undefined) return sample.items;
    const y = next(`POINTS2D[${i}].Y`);
    const id = next(`POINTS2D[${i}].POINT3D_ID`);
    if (y === undefined || id === undefined)
      row.fail(`POINTS2D[${i}]`, 'is incomplete: X, Y and POINT3D_ID are needed.');
    if (id < 0) continue;
    if (sample.wantsNext) sample.add([x, y, id]);
    else sample.pass();
  }
}

async function readPoints(
  path: string,
  wanted: Map<number, number>,
  options: ReadOptions,
  warnings: Warnings,
): Promise<SparsePoints> {
  const builder = new PointBuilder(path, warnings, wanted, 0);
  let lineNumber = 0;
  for await (const line of readLines(path, options)) {
    lineNumber++;
    if (isComment(line)) continue;
    // The track that follows the eighth value is never split: it can be long and is not kept.
    const head = /^\s*(\S+(?:\s+\S+){0,7})/.exec(line);
    const row = new Row(path, lineNumber, splitOnSpace(head?.[1] ?? ''));
    const id = row.integer(0, 'POINT3D_ID', Number.MAX_SAFE_INTEGER);
    const [x, y, z] = [1, 2, 3].map((i) => row.number(i, 'XYZ'[i - 1]!)) as [number, number, number];
    const [r, g, b] = [4, 5, 6].map((i) => row.integer(i, 'RGB'[i - 4]!, 255)) as [number, number, number];
    builder.add(id, x, y, z, r, g, b, row.number(7, 'ERROR'));
  }
  return builder.finish();
}
