/** Full text against SQLite's FTS5: the same million documents, the same questions, one thread each. */
import { DatabaseSync } from 'node:sqlite';
import type { Batch } from '../src/columns/column.ts';
import type { IndexDefinition, IndexSummary } from '../src/columns/index-definition.ts';
import { DEFAULT_ANALYZER } from '../src/columns/text/analyzer.ts';
import { parseTextQuery } from '../src/columns/text/parse-query.ts';
import { STRING } from '../src/columns/types.ts';
import { type ByteSink, concatBytes, memoryReader, type RangeReader } from '../src/core/bytes.ts';
import { seededRandom } from '../src/core/random.ts';
import { fulltext } from '../src/segment/fulltext/fulltext.ts';
import type { IndexReader } from '../src/segment/index-file.ts';
import { type BenchRow, type BenchSection, compare, timed } from './harness.ts';
import { Words } from './words.ts';

const DOCUMENTS = Math.round(1_000_000 * Number(process.env['SIZE'] ?? 1));
const BATCH_ROWS = 16_384;
const ROUNDS = 2;
/** A build takes half a minute on either side. */
const BUILD_ROUNDS = 1;
const QUERIES = 20;

const definition: IndexDefinition = { name: 'text', kind: 'fulltext', fields: ['text'], options: {} };

interface Corpus {
  readonly words: Words;
  readonly texts: readonly string[];
  readonly batches: readonly Batch[];
}

function makeCorpus(): Corpus {
  const random = seededRandom(42);
  const words = new Words(random, 50_000);
  const texts = Array.from({ length: DOCUMENTS }, () => words.sentence(12 + Math.floor(random.next() * 9)));
  const encoder = new TextEncoder();
  const batches: Batch[] = [];
  for (let start = 0; start < texts.length; start += BATCH_ROWS) {
    const chunks = texts.slice(start, start + BATCH_ROWS).map((text) => encoder.encode(text));
    const offsets = new Int32Array(chunks.length + 1);
    for (const [i, chunk] of chunks.entries()) offsets[i + 1] = offsets[i] + chunk.length;
    batches.push({
      schema: [{ name: 'text', type: STRING, nullable: false }],
      length: chunks.length,
      columns: [
        {
          type: STRING,
          length: chunks.length,
          validity: null,
          data: { layout: 'varlen', offsets, bytes: concatBytes(chunks) },
        },
      ],
    });
  }
  return { words, texts, batches };
}

interface BuiltIndex {
  readonly summary: IndexSummary;
  readonly bytes: Uint8Array;
  readonly peakBytes: number;
}

/** Builds in memory; the peak is of heap and buffers above what was held before, output left out. */
async function buildOurs(batches: readonly Batch[]): Promise<BuiltIndex> {
  const before = heldBytes();
  const chunks: Uint8Array[] = [];
  let written = 0;
  let peakBytes = 0;
  const watch = () => {
    peakBytes = Math.max(peakBytes, heldBytes() - before - written);
  };
  const sink: ByteSink = {
    async write(bytes) {
      chunks.push(bytes);
      written += bytes.length;
      watch();
    },
  };
  async function* watched(): AsyncIterable<Batch> {
    for (const batch of batches) {
      watch();
      yield batch;
    }
  }
  const summary = await fulltext.build(watched(), definition, sink);
  return { summary, bytes: concatBytes(chunks), peakBytes };
}

function heldBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function buildSqlite(texts: readonly string[]): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec("CREATE VIRTUAL TABLE t USING fts5(body, content='', tokenize='unicode61 remove_diacritics 2'); BEGIN");
  const insert = database.prepare('INSERT INTO t (rowid, body) VALUES (?, ?)');
  for (const [row, text] of texts.entries()) insert.run(row, text);
  database.exec("COMMIT; INSERT INTO t (t) VALUES ('optimize')");
  return database;
}

/** Reads and bytes that pass through. */
function counted(bytes: Uint8Array): RangeReader & { reads: number; bytes: number } {
  const inner = memoryReader(bytes);
  return {
    sizeBytes: bytes.length,
    reads: 0,
    bytes: 0,
    async read(offset, length) {
      this.reads++;
      this.bytes += length;
      return await inner.read(offset, length);
    },
  };
}

/** One search as a query runs it over one segment: statistics, then the ten best. */
async function topTen(index: IndexReader, text: string): Promise<number> {
  const search = index.text?.search(parseTextQuery(text, DEFAULT_ANALYZER));
  if (search === undefined) throw new Error('a fulltext index has a text source');
  const { rows } = await search.score(await search.statistics(), 10);
  return rows.length;
}

