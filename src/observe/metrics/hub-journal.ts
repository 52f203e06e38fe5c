import { migrateObject, type ObjectDatabase } from '../../core/object-database.ts';
import type { MetricsDelta } from '../../core/protocol/metrics-hub.ts';
import { type HubBounds, type HubRecord, HubTotals } from './hub-totals.ts';

/** Deltas between two writes of everything. */
const SLOTS = 64;
/** A value has 2 MB at most, and a series a kilobyte. */
const SERIES_PER_PART = 1_000;

const SCHEMA = [
  [
    'CREATE TABLE metrics_deltas (slot INTEGER PRIMARY KEY, generation INTEGER NOT NULL, at_ms INTEGER NOT NULL, content TEXT NOT NULL)',
    'CREATE TABLE metrics_parts (part INTEGER PRIMARY KEY, content TEXT NOT NULL)',
  ],
];
const FACTS = 'metrics_facts';

/**
 * A hub's totals in its SQLite: each delta as a row before it counts, and after so many deltas the totals as a few rows
 * that take their place. So a delta costs about one row written, and a hub that begins again knows every one it took:
 * a counter never falls. Rows are written over and not deleted, which would cost as much again.
 */
export class HubJournal {
  readonly totals: HubTotals;
  readonly #database: ObjectDatabase;
  #generation: number;
  #slot: number;

  constructor(database: ObjectDatabase, bounds: HubBounds) {
    this.#database = database;
    migrateObject(database, FACTS, SCHEMA);
    this.#generation = Number(this.#fact('generation') ?? 0);
    this.totals = new HubTotals(bounds, this.#load());
    const rows = database.exec(
      'SELECT at_ms, content FROM metrics_deltas WHERE generation = ? ORDER BY slot',
      this.#generation,
    );
    for (const { at_ms: atMs, content } of rows) {
      this.totals.take(JSON.parse(String(content)) as MetricsDelta, Number(atMs));
    }
    this.#slot = rows.length;
  }

  /** Writes a delta down, then adds it; nothing where that was done before. */
  take(delta: MetricsDelta, nowMs: number): void {
    if (this.totals.has(delta)) return;
    if (this.#slot === SLOTS) this.#write(nowMs);
    this.#database.exec(
      'INSERT OR REPLACE INTO metrics_deltas (slot, generation, at_ms, content) VALUES (?, ?, ?, ?)',
      this.#slot,
      this.#generation,
      nowMs,
      JSON.stringify(delta),
    );
    this.#slot += 1;
    this.totals.take(delta, nowMs);
  }

  #write(nowMs: number): void {
    this.totals.forget(nowMs);
    const { series, isolates } = this.totals.record();
    this.#database.transaction(() => {
      const parts = Math.ceil(series.length / SERIES_PER_PART);
      for (let part = 0; part < parts; part++) {
        const content = series.slice(part * SERIES_PER_PART, (part + 1) * SERIES_PER_PART);
        this.#writePart(part + 1, content);
      }
      this.#writePart(0, isolates);
      this.#database.exec('DELETE FROM metrics_parts WHERE part > ?', parts);
      this.#database.exec(
        `INSERT OR REPLACE INTO ${FACTS} (name, value) VALUES ('generation', ?)`,
        String(this.#generation + 1),
      );
    });
    this.#generation += 1;
    this.#slot = 0;
  }

  #writePart(part: number, content: unknown): void {
    this.#database.exec(
      'INSERT OR REPLACE INTO metrics_parts (part, content) VALUES (?, ?)',
      part,
      JSON.stringify(content),
    );
  }

  #load(): HubRecord {
    const parts = this.#database.exec('SELECT content FROM metrics_parts ORDER BY part');
    const [isolates, ...series] = parts.map(({ content }) => JSON.parse(String(content)));
    return { series: series.flat(), isolates: isolates ?? [] };
  }

  #fact(name: string): unknown {
    return this.#database.exec(`SELECT value FROM ${FACTS} WHERE name = ?`, name)[0]?.value;
  }
}
