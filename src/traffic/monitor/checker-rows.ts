import { migrateObject, type ObjectDatabase } from '../../core/object-database.ts';
import type { UpstreamKey } from '../../core/protocol/gateway.ts';
import type { CompiledEndpoint, CompiledUpstream } from '../../core/protocol/upstream.ts';
import type { HealthRecord } from '../upstream/health.ts';

const FACTS = 'checker_facts';

const SCHEMA = [
  [
    `CREATE TABLE checker_upstreams (upstream TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID`,
    `CREATE TABLE checker_health (
       upstream TEXT NOT NULL, address TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (upstream, address)
     ) WITHOUT ROWID`,
    `CREATE TABLE checker_found (upstream TEXT PRIMARY KEY, endpoints TEXT NOT NULL) WITHOUT ROWID`,
  ],
];

/** An upstream as its checker kept it. */
export interface KeptUpstream {
  readonly key: UpstreamKey;
  readonly entry: CompiledUpstream;
  /** Of the entry, as it was kept. */
  readonly text: string;
  /** By address. */
  readonly health: ReadonlyMap<string, HealthRecord>;
  /** Null where its registry has not answered yet, or it has none. */
  readonly found: readonly CompiledEndpoint[] | null;
}

/** The rows in which a checker keeps what it was told and what it found. */
export class CheckerRows {
  private readonly database: ObjectDatabase;

  constructor(database: ObjectDatabase) {
    this.database = database;
    migrateObject(database, FACTS, SCHEMA);
  }

  all(): KeptUpstream[] {
    const health = new Map<string, Map<string, HealthRecord>>();
    for (const { upstream, address, record } of this.database.exec('SELECT * FROM checker_health')) {
      const own = health.get(String(upstream)) ?? new Map<string, HealthRecord>();
      health.set(String(upstream), own.set(String(address), JSON.parse(String(record))));
    }
    const found = new Map<string, CompiledEndpoint[]>();
    for (const { upstream, endpoints } of this.database.exec('SELECT * FROM checker_found')) {
      found.set(String(upstream), JSON.parse(String(endpoints)));
    }
    return this.database.exec('SELECT * FROM checker_upstreams').map(({ upstream, entry }) => {
      const [key, text] = [String(upstream), String(entry)];
      return {
        key,
        entry: JSON.parse(text),
        text,
        health: health.get(key) ?? new Map(),
        found: found.get(key) ?? null,
      };
    });
  }

  putUpstream(key: UpstreamKey, text: string): void {
    this.database.exec('INSERT OR REPLACE INTO checker_upstreams (upstream, entry) VALUES (?, ?)', key, text);
  }

  putHealth(key: UpstreamKey, address: string, record: HealthRecord): void {
    this.database.exec(
      'INSERT OR REPLACE INTO checker_health (upstream, address, record) VALUES (?, ?, ?)',
      key,
      address,
      JSON.stringify(record),
    );
  }

  putFound(key: UpstreamKey, endpoints: readonly CompiledEndpoint[]): void {
    this.database.exec(
      'INSERT OR REPLACE INTO checker_found (upstream, endpoints) VALUES (?, ?)',
      key,
      JSON.stringify(endpoints),
    );
  }

  forget(key: UpstreamKey): void {
    this.forgetHealth(key);
    this.forgetFound(key);
    this.database.exec('DELETE FROM checker_upstreams WHERE upstream = ?', key);
  }

  forgetHealth(key: UpstreamKey): void {
    this.database.exec('DELETE FROM checker_health WHERE upstream = ?', key);
  }

  forgetHealthOf(key: UpstreamKey, address: string): void {
    this.database.exec('DELETE FROM checker_health WHERE upstream = ? AND address = ?', key, address);
  }

  forgetFound(key: UpstreamKey): void {
    this.database.exec('DELETE FROM checker_found WHERE upstream = ?', key);
  }

  fact(name: string): string | null {
    const value = this.database.exec(`SELECT value FROM ${FACTS} WHERE name = ?`, name)[0]?.value;
    return value === undefined ? null : String(value);
  }

  putFact(name: string, value: string): void {
    this.database.exec(`INSERT OR REPLACE INTO ${FACTS} (name, value) VALUES (?, ?)`, name, value);
  }
}
