import { assert } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { ObjectDatabase, SqlRow, SqlValue } from '../../core/object-database.ts';
import type { KvInterval, KvRecord } from '../../core/protocol/cluster-kv.ts';
import { endOf, intervalCondition } from './interval.ts';
import { KvRefused } from './refusal.ts';

/**
 * Places within one revision. Revisions stay below 2^33 so that a position is an exact number: at three thousand
 * writes a second that is a lifetime of ninety years.
 */
export const POSITIONS = 2 ** 20;

/** What a record takes beside its key and value while it is answered. */
export const RECORD_BYTES = 128;

/** The revision of a store that nothing was written to, as etcd counts. */
const FIRST_REVISION = 1;

/** A write as the history remembers it; of version 0 a deletion. */
export interface KvChange {
  readonly revision: number;
  readonly record: KvRecord;
}

interface Head {
  readonly revision: number;
  readonly totalBytes: number;
  readonly liveBytes: number;
}

interface Start {
  /** As `compactedRevision` has it. */
  readonly compacted: number;
  /** Of the first row that is told of. */
  readonly totalBytes: number;
}

export interface Found {
  readonly records: KvRecord[];
  /** Keys in the interval, whatever the limit. */
  readonly count: number;
}

/**
 * The tables: the present, the history and what is between them. Synchronous, as a Durable Object's SQLite is, so
 * that a decision and its write are one step.
 *
 * Invariant: the last history row of a key is its row in `kv`, or a deletion where it has none; rows of the compacted
 * revision and of every later one are all kept, of older ones the last of each key.
 */
export class KvStore {
  readonly database: ObjectDatabase;
  /** Bytes of records one answer may hold; a Worker's RPC and memory bound it. */
  readonly answerBytes: number;
  /** What the last row of the history says, and where it begins: a write asks for both. Undefined: not looked up. */
  private head: Head | undefined;
  private start: Start | undefined;
  /** How many keys leases have, as far as that was asked: counting them at each write would read them all. */
  private readonly keyCounts = new Map<string, number>();

  constructor(database: ObjectDatabase, answerBytes: number) {
    this.database = database;
    this.answerBytes = answerBytes;
  }

  revision(): number {
    return this.last().revision;
  }

  /** Bytes of the keys and values there are. */
  liveBytes(): number {
    return this.last().liveBytes;
  }

  /** The oldest revision that can be read; -1 where nothing was ever compacted. */
  compactedRevision(): number {
    return this.first().compacted;
  }

  /** After the tables were written to in another way: a transaction undone, a restore. */
  lookAgain(): void {
    this.head = undefined;
    this.start = undefined;
    this.keyCounts.clear();
  }

  private last(): Head {
    if (this.head !== undefined) return this.head;
    const [row] = this.database.exec(
      'SELECT position, total_bytes, live_bytes FROM kv_history ORDER BY position DESC LIMIT 1',
    );
    this.head =
      row === undefined
        ? { revision: FIRST_REVISION, totalBytes: 0, liveBytes: 0 }
        : {
            revision: revisionAt(Number(row.position)),
            totalBytes: Number(row.total_bytes),
            liveBytes: Number(row.live_bytes),
          };
    return this.head;
  }

  private first(): Start {
    if (this.start !== undefined) return this.start;
    const compacted = Number(this.database.exec("SELECT value FROM kv_facts WHERE name = 'compacted'")[0]?.value ?? -1);
    const [row] = this.database.exec(
      'SELECT total_bytes FROM kv_history WHERE position >= ? ORDER BY position LIMIT 1',
      Math.max(FIRST_REVISION, compacted) * POSITIONS,
    );
    // Before the first write there is no first row; it is looked up again after it.
    if (row === undefined) return { compacted, totalBytes: 0 };
    this.start = { compacted, totalBytes: Number(row.total_bytes) };
    return this.start;
  }

