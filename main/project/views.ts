/** Reading records, by kind. */
import type Database from 'better-sqlite3';
import { z } from 'zod';
import {
  type MaskRecord,
  type ObjectRecord,
  type ObservationColumns,
  type ObservationRecord,
  type TrackRecord,
  type Vector3,
  vector3Schema,
} from '../../contract/index.ts';
import type { RecordStore } from './records.ts';
import { parseRow } from './rows.ts';
import { bumpRevision } from './sqlite-records.ts';

const countSchema = z.int().min(0);

function countOf(db: Database.Database, table: 'objects' | 'observations'): number {
  return parseRow(countSchema, db.prepare(`SELECT count(*) FROM ${table}`).pluck().get(), table);
}

const spanSchema = z.object({
  objectId: z.int(),
  frames: z.int(),
  firstFrame: z.int(),
  lastFrame: z.int(),
});
/** Where an object has observations, whatever their state. */
export type ObjectSpan = z.infer<typeof spanSchema>;

const geometryRowSchema = z.object({
  objectId: z.int(),
  x: z.number(),
  y: z.number(),
  z: z.number(),
  gaussians: z.int().nullable(),
  confidence: z.number().nullable(),
});

/** What lifting knows of an object in 3D. */
export interface ObjectGeometry {
  readonly objectId: number;
  /** World coordinates. */
  readonly centroid: Vector3;
  readonly gaussians: number | null;
  /** 0 to 1. */
  readonly confidence: number | null;
}
const confidenceSchema = z.number().min(0).max(1).nullable();

export class ObjectView {
  private readonly store: RecordStore;
  private readonly db: Database.Database;

  constructor(store: RecordStore, db: Database.Database) {
    this.store = store;
    this.db = db;
  }

  /** By id: positions in this list are what {@link ObservationColumns.object} holds. */
  list(captureId: number): ObjectRecord[] {
    return this.store.objects(captureId);
  }

  get(id: number): ObjectRecord | undefined {
    const record = this.store.get(`object:${id}`);
    return record?.type === 'object' ? record : undefined;
  }

  count(): number {
    return countOf(this.db, 'objects');
  }

  /** Objects with at least one observation, by id. Goes through all observations of the capture. */
  spans(captureId: number): ObjectSpan[] {
    return this.db
      .prepare(
        `SELECT object_id AS objectId, count(DISTINCT position) AS frames, min(position) AS firstFrame,
           max(position) AS lastFrame
         FROM tracks JOIN observations ON track_id = tracks.id
         WHERE tracks.capture_id = ? AND object_id IS NOT NULL GROUP BY object_id ORDER BY object_id`,
      )
      .all(captureId)
      .map((row) => parseRow(spanSchema, row, 'observations'));
  }

  /** Replaces what is known of these objects. Edits and undo do not touch it. */
  setGeometry(rows: readonly ObjectGeometry[], jobId: number | null): void {
    const put = this.db.prepare(
      `INSERT INTO object_geometry (object_id, job_id, x, y, z, gaussians, confidence) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (object_id) DO UPDATE SET job_id = excluded.job_id, x = excluded.x, y = excluded.y, z = excluded.z,
         gaussians = excluded.gaussians, confidence = excluded.confidence`,
    );
    this.db.transaction(() => {
      for (const { objectId, centroid, gaussians, confidence } of rows) {
        const at = vector3Schema.parse(centroid);
        put.run(objectId, jobId, ...at, gaussians, confidenceSchema.parse(confidence));
      }
      bumpRevision(this.db);
    })();
  }

  geometry(captureId: number): ObjectGeometry[] {
    return this.db
      .prepare(
        `SELECT object_id AS objectId, x, y, z, gaussians, confidence
         FROM object_geometry JOIN objects ON objects.id = object_id WHERE capture_id = ? ORDER BY object_id`,
      )
      .all(captureId)
      .map((row) => parseRow(geometryRowSchema, row, 'object_geometry'))
      .map(({ objectId, x, y, z: depth, gaussians, confidence }): ObjectGeometry => {
        return { objectId, centroid: [x, y, depth], gaussians, confidence };
      });
  }
}

export class TrackView {
  private readonly store: RecordStore;

  constructor(store: RecordStore) {
    this.store = store;
  }

  list(captureId: number): TrackRecord[] {
    return this.store.tracks(captureId);
  }

  get(id: number): TrackRecord | undefined {
    const record = this.store.get(`track:${id}`);
    return record?.type === 'track' ? record : undefined;
  }

  ofObject(objectId: number): TrackRecord[] {
    return this.store.tracksOfObject(objectId);
  }
}

export class MaskView {
  private readonly store: RecordStore;

  constructor(store: RecordStore) {
    this.store = store;
  }

  get(id: number): MaskRecord | undefined {
    const record = this.store.get(`mask:${id}`);
    return record?.type === 'mask' ? record : undefined;
  }

  ofFrame(captureId: number, position: number): MaskRecord[] {
    return this.store.masksOfFrame(captureId, position);
  }
}

export class ObservationView {
  private readonly store: RecordStore;
  private readonly db: Database.Database;

  constructor(store: RecordStore, db: Database.Database) {
    this.store = store;
    this.db = db;
  }

  count(): number {
    return countOf(this.db, 'observations');
  }

  /** All of a capture's objects, for the timeline. */
  columns(captureId: number): ObservationColumns {
    return this.store.columns(captureId);
  }

  /** One frame, by track; tracks of no object are among them. */
  ofFrame(captureId: number, position: number): ObservationRecord[] {
    return this.store.observationsOfFrame(captureId, position);
  }

  /** One lane, by frame. */
  ofObject(objectId: number): ObservationRecord[] {
    return this.store.observationsOfObject(objectId);
  }

  ofTrack(trackId: number): ObservationRecord[] {
    return this.store.observationsOfTrack(trackId);
  }
}
