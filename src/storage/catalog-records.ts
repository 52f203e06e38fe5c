import type { Scalar } from '../columns/column.ts';
import type { Schema } from '../columns/types.ts';
import type { IndexDefinition, IndexSummary } from '../columns/index-definition.ts';

export type ObjectState = 'received' | 'processing' | 'committed' | 'failed';

/** One object version in the ledger. Times are milliseconds since the epoch. */
export interface LedgerObject {
  readonly objectId: string;
  readonly namespaceUid: string;
  readonly datasetId: string;
  readonly dataset: string;
  readonly name: string;
  /** Where the bytes are. */
  readonly key: string;
  readonly etag: string;
  readonly format: string | undefined;
  readonly sizeBytes: number;
  readonly state: ObjectState;
  /** Counts claims; the claimant's number is part of every key it writes and every change it makes. */
  readonly attempt: number;
  readonly rowsCommitted: number;
  readonly rowsQuarantined: number;
  readonly segments: number;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly receivedAtMs: number;
  readonly committedAtMs: number | undefined;
}

/** Statistics of one column in one segment; `min` and `max` are exact bounds in the column's type, absent where unknown. */
export interface ColumnStatistics {
  readonly min?: Scalar;
  readonly max?: Scalar;
  readonly nullCount: number;
}

/** Rows of a segment that no answer may show: half-open ranges of row ordinals, ascending. */
export type RowRanges = readonly (readonly [start: number, end: number])[];

/** A live segment as a query sees it. */
export interface SegmentRecord {
  readonly segmentId: string;
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly rows: number;
  /** The columns in the file, which may lack or be narrower than the dataset's. */
  readonly schema: Schema;
  readonly statistics: Readonly<Record<string, ColumnStatistics>>;
  readonly masked: RowRanges;
  /** Built index files of this segment, by index name. */
  readonly indexes: Readonly<Record<string, { readonly key: string; readonly summary: IndexSummary }>>;
}

/** Everything a query needs of a dataset, read at one moment. */
export interface DatasetSnapshot {
  readonly datasetId: string;
  readonly name: string;
  readonly schema: Schema;
  readonly schemaVersion: number;
  readonly segments: readonly SegmentRecord[];
  readonly indexes: readonly IndexDefinition[];
}
