import type { IndexDefinition, IndexSummary } from '../../columns/index-definition.ts';
import type { RangeReader } from '../../core/bytes.ts';
import { corruptFile } from '../../segment/byte-codec.ts';
import type { IndexKind, IndexReader } from '../../segment/index-file.ts';
import { openSegment, type SegmentFile } from '../../segment/read.ts';
import type { SegmentRecord } from '../../storage/catalog-records.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { objectReader } from '../../storage/range-reader.ts';
import { type FileCache, type OpenedFile, RedirectedReader } from './file-cache.ts';
import type { ReadGate } from './read-gate.ts';

/** One use of an opened file. */
export interface Lease<File> {
  readonly file: File;
  /** Ends the use; the file is kept for later while nothing else in the query uses it. */
  release(): void;
  /** Ends the use of a file that failed: it may hold half of what it reads on demand, so it is not kept. */
  discard(): void;
}

interface Shared {
  readonly opening: Promise<OpenedFile<unknown>>;
  uses: number;
}

/** Bytes of memory that a parsed footer takes for each of its bytes, about. */
const PARSED_FACTOR = 4;

/** The files one query has open. Two operators that read one segment share it. */
export class OpenFiles {
  readonly #store: ObjectStore;
  readonly #gate: ReadGate;
  readonly #cache: FileCache;
  readonly #shared = new Map<string, Shared>();

  constructor(store: ObjectStore, gate: ReadGate, cache: FileCache) {
    this.#store = store;
    this.#gate = gate;
    this.#cache = cache;
  }

  async segment(segment: SegmentRecord): Promise<Lease<SegmentFile>> {
    const { key, etag, sizeBytes, footerBytes } = segment;
    const reader = objectReader(this.#store, { key, etag, sizeBytes });
    return await this.#open(
      `${key}@${etag}`,
      reader,
      (redirected) => openSegment(redirected, { footerBytes }),
      (file) => file.footer.length * PARSED_FACTOR,
    );
  }

  async index(
    kind: IndexKind,
    definition: IndexDefinition,
    { key, summary }: { readonly key: string; readonly summary: IndexSummary },
  ): Promise<Lease<IndexReader>> {
    // Index files are never written twice, so that a key alone is one version.
    const reader: RangeReader = {
      sizeBytes: summary.sizeBytes,
      read: async (offset, length) => {
        const bytes = await this.#store.read(key, offset, length);
        if (bytes.length !== length) throw corruptFile(`${key} is cut short: ${bytes.length} bytes of ${length}`);
        return bytes;
      },
    };
    // A directory is a small share of its file; some kinds also keep some bytes a row once they have read them.
    const bytes = Math.ceil(summary.sizeBytes / 8) + 2 * summary.rows;
    return await this.#open(
      key,
      reader,
      (redirected) => kind.open(redirected, definition, summary),
      () => bytes,
    );
  }

  async #open<File>(
    key: string,
    reader: RangeReader,
    open: (reader: RangeReader) => Promise<File>,
    bytesOf: (file: File) => number,
  ): Promise<Lease<File>> {
    const shared = this.#shared.get(key) ?? { opening: this.#opened(key, reader, open, bytesOf), uses: 0 };
    this.#shared.set(key, shared);
    shared.uses++;
    try {
      const opened = await shared.opening;
      let released = false;
      const release = () => {
        if (released) return;
        released = true;
        if (--shared.uses > 0 || this.#shared.get(key) !== shared) return;
        this.#shared.delete(key);
        this.#cache.putBack(key, opened);
      };
      const discard = () => {
        released = true;
        if (this.#shared.get(key) === shared) this.#shared.delete(key);
      };
      return { file: opened.file as File, release, discard };
    } catch (error) {
      if (this.#shared.get(key) === shared) this.#shared.delete(key);
      throw error;
    }
  }

  async #opened<File>(
    key: string,
    reader: RangeReader,
    open: (reader: RangeReader) => Promise<File>,
    bytesOf: (file: File) => number,
  ): Promise<OpenedFile<unknown>> {
    const guarded = this.#gate.guard(reader);
    const cached = this.#cache.take(key);
    if (cached !== undefined) {
      cached.reader.target = guarded;
      return cached;
    }
    const redirected = new RedirectedReader(guarded);
    const file = await open(redirected);
    return { file, reader: redirected, bytes: bytesOf(file) };
  }

  /**
   * Forgets every file still open without keeping it: a query that failed may have left one with half of
   * what it reads on demand.
   */
  abandon(): void {
    this.#shared.clear();
  }
}
