import type { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { ENCODINGS, type Encoding } from './metadata.ts';
import { malformed, type ThriftReader } from './thrift.ts';
import type { ThriftWriter } from './thrift-writer.ts';

/** What stands before each page. Sizes are of the page's body, in bytes. */
export type PageHeader = DictionaryPageHeader | DataPageHeader | SkippedPageHeader;

interface PageSizes {
  readonly uncompressedBytes: number;
  readonly compressedBytes: number;
  /** CRC-32 over the body as it is stored, as an unsigned number. */
  readonly crc: number | undefined;
}

export interface DictionaryPageHeader extends PageSizes {
  readonly kind: 'dictionary';
  readonly values: number;
}

export interface DataPageHeader extends PageSizes {
  readonly kind: 'data';
  readonly version: 1 | 2;
  /** Values, nulls included. */
  readonly values: number;
  readonly encoding: Encoding;
  /** Version 1: how the levels are encoded. Version 2 is always RLE. */
  readonly definitionEncoding: Encoding;
  readonly repetitionEncoding: Encoding;
  /** Version 2: bytes of the levels, which stand uncompressed before the values. */
  readonly definitionBytes: number;
  readonly repetitionBytes: number;
  /** Version 2: whether the values are compressed with the chunk's codec. */
  readonly compressed: boolean;
}

/** An index page, or a kind that a later version of the format added: its body is passed over. */
export interface SkippedPageHeader extends PageSizes {
  readonly kind: 'other';
}

const PAGE_TYPES = { data: 0, index: 1, dictionary: 2, dataV2: 3 } as const;

/** Reads a page's header; throws `malformed_input`. */
export function readPageHeader(r: ThriftReader): PageHeader {
  let pageType = -1;
  let uncompressedBytes = -1;
  let compressedBytes = -1;
  let crc: number | undefined;
  let body: Omit<DataPageHeader, keyof PageSizes> | undefined;
  let dictionaryValues: number | undefined;
  const outer = r.begin();
  while (r.next()) {
    switch (r.field) {
      case 1:
        pageType = r.integer();
        break;
      case 2:
        uncompressedBytes = r.size();
        break;
      case 3:
        compressedBytes = r.size();
        break;
      case 4:
        crc = r.integer() >>> 0;
        break;
      case 5:
        r.expectStruct();
        body = readDataHeader(r);
        break;
      case 7:
        r.expectStruct();
        dictionaryValues = readDictionaryHeader(r);
        break;
      case 8:
        r.expectStruct();
        body = readDataHeaderV2(r);
        break;
      default:
        r.skip();
    }
  }
  r.end(outer);
  if (uncompressedBytes < 0 || compressedBytes < 0) throw malformed('a page header lacks its sizes');
  if (Math.max(uncompressedBytes, compressedBytes) > LIMITS.parquetPageBytes) {
    const bytes = Math.max(uncompressedBytes, compressedBytes);
    throw tooLarge(`${bytes} bytes`, LIMITS.parquetPageBytes);
  }
  const sizes = { uncompressedBytes, compressedBytes, crc };
  if (pageType === PAGE_TYPES.dictionary) {
    if (dictionaryValues === undefined) throw malformed('a dictionary page has no dictionary header');
    return { ...sizes, kind: 'dictionary', values: checkedValues(dictionaryValues) };
  }
  if (pageType === PAGE_TYPES.data || pageType === PAGE_TYPES.dataV2) {
    if (body?.version !== (pageType === PAGE_TYPES.data ? 1 : 2)) throw malformed('a data page has no data header');
    checkedValues(body.values);
    return { ...sizes, ...body };
  }
  return { ...sizes, kind: 'other' };
}

function tooLarge(found: string, most: number): OrasiError {
  return malformed(`a page has ${found}; at most ${most} are read. Write the file with smaller pages or row groups`);
}

function checkedValues(values: number): number {
  if (values > LIMITS.parquetPageValues) {
    throw tooLarge(`${values} values`, LIMITS.parquetPageValues);
  }
  return values;
}

function readEncoding(r: ThriftReader): Encoding {
  const encoding = ENCODINGS[r.integer()];
  if (encoding === undefined) throw malformed('a page has an unknown encoding');
  return encoding;
}

function readDataHeader(r: ThriftReader): Omit<DataPageHeader, keyof PageSizes> {
  let values = 0;
  let encoding: Encoding = 'PLAIN';
  let definitionEncoding: Encoding = 'RLE';
  let repetitionEncoding: Encoding = 'RLE';
  const outer = r.begin();
  while (r.next()) {
    if (r.field === 1) values = r.size();
    else if (r.field === 2) encoding = readEncoding(r);
    else if (r.field === 3) definitionEncoding = readEncoding(r);
    else if (r.field === 4) repetitionEncoding = readEncoding(r);
    else r.skip();
  }
  r.end(outer);
  const levels = { definitionEncoding, repetitionEncoding, definitionBytes: 0, repetitionBytes: 0 };
  return { kind: 'data', version: 1, values, encoding, ...levels, compressed: true };
}

function readDataHeaderV2(r: ThriftReader): Omit<DataPageHeader, keyof PageSizes> {
  let values = 0;
  let encoding: Encoding = 'PLAIN';
  let definitionBytes = 0;
  let repetitionBytes = 0;
  let compressed = true;
  const outer = r.begin();
  while (r.next()) {
    if (r.field === 1) values = r.size();
    else if (r.field === 4) encoding = readEncoding(r);
    else if (r.field === 5) definitionBytes = r.size();
    else if (r.field === 6) repetitionBytes = r.size();
    else if (r.field === 7) compressed = r.boolean();
    else r.skip();
  }
  r.end(outer);
  const levels = { definitionEncoding: 'RLE', repetitionEncoding: 'RLE', definitionBytes, repetitionBytes } as const;
  return { kind: 'data', version: 2, values, encoding, ...levels, compressed };
}

function readDictionaryHeader(r: ThriftReader): number {
  let values = 0;
  const outer = r.begin();
  while (r.next()) {
    if (r.field === 1) values = r.size();
    else if (r.field === 2) {
      // Both mean plain values; the older name is still written.
      const encoding = readEncoding(r);
      if (encoding !== 'PLAIN' && encoding !== 'PLAIN_DICTIONARY') throw malformed('a dictionary is not plain');
    } else r.skip();
  }
  r.end(outer);
  return values;
}

/** Writes the header of a dictionary page in PLAIN. */
export function writeDictionaryHeader(w: ThriftWriter, header: PageSizes & { readonly values: number }): void {
  w.begin().i32(1, PAGE_TYPES.dictionary);
  writeSizes(w, header);
  w.struct(7).i32(1, header.values).i32(2, ENCODINGS.indexOf('PLAIN')).end();
  w.end();
}

/** A version 2 page of a flat column, whose rows are its values. */
export interface NewDataPage extends PageSizes {
  readonly values: number;
  readonly nulls: number;
  readonly encoding: Encoding;
  readonly definitionBytes: number;
  readonly compressed: boolean;
}

/** Writes the header of a data page of version 2, without repetition. */
export function writeDataHeader(w: ThriftWriter, header: NewDataPage): void {
  w.begin().i32(1, PAGE_TYPES.dataV2);
  writeSizes(w, header);
  w.struct(8).i32(1, header.values).i32(2, header.nulls).i32(3, header.values);
  w.i32(4, ENCODINGS.indexOf(header.encoding)).i32(5, header.definitionBytes).i32(6, 0);
  w.boolean(7, header.compressed).end();
  w.end();
}

function writeSizes(w: ThriftWriter, sizes: PageSizes): void {
  w.i32(2, sizes.uncompressedBytes).i32(3, sizes.compressedBytes);
  if (sizes.crc !== undefined) w.i32(4, sizes.crc | 0);
}
