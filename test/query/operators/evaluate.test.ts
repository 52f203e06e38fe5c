import { describe, expect, test } from 'vitest';
import { scalarAt } from '../../../src/columns/column.ts';
import {
  BOOL,
  BYTES,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  type Schema,
  STRING,
  TIMESTAMP,
} from '../../../src/columns/types.ts';
import { OrasiError } from '../../../src/core/errors.ts';
import { type Random, seededRandom } from '../../../src/core/random.ts';
import type { Expression } from '../../../src/query/expression.ts';
import { evaluate } from '../../../src/query/operators/evaluate.ts';
import { seedCount } from '../../scale.ts';
import { comparable, evaluateRow } from '../reference.ts';
import { below, pick, sampleBatch, sampleScalar, sampleWide } from '../samples.ts';
import { functions } from '../world.ts';

/** Two columns of each type, so that expressions over one and over two columns are made. */
const SCHEMA: Schema = [
  INT64,
  INT64,
  INT64,
  DOUBLE,
  DOUBLE,
  STRING,
  STRING,
  BOOL,
  BOOL,
  DATE,
  DATE,
  TIMESTAMP,
  TIMESTAMP,
  decimal(10, 2),
  decimal(10, 2),
  decimal(30, 2),
  decimal(30, 2),
  BYTES,
  BYTES,
].map((type, i) => ({ name: `c${i}`, type, nullable: true, ...(i === 2 ? { wide: true } : {}) }));

const KINDS: readonly ColumnType[] = [
  INT64,
  DOUBLE,
  STRING,
  BOOL,
  DATE,
  TIMESTAMP,
  decimal(10, 2),
  decimal(30, 2),
  BYTES,
];

function columnOfType(type: ColumnType, random: Random): Expression {
  const ordinals = SCHEMA.flatMap((field, i) => (JSON.stringify(field.type) === JSON.stringify(type) ? [i] : []));
  return { node: 'column', index: pick(random, ordinals), type, at: 0 };
}

function literal(type: ColumnType, random: Random): Expression {
  const wide = type.kind === 'int64' && random.next() < 0.3;
  return { node: 'literal', value: wide ? sampleWide(random) : sampleScalar(type, random), type, at: 0 };
}

const call = (name: string, args: readonly Expression[], type: ColumnType): Expression => ({
  node: 'call',
  function: name,
  args,
  type,
  at: 0,
});

const branch = (when: Expression, then: Expression) => ({ when, then });

/** A random expression of a type, some of which will fail on some rows. */
function randomExpression(type: ColumnType, depth: number, random: Random): Expression {
  if (depth === 0 || random.next() < 0.15)
    return random.next() < 0.7 ? columnOfType(type, random) : literal(type, random);
  const inner = (of: ColumnType) => randomExpression(of, depth - 1, random);
  if (random.next() < 0.15) {
    return {
      node: 'case',
      branches: Array.from({ length: 1 + below(random, 2) }, () => branch(inner(BOOL), inner(type))),
      otherwise: random.next() < 0.7 ? inner(type) : null,
      type,
      at: 0,
    };
  }
  switch (type.kind) {
    case 'bool':
      return randomCondition(depth, random);
    case 'int64':
      return random.next() < 0.8
        ? call(pick(random, ['+', '-', '*', '//', '%']), [inner(INT64), inner(INT64)], INT64)
        : {
            node: 'cast',
            arg: inner(pick(random, [BOOL, DOUBLE, decimal(10, 2)])),
            lenient: random.next() < 0.8,
            type,
            at: 0,
          };
    case 'double':
      return random.next() < 0.7
        ? call(pick(random, ['+', '-', '*', '/', '%']), [inner(DOUBLE), inner(DOUBLE)], DOUBLE)
        : {
            node: 'cast',
            arg: inner(pick(random, [INT64, decimal(10, 2)])),
            lenient: random.next() < 0.5,
            type,
            at: 0,
          };
    case 'string':
      return random.next() < 0.6
        ? call(pick(random, ['lower', 'upper']), [inner(STRING)], STRING)
        : call('coalesce', [inner(STRING), inner(STRING)], STRING);
    case 'date':
      return call(
        pick(random, ['+', '-']),
        [inner(DATE), { node: 'literal', value: BigInt(below(random, 100)), type: INT64, at: 0 }],
        DATE,
      );
    default:
      return columnOfType(type, random);
  }
}

function randomCondition(depth: number, random: Random): Expression {
  const type = pick(random, KINDS);
  const inner = (of: ColumnType) => randomExpression(of, depth - 1, random);
  switch (below(random, 7)) {
    case 0:
      return {
        node: pick(random, ['and', 'or'] as const),
        args: Array.from({ length: 2 + below(random, 2) }, () => inner(BOOL)),
        type: BOOL,
        at: 0,
      };
    case 1:
      return call('not', [inner(BOOL)], BOOL);
    case 2:
      return call(pick(random, ['is_null', 'is_not_null']), [inner(type)], BOOL);
    case 3: {
      const values = Array.from({ length: 1 + below(random, 4) }, () => sampleScalar(type, random));
      return {
        node: 'in',
        arg: inner(type),
        values,
        hasNull: values.includes(null),
        negated: random.next() < 0.5,
        type: BOOL,
        at: 0,
      };
    }
    case 4: {
      const pattern = pick(random, ['a%', '%b', '%b%', 'a_c', '%', '', 'abc', '_', '%東%', 'A%', 'a\\%b', 'x%1']);
      const text: Expression = { node: 'literal', value: pattern, type: STRING, at: 0 };
      return call(
        pick(
          random,
          ['like', 'ilike', 'starts_with'].filter((name) => functions.find(name) !== undefined),
        ),
        [inner(STRING), text],
        BOOL,
      );
    }
    default:
      return call(
        pick(random, ['=', '<>', '<', '<=', '>', '>=', 'is_distinct_from']),
        [inner(type), random.next() < 0.5 ? inner(type) : literal(type, random)],
        BOOL,
      );
  }
}

/** The answers of every row, or the code of the first failure. */
function byRow(expression: Expression, rows: readonly (readonly unknown[])[]): string[] | string {
  try {
    return rows.map((row) => comparable(evaluateRow(expression, row as never)));
  } catch (error) {
    if (error instanceof OrasiError) return error.code;
    throw error;
  }
}

describe('evaluation over a batch is evaluation of each row', () => {
  for (let seed = 0; seed < seedCount(20); seed++) {
    test(`seed ${seed}`, () => {
      const random = seededRandom(seed);
      const { batch, rows } = sampleBatch(SCHEMA, pick(random, [0, 1, 7, 8, 61, 200]), random);
      for (let i = 0; i < 150; i++) {
        const expression = randomExpression(pick(random, KINDS), 3, random);
        const expected = byRow(expression, rows);
        let actual: string[] | string;
        try {
          const column = evaluate(expression, batch, functions);
          expect(column.length).toBe(batch.length);
          actual = Array.from({ length: batch.length }, (_, row) => comparable(scalarAt(column, row)));
        } catch (error) {
          if (!(error instanceof OrasiError)) throw error;
          actual = error.code;
        }
        expect(
          actual,
          JSON.stringify(expression, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)),
        ).toEqual(expected);
      }
    });
  }
});
