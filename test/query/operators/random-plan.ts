import {
  BOOL,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  type Schema,
  STRING,
  TIMESTAMP,
} from '../../../src/columns/types.ts';
import type { Random } from '../../../src/core/random.ts';
import type { Expression } from '../../../src/query/expression.ts';
import type { AggregateCall, JoinPlan, Plan, ScanPlan, SortKey } from '../../../src/query/plan.ts';
import { below, pick, sampleScalar } from '../samples.ts';

/** The table random plans run over. */
export const TABLE: Schema = [
  { name: 'n', type: INT64, nullable: true },
  { name: 'wide', type: INT64, nullable: true, wide: true },
  { name: 'd', type: DOUBLE, nullable: true },
  { name: 's', type: STRING, nullable: true },
  { name: 'b', type: BOOL, nullable: true },
  { name: 'day', type: DATE, nullable: true },
  { name: 'at', type: TIMESTAMP, nullable: true },
  { name: 'price', type: decimal(10, 2), nullable: true },
  { name: 'huge', type: decimal(30, 2), nullable: true },
];

export const column = (schema: Schema, index: number): Expression => ({
  node: 'column',
  index,
  type: schema[index].type,
  at: 0,
});

export const call = (name: string, args: readonly Expression[], type: ColumnType): Expression => ({
  node: 'call',
  function: name,
  args,
  type,
  at: 0,
});

/** A condition over one or two columns of a schema. */
export function randomPredicate(schema: Schema, random: Random): Expression {
  if (random.next() < 0.3) {
    const args = [randomPredicate(schema, random), randomPredicate(schema, random)];
    return { node: pick(random, ['and', 'or'] as const), args, type: BOOL, at: 0 };
  }
  const index = below(random, schema.length);
  const { type } = schema[index];
  const arg = column(schema, index);
  const literal: Expression = { node: 'literal', value: sampleScalar(type, random), type, at: 0 };
  switch (below(random, 5)) {
    case 0:
      return call(pick(random, ['is_null', 'is_not_null']), [arg], BOOL);
    case 1: {
      const values = Array.from({ length: 3 }, () => sampleScalar(type, random));
      return {
        node: 'in',
        arg,
        values,
        hasNull: values.includes(null),
        negated: random.next() < 0.3,
        type: BOOL,
        at: 0,
      };
    }
    case 2:
      if (type.kind === 'string') {
        const pattern = pick(random, ['a%', '%b', 'x%', '_', '東%']);
        return call('like', [arg, { node: 'literal', value: pattern, type, at: 0 }], BOOL);
      }
      return call('not', [call('=', [arg, literal], BOOL)], BOOL);
    case 3:
      return call(pick(random, ['=', '<>', '<', '<=', '>', '>=']), [literal, arg], BOOL);
    default:
      return call(pick(random, ['=', '<>', '<', '<=', '>', '>=']), [arg, literal], BOOL);
  }
}

export function scanOf(dataset: string, columns: readonly number[], filter: Expression | null): ScanPlan {
  const schema = columns.map((ordinal) => TABLE[ordinal]);
  return { op: 'scan', dataset, columns, filter, matches: [], score: null, schema };
}

function randomScan(random: Random): ScanPlan {
  const columns = TABLE.map((_, ordinal) => ordinal).filter(() => random.next() < 0.6);
  const filter = random.next() < 0.5 ? randomPredicate(TABLE, random) : null;
  return scanOf(pick(random, ['t', 'u']), columns.length === 0 ? [0, 3] : columns, filter);
}

export function randomKeys(schema: Schema, count: number, random: Random): SortKey[] {
  return Array.from({ length: count }, () => ({
    expression: column(schema, below(random, schema.length)),
    descending: random.next() < 0.5,
    nullsFirst: random.next() < 0.5,
  }));
}

/** Every column as a key, so that the order is total up to equal rows. */
function totalOrder(schema: Schema, random: Random): SortKey[] {
  const keys = schema.map((_, index) => ({
    expression: column(schema, index),
    descending: random.next() < 0.5,
    nullsFirst: random.next() < 0.5,
  }));
  return keys.sort(() => random.next() - 0.5);
}

