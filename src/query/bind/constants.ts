import { fitsInt64 } from '../../columns/text.ts';
import { BOOL, DOUBLE, decimal, NULL_TYPE } from '../../columns/types.ts';
import { decimalOfText } from '../functions/cast.ts';
import type { AConst } from '../parse/ast.ts';
import { integer, literal, nullOf, text } from './bound.ts';
import { makeCall } from './calls.ts';
import type { Parameter } from './context.ts';
import { sqlError } from './errors.ts';
import type { Bound } from './logical.ts';

/** A constant as it is written. */
export function bindConstant(constant: AConst): Bound {
  const at = constant.location ?? 0;
  if (constant.isnull) return nullOf(NULL_TYPE, at);
  if (constant.boolval !== undefined) return literal(constant.boolval.boolval ?? false, BOOL, at);
  if (constant.ival !== undefined) return integer(BigInt(constant.ival.ival ?? 0), at);
  if (constant.sval !== undefined) return text(constant.sval.sval ?? '', at);
  if (constant.fval !== undefined) return bindNumber(constant.fval.fval, at);
  throw sqlError('unsupported_sql', at, 'bit strings are not supported');
}

/** Whole numbers are int64 while they fit; with a point they are decimals, with an exponent doubles. */
function bindNumber(written: string, at: number): Bound {
  const digits = written.replaceAll('_', '');
  // PostgreSQL's grammar writes a minus before a number into the number.
  if (digits.startsWith('-')) return negate(bindNumber(digits.slice(1), at), at);
  if (/^\d+$/.test(digits) || /^0[xob]/i.test(digits)) {
    const value = BigInt(digits);
    if (fitsInt64(value)) return integer(value, at);
    if (value < 10n ** 38n) return literal(value, decimal(38, 0), at);
    return literal(Number(value), DOUBLE, at);
  }
  if (/[eE]/.test(digits)) return literal(Number(digits), DOUBLE, at);
  const [whole, fraction = ''] = digits.split('.');
  const precision = Math.max(1, whole.replace(/^0+/, '').length + fraction.length);
  const unscaled = precision <= 38 ? decimalOfText(digits, fraction.length) : undefined;
  if (unscaled === undefined) return literal(Number(digits), DOUBLE, at);
  return literal(unscaled, decimal(precision, fraction.length), at);
}

/** The value of `$number`, counted from 1. */
export function bindParameter(parameters: readonly Parameter[], number: number, at: number): Bound {
  const value = parameters[number - 1];
  if (value === undefined) throw sqlError('invalid_sql', at, `there is no parameter $${number}`);
  if (value === null) return nullOf(NULL_TYPE, at);
  switch (typeof value) {
    case 'boolean':
      return literal(value, BOOL, at);
    case 'string':
      return text(value, at);
    case 'bigint':
      return fitsInt64(value) ? integer(value, at) : literal(value, decimal(38, 0), at);
    case 'number':
      return Number.isSafeInteger(value) ? integer(BigInt(value), at) : literal(value, DOUBLE, at);
  }
}

/** `-value`. */
export function negate(value: Bound, at: number): Bound {
  const negated = makeCall('negate', [value], at);
  // -9223372036854775808 is an int64 whose digits alone are not.
  if (negated.node === 'literal' && typeof negated.value === 'bigint' && negated.type.kind === 'decimal') {
    if (negated.type.scale === 0 && fitsInt64(negated.value)) return integer(negated.value, at);
  }
  return negated;
}
