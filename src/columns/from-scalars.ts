import { type Bitmap, newBitmap, setBit } from './bitmap.ts';
import type { Column, Scalar } from './column.ts';
import { writeInt128 } from './int128.ts';
import type { ColumnType } from './types.ts';

const encoder = new TextEncoder();

/** A column of a type from scalars; for constants, tests and the edges. Throws where a value is not of the type. */
export function columnOf(type: ColumnType, values: readonly Scalar[]): Column {
  const length = values.length;
  let validity: Bitmap | null = null;
  if (values.includes(null)) {
    validity = newBitmap(length, false);
    for (let i = 0; i < length; i++) if (values[i] !== null) setBit(validity, i);
  }
  return { type, length, validity, data: dataOf(type, values) };
}

function dataOf(type: ColumnType, values: readonly Scalar[]): Column['data'] {
  const length = values.length;
  switch (type.kind) {
    case 'null':
      return { layout: 'none' };
    case 'bool': {
      const bits = newBitmap(length, false);
      for (let i = 0; i < length; i++) if (values[i] === true) setBit(bits, i);
      return { layout: 'bits', values: bits };
    }
    case 'date':
      return { layout: 'fixed', values: Int32Array.from(values, (value) => Number(value ?? 0)) };
    case 'double':
      return { layout: 'fixed', values: Float64Array.from(values, (value) => Number(value ?? 0)) };
    case 'int64':
    case 'timestamp':
      return { layout: 'fixed', values: BigInt64Array.from(values, bigintOf) };
    case 'decimal': {
      if (type.precision <= 18) return { layout: 'fixed', values: BigInt64Array.from(values, bigintOf) };
      const words = new BigInt64Array(2 * length);
      for (let i = 0; i < length; i++) writeInt128(words, i, bigintOf(values[i]));
      return { layout: 'int128', values: words };
    }
    case 'string':
    case 'json':
    case 'bytes': {
      const chunks = values.map((value) => (value instanceof Uint8Array ? value : encoder.encode(String(value ?? ''))));
      const offsets = new Int32Array(length + 1);
      for (let i = 0; i < length; i++) offsets[i + 1] = offsets[i] + chunks[i].length;
      const bytes = new Uint8Array(offsets[length]);
      for (let i = 0; i < length; i++) bytes.set(chunks[i], offsets[i]);
      return { layout: 'varlen', offsets, bytes };
    }
  }
}

function bigintOf(value: Scalar): bigint {
  return typeof value === 'bigint' || typeof value === 'number' ? BigInt(value) : 0n;
}