type Ranks = readonly [from: number, to: number];

const PAIRS: readonly { readonly name: string; readonly a: Ranks; readonly b: Ranks }[] = [
  { name: 'common, common', a: [0, 20], b: [0, 20] },
  { name: 'common, middling', a: [0, 20], b: [200, 2000] },
  { name: 'middling, middling', a: [200, 2000], b: [200, 2000] },
  { name: 'rare, common', a: [10_000, 40_000], b: [0, 20] },
];

function questions({ words }: Corpus, { a, b }: (typeof PAIRS)[number], operator: 'AND' | 'OR' | 'phrase'): string[] {
  const random = seededRandom(7);
  const pick = ([from, to]: Ranks) => words.vocabulary[from + Math.floor(random.next() * (to - from))];
  return Array.from({ length: QUERIES }, () => {
    const [one, two] = [pick(a), pick(b)];
    return operator === 'phrase' ? `"${one} ${two}"` : `${one} ${operator} ${two}`;
  });
}

export async function run(): Promise<BenchSection[]> {
  const corpus = makeCorpus();
  const rows: BenchRow[] = [];
  let ours: BuiltIndex | undefined;
  let sqlite: DatabaseSync | undefined;
  const build = await compare(
    [
      {
        name: 'ours',
        run: () =>
          timed(async () => {
            ours = await buildOurs(corpus.batches);
          }),
      },
      {
        name: 'FTS5',
        run: () => {
          sqlite?.close();
          return timed(() => {
            sqlite = buildSqlite(corpus.texts);
          });
        },
      },
    ],
    BUILD_ROUNDS,
  );
  if (ours === undefined || sqlite === undefined) throw new Error('nothing was built');
  const perSecond = (ms: number) => `${Math.round(DOCUMENTS / ms)} k documents/s`;
  const [{ medianMs: oursMs, ratio }, { medianMs: peerMs }] = build.results;
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  rows.push({
    what: 'build',
    ours: perSecond(oursMs),
    peer: perSecond(peerMs),
    ratio,
    note: `${megabytes(ours.bytes.length)} MB; at most ${megabytes(ours.peakBytes)} MB held on the way, garbage included`,
  });

  const reader = counted(ours.bytes);
  const index = await fulltext.open(reader, definition, ours.summary);
  const ask = sqlite.prepare('SELECT rowid, bm25(t) FROM t WHERE t MATCH ? ORDER BY rank LIMIT 10');
  const shapes = [
    ...PAIRS.flatMap((pair) => [
      { pair, operator: 'OR' as const },
      { pair, operator: 'AND' as const },
    ]),
    { pair: PAIRS[0], operator: 'phrase' as const },
  ];
  for (const { pair, operator } of shapes) {
    const asked = questions(corpus, pair, operator);
    let found = 0;
    const { results } = await compare(
      [
        {
          name: 'ours',
          run: () =>
            timed(async () => {
              for (const text of asked) found += await topTen(index, text);
            }),
        },
        {
          name: 'FTS5',
          run: () =>
            timed(() => {
              for (const text of asked) found -= ask.all(text).length;
            }),
        },
      ],
      ROUNDS,
    );
    if (found !== 0) throw new Error(`${pair.name} ${operator}: ${found} rows more than FTS5 found`);
    reader.reads = 0;
    reader.bytes = 0;
    for (const text of asked) await topTen(index, text);
    const { reads, bytes } = reader;
    for (const text of asked) await topTen(await fulltext.open(reader, definition, ours.summary), text);
    const cold = ((reader.reads - reads) / QUERIES).toFixed(1);
    rows.push({
      what: `top 10, ${operator === 'phrase' ? `phrase of ${pair.name}` : `${pair.name}: ${operator}`}`,
      ours: `${(results[0].medianMs / QUERIES).toFixed(2)} ms`,
      peer: `${(results[1].medianMs / QUERIES).toFixed(2)} ms`,
      ratio: results[0].ratio,
      note: `${(reads / QUERIES).toFixed(1)} reads of the segment's index, ${megabytes(bytes / QUERIES)} MB a query; ${cold} where it is opened first`,
    });
  }
  sqlite.close();
  return [
    {
      title: 'Full text against SQLite FTS5',
      setting: `${DOCUMENTS.toLocaleString('en')} documents of 12 to 20 words, 50,000 words by Zipf's law, 2 % with an accent; both in memory in one Node process, mean of ${QUERIES} queries. FTS5 is contentless with unicode61, optimized.`,
      rows,
    },
  ];
}
