import { crc32 } from 'node:zlib';
import type { Codes } from '../columns/column.ts';
import { LIMITS } from '../core/limits.ts';
import { uncompress } from './codec.ts';
import { checkCodes, decodeCodes } from './hybrid.ts';
import { FlatLevels, type Leaf, type Levels, levelsEnd, NestedLevels } from './levels.ts';
import type { Codec, Encoding } from './metadata.ts';
import { type DataPageHeader, type DictionaryPageHeader, readPageHeader } from './page-header.ts';
import { spreadCodes } from './spread.ts';
import { decodeDictionary, newTarget } from './targets.ts';
import { malformed, ThriftReader } from './thrift.ts';
import type { PhysicalValues } from './values.ts';

/** A page as it stands in the file. */
export interface StoredPage<Header = DataPageHeader> {
  readonly header: Header;
  readonly body: Uint8Array;
}

/** How a decoder takes its pages. */
export interface DecoderOptions {
  /** `entries`: levels are given as they are, though the column has no more than one value a row. */
  readonly shape?: 'rows' | 'entries';
  /**
   * Whether pages with a checksum are ours. Then a checksum that holds says that the codes are within their
   * dictionary, and they are not looked at again; another writer's checksum says nothing of the kind.
   */
  readonly ours?: boolean;
}

export interface StoredPages {
  readonly dictionary: StoredPage<DictionaryPageHeader> | undefined;
  readonly data: readonly StoredPage[];
}

/** Splits bytes that hold whole pages into them, checking the checksum of each that has one. */
export function splitPages(bytes: Uint8Array, mostValues = Number.POSITIVE_INFINITY): StoredPages {
  const reader = new ThriftReader(bytes);
  let dictionary: StoredPage<DictionaryPageHeader> | undefined;
  const data: StoredPage[] = [];
  let values = 0;
  // Some writers leave padding after the last page; the count of values says when all are there.
  while (reader.offset < bytes.length && values < mostValues) {
    const header = readPageHeader(reader);
    if (header.compressedBytes > bytes.length - reader.offset) throw malformed('a page is cut off');
    const body = bytes.subarray(reader.offset, reader.offset + header.compressedBytes);
    reader.offset += header.compressedBytes;
    checkPage(header.crc, body);
    if (header.kind === 'dictionary') {
      if (dictionary !== undefined) throw malformed('a column chunk has two dictionaries');
      dictionary = { header, body };
    } else if (header.kind === 'data') {
      data.push({ header, body });
      values += header.values;
    }
  }
  return { dictionary, data };
}

/** Throws `malformed_input` where a page is not what its checksum says; one without a checksum passes. */
export function checkPage(crc: number | undefined, body: Uint8Array): void {
  if (crc !== undefined && crc32(body) !== crc) throw malformed('the checksum of a page is wrong');
}

/** What a run of pages holds. */
export interface LeafData {
  /** Values, nulls included: rows of a flat column, level entries of a nested one. */
  readonly length: number;
  readonly levels: Levels;
  readonly values: PhysicalValues | CodedValues;
}

/** Dictionary codes left as codes. */
export interface CodedValues {
  readonly kind: 'coded';
  readonly codes: Codes;
  readonly dictionary: PhysicalValues;
}

const NO_CODES = new Uint8Array(0);

/** Decodes the pages of one column chunk. Keeps the chunk's dictionary from one call to the next. */
export class PageDecoder {
  readonly leaf: Leaf;
  readonly codec: Codec;
  readonly #nested: boolean;
  readonly #ours: boolean;
  #dictionary: PhysicalValues | undefined;
  #dictionaryLength = 0;

  constructor(leaf: Leaf, codec: Codec, options: DecoderOptions = {}) {
    this.leaf = leaf;
    this.codec = codec;
    this.#nested = options.shape === 'entries' || leaf.maxRepetition > 0 || leaf.maxDefinition > 1;
    this.#ours = options.ours === true;
  }

  setDictionary({ header, body }: StoredPage<DictionaryPageHeader>): void {
    const page = uncompress(this.codec, body, header.uncompressedBytes);
    this.#dictionary = decodeDictionary(this.leaf.type, this.leaf.typeLength, page, header.values);
    this.#dictionaryLength = header.values;
  }