  /** The records of an interval as they are, in order of their keys. `limit` 0 is none. */
  present(interval: KvInterval, limit: number, columns: 'all' | 'keys' | 'count'): Found {
    if (endOf(interval) === 'key') {
      const record = this.get(interval.key);
      if (record === undefined) return { records: [], count: 0 };
      return { records: columns === 'count' ? [] : [record], count: 1 };
    }
    const { where, values } = intervalCondition(interval);
    return this.found(`SELECT * FROM kv WHERE ${where} ORDER BY key`, values, limit, columns);
  }

  /** The same as of a revision. */
  asOf(revision: number, interval: KvInterval, limit: number, columns: 'all' | 'keys' | 'count'): Found {
    const { where, values } = intervalCondition(interval);
    // With max(), SQLite takes the other columns from the row that has the maximum.
    const last = `SELECT key, value, create_revision, version, lease, max(position) AS position FROM kv_history
                  WHERE ${where} AND position < ? GROUP BY key ORDER BY key`;
    const query = `SELECT *, position / ${POSITIONS} AS mod_revision FROM (${last}) WHERE version > 0`;
    return this.found(query, [...values, (revision + 1) * POSITIONS], limit, columns);
  }

  private found(query: string, values: SqlValue[], limit: number, columns: 'all' | 'keys' | 'count'): Found {
    const exec = (text: string, ...bindings: SqlValue[]) => this.database.exec(text, ...bindings);
    const count = Number(exec(`SELECT count(*) AS count FROM (${query})`, ...values)[0].count);
    if (columns === 'count' || count === 0) return { records: [], count };
    const page = `${query} LIMIT ?`;
    const rows = limit > 0 ? limit : count;
    const shown = columns === 'all' ? 'value' : 'NULL AS value';
    const size = columns === 'all' ? 'length(key) + coalesce(length(value), 0)' : 'length(key)';
    const sizes = `SELECT sum(${size} + ${RECORD_BYTES}) AS bytes FROM (${page})`;
    const bytes = Number(exec(sizes, ...values, rows)[0].bytes);
    if (bytes > this.answerBytes) {
      throw new KvRefused('answer_too_large', `the records asked for have ${bytes} bytes; ask with a limit`);
    }
    const selected = `SELECT key, ${shown}, create_revision, mod_revision, version, lease FROM (${page})`;
    return { records: exec(selected, ...values, rows).map(recordOf), count };
  }

  get(key: Uint8Array): KvRecord | undefined {
    const row = this.database.exec('SELECT * FROM kv WHERE key = ?', key)[0];
    return row === undefined ? undefined : recordOf(row);
  }

  /** Writes a record, present and history, over the one that is there. `place` is its place within the revision. */
  put(record: KvRecord, there: KvRecord | undefined, place: number): void {
    this.database.exec(
      `INSERT INTO kv (key, value, create_revision, mod_revision, version, lease) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, create_revision = excluded.create_revision,
         mod_revision = excluded.mod_revision, version = excluded.version, lease = excluded.lease`,
      record.key,
      record.value,
      record.createRevision,
      record.modRevision,
      record.version,
      record.leaseId,
    );
    this.recount(record.leaseId, 1);
    if (there !== undefined) this.recount(there.leaseId, -1);
    const before = there === undefined ? 0 : there.key.length + there.value.length;
    this.remember(record, place, record.key.length + record.value.length - before);
  }

  delete(key: Uint8Array, revision: number, place: number): void {
    const [there] = this.database.exec(
      'DELETE FROM kv WHERE key = ? RETURNING lease, length(key) + coalesce(length(value), 0) AS bytes',
      key,
    );
    assert(there !== undefined, 'only a key that is there is deleted');
    this.recount(String(there.lease), -1);
    const gone = { key, value: EMPTY, createRevision: 0, modRevision: revision, version: 0, leaseId: '0' };
    this.remember(gone, place, -Number(there.bytes));
  }

