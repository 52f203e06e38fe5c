import { migrateObject, type ObjectDatabase } from '../../core/object-database.ts';

/**
 * The gateway's tables in the control plane's database: everything in them follows from resources and can be made anew,
 * but for versions and what was claimed first. Steps are only added. WITHOUT ROWID keeps a write to one row.
 */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    // What became of a route, a Gateway, a policy, so that the next look at it changes only what differs.
    'CREATE TABLE gateway_records (work TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID',
    // Rules of one route under one path of one host.
    `CREATE TABLE gateway_rules (
       host TEXT NOT NULL, place INTEGER NOT NULL, namespace TEXT NOT NULL, route TEXT NOT NULL,
       prioritised INTEGER NOT NULL, body TEXT NOT NULL,
       PRIMARY KEY (host, place, namespace, route)
     ) WITHOUT ROWID`,
    // Which work is to be done again when something else changes.
    'CREATE TABLE gateway_references (target TEXT NOT NULL, work TEXT NOT NULL, PRIMARY KEY (target, work)) WITHOUT ROWID',
    `CREATE TABLE gateway_attached (
       gateway TEXT NOT NULL, listener TEXT NOT NULL, routes INTEGER NOT NULL, PRIMARY KEY (gateway, listener)
     ) WITHOUT ROWID`,
    `CREATE TABLE gateway_certificates (
       gateway TEXT NOT NULL, listener TEXT NOT NULL, not_after INTEGER NOT NULL, PRIMARY KEY (gateway, listener)
     ) WITHOUT ROWID`,
    // Hostnames with their labels reversed: what a wildcard covers is a range.
    `CREATE TABLE gateway_claims (
       hostname TEXT NOT NULL, namespace TEXT NOT NULL, since INTEGER NOT NULL, routes INTEGER NOT NULL,
       granted INTEGER NOT NULL, PRIMARY KEY (hostname, namespace)
     ) WITHOUT ROWID`,
    `CREATE TABLE gateway_policies (
       target TEXT NOT NULL, plural TEXT NOT NULL, age INTEGER NOT NULL, policy TEXT NOT NULL, state TEXT NOT NULL,
       PRIMARY KEY (target, plural, age, policy)
     ) WITHOUT ROWID`,
    // The paths of a host by themselves: its entry has all of them, and rules are forty times as large.
    `CREATE TABLE gateway_paths (
       host TEXT NOT NULL, place INTEGER NOT NULL, segments INTEGER NOT NULL, rules INTEGER NOT NULL,
       bytes INTEGER NOT NULL, PRIMARY KEY (host, place)
     ) WITHOUT ROWID`,
    `CREATE TABLE gateway_hosts (
       host TEXT PRIMARY KEY, owner TEXT NOT NULL, rules INTEGER NOT NULL, bytes INTEGER NOT NULL,
       prioritised INTEGER NOT NULL, pages INTEGER NOT NULL
     ) WITHOUT ROWID`,
    'CREATE TABLE gateway_dirty_pages (host TEXT NOT NULL, page INTEGER NOT NULL, PRIMARY KEY (host, page)) WITHOUT ROWID',
    `CREATE TABLE gateway_entries (
       place INTEGER NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (place, key)
     ) WITHOUT ROWID`,
    // The shards as they were last written; dirty counts changes since, 0 for none.
    'CREATE TABLE gateway_shards (shard INTEGER PRIMARY KEY, hash TEXT, bytes INTEGER NOT NULL, dirty INTEGER NOT NULL)',
    'CREATE INDEX gateway_shards_dirty ON gateway_shards (shard) WHERE dirty > 0',
    `CREATE TABLE gateway_versions (
       version INTEGER PRIMARY KEY, published_at INTEGER NOT NULL, rollback_of INTEGER
     )`,
    // Files of shards in the bucket, and the last version that names each; null while the present one does.
    `CREATE TABLE gateway_files (
       hash TEXT PRIMARY KEY, last_version INTEGER, retired_at INTEGER
     ) WITHOUT ROWID`,
    'CREATE INDEX gateway_files_retired ON gateway_files (retired_at) WHERE retired_at IS NOT NULL',
  ],
  [
    // Of the expressions in them.
    'ALTER TABLE gateway_rules ADD COLUMN instructions INTEGER NOT NULL DEFAULT 0',
    'ALTER TABLE gateway_hosts ADD COLUMN instructions INTEGER NOT NULL DEFAULT 0',
  ],
  [
    // The version of which a rollback has the content; null of versions that have one of their own.
    'ALTER TABLE gateway_versions ADD COLUMN content INTEGER',
    // The first version that has the rules of a route as they are now.
    'CREATE TABLE gateway_programmed (route TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID',
    'CREATE INDEX gateway_programmed_version ON gateway_programmed (version)',
  ],
  [
    // JSON of what a shard stands on; null where it is not known.
    'ALTER TABLE gateway_files ADD COLUMN standing TEXT',
  ],
];

/** Brings the tables up to date. To be called once before they are used. */
export function migrateGateway(database: ObjectDatabase): void {
  migrateObject(database, 'gateway_facts', MIGRATIONS);
}
