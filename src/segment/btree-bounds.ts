import type { Scalar } from '../columns/column.ts';
import { PER_DAY } from '../columns/instant.ts';
import { type ColumnType, sameType } from '../columns/types.ts';
import { compareKeys, encodeKey } from './btree-keys.ts';
import type { IndexPredicate } from './index-file.ts';

/** Keys from `low` to `high`; a missing side is open. */
export interface KeyInterval {
  readonly low: Uint8Array | undefined;
  readonly lowInclusive: boolean;
  readonly high: Uint8Array | undefined;
  readonly highInclusive: boolean;
}

/**
 * The intervals of keys that satisfy a predicate, ascending and disjoint; undefined where an index over
 * values of `indexed` cannot tell (the values became text, whose order and equality are others).
 *
 * A dataset's column may be wider than a segment's: bounds are then brought down into the narrow type,
 * rounding inwards, which changes no answer since every narrow value is exact in the wide type.
 */
export function keyIntervals(indexed: ColumnType, predicate: IndexPredicate): KeyInterval[] | undefined {
  if (predicate.op === 'match') return undefined;
  const narrow = narrowing(indexed, predicate.type);
  if (narrow === undefined) return undefined;
  if (predicate.op === 'equals') return equalIntervals(indexed, predicate.values, narrow);
  const none: KeyInterval[] = [];
  let low: KeyInterval['low'];
  let lowInclusive = true;
  if (predicate.low !== undefined) {
    const side = narrow(predicate.low.value, 'up');
    if (side === 'above') return none;
    if (side !== 'below') {
      low = encodeKey(indexed, side.value);
      lowInclusive = predicate.low.inclusive || !side.exact;
    }
  }
  let high: KeyInterval['high'];
  let highInclusive = true;
  if (predicate.high !== undefined) {
    const side = narrow(predicate.high.value, 'down');
    if (side === 'below') return none;
    if (side !== 'above') {
      high = encodeKey(indexed, side.value);
      highInclusive = predicate.high.inclusive || !side.exact;
    }
  }
  if (low !== undefined && high !== undefined) {
    const order = compareKeys(low, high);
    if (order > 0 || (order === 0 && !(lowInclusive && highInclusive))) return none;
  }
  return [{ low, lowInclusive, high, highInclusive }];
}

function equalIntervals(indexed: ColumnType, values: readonly Scalar[], narrow: Narrow): KeyInterval[] {
  const keys: Uint8Array[] = [];
  for (const value of values) {
    if (value === null) continue;
    const side = narrow(value, 'up');
    if (side !== 'above' && side !== 'below' && side.exact) keys.push(encodeKey(indexed, side.value));
  }
  keys.sort(compareKeys);
  return keys
    .filter((key, i) => i === 0 || compareKeys(keys[i - 1], key) !== 0)
    .map((key) => ({ low: key, lowInclusive: true, high: key, highInclusive: true }));
}

/** A wide value in the narrow type: rounded as asked where it lies between, or outside all narrow values. */
type Narrowed = 'below' | 'above' | { readonly value: Scalar; readonly exact: boolean };
type Narrow = (value: Scalar, round: 'up' | 'down') => Narrowed;

const exactly: Narrow = (value) => ({ value, exact: true });

function narrowing(indexed: ColumnType, wide: ColumnType): Narrow | undefined {
  // A column of nulls alone has no entries, whatever is asked of it.
  if (indexed.kind === 'null') return () => 'above';
  if (sameType(indexed, wide)) return exactly;
  if (indexed.kind === 'int64' && wide.kind === 'double') return fromDouble;
  if (indexed.kind === 'int64' && wide.kind === 'decimal') return fromMultiple(10n ** BigInt(wide.scale), 64);
  if (indexed.kind === 'decimal' && wide.kind === 'decimal' && wide.scale >= indexed.scale) {
    return fromMultiple(10n ** BigInt(wide.scale - indexed.scale), indexed.precision <= 18 ? 64 : 128);
  }
  if (indexed.kind === 'timestamp' && wide.kind === 'timestamp' && wide.unit === 'ns') return fromMultiple(1000n, 64);
  if (indexed.kind === 'date' && wide.kind === 'timestamp') {
    const days = fromMultiple(PER_DAY[wide.unit], 32);
    return (value, round) => {
      const side = days(value, round);
      return side === 'above' || side === 'below' ? side : { value: Number(side.value), exact: side.exact };
    };
  }
  return undefined;
}

/** Narrow integers of `bits` bits, of which the wide type counts `factor` to one. */
function fromMultiple(factor: bigint, bits: number): Narrow {
  const limit = 1n << BigInt(bits - 1);
  return (value, round) => {
    if (typeof value !== 'bigint') throw new Error('assertion failed: an integer is compared with an integer');
    let quotient = value / factor;
    const rest = value % factor;
    if (rest > 0n && round === 'up') quotient++;
    if (rest < 0n && round === 'down') quotient--;
    if (quotient >= limit) return 'above';
    if (quotient < -limit) return 'below';
    return { value: quotient, exact: rest === 0n };
  };
}

const fromDouble: Narrow = (value, round) => {
  if (typeof value !== 'number') throw new Error('assertion failed: a double is compared with a double');
  // NaN is above every number.
  if (Number.isNaN(value) || value >= 2 ** 63) return 'above';
  if (value < -(2 ** 63)) return 'below';
  const rounded = round === 'up' ? Math.ceil(value) : Math.floor(value);
  return { value: BigInt(rounded), exact: rounded === value };
};
