import { concatBytes, type RangeReader } from '../../core/bytes.ts';
import { OrasiError } from '../../core/errors.ts';
import type { FileRange } from '../../parquet/metadata.ts';
import { type DictionaryPageHeader, type PageHeader, readPageHeader } from '../../parquet/page-header.ts';
import { checkPage, type StoredPage } from '../../parquet/pages.ts';
import { malformed, ThriftReader } from '../../parquet/thrift.ts';

/** A data page and where in the file it stands, header included. */
export interface LocatedPage extends StoredPage {
  readonly offset: number;
}

/** Headers with long statistics are larger than this; the read then grows. */
const HEADER_BYTES = 1024;
const MOST_HEADER_BYTES = 1024 * 1024;

/**
 * The pages of one column chunk from the front, read `readBytes` at a time. What was read is let go as soon
 * as the page after it is asked for.
 */
export class PageStream {
  readonly #reader: RangeReader;
  readonly #end: number;
  readonly #readBytes: number;
  #buffer: Uint8Array = new Uint8Array(0);
  /** Where the buffer begins in the file, and where the next page does. */
  #bufferAt: number;
  #at: number;
  readonly #start: number;
  #lostDictionary = false;
  dictionary: StoredPage<DictionaryPageHeader> | undefined;

  constructor(reader: RangeReader, range: FileRange, readBytes: number) {
    if (range.offset + range.length > reader.sizeBytes) throw malformed('a column chunk leaves the file');
    this.#reader = reader;
    this.#end = range.offset + range.length;
    this.#readBytes = readBytes;
    this.#bufferAt = range.offset;
    this.#at = range.offset;
    this.#start = range.offset;
  }

  /** Goes on at a page that stands at `offset` of the file. */
  seek(offset: number): void {
    this.#at = offset;
    if (offset < this.#bufferAt || offset > this.#bufferAt + this.#buffer.length) this.#forgetBuffer();
  }

  /** Lets go of what was read ahead and of the dictionary; both are read again when asked for. */
  drop(): void {
    this.#forgetBuffer();
    if (this.dictionary !== undefined) this.#lostDictionary = true;
    this.dictionary = undefined;
  }

  #forgetBuffer(): void {
    this.#buffer = new Uint8Array(0);
    this.#bufferAt = this.#at;
  }

  /** Reads the dictionary again where it was let go of. It stands at the chunk's beginning. */
  async ensureDictionary(): Promise<void> {
    if (!this.#lostDictionary) return;
    this.#lostDictionary = false;
    const at = this.#at;
    this.seek(this.#start);
    while (this.dictionary === undefined && (await this.next()) !== null);
    this.seek(at);
  }

  /** Bytes of memory held for reading ahead. */
  get heldBytes(): number {
    return this.#buffer.length;
  }

  /** The next data page, its dictionary taken on the way; null at the chunk's end. */
  async next(): Promise<LocatedPage | null> {
    while (this.#at < this.#end) {
      const offset = this.#at;
      const { header, bytes } = await this.#header();
      const body = await this.#take(offset + bytes, header.compressedBytes);
      checkPage(header.crc, body);
      this.#at = offset + bytes + header.compressedBytes;
      if (header.kind === 'data') return { header, body, offset };
      if (header.kind === 'dictionary') this.dictionary = { header, body };
    }
    return null;
  }

  async #header(): Promise<{ header: PageHeader; bytes: number }> {
    const left = this.#end - this.#at;
    for (let size = Math.min(left, HEADER_BYTES); ; size = Math.min(left, size * 8)) {
      const reader = new ThriftReader(await this.#take(this.#at, size));
      try {
        return { header: readPageHeader(reader), bytes: reader.offset };
      } catch (error) {
        // It may only be cut off.
        if (size === left || size >= MOST_HEADER_BYTES || !(error instanceof OrasiError)) throw error;
      }
    }
  }

  /** Bytes of the file, from what was read ahead where they are there. */
  async #take(offset: number, length: number): Promise<Uint8Array> {
    if (offset + length > this.#end) throw malformed('a page leaves its column chunk');
    const have = this.#bufferAt + this.#buffer.length;
    if (offset + length > have) {
      const kept = offset < have ? this.#buffer.subarray(offset - this.#bufferAt) : new Uint8Array(0);
      const from = offset + kept.length;
      const more = await this.#reader.read(
        from,
        Math.min(Math.max(this.#readBytes, offset + length - from), this.#end - from),
      );
      this.#buffer = kept.length === 0 ? more : concatBytes([kept, more]);
      this.#bufferAt = offset;
    }
    return this.#buffer.subarray(offset - this.#bufferAt, offset - this.#bufferAt + length);
  }
}

/** Bytes that all cursors of a row group together read ahead; a row group below it is read in one go. */
export const READ_AHEAD_BYTES = 8 * 1024 * 1024;

/** A reader that holds one range of another in memory. */
export function heldRange(reader: RangeReader, range: FileRange, bytes: Uint8Array): RangeReader {
  return {
    sizeBytes: reader.sizeBytes,
    async read(offset, length) {
      const at = offset - range.offset;
      return at >= 0 && at + length <= bytes.length
        ? bytes.subarray(at, at + length)
        : await reader.read(offset, length);
    },
  };
}

/** What a cursor reads at a time, where `columns` of them share the bytes read ahead. */
export function readBytesFor(columns: number): number {
  return Math.max(64 * 1024, Math.floor(READ_AHEAD_BYTES / Math.max(1, columns)));
}
