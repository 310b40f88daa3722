/** Between rows of the database and records. */
import { z } from 'zod';
import {
  type MaskRecord,
  OBSERVATION_FLAGS,
  OBSERVATION_STATES,
  type ObjectRecord,
  type ObservationRecord,
  type Provenance,
  provenanceSchema,
  type QueryRecord,
  queryScaleSchema,
  type SettingRecord,
  type TrackRecord,
} from '../../contract/index.ts';
import type { StoredStep } from './records.ts';
import { fromJson, parseRow } from './rows.ts';

/** Code in the database: the position in this list. */
const PROVENANCES = provenanceSchema.options;

export function provenanceCode(provenance: Provenance): number {
  return PROVENANCES.indexOf(provenance);
}

const provenanceColumn = z.int().transform((code, context): Provenance => {
  const provenance = PROVENANCES[code];
  if (provenance !== undefined) return provenance;
  context.addIssue({ code: 'custom', message: `there is no provenance ${code}` });
  return z.NEVER;
});
const flagColumn = z.union([z.literal(0), z.literal(1)]).transform((value) => value === 1);

const objectRow = z.object({
  id: z.int(),
  capture_id: z.int(),
  name: z.string(),
  class_name: z.string().nullable(),
  colour_index: z.int().nullable(),
  colour_rgb: z.string().nullable(),
  hidden: flagColumn,
  locked: flagColumn,
  provenance: provenanceColumn,
});

export const SELECT_OBJECT = 'SELECT * FROM objects';
export const PUT_OBJECT = `INSERT INTO objects
  (id, capture_id, name, class_name, colour_index, colour_rgb, hidden, locked, provenance)
  VALUES (@id, @captureId, @name, @className, @colourIndex, @colourRgb, @hidden, @locked, @provenance)
  ON CONFLICT (id) DO UPDATE SET capture_id = excluded.capture_id, name = excluded.name,
    class_name = excluded.class_name, colour_index = excluded.colour_index, colour_rgb = excluded.colour_rgb,
    hidden = excluded.hidden, locked = excluded.locked, provenance = excluded.provenance`;

export function object(raw: unknown): ObjectRecord {
  const row = parseRow(objectRow, raw, 'objects');
  return {
    type: 'object',
    id: row.id,
    captureId: row.capture_id,
    name: row.name,
    className: row.class_name,
    colour: row.colour_index ?? row.colour_rgb ?? 0,
    hidden: row.hidden,
    locked: row.locked,
    provenance: row.provenance,
  };
}

export function objectValues(record: ObjectRecord): object {
  return {
    id: record.id,
    captureId: record.captureId,
    name: record.name,
    className: record.className,
    colourIndex: typeof record.colour === 'number' ? record.colour : null,
    colourRgb: typeof record.colour === 'string' ? record.colour : null,
    hidden: Number(record.hidden),
    locked: Number(record.locked),
    provenance: provenanceCode(record.provenance),
  };
}

const trackRow = z.object({
  id: z.int(),
  capture_id: z.int(),
  object_id: z.int().nullable(),
  source_id: z.string().nullable(),
  locked: flagColumn,
  provenance: provenanceColumn,
});

export const SELECT_TRACK = 'SELECT * FROM tracks';
export const PUT_TRACK = `INSERT INTO tracks (id, capture_id, object_id, source_id, locked, provenance)
  VALUES (@id, @captureId, @objectId, @sourceId, @locked, @provenance)
  ON CONFLICT (id) DO UPDATE SET capture_id = excluded.capture_id, object_id = excluded.object_id,
    source_id = excluded.source_id, locked = excluded.locked, provenance = excluded.provenance`;

export function track(raw: unknown): TrackRecord {
  const row = parseRow(trackRow, raw, 'tracks');
  return {
    type: 'track',
    id: row.id,
    captureId: row.capture_id,
    objectId: row.object_id,
    sourceId: row.source_id,
    locked: row.locked,
    provenance: row.provenance,
  };
}

export function trackValues(record: TrackRecord): object {
  const { type: _, locked, provenance, ...rest } = record;
  return { ...rest, locked: Number(locked), provenance: provenanceCode(provenance) };
}

const maskRow = z.object({
  id: z.int(),
  capture_id: z.int(),
  position: z.int(),
  width: z.int(),
  height: z.int(),
  rle: z.string().nullable(),
  artifact: z.string().nullable(),
  provenance: provenanceColumn,
});

export const SELECT_MASK = 'SELECT * FROM masks';
export const PUT_MASK = `INSERT INTO masks (id, capture_id, position, width, height, rle, artifact, provenance)
  VALUES (@id, @captureId, @position, @width, @height, @rle, @artifact, @provenance)
  ON CONFLICT (id) DO UPDATE SET capture_id = excluded.capture_id, position = excluded.position, width = excluded.width,
    height = excluded.height, rle = excluded.rle, artifact = excluded.artifact, provenance = excluded.provenance`;

export function mask(raw: unknown): MaskRecord {
  const { capture_id, ...row } = parseRow(maskRow, raw, 'masks');
  return { type: 'mask', captureId: capture_id, ...row };
}

export function maskValues(record: MaskRecord): object {
  const { type: _, provenance, ...rest } = record;
  return { ...rest, provenance: provenanceCode(provenance) };
}

const observationRow = z.object({
  track_id: z.int(),
  position: z.int(),
  state: z
    .int()
    .min(0)
    .max(OBSERVATION_STATES.length - 1),
  disagreement: z.number().nullable(),
  flags: z.int(),
  mask_id: z.int().nullable(),
  provenance: provenanceColumn,
});

