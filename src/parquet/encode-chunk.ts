import { crc32 } from 'node:zlib';
import { type Bitmap, countBits, getBit } from '../columns/bitmap.ts';
import type { ColumnType } from '../columns/types.ts';
import { ByteWriter } from '../core/byte-writer.ts';
import { assert } from '../core/errors.ts';
import type { Bounds } from './bounds.ts';
import { chooseEncoding } from './choose-encoding.ts';
import type { ChunkValues } from './chunk-values.ts';
import { gatherValidity, type Piece } from './dense.ts';
import { encodeValidity } from './hybrid-encode.ts';
import type { Codec, Encoding } from './metadata.ts';
import { writeDataHeader, writeDictionaryHeader } from './page-header.ts';
import { snappyCompress } from './snappy.ts';
import { ThriftWriter } from './thrift-writer.ts';

export interface EncodeOptions {
  readonly nullable: boolean;
  /** Rows of a page at most, a multiple of eight; pages of wide values have fewer. */
  readonly pageRows: number;
  readonly compression: 'snappy' | 'none';
}

/** The pages of one column in one row group, ready to be written. */
export interface EncodedChunk {
  /** The pages as they stand in the file, the dictionary's first. */
  readonly bytes: Uint8Array;
  /** Bytes of the dictionary page at the beginning; 0 without one. */
  readonly dictionaryBytes: number;
  readonly uncompressedBytes: number;
  readonly codec: Codec;
  readonly encodings: readonly Encoding[];
  readonly pages: readonly EncodedPage[];
}

export interface EncodedPage {
  /** Where the page begins in the chunk's bytes, and its length, header included. */
  readonly offset: number;
  readonly length: number;
  readonly firstRow: number;
  readonly rows: number;
  readonly nullCount: number;
  readonly bounds: Bounds;
}

/** What a page aims at, uncompressed, and the rows it keeps even so. */
const PAGE_BYTES = 96 * 1024;
const LEAST_PAGE_ROWS = 64;

/** Encodes the rows of `pieces`, one after the other, as one column chunk in memory. */
export function encodeChunk(pieces: readonly Piece[], type: ColumnType, options: EncodeOptions): EncodedChunk {
  const rows = pieces.reduce((sum, piece) => sum + piece.end - piece.start, 0);
  const validity = gatherValidity(pieces, rows);
  assert(validity === null || options.nullable, 'a required column has no nulls');
  const present = validity === null ? rows : countBits(validity, rows);
  const values = chooseEncoding(pieces, type, present);

  // What the codec is decides how the dictionary is stored, so the pages' bodies come first.
  const bodies = encodeBodies(values, validity, rows, options);
  const dictionary =
    values.dictionary === undefined || values.dictionary.worthwhile === 0
      ? undefined
      : compressed(values.dictionary.bytes, values.dictionary.worthwhile, options);
  const useful = (body: Body) => body.compressed;
  const codec: Codec = bodies.some(useful) || dictionary?.compressed === true ? 'SNAPPY' : 'UNCOMPRESSED';

  const out = new ByteWriter(
    1024 + bodies.reduce((sum, body) => sum + body.levels.length + body.values.length + 64, 0),
  );
  let uncompressedBytes = 0;
  if (values.dictionary !== undefined) {
    // Only data pages can say that they are not compressed.
    const plain = values.dictionary.bytes;
    const smaller = dictionary?.compressed === true ? dictionary.bytes : undefined;
    const stored = codec === 'SNAPPY' ? (smaller ?? snappyCompress(plain)) : plain;
    const header = new ThriftWriter();
    const sizes = { uncompressedBytes: plain.length, compressedBytes: stored.length, crc: crc32(stored) };
    writeDictionaryHeader(header, { ...sizes, values: values.dictionary.length });
    out.append(header.finish());
    uncompressedBytes += out.length + plain.length;
    out.append(stored);
  }
  const dictionaryBytes = out.length;
  const pages = bodies.map((body): EncodedPage => {
    const offset = out.length;
    const header = new ThriftWriter();
    writeDataHeader(header, {
      uncompressedBytes: body.levels.length + body.uncompressedBytes,
      compressedBytes: body.levels.length + body.values.length,
      crc: crc32(body.values, crc32(body.levels)),
      values: body.rows,
      nulls: body.nullCount,
      encoding: values.encoding,
      definitionBytes: body.levels.length,
      compressed: body.compressed,
    });
    const head = header.finish();
    out.append(head);
    out.append(body.levels);
    out.append(body.values);
    uncompressedBytes += head.length + body.levels.length + body.uncompressedBytes;
    const { firstRow, nullCount, bounds } = body;
    return { offset, length: out.length - offset, firstRow, rows: body.rows, nullCount, bounds };
  });
  const encodings: Encoding[] =
    values.dictionary === undefined ? [values.encoding, 'RLE'] : ['PLAIN', values.encoding, 'RLE'];
  return { bytes: out.view(), dictionaryBytes, uncompressedBytes, codec, encodings, pages };
}

