import { type Batch, batchBytes, type Column, gatherBatch, sliceColumn } from '../../columns/column.ts';
import type { ColumnType, Field } from '../../columns/types.ts';
import type { RangeReader } from '../../core/bytes.ts';
import { LIMITS } from '../../core/limits.ts';
import type { FileMetadata, FileRange, RowGroupMetadata } from '../../parquet/metadata.ts';
import { type PageLocation, readOffsetIndex } from '../../parquet/page-index.ts';
import { malformed, ThriftReader } from '../../parquet/thrift.ts';
import { badRow } from '../bad-row.ts';
import { checkColumnName } from '../column-names.ts';
import { rowAsJson } from '../declared.ts';
import type { BadRow, Checkpoint, Decoded, DecodeLimits, Decoder } from '../format.ts';
import { checkText, type RowFault, type TextRule } from './check-rows.ts';
import { compactColumn } from './compact.ts';
import { type ColumnCursor, FlatCursor, hasWideInstants } from './flat-cursor.ts';
import { LeafQueue } from './leaf-queue.ts';
import { type LeafType, leafType } from './leaf-type.ts';
import { NestedCursor } from './nested-cursor.ts';
import { heldRange, PageStream, READ_AHEAD_BYTES, readBytesFor } from './page-stream.ts';
import { type LeafNode, type Node, schemaTree } from './tree.ts';

/** One top-level column of the file. */
interface FileColumn {
  readonly node: Node;
  /** Its name among ours: unique and not empty. */
  readonly name: string;
  readonly textRule: TextRule | undefined;
}

/**
 * Decodes the rows of a Parquet file, a row group after the other and a batch of it at a time; a new decoder
 * can go on between any two batches. Memory holds a page of each column, up to a bound beyond which pages
 * are let go of and read again.
 */
export class ParquetDecoder implements Decoder {
  readonly #reader: RangeReader;
  readonly #metadata: FileMetadata;
  readonly #limits: DecodeLimits;
  readonly #columns: readonly FileColumn[];
  /** By the ordinal of the leaf. */
  readonly #meanings: ReadonlyMap<number, LeafType>;
  #group: number;
  #row: number;
  #rows: number;

  constructor(
    reader: RangeReader,
    metadata: FileMetadata,
    binaryAsString: boolean,
    limits: DecodeLimits,
    from: Checkpoint | undefined,
  ) {
    this.#reader = reader;
    this.#metadata = metadata;
    this.#limits = limits;
    const nodes = schemaTree(metadata.schema);
    this.#meanings = new Map(leavesOf(nodes).map((leaf) => [leaf.firstLeaf, leafType(leaf.element, binaryAsString)]));
    const names = uniqueNames(nodes);
    this.#columns = nodes.map((node, i) => ({ node, name: names[i], textRule: this.#textRule(node) }));
    for (const group of metadata.rowGroups) checkGroup(group, this.#meanings.size);
    this.#group = numberIn(from, 'rowGroup');
    this.#row = numberIn(from, 'row');
    this.#rows = from?.rows ?? 0;
  }

  #textRule(node: Node): TextRule | undefined {
    // What is assembled is JSON by its making; its texts may still be no UTF-8.
    if (node.kind !== 'leaf') return 'text';
    const kind = this.#meanings.get(node.firstLeaf)?.type.kind;
    return kind === 'string' ? 'text' : kind === 'json' ? 'json' : undefined;
  }

