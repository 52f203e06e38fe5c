import type { ColumnData } from '../../columns/column.ts';
import { writeInt128 } from '../../columns/int128.ts';
import { decimalText } from '../../columns/text.ts';
import {
  BOOL,
  BYTES,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  JSON_TYPE,
  NULL_TYPE,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NS,
} from '../../columns/types.ts';
import type { SchemaElement, TimeUnit } from '../../parquet/metadata.ts';
import { malformed } from '../../parquet/thrift.ts';
import { bigints, countOf, narrowest, packBits } from '../../parquet/to-column.ts';
import type { PhysicalValues } from '../../parquet/values.ts';
import { asText, float16, int96Instants, intervalText, timeText, uuidText } from './leaf-values.ts';

/** What the values of a leaf mean, and how they become column data of that meaning. */
export interface LeafType {
  /** The type; where it depends on the values (INT96, UINT_64), the narrower one, and `convert` says which. */
  readonly type: ColumnType;
  convert(values: PhysicalValues): { readonly type: ColumnType; readonly data: ColumnData };
}

/** The meaning of a leaf, by its newer annotation or, without one, its older. Throws `malformed_input`. */
export function leafType(element: SchemaElement, binaryAsString: boolean): LeafType {
  const { type, convertedType, logicalType } = element;
  switch (type) {
    case 'BOOLEAN':
      return fixedType(BOOL, (values) => ({ layout: 'bits', values: packBits(expect(values, 'boolean').values) }));
    case 'INT32':
      return int32Type(element);
    case 'INT64':
      return int64Type(element);
    case 'INT96':
      return { type: TIMESTAMP, convert: (values) => int96Instants(expect(values, 'fixed').bytes) };
    case 'FLOAT':
    case 'DOUBLE':
      return fixedType(DOUBLE, (values) => ({ layout: 'fixed', values: expect(values, 'double').values }));
    case 'BYTE_ARRAY':
      if (logicalType?.kind === 'decimal' || convertedType === 'DECIMAL') return decimalBytes(element);
      return fixedType(byteArrayType(element, binaryAsString), (values) => slices(values));
    case 'FIXED_LEN_BYTE_ARRAY':
      return fixedBytesType(element, binaryAsString);
    default:
      throw malformed(`the column ${element.name} has no physical type`);
  }
}

function fixedType(type: ColumnType, convert: (values: PhysicalValues) => ColumnData): LeafType {
  return { type, convert: (values) => ({ type, data: convert(values) }) };
}

function expect<K extends PhysicalValues['kind']>(values: PhysicalValues, kind: K): PhysicalValues & { kind: K } {
  if (values.kind !== kind) throw malformed(`values of ${values.kind} stand where ${kind} is expected`);
  return values as PhysicalValues & { kind: K };
}

function slices(values: PhysicalValues): ColumnData {
  const { offsets, bytes } = expect(values, 'slices');
  return { layout: 'varlen', offsets, bytes };
}

function byteArrayType({ logicalType, convertedType }: SchemaElement, binaryAsString: boolean): ColumnType {
  switch (logicalType?.kind) {
    case 'string':
    case 'enum':
      return STRING;
    case 'json':
      return JSON_TYPE;
    case undefined:
      break;
    default:
      return BYTES;
  }
  if (convertedType === 'UTF8' || convertedType === 'ENUM') return STRING;
  if (convertedType === 'JSON') return JSON_TYPE;
  return convertedType === undefined && binaryAsString ? STRING : BYTES;
}

function int32Type(element: SchemaElement): LeafType {
  const { logicalType, convertedType } = element;
  if (logicalType?.kind === 'null')
    return { type: NULL_TYPE, convert: () => ({ type: NULL_TYPE, data: { layout: 'none' } }) };
  if (logicalType?.kind === 'decimal' || convertedType === 'DECIMAL') return decimalIntegers(element);
  if (logicalType?.kind === 'date' || convertedType === 'DATE') {
    return fixedType(DATE, (values) => ({ layout: 'fixed', values: expect(values, 'int32').values }));
  }
  if (logicalType?.kind === 'time' || convertedType === 'TIME_MILLIS') return timeType('ms');
  if (isUnsigned(element)) {
    return fixedType(INT64, (values) => ({
      layout: 'fixed',
      values: Float64Array.from(expect(values, 'int32').values, (value) => value >>> 0),
    }));
  }
  return fixedType(INT64, (values) => ({ layout: 'fixed', values: expect(values, 'int32').values }));
}

