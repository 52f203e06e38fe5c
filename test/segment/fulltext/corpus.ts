import { newBitmap, setBit } from '../../../src/columns/bitmap.ts';
import type { Batch, Column } from '../../../src/columns/column.ts';
import type { IndexDefinition, IndexSummary } from '../../../src/columns/index-definition.ts';
import { STRING } from '../../../src/columns/types.ts';
import { memoryReader, memorySink, type RangeReader } from '../../../src/core/bytes.ts';
import type { Random } from '../../../src/core/random.ts';
import { fulltext } from '../../../src/segment/fulltext/fulltext.ts';
import type { TextSource } from '../../../src/segment/fulltext/search.ts';
import type { IndexReader } from '../../../src/segment/index-file.ts';

export const definitionOf = (options: IndexDefinition['options'] = {}): IndexDefinition => ({
  name: 'by_text',
  kind: 'fulltext',
  fields: ['text'],
  options,
});

export function textColumn(texts: readonly (string | null)[], dictionary = false): Column {
  const length = texts.length;
  const validity = newBitmap(length, false);
  for (let i = 0; i < length; i++) if (texts[i] !== null) setBit(validity, i);
  const base = { type: STRING, length, validity: texts.includes(null) ? validity : null };
  if (dictionary) {
    const distinct = [...new Set(texts.filter((text) => text !== null))];
    const codeOf = new Map(distinct.map((text, code) => [text, code]));
    const codes = Int32Array.from(texts, (text) => codeOf.get(text ?? '') ?? 0);
    return { ...base, data: { layout: 'dictionary', codes, dictionary: textColumn(distinct) } };
  }
  const encoder = new TextEncoder();
  const chunks = texts.map((text) => encoder.encode(text ?? ''));
  const offsets = new Int32Array(length + 1);
  for (let i = 0; i < length; i++) offsets[i + 1] = offsets[i] + chunks[i].length;
  const bytes = new Uint8Array(offsets[length]);
  for (let i = 0; i < length; i++) bytes.set(chunks[i], offsets[i]);
  return { ...base, data: { layout: 'varlen', offsets, bytes } };
}

export function batchOf(column: Column): Batch {
  return { schema: [{ name: 'text', type: STRING, nullable: true }], length: column.length, columns: [column] };
}

export async function* batchesOf(
  texts: readonly (string | null)[],
  rows = 1000,
  dictionary = false,
): AsyncIterable<Batch> {
  for (let start = 0; start < texts.length; start += rows) {
    yield batchOf(textColumn(texts.slice(start, start + rows), dictionary));
  }
}

export function countingReader(bytes: Uint8Array): RangeReader & { reads: number; bytes: number } {
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

export interface Built {
  readonly summary: IndexSummary;
  readonly bytes: Uint8Array;
  readonly reader: ReturnType<typeof countingReader>;
  readonly index: IndexReader;
  readonly text: TextSource;
}

export async function build(batches: AsyncIterable<Batch>, options: IndexDefinition['options'] = {}): Promise<Built> {
  const sink = memorySink();
  const summary = await fulltext.build(batches, definitionOf(options), sink);
  const bytes = sink.bytes();
  const reader = countingReader(bytes);
  const index = await fulltext.open(reader, definitionOf(options), summary);
  return { summary, bytes, reader, index, text: index.text! };
}

const LETTERS = 'etaoinshrdlu';

/** Words of a vocabulary whose frequency falls with their rank, as in a language. */
export class Zipf {
  readonly words: string[] = [];
  readonly #random: Random;
  readonly #cumulative: Float64Array;

  constructor(random: Random, size: number) {
    this.#random = random;
    const seen = new Set<string>();
    while (this.words.length < size) {
      let word = '';
      for (let left = 2 + Math.floor(random.next() * 7); left > 0; left--)
        word += LETTERS[Math.floor(random.next() * LETTERS.length)];
      if (random.next() < 0.02) word += 'é';
      if (!seen.has(word)) {
        seen.add(word);
        this.words.push(word);
      }
    }
    this.#cumulative = new Float64Array(size);
    let sum = 0;
    for (let rank = 0; rank < size; rank++) {
      sum += 1 / (rank + 1);
      this.#cumulative[rank] = sum;
    }
  }

  word(): string {
    const at = this.#random.next() * this.#cumulative[this.#cumulative.length - 1];
    let low = 0;
    let high = this.#cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#cumulative[middle] < at) low = middle + 1;
      else high = middle;
    }
    return this.words[low];
  }

  text(words: number): string {
    let text = this.word();
    for (let i = 1; i < words; i++) text += (this.#random.next() < 0.08 ? ', ' : ' ') + this.word();
    return text[0].toUpperCase() + text.slice(1);
  }
}
