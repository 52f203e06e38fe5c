import {
  Field as ArrowField,
  Schema as ArrowSchema,
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
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
import { type Batch, type Column, type FixedValues, nullCount } from './column.ts';
import { plainColumn, toBigInts, toDoubles } from './plain.ts';
import type { ColumnType, Field, Schema } from './types.ts';

/**
 * Columns as apache-arrow's, for answers. Only `makeData` on typed arrays is used: the library's builders and
 * `vectorFromArray` compile code, which an isolate refuses at request time.
 */

/** Decimals of every precision are 128 bits wide. */
const DECIMAL_BITS = 128;

function arrowType(type: ColumnType): DataType {
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
      return new Decimal(type.scale, type.precision, DECIMAL_BITS);
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

/** Json is text that says so, in the canonical extension type's terms (https://arrow.apache.org/docs/format/CanonicalExtensions.html#json). */
const JSON_METADATA = new Map([
  ['ARROW:extension:name', 'arrow.json'],
  ['ARROW:extension:metadata', ''],
]);

function arrowField({ name, type, nullable }: Field): ArrowField {
  return new ArrowField(name, arrowType(type), nullable, type.kind === 'json' ? JSON_METADATA : undefined);
}

/** The schema of `toRecordBatch` for batches of this schema. */
export function arrowSchema(schema: Schema): ArrowSchema {
  return new ArrowSchema(schema.map(arrowField));
}

/**
 * A batch as a record batch of `schema`, which is `arrowSchema` of the batch's own. Shares the memory of
 * doubles, text, bytes and 64-bit values; dictionaries are written out, since each batch has its own.
 */
export function toRecordBatch(batch: Batch, schema: ArrowSchema): RecordBatch {
  const children = batch.columns.map(toArrowData);
  const data = makeData({ type: new Struct(schema.fields), length: batch.length, nullCount: 0, children });
  return new RecordBatch(schema, data);
}

/** A column as apache-arrow's data. */
function toArrowData(column: Column): Data {
  const plain = plainColumn(column);
  const { type, length, data } = plain;
  const nulls = nullCount(plain);
  // A bitmap where nothing is null only costs bytes on the wire.
  const common = { length, nullCount: nulls, nullBitmap: nulls === 0 ? null : plain.validity };
  switch (data.layout) {
    case 'none':
      return makeData({ type: new Null(), length });
    case 'bits':
      return makeData({ ...common, type: new Bool(), data: data.values });
    case 'int128':
      return makeData({ ...common, type: decimalType(type), data: asWords(data.values.subarray(0, 2 * length)) });
    case 'varlen': {
      const valueOffsets = data.offsets.subarray(0, length + 1);
      return type.kind === 'bytes'
        ? makeData({ ...common, type: new Binary(), valueOffsets, data: data.bytes })
        : makeData({ ...common, type: new Utf8(), valueOffsets, data: data.bytes });
    }
    case 'dictionary':
      throw new Error('a plain column has no dictionary');
    case 'fixed': {
      const values = data.values.subarray(0, length);
      switch (type.kind) {
        case 'double':
          return makeData({ ...common, type: new Float64(), data: toDoubles(values) });
        case 'date':
          return makeData({ ...common, type: new DateDay(), data: values as Int32Array });
        case 'decimal':
          return makeData({ ...common, type: decimalType(type), data: asWords(widened(values)) });
        case 'timestamp': {
          const unit = type.unit === 'us' ? new TimestampMicrosecond('UTC') : new TimestampNanosecond('UTC');
          return makeData({ ...common, type: unit, data: toBigInts(values) });
        }
        default:
          return makeData({ ...common, type: new Int64(), data: toBigInts(values) });
      }
    }
  }
}

function decimalType(type: ColumnType): Decimal {
  if (type.kind !== 'decimal') throw new Error(`${type.kind} is no decimal`);
  return new Decimal(type.scale, type.precision, DECIMAL_BITS);
}

/** Decimals as the 32-bit words the library keeps them in. */
function asWords(values: BigInt64Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.byteLength / 4);
}

/** Unscaled 64-bit values as 128-bit ones. */
function widened(values: FixedValues): BigInt64Array {
  const source = toBigInts(values);
  const out = new BigInt64Array(2 * source.length);
  for (let i = 0; i < source.length; i++) {
    out[2 * i] = source[i];
    out[2 * i + 1] = source[i] >> 63n;
  }
  return out;
}