  checkpoint(): Checkpoint {
    const group = this.#metadata.rowGroups[this.#group];
    let offset = this.#reader.sizeBytes;
    if (group !== undefined) {
      const { offset: start, length } = rangeOf(group);
      offset = start + Math.floor((length * this.#row) / Math.max(1, group.rows));
    }
    return { offset, rows: this.#rows, state: { rowGroup: this.#group, row: this.#row } };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Decoded> {
    while (this.#group < this.#metadata.rowGroups.length) {
      const group = this.#metadata.rowGroups[this.#group];
      const cursors = await this.#open(group);
      // Columns taken and not yet given out, where another column had fewer rows at once.
      const ahead: (Column | undefined)[] = cursors.map(() => undefined);
      const decodedBytes = decodedBytesOf(group);
      let rowBytes = decodedBytes / Math.max(1, group.rows);
      // Where the pages may not all fit in memory, each column is taken some way ahead, and let go of if it is large.
      const slabRows = decodedBytes <= LIMITS.parquetPageCacheBytes ? 0 : Math.ceil(SLAB_BYTES / rowBytes);
      for (let left = group.rows - this.#row; left > 0; ) {
        const fitting = Math.max(1, Math.floor(this.#limits.batchBytes / Math.max(1, rowBytes)));
        const batch = await this.#take(
          cursors,
          ahead,
          Math.min(this.#limits.batchRows, fitting, left),
          Math.min(slabRows, left),
        );
        const decoded = this.#check(batch);
        rowBytes = batchBytes(batch) / batch.length;
        left -= batch.length;
        this.#rows += batch.length;
        // Moved on before the batch is handed over, since the checkpoint is asked for after it.
        this.#row += batch.length;
        if (left === 0) this.#nextGroup();
        yield decoded;
      }
      if (group.rows === 0) this.#nextGroup();
    }
  }

  #nextGroup(): void {
    this.#group++;
    this.#row = 0;
  }

  async #open(group: RowGroupMetadata): Promise<ColumnCursor[]> {
    const range = rangeOf(group);
    if (range.offset + range.length > this.#reader.sizeBytes) throw malformed('a row group leaves the file');
    // A small row group is one read; of a larger one each column reads its own part ahead.
    const reader =
      range.length <= READ_AHEAD_BYTES
        ? heldRange(this.#reader, range, await this.#reader.read(range.offset, range.length))
        : this.#reader;
    const readBytes = readBytesFor(this.#meanings.size);
    const cursors = this.#columns.map(({ node }) => this.#cursor(node, group, reader, readBytes));
    if (this.#row > 0) {
      await eachOf(cursors, LIMITS.concurrentReads, async (cursor, i) => {
        const { node } = this.#columns[i];
        const pages = node.kind === 'leaf' ? await this.#pagesOf(group, node.firstLeaf) : undefined;
        await cursor.skip(this.#row, pages);
      });
    }
    return cursors;
  }

  #cursor(node: Node, group: RowGroupMetadata, reader: RangeReader, readBytes: number): ColumnCursor {
    const parts = leavesOf([node]).map((leaf) => {
      const chunk = group.columns[leaf.firstLeaf];
      if (chunk.type !== leaf.leaf.type) throw malformed(`the column ${leaf.name} is not of the type its schema says`);
      const meaning = this.#meanings.get(leaf.firstLeaf);
      if (meaning === undefined) throw malformed(`the column ${leaf.name} has no type`);
      return { leaf, meaning, codec: chunk.codec, stream: new PageStream(reader, chunk.range, readBytes) };
    });
    const [first] = parts;
    if (node.kind === 'leaf') return new FlatCursor(node, first.meaning, first.stream, first.codec);
    const queues = parts.map(({ leaf, meaning, stream, codec }) => new LeafQueue(leaf, meaning, stream, codec));
    return new NestedCursor(node, queues, this.#limits.batchBytes);
  }

  async #pagesOf(group: RowGroupMetadata, leaf: number): Promise<readonly PageLocation[] | undefined> {
    const range = group.columns[leaf].offsetIndex;
    if (range === undefined || range.length > LIMITS.parquetFooterBytes) return undefined;
    if (range.offset + range.length > this.#reader.sizeBytes) throw malformed('an offset index leaves the file');
    return readOffsetIndex(new ThriftReader(await this.#reader.read(range.offset, range.length)));
  }

  /**
   * The next rows of all columns: as many as the column has that gives the fewest. Columns of one leaf are
   * taken `slabRows` ahead where that is more; one whose pages are more than its share of memory is then
   * copied out of them, and they are let go of.
   */
  async #take(
    cursors: readonly ColumnCursor[],
    ahead: (Column | undefined)[],
    rows: number,
    slabRows: number,
  ): Promise<Batch> {
    const share = LIMITS.parquetPageCacheBytes / cursors.length;
    const atOnce = slabRows > 0 ? LARGE_PAGES_AT_ONCE : LIMITS.concurrentReads;
    await eachOf(cursors, atOnce, async (cursor, i) => {
      if (ahead[i] !== undefined) return;
      const flat = this.#columns[i].node.kind === 'leaf';
      const column = await cursor.take(flat ? Math.max(rows, slabRows) : rows);
      const large = slabRows > 0 && cursor.heldBytes > share;
      ahead[i] = large ? compactColumn(column) : column;
      if (large) cursor.park();
    });
    const taken = ahead.map((column, i) => {
      if (column === undefined) throw malformed(`the column ${this.#columns[i].name} has no rows`);
      return column;
    });
    const length = taken.reduce((least, column) => Math.min(least, column.length), rows);
    taken.forEach((column, i) => {
      ahead[i] = column.length > length ? sliceColumn(column, length, column.length) : undefined;
    });
    const columns = taken.map((column) => sliceColumn(column, 0, length));
    return { schema: this.#columns.map((column, i) => fieldOf(column, columns[i])), length, columns };
  }

  /** Takes the rows out that hold text which is none. */
  #check(batch: Batch): Decoded {
    const faults: RowFault[] = [];
    this.#columns.forEach(({ name, textRule }, i) => {
      if (textRule !== undefined) faults.push(...checkText(batch.columns[i], name, textRule));
    });
    if (faults.length === 0) return { batch, bad: [] };
    faults.sort((a, b) => a.row - b.row);
    const bad = new Map<number, BadRow>();
    for (const { row, fault, raw } of faults) {
      const known = bad.get(row);
      const ordinal = this.#rows + row;
      bad.set(
        row,
        known === undefined ? badRow(ordinal, undefined, fault, raw) : { ...known, reasons: [...known.reasons, fault] },
      );
    }
    const kept = Int32Array.from({ length: batch.length }, (_, row) => row).filter((row) => !bad.has(row));
    if (kept.length === 0) return { batch: null, bad: [...bad.values()] };
    const first = this.#rows;
    const good = gatherBatch(batch, kept);
    const origins = {
      row: (i: number) => first + kept[i],
      line: () => undefined,
      raw: (i: number) => rowAsJson(good, i),
    };
    return { batch: good, bad: [...bad.values()], origins };
  }
}

/**
 * Decoded columns taken ahead of the batch, where pages are too large to keep: the fewer slabs a row group
 * has, the fewer times its pages are read and decoded.
 */
const SLAB_BYTES = LIMITS.parquetPageCacheBytes;
/** Columns decoded at once then: each may hold a large page three times, stored, uncompressed and decoded. */
const LARGE_PAGES_AT_ONCE = 2;

/** About what the row group takes in memory: dictionary codes take less than the values, but more than in the file. */
function decodedBytesOf(group: RowGroupMetadata): number {
  return group.columns.reduce((sum, chunk) => sum + Math.max(chunk.uncompressedBytes, 2 * chunk.values), 0);
}

function leavesOf(nodes: readonly Node[]): LeafNode[] {
  const leaves: LeafNode[] = [];
  for (const node of nodes) {
    if (node.kind === 'leaf') leaves.push(node);
    else if (node.kind === 'struct') leaves.push(...leavesOf(node.children));
    else if (node.kind === 'list') leaves.push(...leavesOf([node.item]));
    else leaves.push(...leavesOf([node.key, node.value]));
  }
  return leaves;
}

/** Names as they are, but for repeats and empty ones, which get an ordinal. */
function uniqueNames(nodes: readonly Node[]): string[] {
  const taken = new Set(nodes.map((node) => node.name));
  const seen = new Set<string>();
  return nodes.map(({ name }, ordinal) => {
    checkColumnName(name, ordinal);
    let unique = name === '' ? `column${ordinal}` : name;
    for (let n = 1; seen.has(unique) || (unique !== name && taken.has(unique)); n++) unique = `${name}_${n}`;
    seen.add(unique);
    return unique;
  });
}

function checkGroup(group: RowGroupMetadata, leaves: number): void {
  if (group.columns.length !== leaves)
    throw malformed(`a row group has ${group.columns.length} columns where the schema has ${leaves}`);
}

/** From the first byte of a row group's columns to its last. */
function rangeOf(group: RowGroupMetadata): FileRange {
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const { range } of group.columns) {
    start = Math.min(start, range.offset);
    end = Math.max(end, range.offset + range.length);
  }
  return group.columns.length === 0 ? { offset: 0, length: 0 } : { offset: start, length: end - start };
}

function numberIn(from: Checkpoint | undefined, key: string): number {
  const value = from?.state[key];
  return typeof value === 'number' ? value : 0;
}

function fieldOf({ name, node }: FileColumn, column: Column): Field {
  const { type } = column;
  const nullable = node.optional || type.kind === 'null' || column.validity !== null;
  return isWide(column, type) ? { name, type, nullable, wide: true } : { name, type, nullable };
}

/** Days within which every instant fits nanoseconds in 64 bits. */
const NANOS_DAYS = 106_751;

function isWide(column: Column, type: ColumnType): boolean {
  const data = column.data.layout === 'dictionary' ? column.data.dictionary.data : column.data;
  if (data.layout !== 'fixed') return false;
  if (type.kind === 'int64') return data.values instanceof BigInt64Array;
  if (type.kind === 'timestamp') return type.unit === 'us' && hasWideInstants(column);
  if (type.kind === 'date') return (data.values as Int32Array).some((day) => day >= NANOS_DAYS || day <= -NANOS_DAYS);
  return false;
}

/** Runs a task for each item, `atOnce` at a time. */
async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  task: (item: T, i: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const i = next++;
      await task(items[i], i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}
