import { columnBytes } from '../../columns/column.ts';
import type { ByteWriter } from '../../core/byte-writer.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Codec } from '../../parquet/metadata.ts';
import { PageDecoder } from '../../parquet/pages.ts';
import { malformed } from '../../parquet/thrift.ts';
import { countOf } from '../../parquet/to-column.ts';
import type { PhysicalValues } from '../../parquet/values.ts';
import { type JsonWriter, jsonWriter } from './json-values.ts';
import type { LeafType } from './leaf-type.ts';
import type { PageStream } from './page-stream.ts';
import type { LeafNode } from './tree.ts';

/** A decoded page: its levels, and its values ready to be written. */
interface LoadedPage {
  readonly definition: Uint8Array;
  readonly repetition: Uint8Array;
  readonly write: JsonWriter;
  readonly bytes: number;
}

/** Rows of one leaf may span pages; what is loaded for them at once stays below this. */
const MOST_LOADED_BYTES = 2 * LIMITS.parquetPageBytes;

/**
 * The entries of one leaf of a nested column, in order. `load` brings in the pages of the rows to come, after
 * which the entries are walked without waiting.
 */
export class LeafQueue {
  readonly #node: LeafNode;
  readonly #meaning: LeafType;
  readonly #stream: PageStream;
  readonly #decoder: PageDecoder;
  #pages: LoadedPage[] = [];
  /** The present entry in the first page, and how many values of it were passed. */
  #entry = 0;
  #value = 0;
  #ended = false;
  #hasDictionary = false;
  #dictionary: { readonly from: PhysicalValues; readonly write: JsonWriter } | undefined;

  constructor(node: LeafNode, meaning: LeafType, stream: PageStream, codec: Codec) {
    this.#node = node;
    this.#meaning = meaning;
    this.#stream = stream;
    this.#decoder = new PageDecoder(node.leaf, codec, { shape: 'entries' });
  }

  get heldBytes(): number {
    return this.#pages.reduce((sum, page) => sum + page.bytes, 0) + this.#stream.heldBytes;
  }

  park(): void {
    this.#stream.drop();
  }

  /** Levels of the present entry; past the last entry the levels of a new row. */
  get definition(): number {
    return this.#pages.length === 0 ? this.#missing() : this.#pages[0].definition[this.#entry];
  }

  get repetition(): number {
    return this.#pages.length === 0 ? 0 : this.#pages[0].repetition[this.#entry];
  }

  #missing(): never {
    throw malformed(`the column ${this.#node.name} has fewer entries than its row group has rows`);
  }

  /** Loads pages until they hold `rows` whole rows. */
  async load(rows: number): Promise<void> {
    let begun = 0;
    let bytes = 0;
    let from = this.#entry;
    for (let page = 0; ; page++) {
      // A row ends where the next begins, or with the chunk.
      while (page >= this.#pages.length) {
        if (this.#ended) {
          if (begun < rows) this.#missing();
          return;
        }
        await this.#loadPage();
      }
      const { repetition } = this.#pages[page];
      for (let i = from; i < repetition.length; i++) if (repetition[i] === 0) begun++;
      if (begun > rows) return;
      bytes += this.#pages[page].bytes;
      if (bytes > MOST_LOADED_BYTES) throw malformed(`rows of the column ${this.#node.name} are too large to hold`);
      from = 0;
    }
  }

  async skip(rows: number): Promise<void> {
    const step = LIMITS.batchRows;
    for (let left = rows; left > 0; left -= step) {
      const count = Math.min(left, step);
      await this.load(count);
      for (let row = 0; row < count; row++) {
        do this.pass();
        while (this.#pages.length > 0 && this.repetition > 0);
      }
    }
  }

  async #loadPage(): Promise<void> {
    const page = await this.#stream.next();
    if (this.#stream.dictionary !== undefined && !this.#hasDictionary) {
      this.#decoder.setDictionary(this.#stream.dictionary);
      this.#hasDictionary = true;
    }
    if (page === null) {
      this.#ended = true;
      return;
    }
    if (page.header.values === 0) return;
    const { levels, values, length } = this.#decoder.decode([page], true);
    if (levels.kind !== 'nested') throw malformed('the levels of a nested column are missing');
    const { definition, repetition } = levels;
    if (values.kind === 'coded') {
      const write = this.#dictionaryWriter(values.dictionary);
      const { codes } = values;
      const bytes = 2 * length + codes.byteLength;
      this.#pages.push({ definition, repetition, write: (i, out) => write(codes[i], out), bytes });
      return;
    }
    const { type, data } = this.#meaning.convert(values);
    const bytes = 2 * length + columnBytes({ type, length: countOf(values), validity: null, data });
    this.#pages.push({ definition, repetition, write: jsonWriter(type, data), bytes });
  }

  #dictionaryWriter(dictionary: PhysicalValues): JsonWriter {
    if (this.#dictionary?.from !== dictionary) {
      const { type, data } = this.#meaning.convert(dictionary);
      this.#dictionary = { from: dictionary, write: jsonWriter(type, data) };
    }
    return this.#dictionary.write;
  }

  beginRow(): void {
    if (this.#pages.length > 0 && this.repetition !== 0)
      throw malformed(`a row of the column ${this.#node.name} begins in the middle of another`);
  }

  endRow(): void {
    if (this.#pages.length > 0 && this.repetition !== 0)
      throw malformed(`the leaves of the column ${this.#node.name} disagree on its rows`);
  }

  /** Writes the present entry's value and moves on. */
  write(out: ByteWriter): void {
    if (this.definition !== this.#node.leaf.maxDefinition)
      throw malformed(`the leaves around the column ${this.#node.name} disagree on what is null`);
    this.#pages[0].write(this.#value, out);
    this.pass();
  }

  /** Moves to the next entry. */
  pass(): void {
    if (this.#pages.length === 0) this.#missing();
    const { definition } = this.#pages[0];
    if (definition[this.#entry] === this.#node.leaf.maxDefinition) this.#value++;
    this.#entry++;
    if (this.#entry === definition.length) {
      this.#pages.shift();
      this.#entry = 0;
      this.#value = 0;
    }
  }
}
