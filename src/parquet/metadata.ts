/**
 * A Parquet file's footer, with the names the format gives its parts. Only what reading rows needs is kept.
 * Source: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 */
export interface FileMetadata {
  /** Depth first, the root first. */
  readonly schema: readonly SchemaElement[];
  readonly rows: number;
  readonly rowGroups: readonly RowGroupMetadata[];
  readonly keyValues: ReadonlyMap<string, string>;
}

export const PHYSICAL_TYPES = [
  'BOOLEAN',
  'INT32',
  'INT64',
  'INT96',
  'FLOAT',
  'DOUBLE',
  'BYTE_ARRAY',
  'FIXED_LEN_BYTE_ARRAY',
] as const;
export type PhysicalType = (typeof PHYSICAL_TYPES)[number];

export const REPETITIONS = ['required', 'optional', 'repeated'] as const;
export type Repetition = (typeof REPETITIONS)[number];

export const CONVERTED_TYPES = [
  'UTF8',
  'MAP',
  'MAP_KEY_VALUE',
  'LIST',
  'ENUM',
  'DECIMAL',
  'DATE',
  'TIME_MILLIS',
  'TIME_MICROS',
  'TIMESTAMP_MILLIS',
  'TIMESTAMP_MICROS',
  'UINT_8',
  'UINT_16',
  'UINT_32',
  'UINT_64',
  'INT_8',
  'INT_16',
  'INT_32',
  'INT_64',
  'JSON',
  'BSON',
  'INTERVAL',
] as const;
export type ConvertedType = (typeof CONVERTED_TYPES)[number];

export type TimeUnit = 'ms' | 'us' | 'ns';

export type LogicalType =
  | { readonly kind: 'string' | 'map' | 'list' | 'enum' | 'date' | 'null' | 'json' | 'bson' | 'uuid' | 'float16' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'time' | 'timestamp'; readonly utc: boolean; readonly unit: TimeUnit }
  | { readonly kind: 'integer'; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'unknown' };

export interface SchemaElement {
  readonly name: string;
  /** Undefined in groups. */
  readonly type: PhysicalType | undefined;
  /** Bytes of a FIXED_LEN_BYTE_ARRAY. */
  readonly typeLength: number;
  readonly repetition: Repetition;
  readonly children: number;
  readonly convertedType: ConvertedType | undefined;
  readonly logicalType: LogicalType | undefined;
  readonly precision: number;
  readonly scale: number;
}

export const CODECS = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'LZO', 'BROTLI', 'LZ4', 'ZSTD', 'LZ4_RAW'] as const;
export type Codec = (typeof CODECS)[number];

export const ENCODINGS = [
  'PLAIN',
  'GROUP_VAR_INT',
  'PLAIN_DICTIONARY',
  'RLE',
  'BIT_PACKED',
  'DELTA_BINARY_PACKED',
  'DELTA_LENGTH_BYTE_ARRAY',
  'DELTA_BYTE_ARRAY',
  'RLE_DICTIONARY',
  'BYTE_STREAM_SPLIT',
] as const;
export type Encoding = (typeof ENCODINGS)[number];

export interface RowGroupMetadata {
  readonly rows: number;
  /** One for each leaf of the schema, in its order. */
  readonly columns: readonly ColumnChunkMetadata[];
}

export interface FileRange {
  readonly offset: number;
  readonly length: number;
}

export interface ColumnChunkMetadata {
  readonly type: PhysicalType;
  readonly codec: Codec;
  /** Values, nulls included; for nested columns more than rows. */
  readonly values: number;
  /** What its pages say they hold, levels and headers included. */
  readonly uncompressedBytes: number;
  /** Where its pages are, the dictionary's first. */
  readonly range: FileRange;
  /** Where its data pages begin, inside `range`. */
  readonly dataOffset: number;
  readonly statistics: RawStatistics | undefined;
  readonly offsetIndex: FileRange | undefined;
  readonly columnIndex: FileRange | undefined;
}

/** Bounds in the PLAIN encoding of their column, from the fields whose order is well defined. */
export interface RawStatistics {
  readonly min: Uint8Array | undefined;
  readonly max: Uint8Array | undefined;
  readonly nullCount: number | undefined;
}
