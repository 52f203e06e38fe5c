import type { TextQuery } from '../../columns/text/query.ts';
import type { IndexAnswer } from '../index-file.ts';
import type { RowRanges } from '../read-plan.ts';

/**
 * What BM25 needs to know of a collection. A document is a row with at least one term in the column;
 * masked rows are none. Statistics of segments are added up by `mergeStatistics` before scoring.
 */
export interface TextStatistics {
  readonly documents: number;
  /** Terms of all documents, repeats counted. */
  readonly totalTokens: number;
  /** For each of `scoredClauses(query)`: the terms it stands for, and in how many documents each occurs. */
  readonly documentFrequencies: readonly ReadonlyMap<string, number>[];
}

/** One query over one segment, whether by its index or by reading its text: the answers are the same. */
export interface TextSearch {
  /** The segment's share of the statistics. */
  statistics(): Promise<TextStatistics>;
  /**
   * The rows that match, with BM25 scores by the statistics of all live segments. With `topK`, only the
   * best so many (of equal scores the lower rows); rows ascend in any case.
   */
  score(statistics: TextStatistics, topK?: number): Promise<Required<IndexAnswer>>;
  /** The rows that match, ascending, masked ones left out. */
  rows(): Promise<Int32Array>;
}

/** Something that can be searched by text: an open full-text index. */
export interface TextSource {
  /** No answer shows the masked rows, and no statistics count them. */
  search(query: TextQuery, masked?: RowRanges): TextSearch;
}
