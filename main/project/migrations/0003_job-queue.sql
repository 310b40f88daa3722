-- The studio's job queue: order, log, and jobs taken off the list.

-- 1: waits or waited in the studio's queue, where "priority" orders it. 0: a command ran it, and a studio that finds it
-- waiting must not start it.
ALTER TABLE jobs ADD COLUMN in_queue INTEGER NOT NULL DEFAULT 0 CHECK (in_queue IN (0, 1));
-- Taken off the list by the user. The row stays: splats and metrics name the job that made them.
ALTER TABLE jobs ADD COLUMN removed_at INTEGER;

-- What a person reads; bounded by the writer, which drops the oldest lines.
CREATE TABLE job_log (
  job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  sequence INTEGER NOT NULL CHECK (sequence >= 0),
  at INTEGER NOT NULL,
  level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
  text TEXT NOT NULL,
  PRIMARY KEY (job_id, sequence)
) STRICT, WITHOUT ROWID;
