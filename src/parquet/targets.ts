import type { PhysicalType } from './metadata.ts';
import { BooleanTarget, DoubleTarget, FixedTarget, Int32Target, Int64Target } from './number-targets.ts';
import { SliceTarget } from './slice-target.ts';
import { malformed } from './thrift.ts';
import type { PhysicalValues, ValueTarget } from './values.ts';

/** Where `length` values of a physical type are put together. */
export function newTarget(type: PhysicalType, typeLength: number, length: number): ValueTarget {
  switch (type) {
    case 'BOOLEAN':
      return new BooleanTarget(length);
    case 'INT32':
      return new Int32Target(length);
    case 'INT64':
      return new Int64Target(length);
    case 'FLOAT':
    case 'DOUBLE':
      return new DoubleTarget(type, length);
    case 'BYTE_ARRAY':
      return new SliceTarget(length);
    case 'INT96':
      return new FixedTarget(12, length);
    case 'FIXED_LEN_BYTE_ARRAY':
      return new FixedTarget(typeLength, length);
  }
}

/** The values of a dictionary page, all in the PLAIN encoding. */
export function decodeDictionary(
  type: PhysicalType,
  typeLength: number,
  page: Uint8Array,
  count: number,
): PhysicalValues {
  // Each value takes at least this many bytes, so that a false count cannot make us allocate.
  const least = {
    BOOLEAN: 0,
    INT32: 4,
    INT64: 8,
    INT96: 12,
    FLOAT: 4,
    DOUBLE: 8,
    BYTE_ARRAY: 4,
    FIXED_LEN_BYTE_ARRAY: typeLength,
  };
  if (least[type] * count > page.length) throw malformed('a dictionary is shorter than its header says');
  const target = newTarget(type, typeLength, count);
  target.decode('PLAIN', page, 0, 0, count, false);
  return target.finish();
}
