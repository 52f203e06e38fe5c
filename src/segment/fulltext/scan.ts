import { type Column, isNull } from '../../columns/column.ts';
import type { TextClause, TextQuery } from '../../columns/text/query.ts';
import { Tokenizer } from '../../columns/text/tokenizer.ts';
import { grownInt32 } from '../../core/grow.ts';
import type { RowRanges } from '../read-plan.ts';
import { StringTable } from '../string-table.ts';
import { bestRows, checkExpansion, saturation, scoringOf } from './bm25.ts';
import { MaskedRows } from './masked-rows.ts';
import { clauseWeight, type TermWeight } from './match-term.ts';
import { countPhrase, type Positions } from './phrase.ts';
import type { TextSearch, TextStatistics } from './search.ts';

/** Terms remembered between documents are forgotten above this, so that any text is read in bounded memory. */
const MEMO_BYTES = 16 * 1024 * 1024;

/** A place in a clause that a term fills. */
interface Use {
  readonly item: Item;
  /** Which term of a phrase; 0 otherwise. */
  readonly slot: number;
  readonly weight: number;
  /** In how many documents the term is, counted once for each; undefined where nothing is scored by it. */
  readonly seen: Seen | undefined;
}

interface Seen {
  documents: number;
  lastRow: number;
}

/** A clause while text is read. */
class Item {
  readonly clause: TextClause;
  readonly weigh: TermWeight | undefined;
  readonly offsets: readonly number[];
  readonly slots: Positions[];
  /** Terms met, for clauses that score. */
  readonly terms: Map<string, Seen> | undefined;
  times = 0;

  constructor(clause: TextClause, scored: boolean) {
    this.clause = clause;
    this.weigh = clauseWeight(clause);
    this.offsets = clause.kind === 'phrase' ? clause.terms.map(({ position }) => position) : [];
    this.slots = this.offsets.map(() => ({ values: new Int32Array(16), start: 0, end: 0 }));
    this.terms = scored ? new Map() : undefined;
  }

  addPosition(slot: number, position: number): void {
    const list = this.slots[slot];
    if (list.end === list.values.length) {
      list.values = grownInt32(list.values, list.end * 2);
    }
    list.values[list.end++] = position;
  }
}

/**
 * A search by reading the text itself, where no index is built: the definition of what every full-text index
 * answers. Give it the column's batches in order, then ask it as an index.
 */
export class TextScan implements TextSearch {
  readonly #query: TextQuery;
  readonly #masked: MaskedRows;
  readonly #tokenizer: Tokenizer;
  readonly #items: Item[];
  readonly #scored: Item[];
  readonly #groups: { readonly all: readonly Item[]; readonly none: readonly Item[] }[];
  readonly #terms = new StringTable();
  #uses: (readonly Use[] | null)[] = [];
  #documents = 0;
  #tokens = 0;

  // The rows that match, and how often each scored clause is in them (0 for clauses of groups not satisfied).
  #found = 0;
  #rows = new Int32Array(64);
  #lengths = new Int32Array(64);
  #times: Float64Array;

