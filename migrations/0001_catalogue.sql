-- The catalogue: what is in the bucket and what it means. Every key begins with the namespace's immutable
-- uid, so that a tenant can move to a database of its own and a name used again sees nothing of the old one.
-- Times are milliseconds since the Unix epoch.

CREATE TABLE datasets (
  namespace_uid TEXT NOT NULL,
  dataset_id TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'deleted')),
  schema TEXT NOT NULL,
  schema_version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  deleted_at INTEGER,
  -- When all that belonged to a deleted dataset was marked so: some at a time, since it may be much.
  cleared_at INTEGER,
  PRIMARY KEY (namespace_uid, dataset_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX datasets_active ON datasets (namespace_uid, name) WHERE state = 'active';
-- Deleted datasets by name: what was uploaded before the deletion is never taken in again.
CREATE INDEX datasets_deleted ON datasets (namespace_uid, name, deleted_at) WHERE state = 'deleted';
CREATE INDEX datasets_uncleared ON datasets (deleted_at) WHERE state = 'deleted' AND cleared_at IS NULL;

-- The ledger: one row per object version.
CREATE TABLE objects (
  namespace_uid TEXT NOT NULL,
  object_id TEXT NOT NULL,
  namespace TEXT NOT NULL,
  dataset_id TEXT NOT NULL,
  dataset TEXT NOT NULL,
  name TEXT NOT NULL,
  storage_key TEXT NOT NULL,
  etag TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  -- The store's clock at the upload, and the order of registration: together they order the versions of a name.
  uploaded_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  -- What decides how the bytes decode, as JSON: format, options, content type and encoding.
  decode TEXT NOT NULL,
  format TEXT,
  state TEXT NOT NULL CHECK (state IN ('received', 'processing', 'committed', 'failed')),
  -- Who holds the lease: `attempt` counts tries, `part` the parts handed over. A pair is claimed once.
  attempt INTEGER NOT NULL DEFAULT 0,
  part INTEGER NOT NULL DEFAULT 0,
  lease_until INTEGER,
  -- Tries that ended badly since the last progress; not before `retry_at` is the next one due.
  failures INTEGER NOT NULL DEFAULT 0,
  retry_at INTEGER,
  -- When a message was last sent for it; the sweep sends another where it is long ago.
  queued_at INTEGER NOT NULL,
  commit_id TEXT,
  -- Where the next part of a large object begins, as JSON.
  checkpoint TEXT,
  error_code TEXT,
  error_message TEXT,
  rows_committed INTEGER NOT NULL DEFAULT 0,
  rows_quarantined INTEGER NOT NULL DEFAULT 0,
  segments INTEGER NOT NULL DEFAULT 0,
  received_at INTEGER NOT NULL,
  committed_at INTEGER,
  -- Set when the object's rows no longer count, and why.
  masked_at INTEGER,
  mask_reason TEXT CHECK (mask_reason IN ('deleted', 'replaced', 'dataset_deleted')),
  PRIMARY KEY (namespace_uid, object_id)
) WITHOUT ROWID;
CREATE INDEX objects_by_dataset ON objects (namespace_uid, dataset_id, received_at);
CREATE INDEX objects_by_name ON objects (namespace_uid, dataset_id, name);
-- Without the state, so that a claim leaves it as it is.
CREATE INDEX objects_unfinished ON objects (queued_at) WHERE state IN ('received', 'processing');

-- Files of the finished parts of an object that is not committed yet; the commit moves them on.
CREATE TABLE staged_files (
  namespace_uid TEXT NOT NULL,
  object_id TEXT NOT NULL,
  part INTEGER NOT NULL,
  storage_key TEXT NOT NULL,
  -- `source` is the inflated copy of a compressed object. The record is JSON.
  kind TEXT NOT NULL CHECK (kind IN ('segment', 'quarantine', 'source')),
  record TEXT NOT NULL,
  PRIMARY KEY (namespace_uid, object_id, part, storage_key)
) WITHOUT ROWID;

CREATE TABLE segments (
  namespace_uid TEXT NOT NULL,
  dataset_id TEXT NOT NULL,
  segment_id TEXT NOT NULL,
  storage TEXT NOT NULL DEFAULT 'r2',
  storage_key TEXT NOT NULL,
  etag TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  -- Bytes at the file's end that opening it needs.
  footer_bytes INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  schema TEXT NOT NULL,
  statistics TEXT NOT NULL,
  commit_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('live', 'dead')),
  created_at INTEGER NOT NULL,
  dead_at INTEGER,
  PRIMARY KEY (namespace_uid, dataset_id, segment_id)
) WITHOUT ROWID;
CREATE INDEX segments_dead ON segments (dead_at) WHERE state = 'dead';

