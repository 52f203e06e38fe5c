import { OrasiError } from '../core/errors.ts';
import type { BadRow } from '../formats/format.ts';
import { createObjectSink, type ObjectSink } from '../storage/object-sink.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** More rows are bad than is worth keeping: the object fails, and says what its first bad row had. */
class TooManyBadRows extends OrasiError {
  constructor(limit: number, first: BadRow) {
    const [reason] = first.reasons;
    const where = first.line === undefined ? `row ${first.row}` : `line ${first.line}`;
    super(
      'malformed_input',
      `more than ${limit} rows are bad; the first is ${where}: ${reason?.message ?? 'no reason given'}`,
    );
  }
}

/** The quarantine file of one part: a line of JSON a bad row. The file is made with the first. */
export class QuarantineFile {
  readonly key: string;
  readonly #store: ObjectStore;
  readonly #limit: number;
  readonly #before: number;
  #rows = 0;
  #sink: ObjectSink | undefined;
  #first: BadRow | undefined;

  /** Of `limit` rows an object may have, earlier parts had `before`. */
  constructor(store: ObjectStore, key: string, limit: number, before: number) {
    this.#store = store;
    this.key = key;
    this.#limit = limit;
    this.#before = before;
  }

  /** Bad rows of the object up to here, earlier parts included. */
  get total(): number {
    return this.#before + this.#rows;
  }

  /** Throws OrasiError `malformed_input` at the limit; the file then holds the rows up to it. */
  async add(bad: readonly BadRow[]): Promise<void> {
    if (bad.length === 0) return;
    const kept = bad.slice(0, Math.max(0, this.#limit - this.total));
    this.#first ??= bad[0];
    this.#sink ??= createObjectSink(this.#store, this.key, { contentType: 'application/x-ndjson' });
    this.#rows += kept.length;
    await this.#sink.write(new TextEncoder().encode(kept.map((row) => `${JSON.stringify(row)}\n`).join('')));
    if (kept.length < bad.length) throw new TooManyBadRows(this.#limit, this.#first);
  }

  /** The file, once it is stored; undefined where there was no bad row. */
  async finish(): Promise<{ readonly key: string; readonly rows: number } | undefined> {
    if (this.#sink === undefined || this.#rows === 0) return undefined;
    await this.#sink.finish();
    return { key: this.key, rows: this.#rows };
  }
}
