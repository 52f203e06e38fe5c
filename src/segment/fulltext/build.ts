import { type Batch, type Column, isNull } from '../../columns/column.ts';
import type { IndexDefinition, IndexSummary } from '../../columns/index-definition.ts';
import { type AnalyzerOptions, analyzerOf } from '../../columns/text/analyzer.ts';
import { Tokenizer } from '../../columns/text/tokenizer.ts';
import { STRING } from '../../columns/types.ts';
import { widenColumn } from '../../columns/widen.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import type { ByteSink } from '../../core/bytes.ts';
import { assert, OrasiError } from '../../core/errors.ts';
import { grownInt32 } from '../../core/grow.ts';
import { LIMITS } from '../../core/limits.ts';
import { PAGE_BYTES, PagedFileWriter } from '../paged-file.ts';
import { DictionaryWriter } from './dictionary.ts';
import { writeDirectory } from './directory.ts';
import { encodeLengths } from './document-lengths.ts';
import { Occurrences } from './occurrences.ts';
import { PostingsWriter } from './postings.ts';
import { mergeTerms, type RunCursor, type SealedRun, sealRun } from './sealed-run.ts';

/** Occurrences gathered before they are packed into a run. */
const RUN_BYTES = 8 * 1024 * 1024;

/** What a build holds: the lengths of all documents, the packed runs, and one run under construction. */
class Gatherer {
  readonly #tokenizer: Tokenizer;
  readonly #occurrences = new Occurrences();
  readonly #mostBytes: number;
  readonly runs: SealedRun[] = [];
  #runBytes = 0;
  #lengths = new Int32Array(16_384);
  rows = 0;
  documents = 0;
  tokens = 0;

  constructor(analyzer: AnalyzerOptions, mostBytes: number) {
    this.#tokenizer = new Tokenizer(analyzer);
    this.#mostBytes = mostBytes;
  }

  get lengths(): Int32Array {
    return this.#lengths.subarray(0, this.rows);
  }

  /** Rows without the column. */
  skip(rows: number): void {
    this.#reserve(rows);
    this.rows += rows;
  }

  add(column: Column): void {
    this.#reserve(column.length);
    const { data } = column;
    const text = data.layout === 'dictionary' ? data.dictionary.data : data;
    const codes = data.layout === 'dictionary' ? data.codes : undefined;
    if (text.layout !== 'varlen') {
      assert(text.layout === 'none', 'full text is over text');
      this.rows += column.length;
      return;
    }
    for (let i = 0; i < column.length; i++) {
      if (!isNull(column, i)) {
        const value = codes === undefined ? i : codes[i];
        this.#addText(text.bytes, text.offsets[value], text.offsets[value + 1]);
      }
      this.rows++;
      if ((i & 127) === 127) this.#sealIfFull();
    }
    this.#sealIfFull();
  }

