import { migrateObject, type ObjectDatabase } from '../../core/object-database.ts';
import type { Counter, Counters } from './counters.ts';

/** Entries written before all counters are written anew; an entry takes the row of the one so many before it. */
const RING = 64;
/** Of JSON in one row: a value is at most 2 MB, and a character at most three bytes of it. */
const ROW_CHARS = 500_000;

/**
 * Counters on disk. What changed since the last time is written as one row, whatever the number of counters, and a row
 * of the ring is overwritten by the entry that comes 64 later: by then everything was written once more as a whole. So
 * a busy object writes a row a flush, and a few more every 64 flushes.
 */
export class Journal {
  readonly #database: ObjectDatabase;
  /** Of the last entry, or of everything, whichever is later. */
  #sequence = 0;
  /** Of the last time everything was written. */
  #whole = 0;

  constructor(database: ObjectDatabase) {
    this.#database = database;
    migrateObject(database, 'limiter_facts', [
      [
        'CREATE TABLE limiter_journal (slot INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, changes TEXT NOT NULL)',
        'CREATE TABLE limiter_pages (page INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, counters TEXT NOT NULL)',
      ],
    ]);
  }

  /** Puts back what was written. */
  load(counters: Counters): void {
    for (const { sequence, counters: text } of this.#database.exec('SELECT * FROM limiter_pages')) {
      this.#whole = Number(sequence);
      putBack(counters, String(text));
    }
    this.#sequence = this.#whole;
    const entries = this.#database.exec(
      'SELECT sequence, changes FROM limiter_journal WHERE sequence > ? ORDER BY sequence',
      this.#whole,
    );
    for (const { sequence, changes } of entries) {
      this.#sequence = Number(sequence);
      putBack(counters, String(changes));
    }
  }

  /** Writes what changed. */
  flush(counters: Counters): void {
    if (counters.changed.size === 0) return;
    const sequence = this.#sequence + 1;
    const isEntry = sequence - this.#whole < RING;
    const entry = isEntry ? textOf(counters, counters.changed, ROW_CHARS) : null;
    if (entry === null) this.#writeAll(counters, sequence);
    else {
      this.#database.exec(
        `INSERT INTO limiter_journal (slot, sequence, changes) VALUES (?, ?, ?)
         ON CONFLICT (slot) DO UPDATE SET sequence = excluded.sequence, changes = excluded.changes`,
        sequence % RING,
        sequence,
        entry,
      );
    }
    this.#sequence = sequence;
    counters.changed.clear();
  }

  #writeAll(counters: Counters, sequence: number): void {
    const pages = pagesOf(counters);
    this.#database.transaction(() => {
      for (const [page, text] of pages.entries()) {
        this.#database.exec(
          `INSERT INTO limiter_pages (page, sequence, counters) VALUES (?, ?, ?)
           ON CONFLICT (page) DO UPDATE SET sequence = excluded.sequence, counters = excluded.counters`,
          page,
          sequence,
          text,
        );
      }
      this.#database.exec('DELETE FROM limiter_pages WHERE page >= ?', pages.length);
    });
    this.#whole = sequence;
  }
}

/** Counters by id, null where one was forgotten; null in place of the text where it would be too long. */
function textOf(counters: Counters, ids: Iterable<string>, mostChars: number): string | null {
  const parts: string[] = [];
  let chars = 0;
  for (const id of ids) {
    const part = `${JSON.stringify(id)}:${JSON.stringify(counters.get(id) ?? null)}`;
    chars += part.length + 1;
    if (chars > mostChars) return null;
    parts.push(part);
  }
  return `{${parts.join(',')}}`;
}

/** At least one, since a page says which entries are older than it. */
function pagesOf(counters: Counters): string[] {
  const pages: string[] = [];
  let parts: string[] = [];
  let chars = 0;
  for (const id of counters.ids()) {
    const part = `${JSON.stringify(id)}:${JSON.stringify(counters.get(id) ?? null)}`;
    if (chars > 0 && chars + part.length > ROW_CHARS) {
      pages.push(`{${parts.join(',')}}`);
      [parts, chars] = [[], 0];
    }
    parts.push(part);
    chars += part.length + 1;
  }
  pages.push(`{${parts.join(',')}}`);
  return pages;
}

function putBack(counters: Counters, text: string): void {
  const written = JSON.parse(text) as Record<string, Counter | null>;
  for (const id in written) counters.restore(id, written[id] ?? undefined);
}
