import { scoredClauses, type TextClause, type TextQuery } from '../../columns/text/query.ts';
import { OrasiError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { TextStatistics } from './search.ts';

/** The usual constants (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009; Lucene's defaults). */
export const K1 = 1.2;
const B = 0.75;

/**
 * Statistics of disjoint collections added up. Throws `query_too_large` where a clause stands for more terms
 * than a query may have.
 */
export function mergeStatistics(query: TextQuery, parts: Iterable<TextStatistics>): TextStatistics {
  let documents = 0;
  let totalTokens = 0;
  const merged = scoredClauses(query).map(() => new Map<string, number>());
  for (const part of parts) {
    documents += part.documents;
    totalTokens += part.totalTokens;
    for (const [clause, frequencies] of part.documentFrequencies.entries()) {
      for (const [term, count] of frequencies) merged[clause].set(term, (merged[clause].get(term) ?? 0) + count);
      checkExpansion(merged[clause].size);
    }
  }
  return { documents, totalTokens, documentFrequencies: merged };
}

/** Throws `query_too_large` where a prefix or spelling stands for too many terms. */
export function checkExpansion(terms: number): void {
  if (terms > LIMITS.textExpansions) {
    throw new OrasiError('query_too_large', `a prefix or spelling stands for more than ${LIMITS.textExpansions} terms`);
  }
}

/** Rareness of a term: ln(1 + (N - n + ½) / (n + ½)), never negative. */
function inverseDocumentFrequency(documents: number, frequency: number): number {
  return Math.log(1 + (documents - frequency + 0.5) / (frequency + 0.5));
}

/** Scores by the statistics of a collection. */
export interface Scoring {
  /** By scored clause, in order. */
  readonly weights: readonly number[];
  /** What a length adds below the fraction: k1 · (1 - b + b · length / average length). */
  norm(length: number): number;
}

/** The part of the score that how often a clause occurs makes; grows with `times` to k1 + 1. */
export function saturation(times: number, norm: number): number {
  return (times * (K1 + 1)) / (times + norm);
}

/** The weights of a query's clauses and the norm of a document's length, over all that `statistics` counts. */
export function scoringOf(query: TextQuery, statistics: TextStatistics): Scoring {
  const { documents, totalTokens, documentFrequencies } = statistics;
  const average = documents === 0 ? 1 : totalTokens / documents;
  const weights = scoredClauses(query).map((clause, i) => clauseIdf(clause, documents, documentFrequencies[i]));
  return { weights, norm: (length) => K1 * (1 - B + (B * length) / average) };
}

/**
 * A phrase is as rare as its terms together; a prefix or spelling as its commonest term, since a slip of the
 * pen must not count for more than the word that was meant.
 */
function clauseIdf(clause: TextClause, documents: number, frequencies: ReadonlyMap<string, number>): number {
  const idf = (count: number): number => inverseDocumentFrequency(documents, count);
  if (clause.kind === 'phrase') {
    return clause.terms.reduce((sum, { term }) => sum + idf(frequencies.get(term) ?? 0), 0);
  }
  let most = 0;
  for (const count of frequencies.values()) if (count > most) most = count;
  return idf(most);
}

/** The best `limit` of ascending rows by score, all of them without a limit; rows ascend. */
export function bestRows(
  rows: Int32Array,
  scores: Float64Array,
  limit: number = rows.length,
): { rows: Int32Array; scores: Float64Array } {
  if (rows.length <= limit) return { rows: rows.slice(), scores };
  const best = new BestRows(limit);
  for (let i = 0; i < rows.length; i++) best.offer(rows[i], scores[i]);
  return best.answer();
}

/** The best `limit` of rows offered in ascending order; of equal scores the lower row stays. */
export class BestRows {
  readonly #limit: number;
  readonly #rows: Int32Array;
  readonly #scores: Float64Array;
  #size = 0;
  /** A score not above this is not among the best. */
  threshold = Number.NEGATIVE_INFINITY;

  constructor(limit: number) {
    this.#limit = limit;
    this.#rows = new Int32Array(limit);
    this.#scores = new Float64Array(limit);
    if (limit === 0) this.threshold = Number.POSITIVE_INFINITY;
  }

  offer(row: number, score: number): void {
    if (score <= this.threshold) return;
    if (this.#size < this.#limit) {
      this.#up(this.#size++, row, score);
    } else {
      this.#down(row, score);
    }
    if (this.#size === this.#limit) this.threshold = this.#scores[0];
  }

  /** Rows ascending, and their scores. */
  answer(): { rows: Int32Array; scores: Float64Array } {
    const rows = this.#rows.subarray(0, this.#size);
    const order = Array.from(rows.keys()).sort((a, b) => rows[a] - rows[b]);
    return {
      rows: Int32Array.from(order, (i) => rows[i]),
      scores: Float64Array.from(order, (i) => this.#scores[i]),
    };
  }

  /** Whether entry `a` is worse than a row and score: it goes first. */
  #worse(a: number, row: number, score: number): boolean {
    return this.#scores[a] < score || (this.#scores[a] === score && this.#rows[a] > row);
  }

  #up(at: number, row: number, score: number): void {
    let i = at;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#worse(parent, row, score)) break;
      this.#rows[i] = this.#rows[parent];
      this.#scores[i] = this.#scores[parent];
      i = parent;
    }
    this.#rows[i] = row;
    this.#scores[i] = score;
  }

  #down(row: number, score: number): void {
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#worse(child + 1, this.#rows[child], this.#scores[child])) child++;
      if (!this.#worse(child, row, score)) break;
      this.#rows[i] = this.#rows[child];
      this.#scores[i] = this.#scores[child];
      i = child;
    }
    this.#rows[i] = row;
    this.#scores[i] = score;
  }
}
