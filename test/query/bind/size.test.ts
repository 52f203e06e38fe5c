import { describe, expect, test } from 'vitest';
import { INT64, type Schema } from '../../../src/columns/types.ts';
import { OrasiError } from '../../../src/core/errors.ts';
import { plan } from '../sql.ts';

const T: Schema = ['id', 'n'].map((name) => ({ name, type: INT64, nullable: true }));

/** What a statement is refused with, or undefined where it is not. */
function refusal(sql: string): OrasiError | undefined {
  try {
    plan(sql, { t: T });
    return undefined;
  } catch (error) {
    if (error instanceof OrasiError) return error;
    throw error;
  }
}

const times = (count: number, text: (i: number) => string, separator: string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(separator);

function nested(count: number, around: (inner: string) => string, inner: string): string {
  return count === 0 ? inner : nested(count - 1, around, around(inner));
}

/** Statements that double what they hold `count` times over. */
const DOUBLING: Readonly<Record<string, (count: number) => string>> = {
  'common tables joined with themselves': (count) =>
    `WITH c0 AS (SELECT 1 x), ${times(count, (i) => `c${i + 1} AS (SELECT a.x FROM c${i} a, c${i} b)`, ', ')}
     SELECT count(*) FROM c${count}`,
  'common tables put together with themselves': (count) =>
    `WITH c0 AS (SELECT * FROM t), ${times(count, (i) => `c${i + 1} AS (TABLE c${i} UNION ALL TABLE c${i})`, ', ')}
     SELECT count(*) FROM c${count}`,
  'aliases of aliases': (count) => `SELECT id a0, ${times(count, (i) => `a${i} + a${i} a${i + 1}`, ', ')} FROM t`,
  'BETWEEN within BETWEEN': (count) =>
    `SELECT ${nested(count, (inner) => `CASE WHEN ${inner} BETWEEN 1 AND 2 THEN 1 END`, 'id')} FROM t`,
  'a CASE as the subject of a CASE': (count) =>
    `SELECT ${nested(count, (inner) => `CASE ${inner} WHEN 1 THEN 2 WHEN 2 THEN 3 END`, 'id')} FROM t`,
  'nullif within nullif': (count) => `SELECT ${nested(count, (inner) => `nullif(${inner}, 1)`, 'id')} FROM t`,
  'a condition over projections of projections': (count) =>
    `SELECT * FROM ${nested(count, (inner) => `(SELECT a + a AS a FROM ${inner} s)`, '(SELECT id AS a FROM t)')} s
     WHERE a > 1`,
  'a subquery that stands twice': (count) =>
    `SELECT ${nested(count, (inner) => `CASE (SELECT max(id) + ${inner} FROM t) WHEN 1 THEN 1 WHEN 2 THEN 2 END`, '1')}`,
};

describe('a statement that doubles itself', () => {
  test.each(Object.entries(DOUBLING))('%s is refused before it fills the memory', (_, statement) => {
    expect(refusal(statement(4))).toBeUndefined();
    expect(refusal(statement(40))).toMatchObject({ code: 'query_too_large' });
  });
});

test('a statement as long as may be is not refused for its parts', () => {
  expect(refusal(`SELECT ${times(4_000, (i) => `id+${i}`, ',')} FROM t`)).toBeUndefined();
  expect(refusal(`SELECT * FROM t WHERE ${times(7_000, (i) => `id = ${i}`, ' OR ')}`)).toBeUndefined();
  expect(refusal(`SELECT * FROM t WHERE id IN (${times(15_000, String, ',')})`)).toBeUndefined();
  expect(refusal(`SELECT * FROM (VALUES ${times(5_000, (i) => `(${i})`, ',')}) v(x)`)).toBeUndefined();
});

test('rows written out by generate_series are counted too', () => {
  const series = (count: number) => `SELECT * FROM ${times(count, (i) => `generate_series(1, 100000) s${i}`, ', ')}`;
  expect(refusal(series(2))).toBeUndefined();
  expect(refusal(series(10))).toMatchObject({ code: 'query_too_large' });
});