interface Body {
  readonly firstRow: number;
  readonly rows: number;
  readonly nullCount: number;
  readonly bounds: Bounds;
  readonly levels: Uint8Array;
  readonly values: Uint8Array;
  readonly uncompressedBytes: number;
  readonly compressed: boolean;
}

function encodeBodies(values: ChunkValues, validity: Bitmap | null, rows: number, options: EncodeOptions): Body[] {
  const bodies: Body[] = [];
  // The first page stands for the chunk: where compressing it does not pay, the others are not tried.
  let tryCompression = options.compression === 'snappy' && values.worthwhile > 0;
  const pageRows = rowsOfPage(values, options.pageRows);
  let from = 0;
  for (let firstRow = 0; firstRow < rows; firstRow += pageRows) {
    const end = Math.min(rows, firstRow + pageRows);
    const present = validity === null ? end - firstRow : countPresent(validity, firstRow, end);
    const levels = new ByteWriter(16);
    if (options.nullable) encodeValidity(validity, firstRow, end, present, levels);
    const plain = new ByteWriter(values.pageBytes(present));
    values.encode(from, from + present, plain);
    const stored = tryCompression
      ? compressed(plain.view(), values.worthwhile, options)
      : { bytes: plain.view(), compressed: false };
    if (bodies.length === 0) tryCompression &&= stored.compressed;
    bodies.push({
      firstRow,
      rows: end - firstRow,
      nullCount: end - firstRow - present,
      bounds: values.bounds(from, from + present),
      levels: levels.view(),
      values: stored.bytes,
      uncompressedBytes: plain.length,
      compressed: stored.compressed,
    });
    from += present;
  }
  return bodies;
}

/** A page is read whole for any row of it; of long text it therefore has fewer rows. */
function rowsOfPage(values: ChunkValues, most: number): number {
  let rows = most;
  while (rows % 16 === 0 && rows > LEAST_PAGE_ROWS && values.pageBytes(rows) > PAGE_BYTES) rows /= 2;
  return rows;
}

function compressed(
  bytes: Uint8Array,
  worthwhile: number,
  options: EncodeOptions,
): { bytes: Uint8Array; compressed: boolean } {
  if (options.compression === 'none') return { bytes, compressed: false };
  const smaller = snappyCompress(bytes);
  return smaller.length < bytes.length * worthwhile
    ? { bytes: smaller, compressed: true }
    : { bytes, compressed: false };
}

/** `start` is a multiple of eight. */
function countPresent(validity: Bitmap, start: number, end: number): number {
  if ((end & 7) === 0) return countBits(validity.subarray(start >> 3, end >> 3), end - start);
  let count = countBits(validity.subarray(start >> 3, end >> 3), (end & ~7) - start);
  for (let i = end & ~7; i < end; i++) if (getBit(validity, i)) count++;
  return count;
}
