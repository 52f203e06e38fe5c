export type IndexKindName = 'btree' | 'hash' | 'fulltext' | 'spatial' | 'composite' | 'inverted';

/** An index as a pipeline declares it. */
export interface IndexDefinition {
  readonly name: string;
  readonly kind: IndexKindName;
  /** Columns in order; kinds over one column take the first. */
  readonly fields: readonly string[];
  readonly options: Readonly<Record<string, string | number | boolean>>;
}

/** What the catalogue keeps of a built index file. */
export interface IndexSummary {
  readonly rows: number;
  readonly sizeBytes: number;
  /** Small facts for planning that save a read: e.g. the offset and length of the directory. Below 4 KB as JSON. */
  readonly meta: Readonly<Record<string, unknown>>;
}
