import type { BadRow } from '../formats/format.ts';
import { createObjectSink, type ObjectSink } from '../storage/object-sink.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** The quarantine file of one part: a line of JSON a bad row. The file is made with the first. */
export class QuarantineFile {
  rows = 0;
  readonly key: string;
  readonly #store: ObjectStore;
  #sink: ObjectSink | undefined;

  constructor(store: ObjectStore, key: string) {
    this.#store = store;
    this.key = key;
  }

  async add(bad: readonly BadRow[]): Promise<void> {
    if (bad.length === 0) return;
    this.#sink ??= createObjectSink(this.#store, this.key, { contentType: 'application/x-ndjson' });
    this.rows += bad.length;
    await this.#sink.write(new TextEncoder().encode(bad.map((row) => `${JSON.stringify(row)}\n`).join('')));
  }

  /** The file, once it is stored; undefined where there was no bad row. */
  async finish(): Promise<{ readonly key: string; readonly rows: number } | undefined> {
    if (this.#sink === undefined) return undefined;
    await this.#sink.finish();
    return { key: this.key, rows: this.rows };
  }
}
