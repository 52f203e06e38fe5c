import { newBitmap, setBit } from '../../columns/bitmap.ts';
import { type Column, type Scalar, scalarAt } from '../../columns/column.ts';
import { BOOL } from '../../columns/types.ts';
import { toHex } from '../../core/bytes.ts';
import { notBits } from './selection.ts';

/** The constants of an `in`, ready to be asked; built once a query. */
export interface Members {
  readonly numbers: ReadonlySet<number>;
  readonly others: ReadonlySet<Scalar>;
  readonly hasNull: boolean;
  readonly negated: boolean;
}

export function membersOf(values: readonly Scalar[], hasNull: boolean, negated: boolean): Members {
  const present = values.filter((value) => value !== null).map(comparable);
  return {
    others: new Set(present),
    numbers: new Set(present.filter(isExact).map(Number)),
    hasNull: hasNull || present.length < values.length,
    negated,
  };
}

/** Integers that round as doubles are none that a column of doubles holds. */
function isExact(value: Scalar): boolean {
  return typeof value === 'number' || (typeof value === 'bigint' && BigInt(Number(value)) === value);
}

/** A Set compares bytes by identity, so they go in as text. */
function comparable(value: Scalar): Scalar {
  return value instanceof Uint8Array ? toHex(value) : value;
}

/** Null where the row is null, or where it is no member and the list holds a null. */
export function membersColumn(column: Column, members: Members): Column {
  const { length, data } = column;
  const found = newBitmap(length, false);
  if (data.layout === 'fixed' && !(data.values instanceof BigInt64Array) && members.others.size > 0) {
    // A Set finds NaN and takes -0 for 0, as SQL does.
    for (let i = 0; i < length; i++) if (members.numbers.has(data.values[i])) setBit(found, i);
  } else {
    for (let i = 0; i < length; i++) {
      const value = scalarAt(column, i);
      if (value !== null && members.others.has(comparable(value))) setBit(found, i);
    }
  }
  const values = members.negated ? notBits(found, length) : found;
  const present = data.layout === 'none' ? newBitmap(length, false) : column.validity;
  if (!members.hasNull) return { type: BOOL, length, validity: present, data: { layout: 'bits', values } };
  const validity = present === null ? found : present.map((byte, i) => byte & found[i]);
  return { type: BOOL, length, validity, data: { layout: 'bits', values } };
}
