import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { STACK_BYTES, shrinkParser } from '../../../scripts/build-wasm.ts';
import { OrasiError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { createParser } from '../../../src/query/parse/parser.ts';
import { PgInstance } from '../../../src/query/parse/pg-module.ts';
import { sized } from '../../scale.ts';
import { pick } from '../samples.ts';
import { compiled, parser } from '../sql.ts';

const root = join(import.meta.dirname, '../../..');
const wasm = compiled('src/query/parse/pg-parser.wasm');

function failure(sql: string): { code: string; path: string | undefined; message: string } {
  try {
    parser.parse(sql);
  } catch (error) {
    if (error instanceof OrasiError) return { code: error.code, path: error.errors[0]?.path, message: error.message };
    throw error;
  }
  throw new Error(`${sql.slice(0, 80)} was parsed`);
}

describe('the parser module', () => {
  it('is the package’s, its memory cut down, byte for byte', () => {
    const original = readFileSync(join(root, 'node_modules/libpg-query/wasm/libpg-query.wasm'));
    const committed = readFileSync(join(root, 'src/query/parse/pg-parser.wasm'));
    expect(Buffer.from(shrinkParser(original)).equals(committed)).toBe(true);
  });

  it('keeps within 8 MB over thousands of statements', { timeout: 60_000 }, () => {
    const instance = new PgInstance(wasm);
    for (let i = 0; i < sized(2000); i++) {
      instance.parse(`SELECT a${i}, sum(b) FROM t WHERE c BETWEEN ${i} AND ${i + 1} GROUP BY 1 ORDER BY 2 LIMIT 10`);
    }
    expect(instance.memoryBytes).toBeLessThanOrEqual(8 * 1024 * 1024);
  });

  it('never comes near the end of its stack, whatever is nested', { timeout: 60_000 }, () => {
    const deep: Record<string, string> = {
      parentheses: `SELECT ${'('.repeat(3000)}1${')'.repeat(3000)}`,
      sums: `SELECT ${'1+'.repeat(3000)}1`,
      negations: `SELECT ${'NOT '.repeat(4000)}a`,
      minuses: `SELECT ${'- '.repeat(4900)}a`,
      subqueries: `SELECT ${'(SELECT '.repeat(1500)}1${')'.repeat(1500)}`,
      calls: `SELECT ${'f('.repeat(3000)}1${')'.repeat(3000)}`,
      casts: `SELECT a${'::int'.repeat(3000)}`,
      joins: `SELECT * FROM a ${'JOIN b ON true '.repeat(3000)}`,
      unions: `SELECT 1 ${'UNION SELECT 1 '.repeat(3000)}`,
    };
    for (const [name, sql] of Object.entries(deep)) {
      const instance = new PgInstance(wasm);
      try {
        instance.parse(sql);
      } catch (error) {
        // The engine's own stack gave out first, which is as good.
        expect(error, name).toBeInstanceOf(RangeError);
      }
      expect(instance.stackBytesUsed, name).toBeLessThan(STACK_BYTES / 2);
    }
  });

  it('leaves no trace on the globals', () => {
    const before = Object.getOwnPropertyNames(globalThis).sort();
    createParser(wasm).parse('SELECT 1');
    expect(Object.getOwnPropertyNames(globalThis).sort()).toEqual(before);
    expect((process as { type?: string }).type).toBeUndefined();
  });
});

describe('parsing', () => {
  it('gives the same tree for the same text, from the cache', () => {
    expect(parser.parse('SELECT 1 AS cached')).toBe(parser.parse('SELECT 1 AS cached'));
  });

  it('points at the error in the text as written', () => {
    const cases: [string, string][] = [
      ['SELECT bad bad bad', 'bad'],
      ["SELECT 'é', wrong wrong wrong", 'wrong'],
      ['SELECT a FROM t WHERE', ''],
      ['SELECT TotalFlights TotalRows Oops FROM t', 'Oops'],
      ['SELECT a == ? , interval 2 month , ? ? FROM t', '? FROM'],
      ["SELECT '😀', x x x", 'x'],
      ['SELECT 1 /* ( */ -- (\n FROM FROM', 'FROM'],
    ];
    for (const [sql, at] of cases) {
      const offset = at === '' ? sql.length : sql.lastIndexOf(at);
      expect(failure(sql), sql).toMatchObject({ code: 'invalid_sql', path: `sql@${offset}` });
    }
  });

  it('maps the places of the tree back through rewriting', () => {
    const sql = "SELECT 'é' AS One, interval 2 month, a // B FROM T";
    const { select } = parser.parse(sql);
    const targets = (select.targetList ?? []).map(({ ResTarget: target }) => target);
    expect(targets.map((target) => target?.name)).toEqual(['One', undefined, undefined]);
    expect(targets[2]?.val?.A_Expr?.location).toBe(sql.indexOf('//'));
    expect(targets[2]?.val?.A_Expr?.rexpr?.ColumnRef?.location).toBe(sql.indexOf('B FROM'));
    expect(select.fromClause?.[0].RangeVar).toMatchObject({ relname: 'T', location: sql.indexOf('T', 45) });
  });

  it('keeps names of any length', () => {
    const long = 'x'.repeat(200);
    for (const sql of [`SELECT ${long} FROM t`, `SELECT "${long}" FROM t`, `SELECT ${long.toUpperCase()} FROM t`]) {
      const [target] = parser.parse(sql).select.targetList ?? [];
      expect(target.ResTarget?.val?.ColumnRef?.fields[0].String?.sval?.toLowerCase(), sql).toBe(long);
    }
  });

  it('does not touch strings, comments and quoted names', () => {
    const sql = `SELECT 'a // b == ? QUALIFY' AS "group by all", E'it\\'s ?', $$ try_cast( ? $$ /* ? [ */ FROM t -- { ?`;
    const { select } = parser.parse(sql);
    const values = (select.targetList ?? []).map(({ ResTarget: target }) => target?.val?.A_Const?.sval?.sval);
    expect(values).toEqual(['a // b == ? QUALIFY', "it's ?", ' try_cast( ? ']);
    expect(select.targetList?.[0].ResTarget?.name).toBe('group by all');
  });

  it('refuses statements that are no SELECT, by name', () => {
    const cases = {
      'INSERT INTO t VALUES (1)': 'INSERT',
      'DELETE FROM t': 'DELETE',
      'UPDATE t SET a = 1': 'UPDATE',
      'DROP TABLE t': 'DROP',
      'CREATE TABLE t (a int)': 'CREATE',
      'TRUNCATE t': 'TRUNCATE',
      'EXPLAIN SELECT 1': 'EXPLAIN',
      'SET x = 1': 'VARIABLE SET',
    };
    for (const [sql, name] of Object.entries(cases)) {
      expect(failure(sql), sql).toMatchObject({
        code: 'unsupported_sql',
        message: `only SELECT is supported, not ${name}`,
      });
    }
  });

  it('refuses what is too long or too deep, and goes on with the next statement', { timeout: 60_000 }, () => {
    expect(failure(`SELECT ${'1,'.repeat(LIMITS.sqlTextChars / 2)}1`).code).toBe('query_too_large');
    for (const sql of [
      `SELECT ${'('.repeat(50_000)}`,
      `SELECT ${'1+'.repeat(20_000)}1`,
      `SELECT ${'NOT '.repeat(20_000)}a`,
      `SELECT ${'f('.repeat(2000)}1${')'.repeat(2000)}`,
    ]) {
      expect(failure(sql).code, sql.slice(0, 20)).toBe('query_too_large');
      expect(parser.parse('SELECT 1').select.targetList).toHaveLength(1);
    }
    expect(failure('SELECT 1\0').code).toBe('invalid_sql');
    expect(failure('').code).toBe('invalid_sql');
    expect(failure('SELECT 1; SELECT 2').code).toBe('unsupported_sql');
  });

  it('takes a long list of conditions', () => {
    const sql = `SELECT 1 WHERE ${Array.from({ length: 4000 }, (_, i) => `a = ${i}`).join(' OR ')}`;
    expect(parser.parse(sql).select.whereClause?.BoolExpr?.args).toHaveLength(4000);
  });

  it('answers any text with a tree or an error of its own', { timeout: 60_000 }, () => {
    const random = seededRandom(5);
    const words = [
      ..."SELECT FROM WHERE GROUP BY ALL ORDER QUALIFY HAVING UNION INTERVAL * EXCLUDE REPLACE ( ) [ ] , . :: // == ? $1 $$ ' \" -- /* */ = a B 1 2.5 month try_cast AS semi join CASE WHEN THEN END é 😀 { } ; \\ E' U&' \n".split(
        ' ',
      ),
    ];
    for (let i = 0; i < sized(3000); i++) {
      const length = Math.floor(random.next() * 14);
      const sql = `SELECT ${Array.from({ length }, () => pick(random, words)).join(random.next() < 0.8 ? ' ' : '')}`;
      try {
        parser.parse(sql);
      } catch (error) {
        expect(error, sql).toBeInstanceOf(OrasiError);
        const path = (error as OrasiError).errors[0]?.path;
        if (path !== undefined) expect(Number(path.slice(4)), sql).toBeLessThanOrEqual(sql.length);
      }
    }
  });
});
