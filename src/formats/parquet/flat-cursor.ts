import { type Bitmap, getBit } from '../../columns/bitmap.ts';
import { type Codes, type Column, columnBytes, gatherColumn, sliceColumn } from '../../columns/column.ts';
import { concatColumns } from '../../columns/concat.ts';
import { sameType, TIMESTAMP, widen } from '../../columns/types.ts';
import { widenColumn } from '../../columns/widen.ts';
import type { Codec } from '../../parquet/metadata.ts';
import type { PageLocation } from '../../parquet/page-index.ts';
import { type LeafData, PageDecoder } from '../../parquet/pages.ts';
import { malformed } from '../../parquet/thrift.ts';
import { countOf, keepsCodes } from '../../parquet/to-column.ts';
import type { PhysicalValues } from '../../parquet/values.ts';
import type { LeafType } from './leaf-type.ts';
import type { LocatedPage, PageStream } from './page-stream.ts';
import type { LeafNode } from './tree.ts';

/** Takes the rows of one top-level column of a row group, in order, a batch at a time. */
export interface ColumnCursor {
  /** At least one row and at most so many; fewer where they are large. */
  take(rows: number): Promise<Column>;
  /** Passes over rows, which is possible before the first `take`. `pages` says where pages begin, where that is known. */
  skip(rows: number, pages: readonly PageLocation[] | undefined): Promise<void>;
  /** Lets go of decoded pages and the dictionary; they are read and decoded again when asked for. */
  park(): void;
  readonly heldBytes: number;
}

/** Values decoded at once at least, so that files of tiny pages do not make tiny columns. */
const LEAST_VALUES = 4096;

/** The rows of a column without lists, taken in any numbers. */
export class FlatCursor implements ColumnCursor {
  readonly #node: LeafNode;
  readonly #meaning: LeafType;
  readonly #stream: PageStream;
  readonly #codec: Codec;
  #decoder: PageDecoder;
  /** Rows decoded and not all taken. */
  #held: Column | undefined;
  #heldRow = 0;
  /** The pages `#held` was decoded from, by their first row in it. */
  #heldPages: { firstRow: number; offset: number }[] = [];
  /** Rows to drop from what is decoded next. */
  #drop = 0;
  #hasDictionary = false;
  /** The dictionary as converted, once for all its pages. */
  #dictionary: { readonly from: PhysicalValues; readonly column: Column } | undefined;

  constructor(node: LeafNode, meaning: LeafType, stream: PageStream, codec: Codec) {
    this.#node = node;
    this.#meaning = meaning;
    this.#stream = stream;
    this.#codec = codec;
    this.#decoder = new PageDecoder(node.leaf, codec);
  }

