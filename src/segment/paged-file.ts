import { crc32 } from 'node:zlib';
import type { IndexSummary } from '../columns/index-definition.ts';
import { ByteWriter } from '../core/byte-writer.ts';
import type { ByteSink, RangeReader } from '../core/bytes.ts';
import { ByteCursor, corruptFile } from './byte-codec.ts';

/**
 * The container of every index file: a body in pages with a checksum each, so that any range of it can be
 * read alone and still be verified, and a directory at the end that one read takes in.
 *
 * ```
 * header     magic "ORASIDX" · version u8
 * body       what the kind writes; page i is bytes [i, i + 1) × pageBytes of the file, header included,
 *            the last one ends where the directory begins
 * directory  kind (text) · pages (varint) · crc32 of each page (u32) · the kind's own directory
 * footer     directory offset u32 + u32 (low, high) · directory length u32 · page bytes u32
 *            · crc32 of directory and footer up to here u32 · version u32 · magic "ORASIDX" · 0
 * ```
 * Integers are little-endian. The checksum is CRC-32 (ISO 3309), of which workerd has a native one.
 */
const MAGIC = Uint8Array.from('ORASIDX', (character) => character.charCodeAt(0));
const VERSION = 1;
const HEADER_BYTES = 8;
const FOOTER_BYTES = 32;

/** What a page holds: small enough that a point lookup reads little, large enough that its checksum costs nothing. */
export const PAGE_BYTES = 16_384;
/** Pages are handed to the sink in runs of this many. */
const PAGES_PER_WRITE = 16;
/** A larger directory is no file of ours: a segment's rows are bounded, and so are an index's pages. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
/** Opening reads at least this much of the end: a small file comes whole, with no second read. */
const TAIL_BYTES = 32_768;
/** A whole file is verified in reads of this size, of whole pages. */
const VERIFY_BYTES = 1024 * 1024;

/** Where the directory of a file is, kept in the catalogue so that opening takes one read. */
export interface DirectoryRange {
  readonly offset: number;
  readonly length: number;
}

/** The directory's place as a build left it in the summary's `meta`; undefined where it is not there. */
export function directoryOf(summary: IndexSummary): DirectoryRange | undefined {
  const { directory } = summary.meta;
  if (typeof directory !== 'object' || directory === null) return undefined;
  if (!('offset' in directory) || !('length' in directory)) return undefined;
  const { offset, length } = directory;
  return typeof offset === 'number' && typeof length === 'number' ? { offset, length } : undefined;
}

export interface PagedFileSummary {
  readonly sizeBytes: number;
  readonly directory: DirectoryRange;
}

/** Writes one file front to back, holding at most a few pages. */
export class PagedFileWriter {
  readonly #sink: ByteSink;
  readonly #kind: string;
  readonly #checksums = new ByteWriter();
  #buffer = new Uint8Array(PAGE_BYTES * PAGES_PER_WRITE);
  #buffered = 0;
  #flushed = 0;

  constructor(sink: ByteSink, kind: string) {
    this.#sink = sink;
    this.#kind = kind;
    this.#buffer.set(MAGIC);
    this.#buffer[7] = VERSION;
    this.#buffered = HEADER_BYTES;
  }

  /** Where the next byte goes. */
  get offset(): number {
    return this.#flushed + this.#buffered;
  }

  /** Bytes left in the page the next byte goes to. */
  get pageLeft(): number {
    return PAGE_BYTES - (this.offset % PAGE_BYTES);
  }

  async write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const part = Math.min(bytes.length - done, this.#buffer.length - this.#buffered);
      this.#buffer.set(bytes.subarray(done, done + part), this.#buffered);
      this.#buffered += part;
      done += part;
      if (this.#buffered === this.#buffer.length) await this.#flush();
    }
  }

  /** Fills up the page with zeros, so that what follows begins one. */
  async alignToPage(): Promise<void> {
    if (this.pageLeft < PAGE_BYTES) await this.write(new Uint8Array(this.pageLeft));
  }

