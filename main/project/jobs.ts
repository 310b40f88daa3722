import type Database from 'better-sqlite3';
import { z } from 'zod';
import { type Failure, failureSchema, type JobState, jobStateSchema, type OrderedEvent } from '../../contract/index.ts';
import { fromJson, parseRow } from './rows.ts';

const optionsSchema = z.record(z.string(), z.json());
/** What the user chose for a job, as JSON. */
export type JobOptions = z.infer<typeof optionsSchema>;

const jobRowSchema = z.object({
  id: z.number().int(),
  kind: z.string(),
  captureId: z.number().int().nullable(),
  state: jobStateSchema,
  options: z.preprocess(fromJson, optionsSchema),
  failure: z.preprocess((text) => (text === null ? null : fromJson(text)), failureSchema.nullable()),
  checkpointDir: z.string().nullable(),
  resumedFrom: z.number().int().nullable(),
  workerPid: z.number().int().nullable(),
  createdAt: z.number().int(),
  startedAt: z.number().int().nullable(),
  finishedAt: z.number().int().nullable(),
});
export type JobRow = z.infer<typeof jobRowSchema>;

const eventRowSchema = z.object({
  sequence: z.number().int(),
  type: z.string(),
  event: z.preprocess(fromJson, z.json()),
});
export type JobEventRow = z.infer<typeof eventRowSchema>;

const SELECT = `SELECT id, kind, capture_id AS captureId, state, options_json AS options, failure_json AS failure,
  checkpoint_dir AS checkpointDir, resumed_from AS resumedFrom, worker_pid AS workerPid, created_at AS createdAt,
  started_at AS startedAt, finished_at AS finishedAt FROM jobs`;

const ENDED: readonly JobState[] = ['finished', 'failed', 'cancelled'];

export class JobTable {
  private readonly db: Database.Database;

  constructor(db: Database.Database) {
    this.db = db;
  }

  create(job: {
    kind: string;
    captureId: number | null;
    options: JobOptions;
    checkpointDir: string | null;
    resumedFrom: number | null;
  }): JobRow {
    const { lastInsertRowid } = this.db
      .prepare(
        `INSERT INTO jobs (kind, capture_id, state, options_json, checkpoint_dir, resumed_from, created_at)
         VALUES (@kind, @captureId, 'queued', @options, @checkpointDir, @resumedFrom, @now)`,
      )
      .run({ ...job, options: JSON.stringify(job.options), now: Date.now() });
    return this.get(Number(lastInsertRowid));
  }

  get(id: number): JobRow {
    return parseRow(jobRowSchema, this.db.prepare(`${SELECT} WHERE id = ?`).get(id), 'jobs');
  }

  /** Newest first. */
  list(kind: string, captureId: number): JobRow[] {
    return this.db
      .prepare(`${SELECT} WHERE kind = ? AND capture_id = ? ORDER BY id DESC`)
      .all(kind, captureId)
      .map((row) => parseRow(jobRowSchema, row, 'jobs'));
  }

  /** Jobs that no process ended properly. Whoever holds the project's lock may end them. */
  unfinished(): JobRow[] {
    return this.db
      .prepare(`${SELECT} WHERE state IN ('queued', 'running', 'cancelling') ORDER BY id`)
      .all()
      .map((row) => parseRow(jobRowSchema, row, 'jobs'));
  }

  started(id: number, workerPid: number): void {
    this.db
      .prepare("UPDATE jobs SET state = 'running', worker_pid = ?, started_at = ? WHERE id = ?")
      .run(workerPid, Date.now(), id);
  }

  setCheckpointDir(id: number, checkpointDir: string | null): void {
    this.db.prepare('UPDATE jobs SET checkpoint_dir = ? WHERE id = ?').run(checkpointDir, id);
  }

  cancelling(id: number): void {
    this.db.prepare("UPDATE jobs SET state = 'cancelling' WHERE id = ? AND state IN ('queued', 'running')").run(id);
  }

  finished(id: number, result: z.core.util.JSONType): void {
    this.end(id, 'finished', JSON.stringify(result), null);
  }

  failed(id: number, failure: Failure): void {
    this.end(id, failure.code === 'cancelled' ? 'cancelled' : 'failed', null, JSON.stringify(failure));
  }

  /** A job ends once: a later ending changes nothing. */
  private end(id: number, state: JobState, result: string | null, failure: string | null): void {
    this.db
      .prepare(
        `UPDATE jobs SET state = ?, result_json = ?, failure_json = ?, finished_at = ?
         WHERE id = ? AND state NOT IN (${ENDED.map((name) => `'${name}'`).join(', ')})`,
      )
      .run(state, result, failure, Date.now(), id);
  }

  result<T extends z.ZodType>(id: number, schema: T): z.infer<T> | undefined {
    const text = this.db.prepare('SELECT result_json FROM jobs WHERE id = ?').pluck().get(id);
    return typeof text === 'string' ? parseRow(schema, fromJson(text), 'jobs') : undefined;
  }

  /** Events are numbered from 0 within a job; every one is committed before this returns. */
  appendEvent(id: number, event: OrderedEvent): void {
    this.db
      .prepare(
        `INSERT INTO job_events (job_id, sequence, at, type, event_json)
         VALUES (@id, (SELECT coalesce(max(sequence) + 1, 0) FROM job_events WHERE job_id = @id), @at, @type, @json)`,
      )
      .run({ id, at: Date.now(), type: event.type, json: JSON.stringify(event) });
  }

  events(id: number): JobEventRow[] {
    return this.db
      .prepare('SELECT sequence, type, event_json AS event FROM job_events WHERE job_id = ? ORDER BY sequence')
      .all(id)
      .map((row) => parseRow(eventRowSchema, row, 'job_events'));
  }
}