  get heldBytes(): number {
    const dictionary = this.#dictionary === undefined ? 0 : columnBytes(this.#dictionary.column);
    return (this.#held === undefined ? dictionary : columnBytes(this.#held)) + this.#stream.heldBytes;
  }

  async take(rows: number): Promise<Column> {
    const parts: Column[] = [];
    for (let needed = rows; needed > 0; ) {
      if (this.#held === undefined) this.#held = await this.#decodeNext(needed);
      const held = this.#held;
      const count = Math.min(needed, held.length - this.#heldRow);
      parts.push(sliceColumn(held, this.#heldRow, this.#heldRow + count));
      this.#heldRow += count;
      needed -= count;
      if (this.#heldRow === held.length) this.#held = undefined;
    }
    const alike = ofOneType(parts);
    return concatColumns(alike[0].type, alike);
  }

  async skip(rows: number, pages: readonly PageLocation[] | undefined): Promise<void> {
    this.#drop = rows;
    const page = pages?.findLast(({ firstRow }) => firstRow <= rows);
    if (page === undefined || pages === undefined || page === pages[0]) return;
    // The dictionary stands before the first data page; one page is read to have it.
    await this.#next();
    this.#stream.seek(page.offset);
    this.#drop = rows - page.firstRow;
  }

  park(): void {
    if (this.#held !== undefined) {
      const row = this.#heldRow;
      const page = this.#heldPages.findLast(({ firstRow }) => firstRow <= row);
      if (page !== undefined) {
        this.#stream.seek(page.offset);
        this.#drop = row - page.firstRow;
        this.#held = undefined;
      }
    }
    this.#stream.drop();
    this.#dictionary = undefined;
    this.#hasDictionary = false;
    this.#decoder = new PageDecoder(this.#node.leaf, this.#codec);
  }

  async #next(): Promise<LocatedPage | null> {
    await this.#stream.ensureDictionary();
    const page = await this.#stream.next();
    if (this.#stream.dictionary !== undefined && !this.#hasDictionary) {
      this.#decoder.setDictionary(this.#stream.dictionary);
      this.#hasDictionary = true;
    }
    return page;
  }

  /** Decodes as many whole pages as hold the rows needed. */
  async #decodeNext(needed: number): Promise<Column> {
    const pages: LocatedPage[] = [];
    let rows = 0;
    while (rows < Math.min(needed, LEAST_VALUES) + this.#drop || rows === 0) {
      const page = await this.#next();
      if (page === null) throw malformed(`the column ${this.#node.name} has fewer values than its row group has rows`);
      if (pages.length === 0 && page.header.values <= this.#drop) {
        this.#drop -= page.header.values;
        continue;
      }
      pages.push(page);
      rows += page.header.values;
    }
    this.#heldPages = [];
    let firstRow = 0;
    for (const { header, offset } of pages) {
      this.#heldPages.push({ firstRow, offset });
      firstRow += header.values;
    }
    this.#heldRow = this.#drop;
    this.#drop = 0;
    return this.#convert(this.#decoder.decode(pages, keepsCodes(this.#meaning.type)));
  }

  #convert({ length, levels, values }: LeafData): Column {
    if (levels.kind !== 'flat') throw malformed('a flat column has nested levels');
    const { validity } = levels;
    if (values.kind !== 'coded') return { length, validity, ...this.#meaning.convert(values) };
    if (this.#dictionary?.from !== values.dictionary) {
      const { type, data } = this.#meaning.convert(values.dictionary);
      const column = { type, length: countOf(values.dictionary), validity: null, data };
      this.#dictionary = { from: values.dictionary, column };
    }
    const dictionary = this.#dictionary.column;
    if (!keepsCodes(dictionary.type)) return gatherColumn(dictionary, rowsOf(values.codes, validity));
    return { type: dictionary.type, length, validity, data: { layout: 'dictionary', codes: values.codes, dictionary } };
  }
}

/**
 * Parts of a column whose type depends on its values, in the type that holds them all. Microseconds that
 * nanoseconds do not reach keep the others from becoming that; their digits below a microsecond are then lost.
 */
function ofOneType(parts: readonly Column[]): readonly Column[] {
  const [first] = parts;
  if (parts.every((part) => sameType(part.type, first.type))) return parts;
  const wide = parts.some((part) => sameType(part.type, TIMESTAMP) && hasWideInstants(part));
  const target = wide ? TIMESTAMP : parts.map((part) => part.type).reduce((a, b) => widen({ type: a }, { type: b }));
  return parts.map((part) => widenColumn(part, target));
}

/** Where each row's value stands in the dictionary; -1 for nulls. */
function rowsOf(codes: Codes, validity: Bitmap | null): Int32Array {
  const rows = Int32Array.from(codes);
  if (validity !== null) for (let i = 0; i < rows.length; i++) if (!getBit(validity, i)) rows[i] = -1;
  return rows;
}

/** Microseconds since the epoch beyond which nanoseconds leave 64 bits. */
const NANOS_MICROS = 9_223_372_036_000_000;

/** Whether a column of microseconds has instants that nanoseconds do not reach. */
export function hasWideInstants(column: Column): boolean {
  const data = column.data.layout === 'dictionary' ? column.data.dictionary.data : column.data;
  if (data.layout !== 'fixed') return false;
  for (const value of data.values) if (value >= NANOS_MICROS || value <= -NANOS_MICROS) return true;
  return false;
}