function int64Type(element: SchemaElement): LeafType {
  const { logicalType, convertedType } = element;
  if (logicalType?.kind === 'decimal' || convertedType === 'DECIMAL') return decimalIntegers(element);
  if (logicalType?.kind === 'timestamp') return timestampType(element.name, logicalType.unit);
  if (convertedType === 'TIMESTAMP_MILLIS') return timestampType(element.name, 'ms');
  if (convertedType === 'TIMESTAMP_MICROS') return timestampType(element.name, 'us');
  if (logicalType?.kind === 'time') return timeType(logicalType.unit);
  if (convertedType === 'TIME_MICROS') return timeType('us');
  if (isUnsigned(element)) {
    return { type: INT64, convert: (values) => unsigned64(expect(values, 'int64').words) };
  }
  return fixedType(INT64, (values) => ({ layout: 'fixed', values: narrowest(expect(values, 'int64').words, true) }));
}

function isUnsigned({ logicalType, convertedType }: SchemaElement): boolean {
  if (logicalType?.kind === 'integer') return !logicalType.signed;
  return convertedType?.startsWith('UINT_') === true;
}

/** The upper half of unsigned 64-bit integers is beyond int64: values there make the column a decimal. */
function unsigned64(words: Int32Array): { type: ColumnType; data: ColumnData } {
  let fits = true;
  for (let i = 1; i < words.length; i += 2) if (words[i] < 0) fits = false;
  if (fits) return { type: INT64, data: { layout: 'fixed', values: narrowest(words, true) } };
  const values = bigints(words);
  const pairs = new BigInt64Array(2 * values.length);
  for (let i = 0; i < values.length; i++) pairs[2 * i] = values[i];
  return { type: decimal(20, 0), data: { layout: 'int128', values: pairs } };
}

function timeType(unit: TimeUnit): LeafType {
  return fixedType(STRING, (values) => {
    const count = countOf(values);
    const counts =
      values.kind === 'int32'
        ? (i: number) => BigInt(values.values[i])
        : (i: number) => bigints(expect(values, 'int64').words)[i];
    return asText(count, (i) => timeText(counts(i), unit));
  });
}

function timestampType(name: string, unit: TimeUnit): LeafType {
  if (unit !== 'ms') {
    return fixedType(unit === 'ns' ? TIMESTAMP_NS : TIMESTAMP, (values) => ({
      layout: 'fixed',
      values: narrowest(expect(values, 'int64').words, false),
    }));
  }
  return fixedType(TIMESTAMP, (values) => {
    const millis = narrowest(expect(values, 'int64').words, false);
    if (millis instanceof Float64Array && millis.every((value) => Math.abs(value) <= MOST_EXACT_MILLIS)) {
      return { layout: 'fixed', values: millis.map((value) => value * 1000) };
    }
    const micros = new BigInt64Array(millis.length);
    for (let i = 0; i < millis.length; i++) {
      micros[i] = BigInt(millis[i]) * 1000n;
      if (micros[i] / 1000n !== BigInt(millis[i])) {
        throw malformed(`a timestamp of the column ${name} is beyond microseconds in 64 bits`);
      }
    }
    return { layout: 'fixed', values: micros };
  });
}

const MOST_EXACT_MILLIS = Math.floor(Number.MAX_SAFE_INTEGER / 1000);

