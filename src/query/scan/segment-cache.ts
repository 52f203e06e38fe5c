import type { RangeReader } from '../../core/bytes.ts';
import { openSegment, type SegmentFile } from '../../segment/read.ts';
import type { SegmentRecord } from '../../storage/catalog-records.ts';

/** A segment opened for one query; whoever took it gives it back. */
export interface OpenSegment {
  readonly file: SegmentFile;
  /** Ends the use: the parsed footer waits for the next query. */
  release(): void;
}

/** A reader whose file may be read through another reader from one query to the next. */
class Redirected implements RangeReader {
  readonly sizeBytes: number;
  target: RangeReader | undefined;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (this.target === undefined) throw new Error('assertion failed: a segment is read after it was given back');
    return await this.target.read(offset, length);
  }
}

interface Parsed {
  readonly file: SegmentFile;
  readonly reader: Redirected;
}

/**
 * Parsed footers of the segments last read, by etag. A parsed footer serves one query at a time, since
 * it reads through that query's counts; a second query at the same moment parses the cached bytes again.
 *
 * Invariant: the footers kept have at most `limitBytes` bytes between them, but for the last.
 */
export class SegmentCache {
  readonly #limitBytes: number;
  /** The oldest use first. */
  readonly #footers = new Map<string, Uint8Array>();
  readonly #idle = new Map<string, Parsed>();
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  async open(segment: SegmentRecord, reader: RangeReader): Promise<OpenSegment> {
    const key = `${segment.key}@${segment.etag}`;
    const parsed = this.#idle.get(key) ?? (await this.#parse(key, segment, reader));
    this.#idle.delete(key);
    parsed.reader.target = reader;
    const release = () => {
      if (parsed.reader.target === undefined) return;
      parsed.reader.target = undefined;
      this.#keep(key, parsed);
    };
    return { file: parsed.file, release };
  }

  async #parse(key: string, segment: SegmentRecord, reader: RangeReader): Promise<Parsed> {
    const redirected = new Redirected(segment.sizeBytes);
    redirected.target = reader;
    const footer = this.#footers.get(key);
    const file = await openSegment(redirected, { footer, footerBytes: segment.footerBytes });
    return { file, reader: redirected };
  }

  #keep(key: string, parsed: Parsed): void {
    const known = this.#footers.get(key);
    const { footer } = parsed.file;
    this.#footers.delete(key);
    this.#footers.set(key, known ?? footer);
    if (known === undefined) this.#heldBytes += footer.length;
    this.#idle.set(key, parsed);
    for (const [oldest, bytes] of this.#footers) {
      if (this.#heldBytes <= this.#limitBytes || oldest === key) break;
      this.#heldBytes -= bytes.length;
      this.#footers.delete(oldest);
      this.#idle.delete(oldest);
    }
  }
}
