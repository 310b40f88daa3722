/** Mask sets, fields, queries with their maps, and the models that made them: results, which undo does not cover. */
import type Database from 'better-sqlite3';
import { z } from 'zod';
import { LiftscopeError, type MaskSetInfo, maskSetInfoSchema } from '../../contract/index.ts';
import { type ArtifactName, parseArtifactName } from './artifacts.ts';
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

const queryRowSchema = z.object({
  id: z.int(),
  captureId: z.int(),
  text: z.string(),
  negatives: z.preprocess(fromJson, z.array(z.string())),
  threshold: z.number(),
  saved: z.int().transform((value) => value === 1),
  createdAt: z.int(),
});
/** A text query; those not saved are the history. */
export type QueryRow = z.infer<typeof queryRowSchema>;

const SELECT_QUERY = `SELECT id, capture_id AS captureId, text, negatives_json AS negatives, threshold, saved,
  created_at AS createdAt FROM queries`;

const mapRowSchema = z.object({ fieldId: z.int(), position: z.int().nullable(), artifact: artifactColumn });
export type RelevancyMapRow = z.infer<typeof mapRowSchema>;

export class QueryTable {
  private readonly db: Database.Database;

  constructor(db: Database.Database) {
    this.db = db;
  }

  add(query: Omit<QueryRow, 'id' | 'createdAt'>): QueryRow {
    const { lastInsertRowid } = this.db
      .prepare(
        `INSERT INTO queries (capture_id, text, negatives_json, threshold, saved, created_at)
         VALUES (@captureId, @text, @negatives, @threshold, @saved, @createdAt)`,
      )
      .run({
        ...query,
        negatives: JSON.stringify(query.negatives),
        saved: Number(query.saved),
        createdAt: Date.now(),
      });
    return parseRow(queryRowSchema, this.db.prepare(`${SELECT_QUERY} WHERE id = ?`).get(lastInsertRowid), 'queries');
  }

  /** Newest first. */
  list(captureId: number, limit: number): QueryRow[] {
    return this.db
      .prepare(`${SELECT_QUERY} WHERE capture_id = ? ORDER BY id DESC LIMIT ?`)
      .all(captureId, limit)
      .map((row) => parseRow(queryRowSchema, row, 'queries'));
  }

  setSaved(id: number, saved: boolean): void {
    this.db.prepare('UPDATE queries SET saved = ? WHERE id = ?').run(Number(saved), id);
  }

  /** With its maps. */
  remove(id: number): void {
    this.db.prepare('DELETE FROM queries WHERE id = ?').run(id);
  }

  /** @param position null: values per Gaussian instead of a frame's map */
  putMap(queryId: number, map: RelevancyMapRow): void {
    this.db
      .prepare(
        `INSERT INTO relevancy_maps (query_id, field_id, position, artifact, created_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (query_id, field_id, coalesce(position, -1)) DO UPDATE SET artifact = excluded.artifact,
           created_at = excluded.created_at`,
      )
      .run(queryId, map.fieldId, map.position, map.artifact, Date.now());
  }

  maps(queryId: number): RelevancyMapRow[] {
    return this.db
      .prepare(
        `SELECT field_id AS fieldId, position, artifact FROM relevancy_maps WHERE query_id = ?
         ORDER BY field_id, position`,
      )
      .all(queryId)
      .map((row) => parseRow(mapRowSchema, row, 'relevancy_maps'));
  }
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
