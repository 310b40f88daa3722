import type Database from 'better-sqlite3';
import { z } from 'zod';
import {
  type Failure,
  failureSchema,
  type JobLogLine,
  type JobState,
  jobLogLineSchema,
  jobStateSchema,
  type OrderedEvent,
} from '../../contract/index.ts';
import { fromJson, parseRow } from './rows.ts';

const optionsSchema = z.record(z.string(), z.json());
/** What the user chose for a job, as JSON. */
export type JobOptions = z.infer<typeof optionsSchema>;

const jobRowSchema = z.object({
  id: z.number().int(),
  kind: z.string(),
  captureId: z.number().int().nullable(),
  /** Null without a capture. */
  captureName: z.string().nullable(),
  state: jobStateSchema,
  /** Higher runs first. Null: not of the studio's queue, a command ran it. */
  priority: z.number().int().nullable(),
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

const SELECT = `SELECT jobs.id, kind, capture_id AS captureId, captures.name AS captureName, state,
  iif(in_queue = 1, priority, NULL) AS priority,
  jobs.options_json AS options, failure_json AS failure, checkpoint_dir AS checkpointDir, resumed_from AS resumedFrom,
  worker_pid AS workerPid, created_at AS createdAt, started_at AS startedAt, finished_at AS finishedAt
  FROM jobs LEFT JOIN captures ON captures.id = capture_id`;

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
    /** Of the studio's queue; absent for a job that a command runs. */
    priority?: number;
  }): JobRow {
    const { lastInsertRowid } = this.db
      .prepare(
        `INSERT INTO jobs (kind, capture_id, state, options_json, checkpoint_dir, resumed_from, priority, in_queue,
           created_at)
         VALUES (@kind, @captureId, 'queued', @options, @checkpointDir, @resumedFrom, @priority, @inQueue, @now)`,
      )
      .run({
        ...job,
        priority: job.priority ?? 0,
        inQueue: job.priority === undefined ? 0 : 1,
        options: JSON.stringify(job.options),
        now: Date.now(),
      });
    return this.get(Number(lastInsertRowid));
  }

  get(id: number): JobRow {
    return parseRow(jobRowSchema, this.db.prepare(`${SELECT} WHERE jobs.id = ?`).get(id), 'jobs');
  }

  /** Undefined also for a job that was taken off the list. */
  find(id: number): JobRow | undefined {
    return this.select('jobs.id = ? AND removed_at IS NULL', id)[0];
  }

  /** Newest first. */
  list(kind: string, captureId: number): JobRow[] {
    return this.select('kind = ? AND capture_id = ? ORDER BY jobs.id DESC', kind, captureId);
  }

  /** What was not taken off the list, newest first. */
  listed(limit: number): JobRow[] {
    return this.select('removed_at IS NULL ORDER BY jobs.id DESC LIMIT ?', limit);
  }

  /** Waiting jobs of the studio's queue in the order in which they run. */
  waiting(): JobRow[] {
    return this.select("state = 'queued' AND in_queue = 1 ORDER BY jobs.priority DESC, jobs.id");
  }

  /** Jobs that share a checkpoint folder, oldest first: each continued the one before it. */
  sharing(checkpointDir: string): JobRow[] {
    return this.select('checkpoint_dir = ? ORDER BY jobs.id', checkpointDir);
  }

  private select(where: string, ...values: readonly (string | number)[]): JobRow[] {
    return this.db
      .prepare(`${SELECT} WHERE ${where}`)
      .all(...values)
      .map((row) => parseRow(jobRowSchema, row, 'jobs'));
  }

  /** Jobs that no process ended properly. Whoever holds the project's lock may end them. */
  unfinished(): JobRow[] {
    return this.select("state IN ('queued', 'running', 'cancelling') ORDER BY jobs.id");
  }

  /** Also for a worker that follows one that crashed. A job without a worker of its own has no process id. */
  started(id: number, workerPid: number | null): void {
    this.db
      .prepare(
        `UPDATE jobs SET state = CASE state WHEN 'queued' THEN 'running' ELSE state END, worker_pid = ?,
           started_at = coalesce(started_at, ?) WHERE id = ?`,
      )
      .run(workerPid, Date.now(), id);
  }

  /** Only a waiting job has a place in the queue. @returns false when it waits no longer */
  setPriority(id: number, priority: number): boolean {
    const update = this.db.prepare("UPDATE jobs SET priority = ? WHERE id = ? AND state = 'queued'");
    return update.run(priority, id).changes > 0;
  }

  /** Takes an ended job off the list, with its events and its log; splats and metrics still name it. */
  remove(id: number): void {
    this.db.transaction(() => {
      this.db.prepare('UPDATE jobs SET removed_at = ?, checkpoint_dir = NULL WHERE id = ?').run(Date.now(), id);
      this.db.prepare('DELETE FROM job_events WHERE job_id = ?').run(id);
      this.db.prepare('DELETE FROM job_log WHERE job_id = ?').run(id);
    })();
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

  /** The first event of one type: `started` says on what a job ran. */
  firstEvent(id: number, type: OrderedEvent['type']): JobEventRow | undefined {
    const row = this.db
      .prepare(
        `SELECT sequence, type, event_json AS event FROM job_events WHERE job_id = ? AND type = ?
         ORDER BY sequence LIMIT 1`,
      )
      .get(id, type);
    return row === undefined ? undefined : parseRow(eventRowSchema, row, 'job_events');
  }

  /** Appends to what a person reads about a job and drops the oldest beyond `keep` lines. */
  appendLog(id: number, lines: readonly JobLogLine[], keep: number): void {
    const insert = this.db.prepare(
      `INSERT INTO job_log (job_id, sequence, at, level, text)
       VALUES (@id, (SELECT coalesce(max(sequence) + 1, 0) FROM job_log WHERE job_id = @id), @at, @level, @text)`,
    );
    this.db.transaction(() => {
      for (const line of lines) insert.run({ id, ...line });
      this.db
        .prepare(
          `DELETE FROM job_log WHERE job_id = @id
             AND sequence <= (SELECT max(sequence) FROM job_log WHERE job_id = @id) - @keep`,
        )
        .run({ id, keep });
    })();
  }

  /** Oldest first. */
  log(id: number): JobLogLine[] {
    return this.db
      .prepare('SELECT at, level, text FROM job_log WHERE job_id = ? ORDER BY sequence')
      .all(id)
      .map((row) => parseRow(jobLogLineSchema, row, 'job_log'));
  }

  /** The newest splats that a job made. */
  splatsOf(id: number): number | undefined {
    const splats = this.db.prepare('SELECT max(id) FROM splats WHERE job_id = ?').pluck().get(id);
    return typeof splats === 'number' ? splats : undefined;
  }

  /** The job that was queued to continue this one, unless it was taken off the list. */
  successorOf(id: number): number | undefined {
    const next = this.db
      .prepare('SELECT max(id) FROM jobs WHERE resumed_from = ? AND removed_at IS NULL')
      .pluck()
      .get(id);
    return typeof next === 'number' ? next : undefined;
  }
}