  constructor(query: TextQuery, masked: RowRanges = []) {
    this.#query = query;
    this.#masked = new MaskedRows(masked);
    this.#tokenizer = new Tokenizer(query.analyzer);
    this.#groups = query.groups.map(({ all, none }) => ({
      all: all.map((clause) => new Item(clause, true)),
      none: none.map((clause) => new Item(clause, false)),
    }));
    this.#scored = this.#groups.flatMap(({ all }) => all);
    this.#items = [...this.#scored, ...this.#groups.flatMap(({ none }) => none)];
    this.#times = new Float64Array(64 * this.#scored.length);
  }

  /** Bytes of memory held; grows with the rows that match. */
  get heldBytes(): number {
    return this.#terms.heldBytes + this.#rows.byteLength * 2 + this.#times.byteLength;
  }

  /** Reads the text of rows from `firstRow` on, which is not below the rows given before. */
  add(column: Column, firstRow: number): void {
    const { data } = column;
    const text = data.layout === 'dictionary' ? data.dictionary.data : data;
    const codes = data.layout === 'dictionary' ? data.codes : undefined;
    if (text.layout !== 'varlen') return;
    for (let i = 0; i < column.length; i++) {
      if (isNull(column, i) || this.#masked.has(firstRow + i)) continue;
      const value = codes === undefined ? i : codes[i];
      this.#tokenizer.run(text.bytes, text.offsets[value], text.offsets[value + 1]);
      if (this.#tokenizer.count > 0) this.#addDocument(firstRow + i);
    }
  }

  async statistics(): Promise<TextStatistics> {
    const documentFrequencies = this.#scored.map(({ terms }) => {
      const frequencies = new Map<string, number>();
      for (const [term, { documents }] of terms ?? []) frequencies.set(term, documents);
      return frequencies;
    });
    return { documents: this.#documents, totalTokens: this.#tokens, documentFrequencies };
  }

  async score(statistics: TextStatistics, topK?: number): Promise<{ rows: Int32Array; scores: Float64Array }> {
    const { weights, norm } = scoringOf(this.#query, statistics);
    const clauses = this.#scored.length;
    const scores = new Float64Array(this.#found);
    for (let i = 0; i < this.#found; i++) {
      const lengthNorm = norm(this.#lengths[i]);
      let score = 0;
      for (let clause = 0; clause < clauses; clause++) {
        const times = this.#times[i * clauses + clause];
        if (times > 0) score += weights[clause] * saturation(times, lengthNorm);
      }
      scores[i] = score;
    }
    return bestRows(this.#rows.subarray(0, this.#found), scores, topK);
  }

  async rows(): Promise<Int32Array> {
    return this.#rows.slice(0, this.#found);
  }

  #addDocument(row: number): void {
    const { bytes, starts, ends, hashes, positions, count } = this.#tokenizer;
    this.#documents++;
    this.#tokens += count;
    if (this.#items.length === 0) return;
    let met = false;
    for (let i = 0; i < count; i++) {
      const id = this.#terms.internHashed(bytes, starts[i], ends[i], hashes[i]);
      if (id === this.#uses.length) this.#uses.push(this.#usesOf(bytes, starts[i], ends[i]));
      const uses = this.#uses[id];
      if (uses === null) continue;
      met = true;
      for (const { item, slot, weight, seen } of uses) {
        if (item.weigh === undefined) item.addPosition(slot, positions[i]);
        else item.times += weight;
        if (seen !== undefined && seen.lastRow !== row) {
          seen.lastRow = row;
          seen.documents++;
        }
      }
    }
    if (met) this.#settle(row, count);
    if (this.#terms.usedBytes > MEMO_BYTES) {
      this.#terms.clear();
      this.#uses = [];
    }
  }

  /** Decides whether the document just read matches, and forgets its counts. */
  #settle(row: number, length: number): void {
    for (const item of this.#items) {
      if (item.weigh === undefined) item.times = countPhrase(item.slots, item.offsets);
    }
    let matches = false;
    for (const { all, none } of this.#groups) {
      const satisfied = all.every((item) => item.times > 0) && none.every((item) => item.times === 0);
      if (satisfied) matches = true;
      else for (const item of all) item.times = 0;
    }
    if (matches) this.#keep(row, length);
    for (const item of this.#items) {
      item.times = 0;
      for (const slot of item.slots) {
        slot.start = 0;
        slot.end = 0;
      }
    }
  }

  #keep(row: number, length: number): void {
    const clauses = this.#scored.length;
    if (this.#found === this.#rows.length) {
      const grow = <T extends Int32Array | Float64Array>(from: T, to: T): T => {
        to.set(from);
        return to;
      };
      const capacity = this.#found * 2;
      this.#rows = grow(this.#rows, new Int32Array(capacity));
      this.#lengths = grow(this.#lengths, new Int32Array(capacity));
      this.#times = grow(this.#times, new Float64Array(capacity * clauses));
    }
    this.#rows[this.#found] = row;
    this.#lengths[this.#found] = length;
    for (let i = 0; i < clauses; i++) this.#times[this.#found * clauses + i] = this.#scored[i].times;
    this.#found++;
  }

  /** Which clauses a term plays a part in; null for none, as of most terms. */
  #usesOf(bytes: Uint8Array, start: number, end: number): readonly Use[] | null {
    const uses: Use[] = [];
    let text: string | undefined;
    for (const item of this.#items) {
      if (item.clause.kind === 'phrase') {
        text ??= new TextDecoder().decode(bytes.subarray(start, end));
        for (const [slot, { term }] of item.clause.terms.entries()) {
          if (term === text) uses.push({ item, slot, weight: 1, seen: seenIn(item, text) });
        }
        continue;
      }
      const weight = item.weigh?.(bytes, start, end) ?? 0;
      if (weight === 0) continue;
      text ??= new TextDecoder().decode(bytes.subarray(start, end));
      uses.push({ item, slot: 0, weight, seen: seenIn(item, text) });
    }
    return uses.length === 0 ? null : uses;
  }
}

function seenIn(item: Item, term: string): Seen | undefined {
  if (item.terms === undefined) return undefined;
  let seen = item.terms.get(term);
  if (seen === undefined) {
    seen = { documents: 0, lastRow: -1 };
    item.terms.set(term, seen);
    checkExpansion(item.terms.size);
  }
  return seen;
}
