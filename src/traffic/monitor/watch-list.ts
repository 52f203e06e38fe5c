import { migrateObject, type ObjectDatabase } from '../../core/object-database.ts';
import type { GatewayManifest, UpstreamKey } from '../../core/protocol/gateway.ts';
import type { CompiledUpstream } from '../../core/protocol/upstream.ts';
import { manifestFileKey } from '../snapshot/manifest.ts';
import type { Shard } from '../snapshot/shard.ts';

const FACTS = 'monitor_facts';
const PREFIX = 'upstream:';

const SCHEMA = [
  [
    `CREATE TABLE monitor_shards (shard INTEGER PRIMARY KEY, hash TEXT NOT NULL)`,
    `CREATE TABLE monitor_upstreams (upstream TEXT PRIMARY KEY, shard INTEGER NOT NULL, entry TEXT NOT NULL) WITHOUT ROWID`,
    `CREATE TABLE monitor_health (
       upstream TEXT NOT NULL, address TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (upstream, address)
     ) WITHOUT ROWID`,
    `CREATE TABLE monitor_found (upstream TEXT PRIMARY KEY, endpoints TEXT NOT NULL) WITHOUT ROWID`,
    `CREATE TABLE monitor_breakers (
       upstream TEXT NOT NULL, endpoint TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (upstream, endpoint)
     ) WITHOUT ROWID`,
  ],
  // What checkers have found, as they tell it.
  [
    `DROP TABLE monitor_health`,
    `DROP TABLE monitor_found`,
    `CREATE TABLE monitor_findings (upstream TEXT PRIMARY KEY, findings TEXT NOT NULL) WITHOUT ROWID`,
    `ALTER TABLE monitor_breakers RENAME COLUMN endpoint TO address`,
  ],
];

/** Makes the monitor's tables, and brings older ones up to date. */
export function migrateMonitor(database: ObjectDatabase): void {
  migrateObject(database, FACTS, SCHEMA);
}

/**
 * The published version, and the upstreams in it that something is to be asked about. Of a new version only the shards
 * that changed are read: their hashes are kept.
 */
export class WatchList {
  private readonly database: ObjectDatabase;
  private announced: number;
  private readonly read: Map<number, string>;

  constructor(database: ObjectDatabase) {
    this.database = database;
    this.announced = Number(this.fact('config-version') ?? 0);
    const rows = database.exec('SELECT shard, hash FROM monitor_shards');
    this.read = new Map(rows.map(({ shard, hash }) => [Number(shard), String(hash)]));
  }

  /** The newest version that was announced; 0 for none. */
  get version(): number {
    return this.announced;
  }

  /** Of which the list is; smaller while a newer one is to be read. */
  get readVersion(): number {
    return Number(this.fact('read-version') ?? 0);
  }

  /** How many objects check what is on it. */
  get checkers(): number {
    return Number(this.fact('checkers') ?? 1);
  }

  /** How many may ever have been told to; 0 where none was. */
  get mostCheckers(): number {
    return Number(this.fact('most-checkers') ?? 0);
  }

  setCheckers(checkers: number, most: number): void {
    if (checkers === this.checkers && most === this.mostCheckers) return;
    this.setFact('checkers', String(checkers));
    this.setFact('most-checkers', String(most));
  }

  get manifestKey(): string {
    return manifestFileKey(this.announced);
  }

  /** False where the version is no news. */
  announce(version: number): boolean {
    if (version <= this.announced) return false;
    this.setFact('config-version', String(version));
    this.announced = version;
    return true;
  }

  /** The shards of a manifest whose bytes are others than those that were read. */
  unread({ shards }: GatewayManifest): number[] {
    const unread: number[] = [];
    const sameCount = Number(this.fact('shards') ?? 0) === shards.length;
    shards.forEach((ref, shard) => {
      if (!sameCount || (this.read.get(shard) ?? '') !== (ref?.hash ?? '')) unread.push(shard);
    });
    return unread;
  }

  /** Takes up a version with the shards of it that were unread. */
  take({ version, shards }: GatewayManifest, contents: ReadonlyMap<number, Shard>): void {
    this.database.transaction(() => {
      if (Number(this.fact('shards') ?? 0) !== shards.length) {
        this.database.exec('DELETE FROM monitor_upstreams');
        this.database.exec('DELETE FROM monitor_shards');
        this.read.clear();
        this.setFact('shards', String(shards.length));
      }
      for (const [shard, content] of contents) this.takeShard(shard, shards[shard]?.hash ?? '', content);
      this.setFact('read-version', String(version));
    });
  }

  *upstreams(): Generator<readonly [UpstreamKey, CompiledUpstream]> {
    for (const { upstream, entry } of this.database.exec('SELECT upstream, entry FROM monitor_upstreams')) {
      yield [String(upstream), JSON.parse(String(entry))];
    }
  }

  eraseNamespace(namespaceUid: string): void {
    this.database.exec('DELETE FROM monitor_upstreams WHERE upstream > ? AND upstream < ?', ...rangeOf(namespaceUid));
  }

  private takeShard(shard: number, hash: string, content: Shard): void {
    this.database.exec('DELETE FROM monitor_upstreams WHERE shard = ?', shard);
    for (const [key, value] of Object.entries(content)) {
      if (!key.startsWith(PREFIX)) continue;
      const entry = value as CompiledUpstream;
      if (!isWatched(entry)) continue;
      this.database.exec(
        'INSERT OR REPLACE INTO monitor_upstreams (upstream, shard, entry) VALUES (?, ?, ?)',
        key.slice(PREFIX.length),
        shard,
        JSON.stringify(entry),
      );
    }
    this.database.exec('INSERT OR REPLACE INTO monitor_shards (shard, hash) VALUES (?, ?)', shard, hash);
    this.read.set(shard, hash);
  }

  private fact(name: string): unknown {
    return this.database.exec(`SELECT value FROM ${FACTS} WHERE name = ?`, name)[0]?.value;
  }

  private setFact(name: string, value: string): void {
    this.database.exec(`INSERT OR REPLACE INTO ${FACTS} (name, value) VALUES (?, ?)`, name, value);
  }
}

/** Whether something is to be asked about an upstream. */
export function isWatched({ source, healthCheck }: CompiledUpstream): boolean {
  return healthCheck !== null || source.type === 'discovery';
}

/** Bounds of the keys of a namespace; '0' is the character after '/'. */
export function rangeOf(namespaceUid: string): [string, string] {
  return [`${namespaceUid}/`, `${namespaceUid}0`];
}
