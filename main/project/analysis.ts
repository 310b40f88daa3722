/** Mask sets, fields, queries with their maps, and the models that made them: results, which undo does not cover. */
import type Database from 'better-sqlite3';
import { z } from 'zod';
import { LiftscopeError, type MaskSetInfo, maskSetInfoSchema, type QueryRecord } from '../../contract/index.ts';
import { type ArtifactName, parseArtifactName } from './artifacts.ts';
import * as rows from './record-rows.ts';
import { fromJson, parseRow } from './rows.ts';
import { bumpRevision } from './sqlite-records.ts';

const artifactColumn = z.string().transform((name): ArtifactName => parseArtifactName(name));
const optionsSchema = z.record(z.string(), z.json());

const maskSetRowSchema = z.object({
  id: z.int(),
  captureId: z.int(),
  info: z.preprocess(fromJson, maskSetInfoSchema),
  artifact: artifactColumn,
  frames: z.int(),
  jobId: z.int().nullable(),
  createdAt: z.int(),
});
export type MaskSetRow = z.infer<typeof maskSetRowSchema>;

const SELECT_MASK_SET = `SELECT id, capture_id AS captureId, info_json AS info, artifact, frames, job_id AS jobId,
  created_at AS createdAt FROM mask_sets`;

/** Sets of masks by name, each a `.masks` artifact. */
export class MaskSetTable {
  private readonly db: Database.Database;

  constructor(db: Database.Database) {
    this.db = db;
  }

  /**
   * Replaces the set of that name. A set of a person's gives way only to another of a person's.
   * @throws LiftscopeError `bad-input`
   */
  add(set: {
    captureId: number;
    info: MaskSetInfo;
    artifact: ArtifactName;
    frames: number;
    jobId: number | null;
  }): MaskSetRow {
    const info = maskSetInfoSchema.parse(set.info);
    return this.db
      .transaction((): MaskSetRow => {
        const before = this.get(set.captureId, info.name);
        if (before?.info.provenance.kind === 'human' && info.provenance.kind !== 'human') {
          throw new LiftscopeError({
            code: 'bad-input',
            message: `The masks "${info.name}" were made by a person and are not replaced by a job's.`,
            hint: 'Choose another name for the new ones.',
          });
        }
        const row = this.db
          .prepare(
            `INSERT INTO mask_sets (capture_id, name, info_json, artifact, frames, job_id, created_at)
             VALUES (@captureId, @name, @info, @artifact, @frames, @jobId, @createdAt)
             ON CONFLICT (capture_id, name) DO UPDATE SET info_json = excluded.info_json, artifact = excluded.artifact,
               frames = excluded.frames, job_id = excluded.job_id, created_at = excluded.created_at RETURNING id`,
          )
          .pluck()
          .get({ ...set, info: JSON.stringify(info), name: info.name, createdAt: Date.now() });
        bumpRevision(this.db);
        return parseRow(maskSetRowSchema, this.db.prepare(`${SELECT_MASK_SET} WHERE id = ?`).get(row), 'mask_sets');
      })
      .immediate();
  }

  get(captureId: number, name: string): MaskSetRow | undefined {
    const row = this.db.prepare(`${SELECT_MASK_SET} WHERE capture_id = ? AND name = ?`).get(captureId, name);
    return row === undefined ? undefined : parseRow(maskSetRowSchema, row, 'mask_sets');
  }

  /** In the order they were first made. */
  list(captureId: number): MaskSetRow[] {
    return this.db
      .prepare(`${SELECT_MASK_SET} WHERE capture_id = ? ORDER BY id`)
      .all(captureId)
      .map((row) => parseRow(maskSetRowSchema, row, 'mask_sets'));
  }
}

const fieldKindSchema = z.enum(['instance', 'semantic', 'language', 'distilled']);
const fieldRowSchema = z.object({
  id: z.int(),
  splatsId: z.int(),
  jobId: z.int().nullable(),
  kind: fieldKindSchema,
  recipe: z.string(),
  /** Values per Gaussian. */
  dimensions: z.int(),
  artifact: artifactColumn,
  options: z.preprocess(fromJson, optionsSchema),
  createdAt: z.int(),
});
/** A trained field on a set of Gaussians. */
export type FieldRow = z.infer<typeof fieldRowSchema>;

const SELECT_FIELD = `SELECT id, splats_id AS splatsId, job_id AS jobId, kind, recipe, dimensions, artifact,
  options_json AS options, created_at AS createdAt FROM fields`;

export class FieldTable {
  private readonly db: Database.Database;

  constructor(db: Database.Database) {
    this.db = db;
  }

  add(field: Omit<FieldRow, 'id' | 'createdAt'>): FieldRow {
    const { lastInsertRowid } = this.db
      .prepare(
        `INSERT INTO fields (splats_id, job_id, kind, recipe, dimensions, artifact, options_json, created_at)
         VALUES (@splatsId, @jobId, @kind, @recipe, @dimensions, @artifact, @options, @createdAt)`,
      )
      .run({ ...field, options: JSON.stringify(field.options), createdAt: Date.now() });
    return parseRow(fieldRowSchema, this.db.prepare(`${SELECT_FIELD} WHERE id = ?`).get(lastInsertRowid), 'fields');
  }

