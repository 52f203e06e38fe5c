import type { Scalar } from '../../columns/column.ts';
import { BOOL, type ColumnType, INT64, NULL_TYPE, STRING, sameType } from '../../columns/types.ts';
import { castScalar } from '../functions/cast.ts';
import type { Bound } from './logical.ts';

/** A constant. `at` is its place in the text, in characters, here and below. */
export function literal(value: Scalar, type: ColumnType, at: number): Bound {
  return { node: 'literal', value, type, at };
}

/** A constant int64. */
export function integer(value: bigint, at: number): Bound {
  return { node: 'literal', value, type: INT64, at };
}

/** A constant string. */
export function text(value: string, at: number): Bound {
  return { node: 'literal', value, type: STRING, at };
}

/** The null of a type. */
export function nullOf(type: ColumnType, at: number): Bound {
  return { node: 'literal', value: null, type, at };
}

/** A column of the input, by its place. */
export function column(index: number, type: ColumnType, at: number): Bound {
  return { node: 'column', index, type, at };
}

/** One WHEN … THEN … of a CASE. */
export function branchOf(when: Bound, result: Bound): { readonly when: Bound; readonly then: Bound } {
  // biome-ignore lint/suspicious/noThenProperty: the name is SQL's, and no branch is ever awaited
  return { when, then: result };
}

/** A conjunction; flat, and none at all for no conditions. */
export function conjunction(conditions: readonly Bound[]): Bound | null {
  const flat = conditions.flatMap(conjuncts);
  if (flat.length === 0) return null;
  return flat.length === 1 ? flat[0] : { node: 'and', args: flat, type: BOOL, at: flat[0].at };
}

/** The conditions of a conjunction. */
export function conjuncts(expression: Bound | null): readonly Bound[] {
  if (expression === null) return [];
  if (expression.node === 'and') return expression.args.flatMap(conjuncts);
  return expression.node === 'literal' && expression.value === true ? [] : [expression];
}

/** The expression in a type; constants are converted at once, so that a wrong one is refused before anything runs. */
export function castTo(expression: Bound, type: ColumnType): Bound {
  if (sameType(expression.type, type)) return expression;
  if (expression.node === 'literal') {
    return { ...expression, value: castScalar(expression.value, expression.type, type, false), type };
  }
  if (expression.type.kind === 'null') return nullOf(type, expression.at);
  return { node: 'cast', arg: expression, lenient: false, type, at: expression.at };
}

/** The expression with its direct children replaced. Plans of subqueries are children of another kind and stay. */
export function mapChildren(expression: Bound, map: (child: Bound) => Bound): Bound {
  switch (expression.node) {
    case 'column':
    case 'literal':
    case 'outer':
      return expression;
    case 'call':
    case 'and':
    case 'or':
      return { ...expression, args: expression.args.map(map) };
    case 'case':
      return {
        ...expression,
        branches: expression.branches.map(({ when, then }) => branchOf(map(when), map(then))),
        otherwise: expression.otherwise === null ? null : map(expression.otherwise),
      };
    case 'cast':
    case 'in':
      return { ...expression, arg: map(expression.arg) };
    case 'interval':
      return {
        ...expression,
        months: map(expression.months),
        days: map(expression.days),
        micros: map(expression.micros),
      };
    case 'aggregate':
      return {
        ...expression,
        args: expression.args.map(map),
        filter: expression.filter === null ? null : map(expression.filter),
        orderBy: expression.orderBy.map((key) => ({ ...key, expression: map(key.expression) })),
      };
    case 'window':
      return {
        ...expression,
        args: expression.args.map(map),
        filter: expression.filter === null ? null : map(expression.filter),
        partitionBy: expression.partitionBy.map(map),
        orderBy: expression.orderBy.map((key) => ({ ...key, expression: map(key.expression) })),
      };
    case 'subquery':
      return { ...expression, arg: expression.arg === null ? null : map(expression.arg) };
  }
}

/** The parts an expression is made of, not theirs in turn. */
export function children(expression: Bound): Bound[] {
  const found: Bound[] = [];
  mapChildren(expression, (child) => {
    found.push(child);
    return child;
  });
  return found;
}

/** Whether the expression or something in it (not within a subquery's plan) passes the test. */
export function some(expression: Bound, test: (part: Bound) => boolean): boolean {
  return test(expression) || children(expression).some((child) => some(child, test));
}

/** Replaces parts, outermost first; where `replace` gives undefined the part's children are visited. */
export function rewrite(expression: Bound, replace: (part: Bound) => Bound | undefined): Bound {
  return replace(expression) ?? mapChildren(expression, (child) => rewrite(child, replace));
}

/** The ordinals of input columns an expression reads; those in the plans of its subqueries are asked separately. */
export function inputColumns(expression: Bound, into: Set<number> = new Set()): Set<number> {
  if (expression.node === 'column') into.add(expression.index);
  for (const child of children(expression)) inputColumns(child, into);
  return into;
}

/** The expression over a row whose columns have moved. */
export function remapColumns(expression: Bound, to: (index: number) => number): Bound {
  return rewrite(expression, (part) => (part.node === 'column' ? { ...part, index: to(part.index) } : undefined));
}

/** The expression over an input whose columns stand `by` places further on, as a join's right side does. */
export function shiftColumns(expression: Bound, by: number): Bound {
  return by === 0 ? expression : remapColumns(expression, (index) => index + by);
}

/** The expression with its input's columns put in: `a + 1` over a projection that makes `a`. */
export function substitute(expression: Bound, inputs: readonly Bound[]): Bound {
  return rewrite(expression, (part) => (part.node === 'column' ? inputs[part.index] : undefined));
}

/** A text that is the same for expressions that mean the same, wherever in the statement they stand. */
export function keyOf(expression: Bound): string {
  return JSON.stringify(expression, (name, value: unknown) => {
    if (name === 'at') return undefined;
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'number' && !Number.isFinite(value)) return `${value}`;
    if (Object.is(value, -0)) return '-0';
    return value;
  });
}

/** Whether an expression is the constant null, of whichever type. */
export function isNullLiteral(expression: Bound): boolean {
  return expression.node === 'literal' && (expression.value === null || expression.type.kind === NULL_TYPE.kind);
}

/** Whether an expression holds a subquery. */
export function holdsSubquery(expression: Bound): boolean {
  return expression.node === 'subquery' || children(expression).some(holdsSubquery);
}