  /** Ends the body and writes the kind's directory. */
  async finish(directory: Uint8Array): Promise<PagedFileSummary> {
    await this.#flush();
    const offset = this.offset;
    const out = new ByteWriter(directory.length + this.#checksums.length + 64);
    out.text(this.#kind);
    out.varint(this.#checksums.length / 4);
    out.append(this.#checksums.view());
    out.append(directory);
    const length = out.length;
    out.u32(offset % 2 ** 32);
    out.u32(Math.floor(offset / 2 ** 32));
    out.u32(length);
    out.u32(PAGE_BYTES);
    out.u32(crc32(out.view()));
    out.u32(VERSION);
    out.append(MAGIC);
    out.u8(0);
    await this.#sink.write(out.copy());
    return { sizeBytes: offset + out.length, directory: { offset, length } };
  }

  async #flush(): Promise<void> {
    if (this.#buffered === 0) return;
    const bytes = this.#buffer.subarray(0, this.#buffered);
    for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
      this.#checksums.u32(crc32(bytes.subarray(at, at + PAGE_BYTES)));
    }
    this.#flushed += bytes.length;
    this.#buffered = 0;
    // The sink keeps what it is given, so the buffer is not used again.
    this.#buffer = new Uint8Array(PAGE_BYTES * PAGES_PER_WRITE);
    await this.#sink.write(bytes);
  }
}

/** An open file: the kind's directory, and verified reads of the body. */
export interface PagedFile {
  /** The kind's own directory. */
  readonly directory: Uint8Array;
  /** Bytes of header and body. */
  readonly bodyBytes: number;
  /** Bytes a read of this range takes from the store: whole pages, or none where they came with the directory. */
  cost(offset: number, length: number): number;
  /** One read. Throws `corrupt_file` where a page is not what was written. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/**
 * Opens a file in one read where the directory's place is known, else in at most two.
 * Throws `corrupt_file` where it is not a file of this kind and of a known version.
 */
export async function openPagedFile(reader: RangeReader, kind?: string, hint?: DirectoryRange): Promise<PagedFile> {
  const size = reader.sizeBytes;
  if (size < HEADER_BYTES + FOOTER_BYTES) throw corruptFile(`an index file of ${size} bytes is cut short`);
  const hinted = hint === undefined ? 0 : size - hint.offset;
  let tailBytes = Math.min(size, Math.max(TAIL_BYTES, hinted));
  if (hinted < 0 || hinted > MAX_DIRECTORY_BYTES + FOOTER_BYTES) throw corruptFile('the directory is outside the file');
  let tail = await reader.read(size - tailBytes, tailBytes);
  const footer = readFooter(tail, size);
  const needed = size - footer.offset;
  if (needed > tailBytes) {
    const rest = await reader.read(footer.offset, needed - tailBytes);
    const joined = new Uint8Array(needed);
    joined.set(rest);
    joined.set(tail, rest.length);
    tail = joined;
    tailBytes = needed;
  }
  const directoryAt = footer.offset - (size - tailBytes);
  const checked = tail.subarray(directoryAt, directoryAt + footer.length + 16);
  if (crc32(checked) !== footer.checksum) throw corruptFile('the directory does not match its checksum');

  const cursor = new ByteCursor(tail, directoryAt, directoryAt + footer.length);
  const written = cursor.text();
  if (kind !== undefined && written !== kind)
    throw corruptFile(`an index file of kind ${written} where ${kind} was expected`);
  const pages = cursor.count(4);
  if (pages !== Math.ceil(footer.offset / footer.pageBytes)) throw corruptFile('pages and checksums differ in number');
  const checksums = cursor.take(pages * 4);
  return verifiedBody(reader, {
    directory: cursor.take(cursor.left),
    bodyBytes: footer.offset,
    pageBytes: footer.pageBytes,
    checksums,
    // Whole pages that came along with the directory need no second read.
    tail: tail.subarray(0, directoryAt),
  });
}

/** Reads a whole file of any kind against its checksums; throws `corrupt_file` where it is damaged. */
export async function verifyIndexFile(reader: RangeReader): Promise<void> {
  const file = await openPagedFile(reader);
  for (let at = 0; at < file.bodyBytes; at += VERIFY_BYTES) {
    await file.read(at, Math.min(VERIFY_BYTES, file.bodyBytes - at));
  }
}

interface Footer {
  readonly offset: number;
  readonly length: number;
  readonly pageBytes: number;
  readonly checksum: number;
}

function readFooter(tail: Uint8Array, size: number): Footer {
  const cursor = new ByteCursor(tail, tail.length - FOOTER_BYTES);
  const low = cursor.u32();
  const high = cursor.u32();
  const length = cursor.u32();
  const pageBytes = cursor.u32();
  const checksum = cursor.u32();
  const version = cursor.u32();
  if (!MAGIC.every((byte) => cursor.u8() === byte)) throw corruptFile('no index file: its magic is missing');
  if (version !== VERSION) throw corruptFile(`an index file of version ${version}; this build reads ${VERSION}`);
  const offset = high * 2 ** 32 + low;
  const fits = offset + length + FOOTER_BYTES === size && length <= MAX_DIRECTORY_BYTES && offset >= HEADER_BYTES;
  if (!fits || pageBytes < 512 || pageBytes > 2 ** 20)
    throw corruptFile('the footer of an index file contradicts its size');
  return { offset, length, pageBytes, checksum };
}

interface Body {
  readonly directory: Uint8Array;
  readonly bodyBytes: number;
  readonly pageBytes: number;
  readonly checksums: Uint8Array;
  readonly tail: Uint8Array;
}

function verifiedBody(reader: RangeReader, body: Body): PagedFile {
  const { bodyBytes, pageBytes, checksums } = body;
  const tailStart = bodyBytes - body.tail.length;
  // Only whole pages can be verified.
  const cachedFrom = Math.ceil(tailStart / pageBytes) * pageBytes;

  function verify(bytes: Uint8Array, start: number): void {
    const cursor = new ByteCursor(checksums, (start / pageBytes) * 4);
    for (let at = 0; at < bytes.length; at += pageBytes) {
      if (crc32(bytes.subarray(at, at + pageBytes)) !== cursor.u32()) {
        throw corruptFile(`page ${(start + at) / pageBytes} of an index file does not match its checksum`);
      }
    }
  }

  function pagesOf(offset: number, length: number): { start: number; end: number } {
    if (offset < 0 || length < 0 || offset + length > bodyBytes) {
      throw corruptFile(`a directory points at ${offset}+${length}, outside its file`);
    }
    const start = Math.floor(offset / pageBytes) * pageBytes;
    return { start, end: Math.min(bodyBytes, Math.ceil((offset + length) / pageBytes) * pageBytes) };
  }

  return {
    directory: body.directory,
    bodyBytes,
    cost(offset, length) {
      const { start, end } = pagesOf(offset, length);
      return start >= cachedFrom ? 0 : end - start;
    },
    async read(offset, length) {
      if (length === 0) return new Uint8Array(0);
      const { start, end } = pagesOf(offset, length);
      const cached = start >= cachedFrom;
      const bytes = cached
        ? body.tail.subarray(start - tailStart, end - tailStart)
        : await reader.read(start, end - start);
      if (bytes.length !== end - start) throw corruptFile('an index file ends before its pages');
      verify(bytes, start);
      return bytes.subarray(offset - start, offset - start + length);
    },
  };
}
