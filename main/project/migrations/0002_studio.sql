-- Objects, tracks, observations, masks; fields, queries, relevancy maps, models; the history of edits.
-- Sized for 10,000 frames, 1,000 objects and 1,000,000 observations. Codes: provenance 0 human, 1 model, 2 lifted;
-- state 0 visible, 1 occluded, 2 out of view, 3 absent.

-- Size in bytes at import, by which a moved photo is recognised; null for photos imported before this version.
ALTER TABLE frames ADD COLUMN image_bytes INTEGER CHECK (image_bytes >= 0);
-- A relinked capture: paths stay as import made them, and those inside moved_from are read from moved_to instead.
ALTER TABLE captures ADD COLUMN moved_from TEXT;
ALTER TABLE captures ADD COLUMN moved_to TEXT CHECK ((moved_from IS NULL) = (moved_to IS NULL));

-- Higher runs first.
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;

CREATE TABLE objects (
  id INTEGER PRIMARY KEY,
  capture_id INTEGER NOT NULL REFERENCES captures (id) ON DELETE CASCADE,
  name TEXT NOT NULL CHECK (length(name) > 0),
  class_name TEXT,
  -- Exactly one of the two: an index into the palette, or #rrggbb.
  colour_index INTEGER CHECK (colour_index >= 0),
  colour_rgb TEXT,
  hidden INTEGER NOT NULL CHECK (hidden IN (0, 1)),
  locked INTEGER NOT NULL CHECK (locked IN (0, 1)),
  provenance INTEGER NOT NULL CHECK (provenance BETWEEN 0 AND 2),
  CHECK ((colour_index IS NULL) <> (colour_rgb IS NULL))
) STRICT;
CREATE INDEX objects_by_capture ON objects (capture_id);

CREATE TABLE tracks (
  id INTEGER PRIMARY KEY,
  capture_id INTEGER NOT NULL REFERENCES captures (id) ON DELETE CASCADE,
  object_id INTEGER REFERENCES objects (id),
  source_id TEXT,
  locked INTEGER NOT NULL CHECK (locked IN (0, 1)),
  provenance INTEGER NOT NULL CHECK (provenance BETWEEN 0 AND 2)
) STRICT;
CREATE INDEX tracks_by_capture ON tracks (capture_id);
CREATE INDEX tracks_by_object ON tracks (object_id) WHERE object_id IS NOT NULL;

CREATE TABLE masks (
  id INTEGER PRIMARY KEY,
  capture_id INTEGER NOT NULL,
  position INTEGER NOT NULL,
  width INTEGER NOT NULL CHECK (width > 0),
  height INTEGER NOT NULL CHECK (height > 0),
  -- Exactly one of the two: counts along the rows in COCO's compressed code, or an artifact that holds that text.
  rle TEXT,
  artifact TEXT,
  provenance INTEGER NOT NULL CHECK (provenance BETWEEN 0 AND 2),
  FOREIGN KEY (capture_id, position) REFERENCES frames (capture_id, position) ON DELETE CASCADE,
  CHECK ((rle IS NULL) <> (artifact IS NULL))
) STRICT;
CREATE INDEX masks_by_frame ON masks (capture_id, position);