  /** Newest first. */
  list(splatsId: number, kind?: FieldRow['kind']): FieldRow[] {
    return this.db
      .prepare(`${SELECT_FIELD} WHERE splats_id = ? AND kind = coalesce(?, kind) ORDER BY id DESC`)
      .all(splatsId, kind ?? null)
      .map((row) => parseRow(fieldRowSchema, row, 'fields'));
  }
}

/** A text query; those not saved are the history. */
export type QueryRow = Omit<QueryRecord, 'type'>;

const mapRowSchema = z.object({
  fieldId: z.int(),
  position: z.int().nullable(),
  artifact: artifactColumn,
  answer: z.string().nullable(),
});
/** `answer`: JSON of what was answered, beside the values per Gaussian. */
export type RelevancyMapRow = z.infer<typeof mapRowSchema>;

/** What was asked. Saving and removing are a person's edits, with undo (`EditHistory`); asking is not. */
export class QueryTable {
  private readonly db: Database.Database;

  constructor(db: Database.Database) {
    this.db = db;
  }

  /** Ids are never given twice. */
  add(query: Omit<QueryRow, 'id' | 'createdAt'>): QueryRow {
    const next = this.db.prepare("UPDATE record_ids SET next_id = next_id + 1 WHERE kind = 'query' RETURNING next_id");
    return this.db
      .transaction((): QueryRow => {
        const id = parseRow(z.int(), next.pluck().get(), 'record_ids') - 1;
        const record: QueryRecord = { type: 'query', ...query, id, createdAt: Date.now() };
        this.db.prepare(rows.PUT_QUERY).run(rows.queryValues(record));
        return withoutType(record);
      })
      .immediate();
  }

  get(id: number): QueryRow | undefined {
    const row = this.db.prepare(`${rows.SELECT_QUERY} WHERE id = ?`).get(id);
    return row === undefined ? undefined : withoutType(rows.query(row));
  }

  /** Replaces what the query was, without undo. */
  put(query: QueryRow): void {
    this.db.prepare(rows.PUT_QUERY).run(rows.queryValues({ type: 'query', ...query }));
  }

  /** Newest first. */
  list(captureId: number, limit: number): QueryRow[] {
    return this.db
      .prepare(`${rows.SELECT_QUERY} WHERE capture_id = ? ORDER BY id DESC LIMIT ?`)
      .all(captureId, limit)
      .map((row) => withoutType(rows.query(row)));
  }

  /** Drops what is beyond the newest `keep` of those that are not saved, and of the saved ones nothing. */
  prune(captureId: number, keep: number): void {
    this.db
      .prepare(
        `DELETE FROM queries WHERE capture_id = @captureId AND saved = 0 AND id NOT IN
         (SELECT id FROM queries WHERE capture_id = @captureId AND saved = 0 ORDER BY id DESC LIMIT @keep)`,
      )
      .run({ captureId, keep });
  }

  /** With its maps, without undo. */
  remove(id: number): void {
    this.db.prepare('DELETE FROM queries WHERE id = ?').run(id);
  }

  /** @param map.position null: values per Gaussian instead of a frame's map */
  putMap(queryId: number, map: RelevancyMapRow): void {
    this.db
      .prepare(
        `INSERT INTO relevancy_maps (query_id, field_id, position, artifact, answer_json, created_at)
         VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (query_id, field_id, coalesce(position, -1)) DO UPDATE SET artifact = excluded.artifact,
           answer_json = excluded.answer_json, created_at = excluded.created_at`,
      )
      .run(queryId, map.fieldId, map.position, map.artifact, map.answer, Date.now());
  }

  /** Whether some query has this file as a map. */
  hasMap(artifact: ArtifactName): boolean {
    return this.db.prepare('SELECT 1 FROM relevancy_maps WHERE artifact = ? LIMIT 1').get(artifact) !== undefined;
  }

  maps(queryId: number): RelevancyMapRow[] {
    return this.db
      .prepare(
        `SELECT field_id AS fieldId, position, artifact, answer_json AS answer FROM relevancy_maps WHERE query_id = ?
         ORDER BY field_id, position`,
      )
      .all(queryId)
      .map((row) => parseRow(mapRowSchema, row, 'relevancy_maps'));
  }
}

function withoutType({ type: _, ...row }: QueryRecord): QueryRow {
  return row;
}

const modelRowSchema = z.object({
  id: z.int(),
  name: z.string(),
  sha256: z.string(),
  licence: z.string(),
  manifest: z.preprocess(fromJson, optionsSchema),
});
/** A pretrained model that made something in this project. */
export type ModelRow = z.infer<typeof modelRowSchema>;

export class ModelTable {
  private readonly db: Database.Database;

  constructor(db: Database.Database) {
    this.db = db;
  }

  /** Returns the id; a model that is known already keeps its own. */
  use(model: Omit<ModelRow, 'id'>): number {
    const id = this.db
      .prepare(
        `INSERT INTO models (name, sha256, licence, manifest_json, first_used_at)
         VALUES (@name, @sha256, @licence, @manifest, @now) ON CONFLICT (sha256) DO UPDATE SET name = name RETURNING id`,
      )
      .pluck()
      .get({ ...model, manifest: JSON.stringify(model.manifest), now: Date.now() });
    return parseRow(z.int(), id, 'models');
  }

  list(): ModelRow[] {
    return this.db
      .prepare('SELECT id, name, sha256, licence, manifest_json AS manifest FROM models ORDER BY id')
      .all()
      .map((row) => parseRow(modelRowSchema, row, 'models'));
  }
}
