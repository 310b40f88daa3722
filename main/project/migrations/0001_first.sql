-- Captures, their cameras and frames; splats; jobs with their events; metrics; settings.
-- Times are milliseconds since 1970 (UTC). Columns ending in _json hold JSON that the reader parses by schema.
-- Files are named by artifact (`SHA256.EXTENSION` inside artifacts/) so that a project can be moved as a whole.

CREATE TABLE captures (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL CHECK (length(name) > 0),
  source_path TEXT NOT NULL,
  images_path TEXT NOT NULL,
  format TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  -- Sparse points as float32 [M, 3] then uint8 [M, 3]; null without points.
  points_artifact TEXT,
  points_json TEXT NOT NULL CHECK (json_valid(points_json)),
  camera_span_json TEXT NOT NULL CHECK (json_valid(camera_span_json)),
  bounds_json TEXT NOT NULL CHECK (json_valid(bounds_json)),
  warnings_json TEXT NOT NULL CHECK (json_valid(warnings_json)),
  warning_counts_json TEXT NOT NULL CHECK (json_valid(warning_counts_json)),
  -- What import was asked to do: scale, hold-out rule.
  options_json TEXT NOT NULL CHECK (json_valid(options_json)),
  imported_at INTEGER NOT NULL
) STRICT;

CREATE TABLE cameras (
  capture_id INTEGER NOT NULL REFERENCES captures (id) ON DELETE CASCADE,
  camera_id INTEGER NOT NULL,
  width INTEGER NOT NULL CHECK (width > 0),
  height INTEGER NOT NULL CHECK (height > 0),
  model TEXT NOT NULL,
  params_json TEXT NOT NULL CHECK (json_valid(params_json)),
  PRIMARY KEY (capture_id, camera_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE frames (
  capture_id INTEGER NOT NULL REFERENCES captures (id) ON DELETE CASCADE,
  frame_id TEXT NOT NULL,
  -- Order within the capture.
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  camera_id INTEGER NOT NULL,
  -- Exactly one of the two: an image that import wrote, or one that stays where the capture is.
  image_artifact TEXT,
  image_path TEXT,
  mask_artifact TEXT,
  mask_path TEXT,
  -- cameraFromWorld, quaternion wxyz.
  qw REAL NOT NULL, qx REAL NOT NULL, qy REAL NOT NULL, qz REAL NOT NULL,
  tx REAL NOT NULL, ty REAL NOT NULL, tz REAL NOT NULL,
  width INTEGER NOT NULL CHECK (width > 0),
  height INTEGER NOT NULL CHECK (height > 0),
  timestamp_seconds REAL,
  role TEXT NOT NULL CHECK (role IN ('train', 'holdout')),
  PRIMARY KEY (capture_id, frame_id),
  UNIQUE (capture_id, name),
  UNIQUE (capture_id, position),
  FOREIGN KEY (capture_id, camera_id) REFERENCES cameras (capture_id, camera_id) DEFERRABLE INITIALLY DEFERRED,
  CHECK ((image_artifact IS NULL) <> (image_path IS NULL)),
  CHECK (mask_artifact IS NULL OR mask_path IS NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  capture_id INTEGER REFERENCES captures (id) ON DELETE CASCADE,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'cancelling', 'finished', 'failed', 'cancelled')),
  -- What the user chose (hyper-parameters, backend), without paths: enough to run the same again.
  options_json TEXT NOT NULL CHECK (json_valid(options_json)),
  result_json TEXT CHECK (json_valid(result_json)),
  failure_json TEXT CHECK (json_valid(failure_json)),
  -- Folder inside the project; jobs that resume one another share it.
  checkpoint_dir TEXT,
  resumed_from INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
  worker_pid INTEGER,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  CHECK ((state IN ('finished', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
) STRICT;
CREATE INDEX jobs_by_capture ON jobs (capture_id, kind, id);

CREATE TABLE job_events (
  job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  sequence INTEGER NOT NULL CHECK (sequence >= 0),
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  event_json TEXT NOT NULL CHECK (json_valid(event_json)),
  PRIMARY KEY (job_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE splats (
  id INTEGER PRIMARY KEY,
  capture_id INTEGER REFERENCES captures (id) ON DELETE CASCADE,
  job_id INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
  artifact TEXT NOT NULL,
  gaussians INTEGER NOT NULL CHECK (gaussians >= 0),
  sh_degree INTEGER NOT NULL CHECK (sh_degree BETWEEN 0 AND 3),
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX splats_by_capture ON splats (capture_id, id);

CREATE TABLE metrics (
  id INTEGER PRIMARY KEY,
  splats_id INTEGER REFERENCES splats (id) ON DELETE CASCADE,
  job_id INTEGER REFERENCES jobs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  -- Null for a mean over all frames.
  frame_name TEXT,
  iteration INTEGER,
  value REAL NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX metrics_by_splats ON metrics (splats_id, name);
CREATE INDEX metrics_by_job ON metrics (job_id, name, iteration);

CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value_json TEXT NOT NULL CHECK (json_valid(value_json))
) STRICT, WITHOUT ROWID;
