import {
  BOOL,
  BYTES,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  JSON_TYPE,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NS,
} from '../../columns/types.ts';
import { names, type TypeName } from '../parse/ast.ts';
import { sqlError } from './errors.ts';

/** A type as SQL names it: the column type, and for the narrower integers the range a cast checks. */
export interface NamedType {
  readonly type: ColumnType | 'interval';
  readonly range?: readonly [least: bigint, greatest: bigint];
}

const signed = (bits: number): NamedType => ({
  type: INT64,
  range: [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n],
});
const unsigned = (bits: number): NamedType => ({ type: INT64, range: [0n, 2n ** BigInt(bits) - 1n] });

/** Names as PostgreSQL's grammar canonizes them (`int4`) and as DuckDB writes them. */
const TYPES: Readonly<Record<string, NamedType>> = {
  bool: { type: BOOL },
  boolean: { type: BOOL },
  logical: { type: BOOL },
  int1: signed(8),
  tinyint: signed(8),
  int2: signed(16),
  smallint: signed(16),
  short: signed(16),
  int4: signed(32),
  int: signed(32),
  integer: signed(32),
  int8: { type: INT64 },
  int64: { type: INT64 },
  bigint: { type: INT64 },
  long: { type: INT64 },
  utinyint: unsigned(8),
  usmallint: unsigned(16),
  uinteger: unsigned(32),
  ubigint: { type: decimal(20, 0) },
  hugeint: { type: decimal(38, 0) },
  int128: { type: decimal(38, 0) },
  float4: { type: DOUBLE },
  float: { type: DOUBLE },
  real: { type: DOUBLE },
  float8: { type: DOUBLE },
  double: { type: DOUBLE },
  numeric: { type: decimal(18, 3) },
  decimal: { type: decimal(18, 3) },
  text: { type: STRING },
  varchar: { type: STRING },
  bpchar: { type: STRING },
  char: { type: STRING },
  string: { type: STRING },
  bytea: { type: BYTES },
  blob: { type: BYTES },
  bytes: { type: BYTES },
  varbinary: { type: BYTES },
  binary: { type: BYTES },
  json: { type: JSON_TYPE },
  date: { type: DATE },
  timestamp: { type: TIMESTAMP },
  datetime: { type: TIMESTAMP },
  timestamptz: { type: TIMESTAMP },
  timestamp_s: { type: TIMESTAMP },
  timestamp_ms: { type: TIMESTAMP },
  timestamp_us: { type: TIMESTAMP },
  timestamp_ns: { type: TIMESTAMP_NS },
  interval: { type: 'interval' },
};

/** The column type a type name stands for. Throws `unsupported_sql` where there is none. */
export function namedType(typeNameNode: TypeName): NamedType {
  const at = typeNameNode.location ?? 0;
  const name = (names(typeNameNode.names).at(-1) ?? '').toLowerCase();
  if ((typeNameNode.arrayBounds ?? []).length > 0)
    throw sqlError('unsupported_sql', at, 'list types are not supported');
  if (!Object.hasOwn(TYPES, name)) throw sqlError('unsupported_sql', at, `there is no type ${name}`);
  const modifiers = (typeNameNode.typmods ?? []).map((node) => node.A_Const?.ival?.ival ?? 0);
  if ((name === 'numeric' || name === 'decimal') && modifiers.length > 0) {
    const [precision, scale = 0] = modifiers;
    if (precision < 1 || precision > 38 || scale < 0 || scale > precision) {
      throw sqlError('unsupported_sql', at, 'a decimal has 1 to 38 digits, at most all of them behind the point');
    }
    return { type: decimal(precision, scale) };
  }
  return TYPES[name];
}