  #addText(bytes: Uint8Array, start: number, end: number): void {
    const tokenizer = this.#tokenizer;
    const occurrences = this.#occurrences;
    tokenizer.run(bytes, start, end);
    const { count, bytes: terms, starts, ends, hashes, positions } = tokenizer;
    for (let i = 0; i < count; i++) occurrences.add(terms, starts[i], ends[i], hashes[i], this.rows, positions[i]);
    this.#lengths[this.rows] = count;
    this.tokens += count;
    if (count > 0) this.documents++;
  }

  #sealIfFull(): void {
    if (this.#occurrences.usedBytes > this.#mostBytes) this.seal();
  }

  seal(): void {
    if (this.#occurrences.size === 0) return;
    const run = sealRun(this.#occurrences);
    this.runs.push(run);
    this.#occurrences.clear();
    this.#runBytes += run.length;
    if (this.#runBytes > LIMITS.indexBuildBytes) {
      throw new OrasiError('value_too_large', `the text to index packs to more than ${LIMITS.indexBuildBytes} bytes`);
    }
  }

  #reserve(rows: number): void {
    if (this.rows + rows <= this.#lengths.length) return;
    this.#lengths = grownInt32(this.#lengths, Math.max(this.rows + rows, this.#lengths.length * 2));
  }
}

/** Several to a page, so that none straddles two, and a term is found among some hundreds. */
const DICTIONARY_BLOCK_BYTES = PAGE_BYTES / 4;

/** Builds a file; what it holds on the way is bounded by `runBytes` and the packed runs. */
export async function buildFulltext(
  batches: AsyncIterable<Batch>,
  definition: IndexDefinition,
  sink: ByteSink,
  runBytes: number = RUN_BYTES,
): Promise<IndexSummary> {
  const [field] = definition.fields;
  const analyzer = analyzerOf(definition.options);
  const gathered = new Gatherer(analyzer, runBytes);
  for await (const batch of batches) {
    const ordinal = batch.schema.findIndex(({ name }) => name === field);
    if (ordinal < 0) {
      gathered.skip(batch.length);
      continue;
    }
    // Any value has a text, which stays the same should its column widen to text later.
    gathered.add(widenColumn(batch.columns[ordinal], STRING, batch.schema[ordinal].text));
  }
  gathered.seal();

  const file = new PagedFileWriter(sink, 'fulltext');
  const lengths = encodeLengths(gathered.lengths);
  const lengthsAt = file.offset;
  await file.write(lengths.bytes);

  const postingsAt = file.offset;
  const dictionary = await writePostings(file, gathered.runs, gathered.lengths);
  const positionsAt = file.offset;
  await writePositions(file, gathered.runs);
  const { dictionary: blocks, directory } = dictionary.end();
  // Where there are several pages a block lies within one, so that looking a term up reads no more.
  if (blocks.length > PAGE_BYTES) await file.alignToPage();
  const dictionaryAt = file.offset;
  await file.write(blocks);

  const { rows, documents, tokens } = gathered;
  const place = await file.finish(
    writeDirectory({
      analyzer,
      rows,
      documents,
      tokens,
      terms: dictionary.terms,
      lengths: { offset: lengthsAt, length: lengths.bytes.length },
      lengthWidth: lengths.width,
      postings: { offset: postingsAt, length: dictionary.postingsBytes },
      positions: { offset: positionsAt, length: dictionary.positionsBytes },
      dictionaryAt,
      blocks: directory,
    }),
  );
  return {
    rows,
    sizeBytes: place.sizeBytes,
    meta: { directory: place.directory, documents, tokens, terms: dictionary.terms },
  };
}

async function writePostings(
  file: PagedFileWriter,
  runs: readonly SealedRun[],
  lengths: Int32Array,
): Promise<DictionaryWriter> {
  const dictionary = new DictionaryWriter(DICTIONARY_BLOCK_BYTES);
  const list = new PostingsWriter();
  const pending = new ByteWriter(1 << 18);
  for (const { term, parts } of mergeTerms(runs)) {
    list.begin();
    for (const part of parts) addPart(list, part, lengths);
    const { skips, blocks } = list.end();
    pending.append(skips);
    pending.append(blocks);
    dictionary.add(term, list.documents, skips.length + blocks.length, skips.length, list.positionsBytes);
    if (pending.length > 1 << 17) {
      await file.write(pending.view());
      pending.clear();
    }
  }
  await file.write(pending.view());
  return dictionary;
}

/** Postings of one run, whose documents follow those of the run before. */
function addPart(list: PostingsWriter, part: RunCursor, lengths: Int32Array): void {
  const { bytes } = part;
  let at = part.postingsStart;
  let positionsAt = part.positionsStart;
  let document = 0;
  const varint = (): number => {
    let value = bytes[at++];
    if (value < 128) return value;
    let shift = 7;
    let byte: number;
    value &= 127;
    do {
      byte = bytes[at++];
      value |= (byte & 127) << shift;
      shift += 7;
    } while (byte > 127);
    return value;
  };
  for (let left = part.documents; left > 0; left--) {
    const value = varint();
    document += value >>> 1;
    const times = value & 1 ? 1 : varint();
    const from = positionsAt;
    for (let i = 0; i < times; i++) while (bytes[positionsAt++] > 127);
    list.add(document, times, lengths[document], positionsAt - from);
  }
}

/** Positions restart in every document, so the runs' bytes follow each other as they are. */
async function writePositions(file: PagedFileWriter, runs: readonly SealedRun[]): Promise<void> {
  const pending = new ByteWriter(1 << 18);
  for (const { parts } of mergeTerms(runs)) {
    for (const part of parts) pending.append(part.bytes, part.positionsStart, part.positionsEnd);
    if (pending.length > 1 << 17) {
      await file.write(pending.view());
      pending.clear();
    }
  }
  await file.write(pending.view());
}
