import type { Scalar } from '../../columns/column.ts';
import { compareScalars } from '../../columns/compare.ts';
import type { ColumnType } from '../../columns/types.ts';
import type { ColumnStatistics } from '../../storage/catalog-records.ts';
import type { Expression } from '../expression.ts';
import { castScalar } from '../functions/cast.ts';

type Value = Exclude<Scalar, null>;

/** What is known of the values of a column, or of an expression over it, in some set of rows. */
export interface Bounds {
  /** A missing side is unbounded; neither need be a value. */
  readonly min?: Value;
  readonly max?: Value;
  readonly hasNulls: boolean;
  readonly hasValues: boolean;
}

/** Bounds of a column of the dataset by its ordinal; undefined where nothing is known. */
export type BoundsOf = (ordinal: number) => Bounds | undefined;

/** Statistics over `rows` rows, in the type the dataset now gives the column. */
export function boundsOfStatistics(
  statistics: ColumnStatistics,
  rows: number,
  from: ColumnType,
  to: ColumnType,
): Bounds {
  const present = { hasNulls: statistics.nullCount > 0, hasValues: statistics.nullCount < rows };
  const { min, max } = statistics;
  if (!keepsOrder(from, to)) return present;
  const low = min === undefined || min === null ? undefined : widened(min, from, to);
  const high = max === undefined || max === null ? undefined : widened(max, from, to);
  return { ...present, ...(low === undefined ? {} : { min: low }), ...(high === undefined ? {} : { max: high }) };
}

/** A column the rows lack is null in all of them. */
export const ALL_NULL: Bounds = { hasNulls: true, hasValues: false };

/** Whether a cast never turns the order of two values around; that of numbers into text does. */
function keepsOrder(from: ColumnType, to: ColumnType): boolean {
  if (from.kind === to.kind) return true;
  if (from.kind === 'int64') return to.kind === 'double' || to.kind === 'decimal';
  if (from.kind === 'decimal') return to.kind === 'double';
  return from.kind === 'date' && to.kind === 'timestamp';
}

function widened(value: Value, from: ColumnType, to: ColumnType): Value | undefined {
  const cast = castScalar(value, from, to, true);
  return cast === null ? undefined : cast;
}

/**
 * Whether a predicate may be true of some row, given bounds of the columns. False is certain; true is
 * not. Everything not understood may be true.
 */
export function mayBeTrue(predicate: Expression, boundsOf: BoundsOf): boolean {
  switch (predicate.node) {
    case 'literal':
      return predicate.value === true;
    case 'and':
      return predicate.args.every((arg) => mayBeTrue(arg, boundsOf));
    case 'or':
      return predicate.args.some((arg) => mayBeTrue(arg, boundsOf));
    case 'in':
      return mayBeMember(predicate, boundsOf);
    case 'call':
      return mayCallBeTrue(predicate, boundsOf);
    case 'column': {
      // A bool column by itself.
      const bounds = boundsOf(predicate.index);
      return bounds === undefined || (bounds.hasValues && bounds.max !== false);
    }
    default:
      return true;
  }
}

function mayBeMember(predicate: Extract<Expression, { node: 'in' }>, boundsOf: BoundsOf): boolean {
  const bounds = boundsOfExpression(predicate.arg, boundsOf);
  if (bounds === undefined) return true;
  if (!bounds.hasValues) return false;
  if (predicate.negated) return !predicate.hasNull;
  return predicate.values.some((value) => value !== null && within(value, bounds));
}

function within(value: Value, { min, max }: Bounds): boolean {
  return (
    (min === undefined || compareScalars(value, min) >= 0) && (max === undefined || compareScalars(value, max) <= 0)
  );
}

function mayCallBeTrue(call: Extract<Expression, { node: 'call' }>, boundsOf: BoundsOf): boolean {
  const [left, right] = call.args;
  if (call.function === 'is_null') return boundsOfExpression(left, boundsOf)?.hasNulls ?? true;
  if (call.function === 'is_not_null') return boundsOfExpression(left, boundsOf)?.hasValues ?? true;
  if (call.args.length !== 2) return true;
  if (right.node === 'literal') return mayCompare(call.function, boundsOfExpression(left, boundsOf), right.value);
  if (left.node === 'literal' && Object.hasOwn(FLIPPED, call.function)) {
    return mayCompare(FLIPPED[call.function], boundsOfExpression(right, boundsOf), left.value);
  }
  return true;
}

const FLIPPED: Readonly<Record<string, string>> = { '=': '=', '<>': '<>', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

function mayCompare(comparison: string, bounds: Bounds | undefined, value: Scalar): boolean {
  if (!Object.hasOwn(FLIPPED, comparison)) {
    const prefix = typeof value === 'string' ? prefixOf(comparison, value) : undefined;
    return prefix === undefined || bounds === undefined ? true : mayBegin(bounds, prefix);
  }
  if (value === null) return false;
  if (bounds === undefined) return true;
  if (!bounds.hasValues) return false;
  const { min, max } = bounds;
  switch (comparison) {
    case '=':
      return within(value, bounds);
    case '<>':
      // Bounds may be cut, but where both are one value, so is every row.
      return (
        min === undefined || max === undefined || compareScalars(min, max) !== 0 || compareScalars(min, value) !== 0
      );
    case '<':
      return min === undefined || compareScalars(min, value) < 0;
    case '<=':
      return min === undefined || compareScalars(min, value) <= 0;
    case '>':
      return max === undefined || compareScalars(max, value) > 0;
    default:
      return max === undefined || compareScalars(max, value) >= 0;
  }
}

/** What every text that satisfies the pattern begins with. */
function prefixOf(name: string, pattern: string): string | undefined {
  if (name === 'starts_with') return pattern;
  return name === 'like' ? /^[^%_]*/.exec(pattern)?.[0] : undefined;
}

function mayBegin(bounds: Bounds, prefix: string): boolean {
  if (!bounds.hasValues) return false;
  const { min, max } = bounds;
  // A text at or above the prefix, and one at or below the last that begins with it.
  if (typeof max === 'string' && compareScalars(max, prefix) < 0) return false;
  return !(typeof min === 'string' && !min.startsWith(prefix) && compareScalars(min, prefix) > 0);
}

/** Bounds of a column, also through casts that keep the order. */
export function boundsOfExpression(expression: Expression, boundsOf: BoundsOf): Bounds | undefined {
  if (expression.node === 'column') return boundsOf(expression.index);
  if (expression.node !== 'cast' || !keepsOrder(expression.arg.type, expression.type)) return undefined;
  const bounds = boundsOfExpression(expression.arg, boundsOf);
  if (bounds === undefined) return undefined;
  const { min, max, hasValues } = bounds;
  const low = min === undefined ? undefined : widened(min, expression.arg.type, expression.type);
  const high = max === undefined ? undefined : widened(max, expression.arg.type, expression.type);
  return {
    // A lenient cast makes nulls of what does not convert.
    hasNulls: bounds.hasNulls || expression.lenient,
    hasValues,
    ...(low === undefined ? {} : { min: low }),
    ...(high === undefined ? {} : { max: high }),
  };
}
