import type { Schema } from '../../columns/types.ts';
import { conjunction, conjuncts, inputColumns, remapColumns, some } from './bound.ts';
import type { Bound, Logical, LogicalJoin } from './logical.ts';

/** A join with its schema: the side that may be missing becomes nullable, names are made unique. */
export function joinPlan(
  kind: LogicalJoin['kind'],
  left: Logical,
  right: Logical,
  on: LogicalJoin['on'],
  residual: Bound | null,
): LogicalJoin {
  const base = { op: 'join', kind, left, right, on, residual } as const;
  if (kind === 'semi' || kind === 'anti') return { ...base, schema: left.schema };
  const optional = (schema: Schema, missing: boolean) =>
    missing ? schema.map((field) => ({ ...field, nullable: true })) : schema;
  const schema = [
    ...optional(left.schema, kind === 'right' || kind === 'full'),
    ...optional(right.schema, kind === 'left' || kind === 'full'),
  ];
  return { ...base, schema: uniqueNames(schema) };
}

/** The schema with repeated names told apart by a suffix. */
export function uniqueNames(schema: Schema): Schema {
  const taken = new Set<string>();
  return schema.map((field) => {
    let { name } = field;
    for (let i = 1; taken.has(name); i++) name = `${field.name}_${i}`;
    taken.add(name);
    return name === field.name ? field : { ...field, name };
  });
}

/** Splits a condition over left then right columns. Key expressions count each side's columns from 0. */
export function splitCondition(
  condition: Bound | null,
  leftWidth: number,
): { on: { left: Bound; right: Bound }[]; residual: Bound | null } {
  const on: { left: Bound; right: Bound }[] = [];
  const rest: Bound[] = [];
  for (const part of conjuncts(condition)) {
    const key = part.node === 'call' && part.function === '=' ? equalityKey(part.args, leftWidth) : undefined;
    if (key === undefined) rest.push(part);
    else on.push(key);
  }
  return { on, residual: conjunction(rest) };
}

function equalityKey(args: readonly Bound[], leftWidth: number): { left: Bound; right: Bound } | undefined {
  const sides = args.map((arg) => {
    const used = [...inputColumns(arg)];
    if (used.length === 0 || some(arg, (part) => part.node === 'subquery')) return 'neither';
    if (used.every((index) => index < leftWidth)) return 'left';
    return used.every((index) => index >= leftWidth) ? 'right' : 'neither';
  });
  const toRight = (expression: Bound) => remapColumns(expression, (index) => index - leftWidth);
  if (sides[0] === 'left' && sides[1] === 'right') return { left: args[0], right: toRight(args[1]) };
  if (sides[0] === 'right' && sides[1] === 'left') return { left: args[1], right: toRight(args[0]) };
  return undefined;
}