-- Which rows of a segment came from which object: ranges of row ordinals, as src/storage/row-ranges.ts writes them.
CREATE TABLE segment_sources (
  namespace_uid TEXT NOT NULL,
  dataset_id TEXT NOT NULL,
  segment_id TEXT NOT NULL,
  object_id TEXT NOT NULL,
  ranges TEXT NOT NULL,
  rows INTEGER NOT NULL,
  masked INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (namespace_uid, dataset_id, segment_id, object_id)
) WITHOUT ROWID;
CREATE INDEX segment_sources_by_object ON segment_sources (namespace_uid, object_id);
CREATE INDEX segment_sources_masked ON segment_sources (namespace_uid, dataset_id, segment_id) WHERE masked = 1;

CREATE TABLE quarantine_files (
  namespace_uid TEXT NOT NULL,
  object_id TEXT NOT NULL,
  part INTEGER NOT NULL,
  storage_key TEXT NOT NULL,
  rows INTEGER NOT NULL,
  PRIMARY KEY (namespace_uid, object_id, part)
) WITHOUT ROWID;

CREATE TABLE indexes (
  namespace_uid TEXT NOT NULL,
  dataset_id TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  fields TEXT NOT NULL,
  options TEXT NOT NULL,
  -- A new generation is a new definition under the same name, or a rebuild; files of older ones are garbage.
  generation INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (namespace_uid, dataset_id, name)
) WITHOUT ROWID;

CREATE TABLE index_files (
  namespace_uid TEXT NOT NULL,
  dataset_id TEXT NOT NULL,
  segment_id TEXT NOT NULL,
  name TEXT NOT NULL,
  generation INTEGER NOT NULL,
  storage_key TEXT NOT NULL,
  -- `IndexSummary` as JSON.
  summary TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- When its definition was dropped or changed; it is removed once no query can still be reading it.
  retired_at INTEGER,
  PRIMARY KEY (namespace_uid, dataset_id, segment_id, name, generation)
) WITHOUT ROWID;
CREATE INDEX index_files_retired ON index_files (retired_at) WHERE retired_at IS NOT NULL;

CREATE TABLE index_failures (
  namespace_uid TEXT NOT NULL,
  dataset_id TEXT NOT NULL,
  segment_id TEXT NOT NULL,
  name TEXT NOT NULL,
  generation INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  error TEXT NOT NULL,
  -- Not built again before.
  retry_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (namespace_uid, dataset_id, segment_id, name, generation)
) WITHOUT ROWID;

-- Where a bounded walk (sweep, collection) goes on at the next tick.
CREATE TABLE cursors (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE uploads (
  namespace_uid TEXT NOT NULL,
  upload_id TEXT NOT NULL,
  namespace TEXT NOT NULL,
  dataset TEXT NOT NULL,
  name TEXT NOT NULL,
  storage_key TEXT NOT NULL,
  storage_upload_id TEXT NOT NULL,
  part_bytes INTEGER NOT NULL,
  decode TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'completed', 'aborted')),
  -- Of a completed one.
  object_id TEXT,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (namespace_uid, upload_id)
) WITHOUT ROWID;
CREATE INDEX uploads_open ON uploads (created_at) WHERE state = 'open';

CREATE TABLE upload_parts (
  namespace_uid TEXT NOT NULL,
  upload_id TEXT NOT NULL,
  part INTEGER NOT NULL,
  etag TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  PRIMARY KEY (namespace_uid, upload_id, part)
) WITHOUT ROWID;

-- API keys: only a hash of the secret is kept.
CREATE TABLE api_keys (
  key_id TEXT PRIMARY KEY,
  -- Null for a key to all namespaces.
  namespace_uid TEXT,
  namespace TEXT,
  role TEXT NOT NULL CHECK (role IN ('admin', 'agent', 'ingester', 'reader')),
  label TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
) WITHOUT ROWID;