  /** Codes stay codes where every page has them and `keepCodes` says so. */
  decode(pages: readonly StoredPage[], keepCodes: boolean): LeafData {
    const length = pages.reduce((sum, page) => sum + page.header.values, 0);
    if (length > LIMITS.parquetPageValues * 16) throw malformed(`${length} values are asked for at once`);
    const nested = this.#nested;
    const levels = nested ? new NestedLevels(length) : new FlatLevels(length);
    const coded =
      keepCodes && length > 0 && pages.every((page) => page.header.values === 0 || isCoded(page.header.encoding));
    const codes = coded ? newCodes(this.#dictionaryLength, length) : NO_CODES;
    const target = coded ? undefined : newTarget(this.leaf.type, this.leaf.typeLength, length);

    // Values of a flat column stand at their rows, those of a nested one close together.
    let row = 0;
    let filled = 0;
    for (const page of pages) {
      const { header } = page;
      const { body, from, spent } = this.#openPage(page, levels, row);
      const present = levels.present;
      const at = nested ? filled : row;
      if (isCoded(header.encoding)) {
        const dictionary = this.#dictionary;
        if (dictionary === undefined && present > 0) throw malformed('a page has codes but its chunk no dictionary');
        if (target === undefined) {
          this.#readCodes(body, from, codes, at, present, this.#ours && header.crc !== undefined);
        } else if (dictionary !== undefined && present > 0) {
          const own = newCodes(this.#dictionaryLength, present);
          this.#readCodes(body, from, own, 0, present, this.#ours && header.crc !== undefined);
          target.gather(dictionary, own, at, present);
        }
      } else if (present > 0) {
        target?.decode(header.encoding, body, from, at, present, spent);
      }
      if (levels.kind === 'flat' && levels.bitmap !== null && present < header.values) {
        if (target === undefined) spreadCodes(codes, levels.bitmap, row, header.values, present);
        else target.spread(levels.bitmap, row, header.values, present);
      }
      row += header.values;
      filled += present;
    }
    const values: PhysicalValues | CodedValues =
      target === undefined
        ? { kind: 'coded', codes, dictionary: this.#dictionary ?? emptyValues(this.leaf) }
        : target.finish();
    return { length, levels: levels.finish(), values };
  }

  /** Undoes compression and reads the levels; gives where the values begin. */
  #openPage({ header, body }: StoredPage, levels: FlatLevels | NestedLevels, row: number): OpenPage {
    const { leaf } = this;
    if (header.version === 2) {
      const levelBytes = header.repetitionBytes + header.definitionBytes;
      if (levelBytes > body.length || levelBytes > header.uncompressedBytes)
        throw malformed('the levels of a page are cut off');
      const stored = body.subarray(levelBytes);
      const codec = header.compressed ? this.codec : 'UNCOMPRESSED';
      const values = uncompress(codec, stored, header.uncompressedBytes - levelBytes);
      levels.readRepetition(leaf, body, 0, header.repetitionBytes, row, header.values);
      levels.readDefinition(leaf, body, header.repetitionBytes, levelBytes, row, header.values);
      return { body: values, from: 0, spent: codec !== 'UNCOMPRESSED' };
    }
    const page = uncompress(this.codec, body, header.uncompressedBytes);
    let from = 0;
    if (leaf.maxRepetition > 0) {
      const end = levelsEnd(page, from, header.repetitionEncoding, leaf.maxRepetition, header.values);
      levels.readRepetition(leaf, page, end.from, end.to, row, header.values, header.repetitionEncoding);
      from = end.to;
    }
    if (leaf.maxDefinition > 0) {
      const end = levelsEnd(page, from, header.definitionEncoding, leaf.maxDefinition, header.values);
      levels.readDefinition(leaf, page, end.from, end.to, row, header.values, header.definitionEncoding);
      from = end.to;
    } else levels.readDefinition(leaf, page, 0, 0, row, header.values);
    return { body: page, from, spent: this.codec !== 'UNCOMPRESSED' };
  }

  #readCodes(body: Uint8Array, from: number, codes: Codes, at: number, count: number, trusted: boolean): void {
    if (count === 0) return;
    if (from >= body.length) throw malformed('a page ends before its codes');
    decodeCodes(body, from + 1, body.length, body[from], codes, at, count);
    if (!trusted) checkCodes(codes, at, count, this.#dictionaryLength);
  }
}

interface OpenPage {
  readonly body: Uint8Array;
  readonly from: number;
  /** Whether the body is a copy that nobody else sees. */
  readonly spent: boolean;
}

function isCoded(encoding: Encoding): boolean {
  return encoding === 'RLE_DICTIONARY' || encoding === 'PLAIN_DICTIONARY';
}

/** The narrowest codes that hold a dictionary of that length. */
function newCodes(dictionaryLength: number, length: number): Codes {
  if (dictionaryLength <= 256) return new Uint8Array(length);
  return dictionaryLength <= 65_536 ? new Uint16Array(length) : new Int32Array(length);
}

function emptyValues(leaf: Leaf): PhysicalValues {
  return newTarget(leaf.type, leaf.typeLength, 0).finish();
}