  /**
   * Goes on at a revision beyond the present one, with nothing written and all before it compacted: whoever knows an
   * earlier one is told so. What marks it is a deletion of the empty key, which no call can ask for.
   */
  beginAt(revision: number): void {
    assert(revision > this.revision(), 'revisions grow');
    const nothing = { key: EMPTY, value: EMPTY, createRevision: 0, modRevision: revision, version: 0, leaseId: '0' };
    this.remember(nothing, 0, 0);
    this.compact(revision);
  }

  private remember(record: KvRecord, place: number, more: number): void {
    // A call deletes `keysPerDeletion` at most, and puts no more keys than a transaction has operations.
    assert(place < POSITIONS, 'a revision has at most so many writes');
    const last = this.last();
    const head = {
      revision: record.modRevision,
      totalBytes: last.totalBytes + record.key.length + record.value.length,
      liveBytes: last.liveBytes + more,
    };
    this.database.exec(
      `INSERT INTO kv_history (position, key, value, create_revision, version, lease, total_bytes, live_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      record.modRevision * POSITIONS + place,
      record.key,
      record.value,
      record.createRevision,
      record.version,
      record.leaseId,
      head.totalBytes,
      head.liveBytes,
    );
    this.head = head;
  }

  /** Keys of an interval that are to be deleted; there is room for so many more. Throws `too_many_operations`. */
  keys(interval: KvInterval, room: number): Uint8Array[] {
    const { where, values } = intervalCondition(interval);
    const rows = this.database.exec(`SELECT key FROM kv WHERE ${where} ORDER BY key LIMIT ?`, ...values, room + 1);
    if (rows.length > room) {
      throw new KvRefused('too_many_operations', `at most ${LIMITS.keysPerDeletion} keys are deleted at once`);
    }
    return rows.map((row) => bytesOf(row.key));
  }

  /** The first keys of a lease, as many as one may have. */
  keysOfLease(leaseId: string): Uint8Array[] {
    return this.database
      .exec("SELECT key FROM kv WHERE lease = ? AND lease <> '0' ORDER BY key LIMIT ?", leaseId, LIMITS.keysPerLease)
      .map((row) => bytesOf(row.key));
  }

  countKeysOfLease(leaseId: string): number {
    const known = this.keyCounts.get(leaseId);
    if (known !== undefined) return known;
    const [row] = this.database.exec("SELECT count(*) AS count FROM kv WHERE lease = ? AND lease <> '0'", leaseId);
    const count = Number(row.count);
    if (count > 0) this.keyCounts.set(leaseId, count);
    return count;
  }

  /** A key has come to a lease, or gone from it. */
  private recount(leaseId: string, more: 1 | -1): void {
    const known = this.keyCounts.get(leaseId);
    if (known === undefined) return;
    if (known + more > 0) this.keyCounts.set(leaseId, known + more);
    else this.keyCounts.delete(leaseId);
  }

  /**
   * The changes of an interval from a revision on, whole revisions in order of writing, up to about `maxRows` and
   * `maxBytes` of them; `reached` is the last revision that they are complete up to.
   */
  changes(
    interval: KvInterval,
    fromRevision: number,
    maxRows: number,
    maxBytes: number,
  ): { changes: KvChange[]; reached: number } {
    const { where, values } = intervalCondition(interval);
    const from = fromRevision * POSITIONS;
    const sizes = this.database.exec(
      `SELECT position, length(key) + coalesce(length(value), 0) AS bytes FROM kv_history
       WHERE position >= ? AND ${where} ORDER BY position LIMIT ?`,
      from,
      ...values,
      maxRows,
    );
    const end = endOfPage(sizes, maxRows, maxBytes);
    const reached = end === undefined ? this.revision() : end - 1;
    const changes = this.database
      .exec(
        `SELECT * FROM kv_history WHERE position >= ? AND position < ? AND ${where} ORDER BY position`,
        from,
        (reached + 1) * POSITIONS,
        ...values,
      )
      .map(changeOf);
    return { changes, reached };
  }

  /** A key as it was before a revision; undefined where it was not, or where that is forgotten. */
  before(key: Uint8Array, revision: number): KvRecord | undefined {
    if (revision - 1 < this.compactedRevision()) return undefined;
    const row = this.database.exec(
      'SELECT * FROM kv_history WHERE key = ? AND position < ? ORDER BY position DESC LIMIT 1',
      key,
      revision * POSITIONS,
    )[0];
    return row === undefined || Number(row.version) === 0 ? undefined : changeOf(row).record;
  }

  /**
   * Forgets what only revisions before `revision` can tell. What is written to is proportional to the history
   * forgotten, not to the keys there are: only keys written since the last compaction have rows to lose.
   */
  compact(revision: number): void {
    const since = Math.max(0, this.compactedRevision());
    this.database.exec(
      `DELETE FROM kv_history WHERE position IN (
         SELECT earlier.position FROM (SELECT DISTINCT key FROM kv_history WHERE position >= ? AND position < ?) AS written
         JOIN kv_history AS earlier ON earlier.key = written.key AND earlier.position < ?
         WHERE earlier.version = 0 OR EXISTS (
           SELECT 1 FROM kv_history AS later
           WHERE later.key = earlier.key AND later.position > earlier.position AND later.position < ?))`,
      since * POSITIONS,
      (revision + 1) * POSITIONS,
      revision * POSITIONS,
      (revision + 1) * POSITIONS,
    );
    this.database.exec("INSERT OR REPLACE INTO kv_facts (name, value) VALUES ('compacted', ?)", revision);
    this.start = undefined;
  }

  /** The revision to compact to so that the history has about the size allowed; undefined where it has. */
  excess(maxRevisions: number, maxBytes: number): number | undefined {
    const { revision, totalBytes } = this.last();
    const first = this.first();
    const kept = Math.max(FIRST_REVISION, first.compacted);
    const bytes = totalBytes - first.totalBytes;
    // Trimmed in steps, so that most writes delete nothing.
    if (revision - kept - maxRevisions < Math.ceil(maxRevisions / 100) && bytes <= 1.1 * maxBytes) return undefined;
    const [fits] = this.database.exec(
      'SELECT position FROM kv_history WHERE position >= ? AND total_bytes >= ? ORDER BY position LIMIT 1',
      kept * POSITIONS,
      totalBytes - maxBytes,
    );
    return Math.max(revision - maxRevisions, fits === undefined ? 0 : revisionAt(Number(fits.position)));
  }
}

const EMPTY = new Uint8Array(0);

export function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  assert(value === null, 'a column of bytes');
  return EMPTY;
}

function revisionAt(position: number): number {
  return Math.floor(position / POSITIONS);
}

function recordOf(row: SqlRow): KvRecord {
  return {
    key: bytesOf(row.key),
    value: bytesOf(row.value),
    createRevision: Number(row.create_revision),
    modRevision: Number(row.mod_revision),
    version: Number(row.version),
    leaseId: String(row.lease),
  };
}

function changeOf(row: SqlRow): KvChange {
  const revision = revisionAt(Number(row.position));
  return { revision, record: recordOf({ ...row, mod_revision: revision }) };
}

/** The first revision that a page leaves to the next one; undefined where it has all. It has at least one revision. */
function endOfPage(sizes: readonly SqlRow[], maxRows: number, maxBytes: number): number | undefined {
  let bytes = 0;
  for (const [at, row] of sizes.entries()) {
    bytes += Number(row.bytes);
    if (bytes > maxBytes && at > 0) {
      const cut = revisionAt(Number(row.position));
      return Math.max(cut, revisionAt(Number(sizes[0].position)) + 1);
    }
  }
  if (sizes.length < maxRows) return undefined;
  // The last revision of a full page may go on behind it.
  const first = revisionAt(Number(sizes[0].position));
  return Math.max(first + 1, revisionAt(Number(sizes[sizes.length - 1].position)));
}
