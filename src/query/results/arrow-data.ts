import {
  Schema as ArrowSchema,
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float64,
  Int64,
  makeData,
  Null,
  RecordBatch,
  Struct,
  TimestampMicrosecond,
  TimestampNanosecond,
  Utf8,
} from 'apache-arrow';
import { type Batch, type Column, nullCount } from '../../columns/column.ts';
import type { ColumnType, Schema } from '../../columns/types.ts';
import { assert } from '../../core/errors.ts';
import { plainColumn, toBigInts, toDoubles } from '../operators/plain.ts';

/** The Arrow type of a column: instants are in UTC, nested values are their JSON text. */
export function arrowType(type: ColumnType): DataType {
  switch (type.kind) {
    case 'null':
      return new Null();
    case 'bool':
      return new Bool();
    case 'int64':
      return new Int64();
    case 'double':
      return new Float64();
    case 'decimal':
      return new Decimal(type.scale, type.precision, 128);
    case 'string':
    case 'json':
      return new Utf8();
    case 'bytes':
      return new Binary();
    case 'date':
      return new DateDay();
    case 'timestamp':
      return type.unit === 'us' ? new TimestampMicrosecond('UTC') : new TimestampNanosecond('UTC');
  }
}

/** Every column may have nulls, since an answer's do not say that they have none. */
export function arrowSchema(schema: Schema): ArrowSchema {
  return new ArrowSchema(schema.map(({ name, type }) => new Field(name, arrowType(type), true)));
}

/** A batch as Arrow has it. Memory is shared where the layouts agree, which for most types they do. */
export function arrowBatch(batch: Batch, schema: ArrowSchema): RecordBatch {
  const children = batch.columns.map((column, i) => arrowData(plainColumn(column), schema.fields[i].type));
  const type = new Struct(schema.fields);
  return new RecordBatch(schema, makeData({ type, length: batch.length, nullCount: 0, children }));
}

function arrowData(column: Column, type: DataType): Data {
  const { length, data, validity } = column;
  const nulls = nullCount(column);
  const shared = { length, nullCount: nulls, nullBitmap: nulls === 0 ? null : validity };
  switch (data.layout) {
    case 'none':
      return makeData({ type: new Null(), length });
    case 'bits':
      return makeData({ ...shared, type: new Bool(), data: data.values });
    case 'varlen': {
      const values = { valueOffsets: data.offsets.slice(0, length + 1), data: data.bytes };
      return column.type.kind === 'bytes'
        ? makeData({ ...shared, type: new Binary(), ...values })
        : makeData({ ...shared, type: new Utf8(), ...values });
    }
    case 'int128':
      return makeData({ ...shared, type: type as Decimal, data: words(data.values) });
    case 'fixed':
      return fixedData(column, type, shared);
    case 'dictionary':
      return assert(false, 'plain columns have no dictionary') as never;
  }
}

function fixedData(
  column: Column,
  type: DataType,
  shared: { length: number; nullCount: number; nullBitmap: Uint8Array | null },
): Data {
  const { data } = column;
  assert(data.layout === 'fixed', 'fixed data is laid out as such');
  switch (column.type.kind) {
    case 'double':
      return makeData({ ...shared, type: new Float64(), data: toDoubles(data.values) });
    case 'date':
      return makeData({ ...shared, type: new DateDay(), data: Int32Array.from(data.values, Number) });
    case 'decimal': {
      const values = toBigInts(data.values);
      const pairs = new BigInt64Array(2 * values.length);
      for (let i = 0; i < values.length; i++) {
        pairs[2 * i] = values[i];
        pairs[2 * i + 1] = values[i] >> 63n;
      }
      return makeData({ ...shared, type: type as Decimal, data: words(pairs) });
    }
    case 'timestamp':
      return makeData({ ...shared, type: type as TimestampMicrosecond, data: toBigInts(data.values) });
    default:
      return makeData({ ...shared, type: new Int64(), data: toBigInts(data.values) });
  }
}

/** 128-bit values as the words Arrow's decimals are made of; both are little-endian. */
function words(pairs: BigInt64Array): Uint32Array {
  return new Uint32Array(pairs.buffer, pairs.byteOffset, pairs.length * 2);
}
