import type { ByteSink, RangeReader } from '../core/bytes.ts';
import type { FieldError } from '../core/errors.ts';
import type { Batch, Scalar } from '../columns/column.ts';
import type { IndexDefinition, IndexKindName, IndexSummary } from '../columns/index-definition.ts';
import type { Schema } from '../columns/types.ts';

/** What a query may ask of an index. A kind answers those it lists; the planner knows no kind by name. */
export type IndexPredicate =
  /** `field` equals one of the values (never null). */
  | { readonly op: 'equals'; readonly field: string; readonly values: readonly Scalar[] }
  /** `field` lies between; a missing side is open. Values compare as the field's type does. */
  | {
      readonly op: 'range';
      readonly field: string;
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
  lookup(predicate: IndexPredicate): Promise<IndexAnswer>;
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
