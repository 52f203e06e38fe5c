import type { Scalar } from '../columns/column.ts';
import type { IndexDefinition, IndexSummary } from '../columns/index-definition.ts';
import type { Schema } from '../columns/types.ts';

export type ObjectState = 'received' | 'processing' | 'committed' | 'failed';

/** Why an object's rows no longer count. */
export type MaskReason = 'deleted' | 'replaced' | 'dataset_deleted';

/** What decides how an object's bytes decode, beside its pipeline; kept with the object, so that a sweep can redo what a request began. */
export interface DecodeInfo {
  /** The format asked for; absent: the pipeline's, else detected. */
  readonly format?: string;
  readonly options?: Readonly<Record<string, string | number | boolean>>;
  readonly contentType?: string;
  readonly contentEncoding?: string;
}

/** One object version in the ledger. Times are milliseconds since the epoch. */
export interface LedgerObject {
  readonly objectId: string;
  readonly namespaceUid: string;
  readonly namespace: string;
  readonly datasetId: string;
  readonly dataset: string;
  readonly name: string;
  /** Where the bytes are. */
  readonly key: string;
  readonly etag: string;
  readonly decode: DecodeInfo;
  /** The format it was decoded as, once known. */
  readonly format: string | undefined;
  readonly sizeBytes: number;
  readonly state: ObjectState;
  /** Counts tries; with `part` it is the claimant's token, in every key it writes and every change it makes. */
  readonly attempt: number;
  /** Parts handed over since the object was last begun. */
  readonly part: number;
  /** Tries that ended badly since the last progress. */
  readonly failures: number;
  readonly leaseUntilMs: number | undefined;
  /** What the next part begins with, as the ingestion left it. */
  readonly checkpoint: string | undefined;
  readonly rowsCommitted: number;
  readonly rowsQuarantined: number;
  readonly segments: number;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly receivedAtMs: number;
  /** By the store's clock; orders the versions of a name. */
  readonly uploadedAtMs: number;
  readonly committedAtMs: number | undefined;
  readonly maskReason: MaskReason | undefined;
}

/** A dataset as it is listed. */
export interface DatasetRecord {
  readonly datasetId: string;
  readonly name: string;
  readonly schema: Schema;
  readonly schemaVersion: number;
  /** Rows that count: masked ones are left out. */
  readonly rows: number;
  readonly segments: number;
  readonly sizeBytes: number;
  readonly createdAtMs: number;
  readonly indexes: readonly DatasetIndex[];
}

export interface DatasetIndex {
  readonly definition: IndexDefinition;
  readonly generation: number;
  readonly segmentsIndexed: number;
  readonly segmentsFailed: number;
}

/**
 * Statistics of one column in one segment. `min` and `max` bound every value that is not null, in the column's
 * type; a bound need not be a value, and a missing side is unbounded.
 */
export interface ColumnStatistics {
  readonly min?: Scalar;
  readonly max?: Scalar;
  readonly nullCount: number;
}

/** Rows of a segment: half-open ranges of row ordinals, ascending and disjoint. */
export type RowRanges = readonly (readonly [start: number, end: number])[];

/** A segment file as its writer hands it over. */
export interface NewSegment {
  readonly segmentId: string;
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly footerBytes: number;
  readonly rows: number;
  readonly schema: Schema;
  readonly statistics: Readonly<Record<string, ColumnStatistics>>;
  /** Which rows came from which object. */
  readonly sources: readonly { readonly objectId: string; readonly ranges: RowRanges }[];
}

/** A live segment as a query sees it. */
export interface SegmentRecord {
  readonly datasetId: string;
  readonly segmentId: string;
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  /** Bytes at the file's end that opening it needs: read in one go. */
  readonly footerBytes: number;
  readonly rows: number;
  /** The columns in the file, which may lack or be narrower than the dataset's. */
  readonly schema: Schema;
  readonly statistics: Readonly<Record<string, ColumnStatistics>>;
  /** Rows that no answer may show. */
  readonly masked: RowRanges;
  /** Built index files of this segment, by index name. */
  readonly indexes: Readonly<Record<string, BuiltIndex>>;
}

/** A published index file. */
export interface BuiltIndex {
  readonly key: string;
  /** Of the definition it was built from. */
  readonly generation: number;
  readonly summary: IndexSummary;
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