-- Stored in the order of (track, frame): one lane is one range of the table.
CREATE TABLE observations (
  track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  -- The track's, repeated for the index by frame.
  capture_id INTEGER NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
  provenance INTEGER NOT NULL CHECK (provenance BETWEEN 0 AND 2),
  disagreement REAL CHECK (disagreement BETWEEN 0 AND 1),
  flags INTEGER NOT NULL DEFAULT 0 CHECK (flags BETWEEN 0 AND 255),
  mask_id INTEGER REFERENCES masks (id),
  PRIMARY KEY (track_id, position),
  FOREIGN KEY (capture_id, position) REFERENCES frames (capture_id, position) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX observations_by_frame ON observations (capture_id, position);
CREATE INDEX observations_by_mask ON observations (mask_id) WHERE mask_id IS NOT NULL;

-- What lifting knows about an object in 3D, as edits do not cover it. Without a reference to objects: an object whose removal
-- is taken back has it again.
CREATE TABLE object_geometry (
  object_id INTEGER PRIMARY KEY,
  job_id INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
  -- World coordinates.
  x REAL NOT NULL, y REAL NOT NULL, z REAL NOT NULL,
  gaussians INTEGER CHECK (gaussians >= 0),
  confidence REAL CHECK (confidence BETWEEN 0 AND 1)
) STRICT;
CREATE INDEX object_geometry_by_job ON object_geometry (job_id) WHERE job_id IS NOT NULL;

-- Whole sets of masks as a segmenter or an import made them; masks that a person works on are in masks.
CREATE TABLE mask_sets (
  id INTEGER PRIMARY KEY,
  capture_id INTEGER NOT NULL REFERENCES captures (id) ON DELETE CASCADE,
  name TEXT NOT NULL CHECK (length(name) > 0),
  -- Provenance, classes, whether ids are consistent over frames.
  info_json TEXT NOT NULL CHECK (json_valid(info_json)),
  artifact TEXT NOT NULL,
  frames INTEGER NOT NULL CHECK (frames >= 0),
  job_id INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (capture_id, name)
) STRICT;
CREATE INDEX mask_sets_by_job ON mask_sets (job_id) WHERE job_id IS NOT NULL;

-- One step of the history each, oldest first. Undone steps are always the newest ones; a new edit drops them.
CREATE TABLE edits (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  label TEXT NOT NULL CHECK (length(label) > 0),
  diff_json TEXT NOT NULL CHECK (json_valid(diff_json)),
  at INTEGER NOT NULL,
  undone INTEGER NOT NULL DEFAULT 0 CHECK (undone IN (0, 1))
) STRICT;
CREATE INDEX edits_by_undone ON edits (undone, id);

-- One row: counts committed changes, and when the last one was.
CREATE TABLE revision (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  revision INTEGER NOT NULL CHECK (revision >= 0),
  saved_at INTEGER NOT NULL
) STRICT;
INSERT INTO revision (only_row, revision, saved_at) VALUES (1, 0, 0);

-- The next id of each kind of record: an id is never given twice, also when what had it was removed.
CREATE TABLE record_ids (
  kind TEXT PRIMARY KEY CHECK (kind IN ('object', 'track', 'mask')),
  next_id INTEGER NOT NULL CHECK (next_id >= 1)
) STRICT, WITHOUT ROWID;
INSERT INTO record_ids (kind, next_id) VALUES ('object', 1), ('track', 1), ('mask', 1);

-- A trained field on a frozen geometry.
CREATE TABLE fields (
  id INTEGER PRIMARY KEY,
  splats_id INTEGER NOT NULL REFERENCES splats (id) ON DELETE CASCADE,
  job_id INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
  kind TEXT NOT NULL CHECK (kind IN ('instance', 'semantic', 'language', 'distilled')),
  recipe TEXT NOT NULL,
  dimensions INTEGER NOT NULL CHECK (dimensions > 0),
  artifact TEXT NOT NULL,
  options_json TEXT NOT NULL CHECK (json_valid(options_json)),
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX fields_by_splats ON fields (splats_id, kind);

CREATE TABLE queries (
  id INTEGER PRIMARY KEY,
  capture_id INTEGER NOT NULL REFERENCES captures (id) ON DELETE CASCADE,
  text TEXT NOT NULL CHECK (length(text) > 0),
  negatives_json TEXT NOT NULL CHECK (json_valid(negatives_json)),
  threshold REAL NOT NULL CHECK (threshold BETWEEN 0 AND 1),
  saved INTEGER NOT NULL CHECK (saved IN (0, 1)),
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX queries_by_capture ON queries (capture_id, id);

CREATE TABLE relevancy_maps (
  query_id INTEGER NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
  field_id INTEGER NOT NULL REFERENCES fields (id) ON DELETE CASCADE,
  -- Null: one value per Gaussian instead of one map per frame.
  position INTEGER,
  artifact TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX relevancy_maps_key ON relevancy_maps (query_id, field_id, coalesce(position, -1));
CREATE INDEX relevancy_maps_by_field ON relevancy_maps (field_id);

-- Pretrained 2D models that made something in this project, so that results can name them.
CREATE TABLE models (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
  licence TEXT NOT NULL,
  manifest_json TEXT NOT NULL CHECK (json_valid(manifest_json)),
  first_used_at INTEGER NOT NULL
) STRICT;
