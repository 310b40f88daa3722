-- Queries are records: saving and removing one can be undone. What was answered is kept beside its map.

-- As it was, with one kind more. Ids of queries are never given twice, so that a removal can be taken back.
CREATE TABLE record_ids_wider (
  kind TEXT PRIMARY KEY CHECK (kind IN ('object', 'track', 'mask', 'query')),
  next_id INTEGER NOT NULL CHECK (next_id >= 1)
) STRICT, WITHOUT ROWID;
INSERT INTO record_ids_wider SELECT kind, next_id FROM record_ids;
INSERT INTO record_ids_wider SELECT 'query', 1 + coalesce(max(id), 0) FROM queries;
DROP TABLE record_ids;
ALTER TABLE record_ids_wider RENAME TO record_ids;

-- "auto", "composite", "best", or the number of a level.
ALTER TABLE queries ADD COLUMN scale_json TEXT NOT NULL DEFAULT '"auto"' CHECK (json_valid(scale_json));
-- Of the row with one value per Gaussian: ranked objects, best frames, scales, times.
ALTER TABLE relevancy_maps ADD COLUMN answer_json TEXT CHECK (answer_json IS NULL OR json_valid(answer_json));
