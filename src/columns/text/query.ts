import type { AnalyzerOptions } from './analyzer.ts';

/** A term as it stands in the index: folded, and stemmed where the analyzer stems. */
export type Term = string;

/** One thing to look for in a document. */
export type TextClause =
  | { readonly kind: 'term'; readonly term: Term }
  /** The terms at these places relative to each other; a word in the middle may have been a stop word. */
  | { readonly kind: 'phrase'; readonly terms: readonly { readonly term: Term; readonly position: number }[] }
  /** Any term that begins so. */
  | { readonly kind: 'prefix'; readonly prefix: Term }
  /** Any term within an edit distance (insert, delete, replace, swap of neighbours: one each). */
  | { readonly kind: 'fuzzy'; readonly term: Term; readonly distance: number };

/** A document satisfies a group when every clause of `all` is in it and none of `none`. */
export interface TextGroup {
  readonly all: readonly TextClause[];
  readonly none: readonly TextClause[];
}

/**
 * A parsed MATCH text: documents that satisfy any of the groups. A group has at least one clause in `all`;
 * without groups nothing matches (a query of stop words or punctuation alone).
 */
export interface TextQuery {
  readonly analyzer: AnalyzerOptions;
  readonly groups: readonly TextGroup[];
}

/** The clauses that count towards scores, in the order in which statistics list them. */
export function scoredClauses(query: TextQuery): TextClause[] {
  return query.groups.flatMap((group) => group.all);
}
