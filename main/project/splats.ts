import type Database from 'better-sqlite3';
import { z } from 'zod';
import type { FrameQuality } from '../../contract/index.ts';
import { type ArtifactName, parseArtifactName } from './artifacts.ts';
import { parseRow } from './rows.ts';
import { bumpRevision } from './sqlite-records.ts';

const splatsRowSchema = z.object({
  id: z.number().int(),
  captureId: z.number().int().nullable(),
  jobId: z.number().int().nullable(),
  artifact: z.string().transform((name) => parseArtifactName(name)),
  gaussians: z.number().int(),
  shDegree: z.number().int(),
  createdAt: z.number().int(),
});
/** A trained or imported set of Gaussians. */
export type SplatsRow = z.infer<typeof splatsRowSchema>;

const metricRowSchema = z.object({
  name: z.string(),
  frameName: z.string().nullable(),
  iteration: z.number().int().nullable(),
  value: z.number(),
});
export type MetricRow = z.infer<typeof metricRowSchema>;

/** Means and per-frame values as an evaluation reports them; null means nothing was held out. */
export interface Quality {
  readonly psnr: number | null;
  readonly ssim: number | null;
  readonly perFrame: readonly FrameQuality[];
}

const SELECT = `SELECT id, capture_id AS captureId, job_id AS jobId, artifact, gaussians, sh_degree AS shDegree,
  created_at AS createdAt FROM splats`;

export class SplatsTable {
  private readonly db: Database.Database;

  constructor(db: Database.Database) {
    this.db = db;
  }

  add(row: {
    captureId: number | null;
    jobId: number | null;
    artifact: ArtifactName;
    gaussians: number;
    shDegree: number;
  }): SplatsRow {
    const { lastInsertRowid } = this.db
      .prepare(
        `INSERT INTO splats (capture_id, job_id, artifact, gaussians, sh_degree, created_at)
         VALUES (@captureId, @jobId, @artifact, @gaussians, @shDegree, @createdAt)`,
      )
      .run({ ...row, createdAt: Date.now() });
    bumpRevision(this.db);
    return parseRow(splatsRowSchema, this.db.prepare(`${SELECT} WHERE id = ?`).get(lastInsertRowid), 'splats');
  }

  get(id: number): SplatsRow | undefined {
    const row = this.db.prepare(`${SELECT} WHERE id = ?`).get(id);
    return row === undefined ? undefined : parseRow(splatsRowSchema, row, 'splats');
  }

  /** Newest first, of one capture or of all. */
  list(captureId?: number): SplatsRow[] {
    const rows =
      captureId === undefined
        ? this.db.prepare(`${SELECT} ORDER BY id DESC`).all()
        : this.db.prepare(`${SELECT} WHERE capture_id = ? ORDER BY id DESC`).all(captureId);
    return rows.map((row) => parseRow(splatsRowSchema, row, 'splats'));
  }

  /** The splats made last, of one capture or of any. */
  latest(captureId?: number): SplatsRow | undefined {
    const row =
      captureId === undefined
        ? this.db.prepare(`${SELECT} ORDER BY id DESC LIMIT 1`).get()
        : this.db.prepare(`${SELECT} WHERE capture_id = ? ORDER BY id DESC LIMIT 1`).get(captureId);
    return row === undefined ? undefined : parseRow(splatsRowSchema, row, 'splats');
  }

  /** Replaces what was known about `splatsId` at this iteration. PSNR of two equal images is infinite and not stored. */
  recordQuality(splatsId: number, jobId: number | null, iteration: number | null, quality: Quality): void {
    const insert = this.db.prepare(
      `INSERT INTO metrics (splats_id, job_id, name, frame_name, iteration, value, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    const now = Date.now();
    this.db.transaction(() => {
      this.db.prepare('DELETE FROM metrics WHERE splats_id = ? AND iteration IS ?').run(splatsId, iteration);
      const put = (name: string, frame: string | null, value: number | null): void => {
        if (value !== null && Number.isFinite(value)) insert.run(splatsId, jobId, name, frame, iteration, value, now);
      };
      put('psnr', null, quality.psnr);
      put('ssim', null, quality.ssim);
      for (const frame of quality.perFrame) {
        put('psnr', frame.name, frame.psnr);
        put('ssim', frame.name, frame.ssim);
      }
      bumpRevision(this.db);
    })();
  }

  metrics(splatsId: number): MetricRow[] {
    return this.db
      .prepare(
        `SELECT name, frame_name AS frameName, iteration, value FROM metrics WHERE splats_id = ?
         ORDER BY iteration, name, frame_name`,
      )
      .all(splatsId)
      .map((row) => parseRow(metricRowSchema, row, 'metrics'));
  }
}