const NUMBERS = ['int64', 'double', 'decimal'];

/** An aggregate the reference computes too. Order decides `any_value` and `string_agg`, so they are tested apart. */
export function randomAggregate(schema: Schema, random: Random): AggregateCall {
  const filter = random.next() < 0.2 ? randomPredicate(schema, random) : null;
  const distinct = random.next() < 0.25;
  const shared = { distinct, filter, parameters: [], at: 0 };
  if (random.next() < 0.2) {
    return { ...shared, distinct: false, function: 'count_all', arg: null, type: INT64 };
  }
  const index = below(random, schema.length);
  const { type } = schema[index];
  const arg = column(schema, index);
  if (type.kind === 'bool' && random.next() < 0.5) {
    return { ...shared, function: pick(random, ['bool_and', 'bool_or'] as const), arg, type: BOOL };
  }
  const total: ColumnType = type.kind === 'double' ? DOUBLE : decimal(38, type.kind === 'decimal' ? type.scale : 0);
  if (NUMBERS.includes(type.kind) && random.next() < 0.5) {
    const name = pick(random, ['sum', 'avg'] as const);
    return { ...shared, function: name, arg, type: name === 'avg' ? DOUBLE : total };
  }
  if (type.kind === 'double' && random.next() < 0.3) {
    return {
      ...shared,
      function: pick(random, ['stddev_samp', 'stddev_pop', 'var_samp', 'var_pop'] as const),
      arg,
      type,
    };
  }
  const name = pick(random, ['count', 'min', 'max'] as const);
  return { ...shared, function: name, arg, type: name === 'count' ? INT64 : type };
}

function randomJoin(depth: number, random: Random): JoinPlan {
  const [left, right] = [randomPlan(depth - 1, random), randomPlan(depth - 1, random)];
  const kind = pick(random, ['inner', 'left', 'right', 'full', 'semi', 'anti'] as const);
  const pairs = left.schema.flatMap((a, i) =>
    right.schema.flatMap((b, j) => (JSON.stringify(a.type) === JSON.stringify(b.type) ? [[i, j] as const] : [])),
  );
  const on = pairs.length === 0 ? [] : Array.from({ length: 1 + below(random, 2) }, () => pick(random, pairs));
  const both = [...left.schema, ...right.schema];
  return {
    op: 'join',
    kind,
    left,
    right,
    on: on.map(([i, j]) => ({ left: column(left.schema, i), right: column(right.schema, j) })),
    residual: random.next() < 0.3 ? randomPredicate(both, random) : null,
    schema: kind === 'semi' || kind === 'anti' ? left.schema : both,
  };
}

/** A plan whose answer is a set of rows: no order or limit decides which. */
export function randomPlan(depth: number, random: Random): Plan {
  if (depth === 0) return randomScan(random);
  const input = randomPlan(depth - 1, random);
  const { schema } = input;
  switch (below(random, 7)) {
    case 0:
      return { op: 'filter', input, predicate: randomPredicate(schema, random), schema };
    case 1: {
      const picked = Array.from({ length: 1 + below(random, 3) }, () => below(random, schema.length));
      return {
        op: 'project',
        input,
        expressions: picked.map((index) => column(schema, index)),
        schema: picked.map((index) => schema[index]),
      };
    }
    case 2: {
      const keys = Array.from({ length: below(random, 4) }, () => column(schema, below(random, schema.length)));
      const aggregates = Array.from({ length: 1 + below(random, 3) }, () => randomAggregate(schema, random));
      const fields = [...keys, ...aggregates].map(({ type }, i) => ({ name: `c${i}`, type, nullable: true }));
      return { op: 'aggregate', input, keys, aggregates, schema: fields };
    }
    case 3:
      return { op: 'distinct', input, schema };
    case 4:
      return randomJoin(depth, random);
    case 5:
      return {
        op: 'union',
        inputs: [input, { op: 'filter', input, predicate: randomPredicate(schema, random), schema }],
        schema,
      };
    default: {
      const limit = random.next() < 0.7 ? below(random, 30) : null;
      return { op: 'sort', input, keys: totalOrder(schema, random), limit, offset: below(random, 5), schema };
    }
  }
}
