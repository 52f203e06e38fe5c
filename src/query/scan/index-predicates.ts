import type { Scalar } from '../../columns/column.ts';
import { compareScalars } from '../../columns/compare.ts';
import type { IndexPredicate } from '../../segment/index-file.ts';
import type { Expression } from '../expression.ts';
import type { ScanRequest } from './scan-request.ts';

type Value = Exclude<Scalar, null>;
type Side = { readonly value: Value; readonly inclusive: boolean };

/** A question an index may answer in place of some of the conditions. */
export interface IndexQuestion {
  readonly predicate: IndexPredicate;
  /** The conditions, by place, that hold of exactly the rows the predicate names. */
  readonly covers: readonly number[];
}

/** What indexes over one column can be asked: one question for values, or one for a range. */
export function questionsFor(column: string, request: ScanRequest): IndexQuestion[] {
  const ordinal = request.dataset.findIndex(({ name }) => name === column);
  if (ordinal < 0) return [];
  const { type } = request.dataset[ordinal];
  const covers: number[] = [];
  let low: Side | undefined;
  let high: Side | undefined;
  for (const [place, condition] of request.conditions.entries()) {
    const values = valuesOf(condition, ordinal);
    if (values !== undefined) return [{ predicate: { op: 'equals', field: column, type, values }, covers: [place] }];
    const bound = boundOf(condition, ordinal);
    if (bound === undefined) continue;
    covers.push(place);
    if (bound.side === 'low') low = tighter(low, bound, 1);
    else high = tighter(high, bound, -1);
  }
  if (covers.length === 0) return [];
  const predicate: IndexPredicate = { op: 'range', field: column, type, ...(low && { low }), ...(high && { high }) };
  return [{ predicate, covers }];
}

/** The values one of which the column has where the condition is true. */
function valuesOf(condition: Expression, ordinal: number): readonly Value[] | undefined {
  if (condition.node === 'in') {
    if (condition.negated || !isColumn(condition.arg, ordinal)) return undefined;
    return condition.values.filter((value) => value !== null);
  }
  const comparison = comparisonOf(condition, ordinal);
  return comparison?.name === '=' ? [comparison.value] : undefined;
}

function boundOf(condition: Expression, ordinal: number): (Side & { readonly side: 'low' | 'high' }) | undefined {
  const comparison = comparisonOf(condition, ordinal);
  switch (comparison?.name) {
    case '<':
    case '<=':
      return { side: 'high', value: comparison.value, inclusive: comparison.name === '<=' };
    case '>':
    case '>=':
      return { side: 'low', value: comparison.value, inclusive: comparison.name === '>=' };
    default:
      return undefined;
  }
}

/** Whichever bound leaves less; `sign` is 1 for lower bounds. */
function tighter(a: Side | undefined, { value, inclusive }: Side, sign: number): Side {
  const b = { value, inclusive };
  if (a === undefined) return b;
  const order = compareScalars(b.value, a.value) * sign;
  return order > 0 || (order === 0 && !b.inclusive) ? b : a;
}

const FLIPPED: Readonly<Record<string, string>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/** `column op constant` with the column on the left, the constant not null. */
function comparisonOf(condition: Expression, ordinal: number): { name: string; value: Value } | undefined {
  if (condition.node !== 'call' || !Object.hasOwn(FLIPPED, condition.function)) return undefined;
  const [left, right] = condition.args;
  if (isColumn(left, ordinal) && right.node === 'literal' && right.value !== null) {
    return { name: condition.function, value: right.value };
  }
  if (isColumn(right, ordinal) && left.node === 'literal' && left.value !== null) {
    return { name: FLIPPED[condition.function], value: left.value };
  }
  return undefined;
}

function isColumn(expression: Expression, ordinal: number): boolean {
  return expression.node === 'column' && expression.index === ordinal;
}
