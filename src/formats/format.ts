import type { Batch, Scalar } from '../columns/column.ts';
import type { Field } from '../columns/types.ts';
import type { RangeReader } from '../core/bytes.ts';
import type { FieldError } from '../core/errors.ts';

export type FormatName = 'json' | 'csv' | 'parquet' | 'arrow' | 'avro' | 'otlp' | 'otap';

/** Options of a decode, from the pipeline and the request; each format documents and validates its own. */
export type FormatOptions = Readonly<Record<string, string | number | boolean>>;

/** A row that could not be decoded. `raw` is the text as it stood, cut to a bounded length. */
export interface BadRow {
  /** Ordinal of the row in the object, from 0. */
  readonly row: number;
  /** Line in the object, from 1, where the format has lines. */
  readonly line?: number;
  readonly reasons: readonly (FieldError & { code: string })[];
  readonly raw: string;
}

/**
 * Where a decoder can be taken up again: all it needs besides the object itself.
 * Plain JSON, small (below 64 KB), and valid only for the same object version and options.
 */
export interface Checkpoint {
  /** Bytes of the (uncompressed) object before this point are done with. */
  readonly offset: number;
  /** Rows decoded so far, bad ones included. */
  readonly rows: number;
  /** The decoder's own state: header, delimiter, line number, next row group, … */
  readonly state: Readonly<Record<string, unknown>>;
}

/** What a decoder yields. After every item `checkpoint()` of the decoder is where to go on from. */
export interface Decoded {
  readonly batch: Batch | null;
  readonly bad: readonly BadRow[];
  /** Where the batch's rows come from, given by formats that hold a row's text; others count on. */
  readonly origins?: RowOrigins;
}

/** For rows of one batch: what a bad row made of one of them says. */
export interface RowOrigins {
  /** Ordinal in the object. */
  row(index: number): number;
  line(index: number): number | undefined;
  raw(index: number): string;
}

/** A column the pipeline declares. Not nullable means required. */
export interface DeclaredField extends Field {
  /** Taken where the field is absent or null. */
  readonly default?: Scalar;
}

/** The object to decode: uncompressed bytes, readable front to back or by range. */
export interface DecodeSource {
  readonly sizeBytes: number;
  /** Bytes from `offset` on. Called at most once by a streaming format. */
  stream(offset: number): Promise<ReadableStream<Uint8Array>>;
  /** For formats with a footer. */
  readonly ranges: RangeReader;
}

export interface DecodeRequest {
  readonly source: DecodeSource;
  readonly options: FormatOptions;
  /**
   * Columns declared by the pipeline: these decode to the declared type or the row is bad.
   * Other columns are inferred.
   */
  readonly declared: readonly DeclaredField[];
  /** False: a row with a value in a column not declared is bad. */
  readonly additionalColumns?: boolean;
  /** Continue here instead of at the start. */
  readonly from?: Checkpoint;
  /** Other bounds than `LIMITS`, for tests. */
  readonly limits?: Partial<DecodeLimits>;
}

/** The bounds of a decode; the entries of `LIMITS` of the same names. */
export interface DecodeLimits {
  readonly batchRows: number;
  readonly batchBytes: number;
  readonly rowBytes: number;
  readonly jsonDocumentBytes: number;
  readonly columns: number;
}

/** A decode in progress. */
export interface Decoder extends AsyncIterable<Decoded> {
  /** Where a new decoder can go on after the last item taken, with nothing lost or repeated. */
  checkpoint(): Checkpoint;
}

/**
 * Bytes → column batches. Batches are at most `LIMITS.batchRows` rows and about `LIMITS.batchBytes`;
 * each infers its own schema (types widen from batch to batch, the caller merges them).
 * A fault in one row is a `BadRow`; a fault that ends the decode throws `OrasiError('malformed_input')`.
 */
export interface Format {
  readonly name: FormatName;
  /** Media types, without parameters, in lower case. */
  readonly mediaTypes: readonly string[];
  /** File name endings, with the dot, in lower case. */
  readonly extensions: readonly string[];
  /** Whether the first bytes of an object look like this format. */
  sniff(head: Uint8Array): boolean;
  /** Faults in the options, with the path of the field below `options`. */
  checkOptions(options: FormatOptions): FieldError[];
  decode(request: DecodeRequest): Promise<Decoder>;
}