function fixedBytesType(element: SchemaElement, binaryAsString: boolean): LeafType {
  const { logicalType, convertedType, typeLength } = element;
  if (logicalType?.kind === 'decimal' || convertedType === 'DECIMAL') return decimalBytes(element);
  const each = (width: number, text: (bytes: Uint8Array, at: number) => string): LeafType => {
    if (typeLength !== width)
      throw malformed(`the column ${element.name} has ${typeLength} bytes where its type has ${width}`);
    return fixedType(STRING, (values) => {
      const { bytes } = expect(values, 'fixed');
      return asText(bytes.length / width, (i) => text(bytes, i * width));
    });
  };
  if (logicalType?.kind === 'uuid') return each(16, uuidText);
  if (convertedType === 'INTERVAL') return each(12, intervalText);
  if (logicalType?.kind === 'float16') {
    if (typeLength !== 2) throw malformed(`the column ${element.name} is no half-precision number`);
    return fixedType(DOUBLE, (values) => ({ layout: 'fixed', values: float16(expect(values, 'fixed').bytes) }));
  }
  return fixedType(binaryAsString ? STRING : BYTES, (values) => {
    const { bytes, width } = expect(values, 'fixed');
    const count = width === 0 ? 0 : bytes.length / width;
    return { layout: 'varlen', offsets: Int32Array.from({ length: count + 1 }, (_, i) => i * width), bytes };
  });
}

/** The digits a decimal column says it has. */
function digitsOf({ name, logicalType, precision, scale }: SchemaElement): { precision: number; scale: number } {
  const digits = logicalType?.kind === 'decimal' ? logicalType : { precision, scale };
  if (digits.precision < 1 || digits.precision > MOST_DIGITS || digits.scale < 0 || digits.scale > digits.precision) {
    throw malformed(`the column ${name} is a decimal(${digits.precision},${digits.scale})`);
  }
  return digits;
}

/** What 256 bits hold, the widest decimals any writer makes. */
const MOST_DIGITS = 76;

function decimalIntegers(element: SchemaElement): LeafType {
  return decimalOf(element, (values) => {
    const integers =
      values.kind === 'int32' ? BigInt64Array.from(values.values, BigInt) : bigints(expect(values, 'int64').words);
    return (i) => integers[i];
  });
}

function decimalBytes(element: SchemaElement): LeafType {
  return decimalOf(element, (values) => {
    if (values.kind === 'fixed') return (i) => bigEndian(values.bytes, i * values.width, (i + 1) * values.width);
    const { offsets, bytes } = expect(values, 'slices');
    return (i) => bigEndian(bytes, offsets[i], offsets[i + 1]);
  });
}

/** Decimals of more digits than a column type has become text, which keeps them all. */
function decimalOf(element: SchemaElement, open: (values: PhysicalValues) => (i: number) => bigint): LeafType {
  const { precision, scale } = digitsOf(element);
  const most = 10n ** BigInt(precision);
  const checked = (values: PhysicalValues) => {
    const integer = open(values);
    return (i: number) => {
      const value = integer(i);
      if (value >= most || value <= -most) {
        throw malformed(`a value of the column ${element.name} has more digits than its type`);
      }
      return value;
    };
  };
  if (precision > 38) {
    return fixedType(STRING, (values) => {
      const integer = checked(values);
      return asText(countOf(values), (i) => decimalText(integer(i), scale));
    });
  }
  const type = { kind: 'decimal', precision, scale } as const;
  return fixedType(type, (values) => decimalData(type, countOf(values), checked(values)));
}

function decimalData(
  type: ColumnType & { kind: 'decimal' },
  count: number,
  integer: (i: number) => bigint,
): ColumnData {
  if (type.precision <= 18) {
    const values = new BigInt64Array(count);
    for (let i = 0; i < count; i++) values[i] = integer(i);
    return { layout: 'fixed', values };
  }
  const values = new BigInt64Array(2 * count);
  for (let i = 0; i < count; i++) writeInt128(values, i, integer(i));
  return { layout: 'int128', values };
}

/** A two's complement integer, most significant byte first, of at most 32 bytes. */
function bigEndian(bytes: Uint8Array, start: number, end: number): bigint {
  if (end - start > 32) throw malformed('a decimal has too many bytes');
  let value = start < end && bytes[start] >= 128 ? -1n : 0n;
  for (let i = start; i < end; i++) value = (value << 8n) | BigInt(bytes[i]);
  return value;
}
