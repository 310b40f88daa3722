import { statSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import type Database from 'better-sqlite3';
import { z } from 'zod';
import {
  type Frame,
  frameSchema,
  LiftscopeError,
  type PreparedCapture,
  preparedCaptureSchema,
} from '../../contract/index.ts';
import { type ArtifactName, type ArtifactStore, parseArtifactName } from './artifacts.ts';
import { relocated } from './paths.ts';
import { fromJson, parseRow } from './rows.ts';
import { bumpRevision } from './sqlite-records.ts';

const optionsSchema = z.record(z.string(), z.json());
/** What import was asked to do. */
export type ImportOptionsRecord = z.infer<typeof optionsSchema>;

/** A capture as the project holds it. Image and mask paths are absolute again. */
export interface StoredCapture {
  readonly id: number;
  readonly capture: PreparedCapture;
  /** Sparse points: float32 [M, 3], then uint8 [M, 3]. */
  readonly pointsArtifact: ArtifactName | undefined;
  readonly options: ImportOptionsRecord;
  readonly importedAt: number;
}

const captureRowSchema = z.object({
  id: z.number().int(),
  name: z.string(),
  source_path: z.string(),
  images_path: z.string(),
  format: z.string(),
  fingerprint: z.string(),
  points_artifact: z.string().nullable(),
  points_json: z.string(),
  camera_span_json: z.string(),
  bounds_json: z.string(),
  warnings_json: z.string(),
  warning_counts_json: z.string(),
  options_json: z.string(),
  imported_at: z.number().int(),
  moved_from: z.string().nullable(),
  moved_to: z.string().nullable(),
});
type CaptureRow = z.infer<typeof captureRowSchema>;

const summaryRowSchema = captureRowSchema.extend({
  frames: z.number().int(),
  train_frames: z.number().int(),
  holdout_frames: z.number().int(),
});

/** What is known of a capture without reading its frames. */
export type CaptureOverview = Pick<
  PreparedCapture,
  'name' | 'sourcePath' | 'imagesPath' | 'format' | 'fingerprint' | 'points' | 'cameraSpan' | 'bounds'
> &
  Pick<PreparedCapture, 'warnings' | 'warningCounts'> & {
    readonly id: number;
    readonly frames: number;
    readonly trainFrames: number;
    readonly holdoutFrames: number;
    readonly importedAt: number;
  };
const overviewFields = preparedCaptureSchema.omit({ cameras: true, frames: true });

const cameraRowSchema = z.object({
  camera_id: z.number(),
  width: z.number(),
  height: z.number(),
  model: z.string(),
  params_json: z.string(),
});

const frameRowSchema = z.object({
  frame_id: z.string(),
  name: z.string(),
  camera_id: z.number(),
  image_artifact: z.string().nullable(),
  image_path: z.string().nullable(),
  mask_artifact: z.string().nullable(),
  mask_path: z.string().nullable(),
  qw: z.number(),
  qx: z.number(),
  qy: z.number(),
  qz: z.number(),
  tx: z.number(),
  ty: z.number(),
  tz: z.number(),
  width: z.number(),
  height: z.number(),
  timestamp_seconds: z.number().nullable(),
  role: z.string(),
});

export class CaptureTable {
  private readonly db: Database.Database;
  private readonly artifacts: ArtifactStore;

  constructor(db: Database.Database, artifacts: ArtifactStore) {
    this.db = db;
    this.artifacts = artifacts;
  }

  /** Stores a capture as a whole or not at all. Returns its id. */
  add(capture: PreparedCapture, pointsArtifact: ArtifactName | undefined, options: ImportOptionsRecord): number {
    const insertCapture = this.db.prepare(
      `INSERT INTO captures (name, source_path, images_path, format, fingerprint, points_artifact, points_json,
         camera_span_json, bounds_json, warnings_json, warning_counts_json, options_json, imported_at)
       VALUES (@name, @sourcePath, @imagesPath, @format, @fingerprint, @pointsArtifact, @points, @cameraSpan, @bounds,
         @warnings, @warningCounts, @options, @importedAt)`,
    );
    const insertCamera = this.db.prepare(
      'INSERT INTO cameras (capture_id, camera_id, width, height, model, params_json) VALUES (?, ?, ?, ?, ?, ?)',
    );
    const insertFrame = this.db.prepare(
      `INSERT INTO frames (capture_id, frame_id, position, name, camera_id, image_artifact, image_path, mask_artifact,
         mask_path, qw, qx, qy, qz, tx, ty, tz, width, height, timestamp_seconds, role, image_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    return this.db.transaction((): number => {
      const { lastInsertRowid } = insertCapture.run({
        name: capture.name,
        sourcePath: capture.sourcePath,
        imagesPath: capture.imagesPath,
        format: capture.format,
        fingerprint: capture.fingerprint,
        pointsArtifact: pointsArtifact ?? null,
        points: JSON.stringify(capture.points),
        cameraSpan: JSON.stringify(capture.cameraSpan),
        bounds: JSON.stringify(capture.bounds),
        warnings: JSON.stringify(capture.warnings),
        warningCounts: JSON.stringify(capture.warningCounts),
        options: JSON.stringify(options),
        importedAt: Date.now(),
      });
      const id = Number(lastInsertRowid);
      for (const camera of capture.cameras) {
        insertCamera.run(id, camera.id, camera.width, camera.height, camera.model, JSON.stringify(camera.params));
      }
      capture.frames.forEach((frame, position) => {
        const image = this.split(frame.imagePath);
        const mask = this.split(frame.maskPath);
        insertFrame.run(
          ...[id, frame.id, position, frame.name, frame.cameraId],
          ...[image.artifact, image.path, mask.artifact, mask.path],
          ...frame.cameraFromWorld.quaternion,
          ...frame.cameraFromWorld.translation,
          ...[frame.width, frame.height, frame.timestampSeconds ?? null, frame.role ?? 'train', sizeOf(image.path)],
        );
      });
      bumpRevision(this.db);
      return id;
    })();
  }

  get(id: number): StoredCapture | undefined {
    const raw = this.db.prepare('SELECT * FROM captures WHERE id = ?').get(id);
    if (raw === undefined) return undefined;
    const row = parseRow(captureRowSchema, raw, 'captures');
    const cameras = this.db
      .prepare('SELECT * FROM cameras WHERE capture_id = ? ORDER BY camera_id')
      .all(id)
      .map((camera) => parseRow(cameraRowSchema, camera, 'cameras'))
      .map(({ camera_id, width, height, model, params_json }) => {
        return { id: camera_id, width, height, model, params: fromJson(params_json) };
      });
    const frames = this.db
      .prepare('SELECT * FROM frames WHERE capture_id = ? ORDER BY position')
      .all(id)
      .map((frame) => this.frameFields(parseRow(frameRowSchema, frame, 'frames'), row));
    const capture = parseRow(preparedCaptureSchema, { ...this.fields(row), cameras, frames }, 'captures');
    return {
      id,
      capture,
      pointsArtifact: row.points_artifact === null ? undefined : parseArtifactName(row.points_artifact),
      options: parseRow(optionsSchema, fromJson(row.options_json), 'captures'),
      importedAt: row.imported_at,
    };
  }

  /**
   * The capture imported last.
   * @throws LiftscopeError `not-found` when nothing has been imported
   */
  current(): StoredCapture {
    const id = this.db.prepare('SELECT max(id) FROM captures').pluck().get();
    const stored = typeof id === 'number' ? this.get(id) : undefined;
    if (stored !== undefined) return stored;
    throw new LiftscopeError({
      code: 'not-found',
      message: 'This project holds no capture yet.',
      hint: 'Import one with: liftscope import CAPTURE --project DIR',
    });
  }

  /** All captures without their frames, oldest first. */
  list(): CaptureOverview[] {
    return this.db
      .prepare(
        `SELECT captures.*, count(*) AS frames, count(*) FILTER (WHERE role = 'train') AS train_frames,
           count(*) FILTER (WHERE role = 'holdout') AS holdout_frames
         FROM captures JOIN frames ON capture_id = captures.id GROUP BY captures.id ORDER BY captures.id`,
      )
      .all()
      .map((raw): CaptureOverview => {
        const row = parseRow(summaryRowSchema, raw, 'captures');
        return {
          ...parseRow(overviewFields, this.fields(row), 'captures'),
          id: row.id,
          frames: row.frames,
          trainFrames: row.train_frames,
          holdoutFrames: row.holdout_frames,
          importedAt: row.imported_at,
        };
      });
  }

  /** One frame without reading the others. */
  frame(captureId: number, position: number): Frame | undefined {
    const capture = this.db.prepare('SELECT * FROM captures WHERE id = ?').get(captureId);
    const raw = this.db.prepare('SELECT * FROM frames WHERE capture_id = ? AND position = ?').get(captureId, position);
    if (capture === undefined || raw === undefined) return undefined;
    const row = parseRow(captureRowSchema, capture, 'captures');
    return parseRow(frameSchema, this.frameFields(parseRow(frameRowSchema, raw, 'frames'), row), 'frames');
  }

  /** What the contract's capture has beside cameras and frames. */
  private fields(row: CaptureRow): { [K in keyof z.input<typeof overviewFields>]: unknown } {
    return {
      name: row.name,
      sourcePath: relocated(row.source_path, row.moved_from, row.moved_to),
      imagesPath: relocated(row.images_path, row.moved_from, row.moved_to),
      format: row.format,
      fingerprint: row.fingerprint,
      points: fromJson(row.points_json),
      cameraSpan: fromJson(row.camera_span_json),
      bounds: fromJson(row.bounds_json),
      warnings: fromJson(row.warnings_json),
      warningCounts: fromJson(row.warning_counts_json),
    };
  }

  private frameFields(frame: z.infer<typeof frameRowSchema>, capture: CaptureRow): object {
    const maskPath = this.join(frame.mask_artifact, frame.mask_path, capture);
    return {
      id: frame.frame_id,
      name: frame.name,
      imagePath: this.join(frame.image_artifact, frame.image_path, capture),
      cameraId: frame.camera_id,
      cameraFromWorld: {
        quaternion: [frame.qw, frame.qx, frame.qy, frame.qz],
        translation: [frame.tx, frame.ty, frame.tz],
      },
      width: frame.width,
      height: frame.height,
      role: frame.role,
      ...(frame.timestamp_seconds !== null && { timestampSeconds: frame.timestamp_seconds }),
      ...(maskPath !== undefined && { maskPath }),
    };
  }

  /** A path inside the artifact store is kept by name, so that the project can move. */
  private split(path: string | undefined): { artifact: string | null; path: string | null } {
    if (path === undefined) return { artifact: null, path: null };
    const inside = relative(this.artifacts.folder, path);
    if (inside.startsWith('..') || isAbsolute(inside)) return { artifact: null, path };
    const name = parseArtifactName(inside.split(sep).at(-1) ?? '');
    if (join(this.artifacts.folder, inside) !== this.artifacts.path(name)) {
      throw new LiftscopeError({
        code: 'internal',
        message: `${path} lies inside the artifact store but is no artifact.`,
      });
    }
    return { artifact: name, path: null };
  }

  private join(artifact: string | null, path: string | null, capture: CaptureRow): string | undefined {
    if (artifact !== null) return this.artifacts.path(parseArtifactName(artifact));
    return path === null ? undefined : relocated(path, capture.moved_from, capture.moved_to);
  }
}

/** Bytes of a file as it is now; null where there is none to ask. */
function sizeOf(path: string | null): number | null {
  if (path === null) return null;
  try {
    return statSync(path).size;
  } catch {
    return null;
  }
}
