import type { TextClause, TextQuery } from '../../columns/text/query.ts';
import { OrasiError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { type PlannedRead, planCost, planFewReads, runReads } from '../extents.ts';
import type { IndexEstimate } from '../index-file.ts';
import type { PagedFile } from '../paged-file.ts';
import type { RowRanges } from '../read-plan.ts';
import { BestRows, bestRows, K1, saturation, scoringOf } from './bm25.ts';
import { type DocumentCursor, emptyCursor, ListCursor, PostingsCursor } from './cursor.ts';
import type { FulltextDirectory } from './directory.ts';
import { bestOfGroup, bestOfUnion, type GroupCursors, matchGroup, type Ranking, uniteMatches } from './evaluate.ts';
import { type ExpandedTerm, type Expansion, expandQuery } from './expand.ts';
import { MaskedRows } from './masked-rows.ts';
import { type PhraseShape, phraseList } from './phrase-list.ts';
import { NO_MORE, PostingsBlocks } from './postings.ts';
import type { TextSearch, TextStatistics } from './search.ts';

/** Lists of one search are fetched in at most this many reads, even where that takes bytes between them along. */
const MOST_READS = 4;

type Lists = ReadonlyMap<number, Uint8Array>;

/** One query over one open file. What is read is kept from step to step. */
export class IndexSearch implements TextSearch {
  readonly #file: PagedFile;
  readonly #directory: FulltextDirectory;
  readonly #query: TextQuery;
  readonly #masked: RowRanges;
  readonly #loadLengths: () => Promise<ArrayLike<number>>;
  #expansion: Promise<Expansion> | undefined;
  #lists: Promise<Lists> | undefined;

  constructor(
    file: PagedFile,
    directory: FulltextDirectory,
    query: TextQuery,
    masked: RowRanges,
    lengths: () => Promise<ArrayLike<number>>,
  ) {
    this.#file = file;
    this.#directory = directory;
    this.#query = query;
    this.#masked = masked;
    this.#loadLengths = lengths;
  }

  /** What finding the rows takes beyond the dictionary, which is read here. */
  async estimate(): Promise<IndexEstimate> {
    const { scored, excluded } = await this.#expand();
    let clause = 0;
    let rows = 0;
    for (const { all } of this.#query.groups) {
      rows += Math.min(...all.map((asked) => mostDocuments(asked, scored[clause++])));
    }
    const single = this.#query.groups.length === 1 && scored.length === 1 && scored[0].length <= 1;
    const exact = single && excluded[0].length === 0 && this.#masked.length === 0 && scored[0][0]?.weight === 1;
    const cost = planCost(this.#file, planLists(scored, excluded));
    return { ...cost, rows: Math.min(rows, this.#directory.documents), exact };
  }

  async statistics(): Promise<TextStatistics> {
    const { scored } = await this.#expand();
    const { documents, tokens } = this.#directory;
    if (this.#masked.length === 0) {
      const documentFrequencies = scored.map((terms) => new Map(terms.map((term) => [term.text, term.documents])));
      return { documents, totalTokens: tokens, documentFrequencies };
    }
    const [lists, lengths] = await Promise.all([this.#load(), this.#loadLengths()]);
    let maskedDocuments = 0;
    let maskedTokens = 0;
    for (const [start, end] of this.#masked) {
      for (let row = start; row < Math.min(end, lengths.length); row++) {
        if (lengths[row] > 0) maskedDocuments++;
        maskedTokens += lengths[row];
      }
    }
    return {
      documents: documents - maskedDocuments,
      totalTokens: tokens - maskedTokens,
      documentFrequencies: scored.map((terms) => {
        const counts = terms.map((term): [string, number] => [
          term.text,
          term.documents - this.#countMasked(term, lists),
        ]);
        return new Map(counts.filter(([, count]) => count > 0));
      }),
    };
  }

  async score(statistics: TextStatistics, topK?: number): Promise<{ rows: Int32Array; scores: Float64Array }> {
    // Most segments lack a rare term: the dictionary alone shows that nothing is to be found.
    if ((await this.estimate()).rows === 0) return { rows: new Int32Array(0), scores: new Float64Array(0) };
    // Lengths are needed whatever the lists come to, so they are fetched beside them.
    const [lengths, groups] = await Promise.all([this.#loadLengths(), this.#cursors()]);
    const { weights, norm } = scoringOf(this.#query, statistics);
    let clause = 0;
    const weighted = groups.map((group): GroupCursors => {
      clause += group.all.length;
      return { ...group, weights: weights.slice(clause - group.all.length, clause) };
    });
    const ranking: Ranking = { lengths, saturate: saturateBy(norm) };
    if (topK !== undefined) {
      const best = new BestRows(Math.min(topK, this.#directory.documents));
      if (weighted.length === 1) {
        bestOfGroup(weighted[0], new MaskedRows(this.#masked), ranking, best);
        return best.answer();
      }
      if (weighted.every(({ all, none }) => all.length === 1 && none.length === 0)) {
        const lists = weighted.map(({ all }) => all[0]);
        bestOfUnion(lists, weights, new MaskedRows(this.#masked), ranking, best);
        return best.answer();
      }
    }
    const { rows, scores } = uniteMatches(
      weighted.map((group) => matchGroup(group, new MaskedRows(this.#masked), ranking)),
    );
    return bestRows(rows, scores, topK);
  }

  async rows(): Promise<Int32Array> {
    const groups = await this.#cursors();
    return uniteMatches(groups.map((group) => matchGroup(group, new MaskedRows(this.#masked)))).rows;
  }

  #expand(): Promise<Expansion> {
    this.#expansion ??= expandQuery(this.#file, this.#directory, this.#query);
    return this.#expansion;
  }

  #load(): Promise<Lists> {
    this.#lists ??= this.#expand().then(async ({ scored, excluded }) => {
      const reads = planLists(scored, excluded);
      const { bytes } = planCost(this.#file, reads);
      if (bytes > LIMITS.queryOperatorBytes) {
        throw new OrasiError('query_too_large', `the text search needs ${bytes} bytes of one segment's index`);
      }
      const lists = new Map<number, Uint8Array>();
      await runReads(this.#file, reads, ({ offset }, list) => lists.set(offset, list));
      return lists;
    });
    return this.#lists;
  }

  /** Cursors of every group, at their starts. */
  async #cursors(): Promise<GroupCursors[]> {
    const [{ scored, excluded }, lists] = await Promise.all([this.#expand(), this.#load()]);
    let clause = 0;
    const groups: GroupCursors[] = [];
    for (const [i, { all, none }] of this.#query.groups.entries()) {
      const cursors: DocumentCursor[] = [];
      for (const asked of all) cursors.push(await this.#cursor(asked, scored[clause++], lists));
      const barred: DocumentCursor[] = [];
      for (const [j, asked] of none.entries()) barred.push(await this.#cursor(asked, excluded[i][j], lists));
      groups.push({ all: cursors, weights: all.map(() => 0), none: barred });
    }
    return groups;
  }

  async #cursor(clause: TextClause, terms: readonly ExpandedTerm[], lists: Lists): Promise<DocumentCursor> {
    if (clause.kind === 'phrase') {
      const place = new Map(terms.map((term, i) => [term.text, i]));
      const slots = clause.terms.map(({ term, position }) => ({ term: place.get(term) ?? -1, offset: position }));
      if (slots.some(({ term }) => term < 0)) return emptyCursor();
      const shape: PhraseShape = {
        terms: terms.map((term) => ({
          postings: this.#blocks(term, lists),
          documents: term.documents,
          positionsOffset: term.positionsOffset,
        })),
        slots,
      };
      return await phraseList(this.#file, shape);
    }
    if (terms.length === 0) return emptyCursor();
    if (terms.length === 1 && terms[0].weight === 1) return this.#walk(terms[0], lists);
    return this.#sum(terms, lists);
  }

  #blocks(term: ExpandedTerm, lists: Lists): PostingsBlocks {
    return new PostingsBlocks(
      { ...term, bytes: lists.get(term.postingsOffset) ?? new Uint8Array(0) },
      this.#directory.rows,
    );
  }

  #walk(term: ExpandedTerm, lists: Lists): PostingsCursor {
    return new PostingsCursor(this.#blocks(term, lists), term.documents);
  }

  /** The lists of a prefix or spelling as one: how often its terms are in a document, each by its weight. */
  #sum(terms: readonly ExpandedTerm[], lists: Lists): DocumentCursor {
    const times = new Float64Array(this.#directory.rows);
    for (const term of terms) {
      const cursor = this.#walk(term, lists);
      while (cursor.document !== NO_MORE) {
        times[cursor.document] += term.weight * cursor.times();
        cursor.next();
      }
    }
    let count = 0;
    for (let row = 0; row < times.length; row++) if (times[row] > 0) count++;
    const documents = new Int32Array(count);
    for (let row = 0, at = 0; at < count; row++) {
      if (times[row] === 0) continue;
      // The sums move to the front, behind which nothing is read again.
      times[at] = times[row];
      documents[at++] = row;
    }
    return new ListCursor(documents, times.slice(0, count));
  }

  #countMasked(term: ExpandedTerm, lists: Lists): number {
    const cursor = this.#walk(term, lists);
    let count = 0;
    for (const [start, end] of this.#masked) {
      cursor.seek(start);
      while (cursor.document < end) {
        count++;
        cursor.next();
      }
    }
    return count;
  }
}

/** How many documents of this segment may hold a clause, by the terms it stands for here. */
function mostDocuments(clause: TextClause, terms: readonly ExpandedTerm[]): number {
  const documents = terms.map((term) => term.documents);
  if (clause.kind !== 'phrase') return documents.reduce((sum, count) => sum + count, 0);
  const whole = clause.terms.every(({ term }) => terms.some(({ text }) => text === term));
  return whole ? Math.min(...documents) : 0;
}

/** The reads that fetch every list of a search, once each. */
function planLists(
  scored: Expansion['scored'],
  excluded: Expansion['excluded'],
): PlannedRead<{ offset: number; length: number }>[] {
  const lengths = new Map<number, number>();
  for (const term of [...scored.flat(), ...excluded.flat(2)]) lengths.set(term.postingsOffset, term.postingsBytes);
  const extents = [...lengths].map(([offset, length]) => ({ offset, length }));
  return planFewReads(
    extents.sort((a, b) => a.offset - b.offset),
    MOST_READS,
  );
}

/** Norms of short lengths are kept, since a search asks for them a million times. */
function saturateBy(norm: (length: number) => number): Ranking['saturate'] {
  const norms = new Float64Array(1024);
  return (times, length) => {
    if (times >= NO_MORE) return K1 + 1;
    if (length >= norms.length) return saturation(times, norm(length));
    // A norm is never 0: it is at least k1 · (1 - b).
    if (norms[length] === 0) norms[length] = norm(length);
    return saturation(times, norms[length]);
  };
}
