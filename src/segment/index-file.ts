import type { Batch, Scalar } from '../columns/column.ts';
import type { IndexDefinition, IndexKindName, IndexSummary } from '../columns/index-definition.ts';
import type { ColumnType, Schema } from '../columns/types.ts';
import type { ByteSink, RangeReader } from '../core/bytes.ts';
import type { FieldError } from '../core/errors.ts';
import type { TextSource } from './fulltext/search.ts';

/** What a query may ask of an index. A kind answers those it lists; the planner knows no kind by name. */
export type IndexPredicate =
  /**
   * `field` equals one of the values (never null). `type` is the values' type: the dataset's, which may be wider
   * than the one the segment's index was built over.
   */
  | { readonly op: 'equals'; readonly field: string; readonly type: ColumnType; readonly values: readonly Scalar[] }
  /** `field` lies between; a missing side is open. Values compare as `type` does (NaN above every number). */
  | {
      readonly op: 'range';
      readonly field: string;
      readonly type: ColumnType;
      readonly low?: { readonly value: Scalar; readonly inclusive: boolean };
      readonly high?: { readonly value: Scalar; readonly inclusive: boolean };
    }
  /** Full text: rows whose text matches the query string (terms, "phrases", -not, prefix*, fuzzy~). */
  | { readonly op: 'match'; readonly field: string; readonly query: string };

/** What an answer will cost, known before the first data read. */
export interface IndexEstimate {
  /** Rows expected, an upper bound where `exact` is false. */
  readonly rows: number;
  readonly exact: boolean;
  readonly reads: number;
  readonly bytes: number;
}

/** Row ordinals in the segment, ascending, each once; scores beside them where the kind has scores. */
export interface IndexAnswer {
  readonly rows: Int32Array;
  readonly scores?: Float64Array;
}

export interface IndexReader {
  /** Undefined where this index cannot answer the predicate. Reads at most the file's directory. */
  estimate(predicate: IndexPredicate): Promise<IndexEstimate | undefined>;
  /**
   * The rows that satisfy the predicate, masked ones included; for a predicate `estimate` answers.
   * Throws `corrupt_file` where the bytes are not what was written: the query then scans instead.
   */
  lookup(predicate: IndexPredicate): Promise<IndexAnswer>;
  /** Ranked search, of kinds that index text; scores need statistics of all segments, hence two steps. */
  readonly text?: TextSource;
}

/**
 * An index kind: one immutable file per segment and index, magic + version + checksum, read by range.
 * Readers keep every old version.
 */
export interface IndexKind {
  readonly name: IndexKindName;
  /** Faults of a definition against a dataset's schema, with the path below the definition. */
  check(definition: IndexDefinition, schema: Schema): FieldError[];
  /** Columns needed to build it. */
  columns(definition: IndexDefinition): readonly string[];
  build(batches: AsyncIterable<Batch>, definition: IndexDefinition, sink: ByteSink): Promise<IndexSummary>;
  open(reader: RangeReader, definition: IndexDefinition, summary: IndexSummary): Promise<IndexReader>;
}
