import type { RangeReader } from '../../core/bytes.ts';

/** A reader whose file is read through another reader from one query to the next. */
export class RedirectedReader implements RangeReader {
  readonly sizeBytes: number;
  target: RangeReader | undefined;

  constructor(target: RangeReader) {
    this.sizeBytes = target.sizeBytes;
    this.target = target;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (this.target === undefined) throw new Error('assertion failed: a file is read after it was given back');
    return await this.target.read(offset, length);
  }
}

/** A file opened: its footer or directory parsed. */
export interface OpenedFile<File> {
  readonly file: File;
  readonly reader: RedirectedReader;
  /** About what it holds in memory. */
  readonly bytes: number;
}

/**
 * Files opened lately, kept between queries so that a warm query reads no footer twice. An opened file reads
 * through one query's counts, so it serves one query at a time: it is taken out and put back.
 *
 * Invariant: what is kept has at most `limitBytes` bytes, but for the last put in.
 */
export class FileCache {
  readonly #limitBytes: number;
  /** The one put back longest ago comes first. */
  readonly #idle = new Map<string, OpenedFile<unknown>>();
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  take(key: string): OpenedFile<unknown> | undefined {
    const found = this.#idle.get(key);
    if (found === undefined) return undefined;
    this.#idle.delete(key);
    this.#heldBytes -= found.bytes;
    return found;
  }

  putBack(key: string, opened: OpenedFile<unknown>): void {
    opened.reader.target = undefined;
    // Another query may have opened the same file meanwhile; one copy is enough.
    if (this.#idle.has(key)) return;
    this.#idle.set(key, opened);
    this.#heldBytes += opened.bytes;
    for (const [oldest, { bytes }] of this.#idle) {
      if (this.#heldBytes <= this.#limitBytes || oldest === key) break;
      this.#idle.delete(oldest);
      this.#heldBytes -= bytes;
    }
  }
}
