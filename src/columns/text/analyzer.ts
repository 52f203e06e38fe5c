/** How text becomes terms; the same at build and at query. Options of a fulltext index, defaults filled in. */
export interface AnalyzerOptions {
  /** `fold`: upper and lower case are one. */
  readonly case: 'fold' | 'keep';
  /** `fold`: é, e and ë are one. */
  readonly diacritics: 'fold' | 'keep';
  /** `english`: the words of `ENGLISH_STOP_WORDS` are not indexed, though they keep their place in phrases. */
  readonly stopWords: 'none' | 'english';
  /** `english`: words are cut to their stem (Porter 2), so that `running` finds `runs`. */
  readonly stemming: 'none' | 'english';
}

export const DEFAULT_ANALYZER: AnalyzerOptions = {
  case: 'fold',
  diacritics: 'fold',
  stopWords: 'none',
  stemming: 'none',
};
