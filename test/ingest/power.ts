import type { MultipartUpload, ObjectStore } from '../../src/storage/object-store.ts';
import type { BoundStatement, SqlBinding, SqlValue } from '../../src/storage/sql.ts';

/** What everything sees that a process does after its end. */
export class PowerLoss extends Error {}

/**
 * The power of one process. Every durable effect passes through `use`, before which and after which it may go: the
 * effect has then happened or not, and nobody in the process lives to learn which.
 */
export class Power {
  /** Chances to fail so far: two an effect. */
  steps = 0;
  off = false;
  readonly #failAt: number;

  constructor(failAt = Number.POSITIVE_INFINITY) {
    this.#failAt = failAt;
  }

  async use<T>(effect: () => Promise<T>): Promise<T> {
    this.#step();
    const result = await effect();
    this.#step();
    return result;
  }

  #step(): void {
    if (!this.off && ++this.steps === this.#failAt) this.off = true;
    if (this.off) throw new PowerLoss('the power is off');
  }
}

/** What every durable effect goes through; it may fail before the effect, or after it. */
export type Effects = Pick<Power, 'use'>;

/** The store as a process with this power reaches it. */
export function poweredStore(store: ObjectStore, power: Effects): ObjectStore {
  const uploadOf = (upload: MultipartUpload): MultipartUpload => ({
    key: upload.key,
    uploadId: upload.uploadId,
    uploadPart: (part, bytes, sizeBytes) => power.use(() => upload.uploadPart(part, bytes, sizeBytes)),
    complete: (parts) => power.use(() => upload.complete(parts)),
    abort: () => power.use(() => upload.abort()),
  });
  return {
    head: (key) => power.use(() => store.head(key)),
    read: (key, offset, length, etag) => power.use(() => store.read(key, offset, length, etag)),
    stream: (key, offset, etag) => power.use(() => store.stream(key, offset, etag)),
    put: (key, body, options) => power.use(() => store.put(key, body, options)),
    createUpload: async (key, options) => uploadOf(await power.use(() => store.createUpload(key, options))),
    resumeUpload: (key, uploadId) => uploadOf(store.resumeUpload(key, uploadId)),
    delete: (keys) => power.use(() => store.delete(keys)),
    list: (prefix, cursor, limit) => power.use(() => store.list(prefix, cursor, limit)),
  };
}

const inner = Symbol('inner');

/** The database as a process with this power reaches it: a statement, or a batch, is one effect. */
export function poweredSql(binding: SqlBinding, power: Effects): SqlBinding {
  type Powered = BoundStatement & { [inner]: BoundStatement };
  const wrap = (statement: BoundStatement): Powered => ({
    [inner]: statement,
    bind: (...values: SqlValue[]) => wrap(statement.bind(...values)),
    all: () => power.use(() => statement.all()),
  });
  return {
    prepare: (text) => wrap(binding.prepare(text)),
    batch: (statements) => power.use(() => binding.batch(statements.map((statement) => (statement as Powered)[inner]))),
  };
}