export const SELECT_OBSERVATION =
  'SELECT track_id, position, state, disagreement, flags, mask_id, provenance FROM observations';
const INSERT_OBSERVATION = `INSERT INTO observations
  (track_id, position, capture_id, state, provenance, disagreement, flags, mask_id)`;
export const PUT_OBSERVATION = `${INSERT_OBSERVATION} VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (track_id, position) DO UPDATE SET state = excluded.state, provenance = excluded.provenance,
    disagreement = excluded.disagreement, flags = excluded.flags, mask_id = excluded.mask_id`;
/** As {@link PUT_OBSERVATION}, without a mask, and never over a person's. */
export const PUT_JOB_OBSERVATION = `${INSERT_OBSERVATION} VALUES (?, ?, ?, ?, ?, ?, ?, NULL)
  ON CONFLICT (track_id, position) DO UPDATE SET state = excluded.state, provenance = excluded.provenance,
    disagreement = excluded.disagreement, flags = excluded.flags, mask_id = NULL WHERE provenance <> 0`;

export function observation(raw: unknown): ObservationRecord {
  const row = parseRow(observationRow, raw, 'observations');
  return {
    type: 'observation',
    trackId: row.track_id,
    position: row.position,
    state: OBSERVATION_STATES[row.state]!,
    disagreement: row.disagreement,
    flags: row.flags,
    maskId: row.mask_id,
    provenance: row.provenance,
  };
}

export function observationValues(record: ObservationRecord, captureId: number): (number | null)[] {
  const state = OBSERVATION_STATES.indexOf(record.state);
  return [
    ...[record.trackId, record.position, captureId, state, provenanceCode(record.provenance)],
    ...[record.disagreement, record.flags, record.maskId],
  ];
}

/** Bits below the frame's position in a packed observation: 2 state, 8 disagreement, 8 flags. */
const PACKED_PER_FRAME = 2 ** 18;
/** One observation as one number, see {@link frameOf} and {@link lowOf}. SQLite computes it as a 64-bit integer; it stays below 2^40. */
export const SELECT_PACKED = `SELECT position * ${PACKED_PER_FRAME}
  + ((flags | (provenance = 0) * ${OBSERVATION_FLAGS.human}) << 10)
  + (CASE WHEN disagreement IS NULL THEN 255 ELSE CAST(disagreement * 254 + 0.5 AS INTEGER) END << 2)
  + state FROM observations`;

export function frameOf(packed: number): number {
  return Math.floor(packed / PACKED_PER_FRAME);
}

export function lowOf(packed: number): {
  readonly state: number;
  readonly disagreement: number;
  readonly flags: number;
} {
  const low = packed % PACKED_PER_FRAME;
  return { state: low & 3, disagreement: (low >> 2) & 255, flags: low >> 10 };
}

const queryRow = z.object({
  id: z.int(),
  capture_id: z.int(),
  text: z.string(),
  negatives_json: z.preprocess(fromJson, z.array(z.string())),
  threshold: z.number(),
  scale_json: z.preprocess(fromJson, queryScaleSchema),
  saved: flagColumn,
  created_at: z.int(),
});

export const SELECT_QUERY =
  'SELECT id, capture_id, text, negatives_json, threshold, scale_json, saved, created_at FROM queries';
export const PUT_QUERY = `INSERT INTO queries
  (id, capture_id, text, negatives_json, threshold, scale_json, saved, created_at)
  VALUES (@id, @captureId, @text, @negatives, @threshold, @scale, @saved, @createdAt)
  ON CONFLICT (id) DO UPDATE SET capture_id = excluded.capture_id, text = excluded.text,
    negatives_json = excluded.negatives_json, threshold = excluded.threshold, scale_json = excluded.scale_json,
    saved = excluded.saved, created_at = excluded.created_at`;

export function query(raw: unknown): QueryRecord {
  const row = parseRow(queryRow, raw, 'queries');
  return {
    type: 'query',
    id: row.id,
    captureId: row.capture_id,
    text: row.text,
    negatives: row.negatives_json,
    threshold: row.threshold,
    scale: row.scale_json,
    saved: row.saved,
    createdAt: row.created_at,
  };
}

export function queryValues({ type: _, negatives, scale, saved, ...rest }: QueryRecord): object {
  return { ...rest, negatives: JSON.stringify(negatives), scale: JSON.stringify(scale), saved: Number(saved) };
}

const settingRow = z.object({ key: z.string(), value_json: z.preprocess(fromJson, z.json()) });
export const PUT_SETTING = `INSERT INTO settings (key, value_json) VALUES (?, ?)
  ON CONFLICT (key) DO UPDATE SET value_json = excluded.value_json`;

export function setting(raw: unknown): SettingRecord {
  const row = parseRow(settingRow, raw, 'settings');
  return { type: 'setting', key: row.key, value: row.value_json };
}

const stepHeadRow = z.object({ id: z.int(), label: z.string(), at: z.int(), undone: flagColumn });
const stepRow = stepHeadRow.extend({ diff_json: z.string() });
export const SELECT_STEP = 'SELECT id, label, at, undone';

export function stepHead(raw: unknown): Omit<StoredStep, 'diffJson'> {
  return parseRow(stepHeadRow, raw, 'edits');
}

export function step(raw: unknown): StoredStep {
  const { diff_json, ...head } = parseRow(stepRow, raw, 'edits');
  return { ...head, diffJson: diff_json };
}
