import { beforeAll, describe, expect, it } from 'vitest';
import type { Scalar } from '../../../src/columns/column.ts';
import { BOOL, type ColumnType, DATE, DOUBLE, decimal, INT64, STRING, TIMESTAMP } from '../../../src/columns/types.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { sized } from '../../scale.ts';
import { batchOf, type TestTable } from '../conformance/tables.ts';
import { Oracle, ownWord } from '../duckdb.ts';
import { pick } from '../samples.ts';
import { SqlWorld } from '../sql.ts';

/** Calls over columns of random values; every row's answer is DuckDB's. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  Arithmetic: [
    'i + j',
    'i - j * 3',
    'i // j',
    'i % j',
    'i / j',
    'd + e',
    'd * e',
    'd % e',
    'm + 1.5',
    'm - i',
    'm * 2.25',
    'm % 3',
    'm / 3',
    '-m',
    'abs(i)',
    'abs(m)',
    'sign(d)',
    'round(d, 2)',
    'round(d)',
    'round(m, 1)',
    'round(m)',
    'round(i, -1)',
    'floor(d)',
    'ceil(d)',
    'trunc(d)',
    'floor(m)',
    'ceil(m)',
    'i & j',
    'i | j',
    'xor(i, j)',
    '~i',
    'gcd(i, j)',
    'bit_count(i)',
    'greatest(i, j)',
    'least(d, e)',
    'sqrt(abs(d))',
    'exp(d / 1e6)',
    'atan(d)',
    'even(d)',
    'pow(d / 1000, 2)',
    'i::DOUBLE',
    'd::BIGINT',
    'm::BIGINT',
    'd::DECIMAL(18, 3)',
    'm::DECIMAL(10, 1)',
    'i::VARCHAR',
    'd::VARCHAR',
    'm::VARCHAR',
    'TRY_CAST(d AS TINYINT)',
    'i::BOOLEAN',
    'b::BIGINT',
  ],
  Text: [
    'lower(s)',
    'upper(s)',
    'length(s)',
    'strlen(s)',
    'reverse(s)',
    'trim(s)',
    'ltrim(s)',
    "rtrim(s, ' a')",
    "trim(s, 'ab ')",
    'substr(s, i % 6)',
    'substr(s, i % 6, j % 5)',
    'left(s, j % 5)',
    'right(s, j % 5)',
    "lpad(s, 6, 'xy')",
    "rpad(s, 3, '-')",
    'repeat(s, j % 4)',
    'replace(s, t, u)',
    "replace(s, 'a', 'éé')",
    "translate(s, 'abc', 'xé')",
    "split_part(s, ' ', 1)",
    'split_part(s, u, j % 4 + 1)',
    'strpos(s, u)',
    'instr(s, t)',
    'starts_with(s, u)',
    'ends_with(s, u)',
    'contains(s, u)',
    's || t',
    'concat(s, t, i)',
    "concat_ws('-', s, t)",
    'ascii(s)',
    'md5(s)',
    'hex(s)',
    'url_encode(s)',
    'levenshtein(s, t)',
    's < t',
    's = t',
    'greatest(s, t)',
    's LIKE t',
    "s LIKE '%' || u || '%'",
    "s ILIKE '%A%'",
    "s LIKE '_%b'",
    "s SIMILAR TO '[a-z ]*'",
    'TRY_CAST(s AS BIGINT)',
    'TRY_CAST(s AS DOUBLE)',
    'TRY_CAST(s AS DATE)',
    'TRY_CAST(s AS BOOLEAN)',
    'strip_accents(s)',
  ],
  Time: [
    'year(day)',
    'month(day)',
    'day(day)',
    'quarter(day)',
    'week(day)',
    'dayofweek(day)',
    'isodow(day)',
    'dayofyear(day)',
    'isoyear(day)',
    'yearweek(day)',
    'century(day)',
    'decade(day)',
    'hour(ts)',
    'minute(ts)',
    'second(ts)',
    'millisecond(ts)',
    'microsecond(ts)',
    'epoch(ts)',
    'epoch_ms(ts)',
    'epoch_us(ts)',
    "date_trunc('week', ts)",
    "date_trunc('month', ts)",
    "date_trunc('quarter', day)",
    "date_trunc('decade', day)",
    "date_trunc('century', day)",
    "date_trunc('hour', ts)",
    "date_trunc('second', ts)",
    "date_trunc('millisecond', ts)",
    "date_part('dow', ts)",
    "date_part('epoch', day)",
    'day + (i % 100)::INT',
    'day - day2',
    "date_diff('day', ts, ts2)",
    "date_diff('month', day, day2)",
    "date_diff('year', ts, ts2)",
    "date_diff('quarter', day, day2)",
    "date_diff('week', ts, ts2)",
    "date_diff('hour', ts, ts2)",
    "date_diff('minute', ts, ts2)",
    "date_diff('second', ts, ts2)",
    "date_diff('decade', day, day2)",
    "date_sub('month', ts, ts2)",
    "date_sub('day', ts, ts2)",
    "date_sub('year', day, day2)",
    "date_sub('hour', ts, ts2)",
    "date_sub('quarter', ts, ts2)",
    'day + INTERVAL 1 MONTH',
    'ts - INTERVAL 13 MONTH',
    'ts + INTERVAL 25 HOUR',
    "ts + INTERVAL '1 year 2 days 3 hours'",
    'day + to_days(j)',
    'epoch(ts - ts2)',
    '(ts - ts2)::VARCHAR',
    'age(ts, ts2)::VARCHAR',
    'ts - ts2 > INTERVAL 30 DAY',
    'last_day(day)',
    'monthname(day)',
    'dayname(day)',
    "strftime(ts, '%Y-%m-%d %H:%M:%S.%f')",
    "strftime(ts, '%a %A %b %B %d %-d %y %j %p %I %-I %U %W %V %G %u %w')",
    "time_bucket(INTERVAL '7 days', ts)",
    "time_bucket(INTERVAL '10 minutes', ts)",
    "time_bucket(INTERVAL '2 months', day)",
    'ts::DATE',
    'day::TIMESTAMP',
    'ts::VARCHAR',
    'day::VARCHAR',
    'day < ts',
    'make_date(2000 + j % 50, 1 + j % 12, 1 + j % 28)',
  ],
  Patterns: [
    "regexp_matches(s, '^a')",
    "regexp_matches(s, 'b$')",
    "regexp_matches(s, '[[:upper:]]')",
    "regexp_matches(s, '\\d')",
    "regexp_matches(s, '(?i)ANNA')",
    "regexp_full_match(s, '[a-z ]+')",
    "regexp_extract(s, '[a-z]+')",
    "regexp_extract(s, '([a-z])([a-z]+)', 2)",
    "regexp_extract(s, '(a|b|ab)(c|b)?', 1)",
    "regexp_extract(s, 'a.*?b')",
    "regexp_extract(s, '\\w+\\b')",
    "regexp_replace(s, 'a+', '<\\0>', 'g')",
    "regexp_replace(s, '(\\w)(\\w)', '\\2\\1')",
    "regexp_replace(s, '', '-', 'g')",
    "regexp_replace(s, '[^a-z]', '', 'g')",
    "regexp_replace(s, 'x*', '.', 'g')",
    "regexp_matches(s, '^(a|b)*$')",
    "regexp_matches(s, 'a{2,3}')",
    "regexp_matches(s, '\\pL')",
    "regexp_extract_all(s, '[a-z]')",
  ],
};

const WORDS = [
  '', 'a', 'b', ' ab ', 'abc', 'aab', 'Anna', 'anna bob', 'b a n', 'Zoë', 'éa', 'Ω', 'a😀b', '100%', "it's", '12', ' 7', '1e2',
  '2024-02-29', '2024-2-3', 'true', 'f', 'aaab', 'ABC', 'x y z', 'a_b',
]; // biome-ignore format: a list

const COLUMNS: readonly { readonly name: string; readonly type: ColumnType }[] = [
  { name: 'i', type: INT64 },
  { name: 'j', type: INT64 },
  { name: 'd', type: DOUBLE },
  { name: 'e', type: DOUBLE },
  { name: 'm', type: decimal(12, 2) },
  { name: 'b', type: BOOL },
  { name: 's', type: STRING },
  { name: 't', type: STRING },
  { name: 'u', type: STRING },
  { name: 'day', type: DATE },
  { name: 'day2', type: DATE },
  { name: 'ts', type: TIMESTAMP },
  { name: 'ts2', type: TIMESTAMP },
];

function randomRows(count: number): Scalar[][] {
  const random = seededRandom(7);
  const below = (limit: number) => Math.floor(random.next() * limit);
  const value = (name: string, type: ColumnType): Scalar => {
    if (random.next() < 0.05) return null;
    switch (type.kind) {
      case 'int64':
        return name === 'j' ? BigInt(below(30)) : BigInt(below(2000) - 1000);
      case 'double':
        return pick(random, [0, 0.5, 1.5, 2.5, -2.5, 1e10, below(100_000) / 64 - 500, below(1000) / 100]);
      case 'decimal':
        return BigInt(below(200_000) - 100_000);
      case 'bool':
        return random.next() < 0.5;
      case 'string':
        return name === 'u' ? pick(random, ['a', 'b', ' ', 'ab', 'é']) : pick(random, WORDS);
      case 'date':
        return below(40_000) - 10_000;
      default:
        return (
          BigInt(below(40_000) - 10_000) * 86_400_000_000n + BigInt(below(86_400_000)) * 1000n + BigInt(below(1000))
        );
    }
  };
  return Array.from({ length: count }, () => COLUMNS.map(({ name, type }) => value(name, type)));
}

const table: TestTable = { name: 'args', columns: COLUMNS, rows: randomRows(sized(150)) };
const own = new SqlWorld();
let oracle: Oracle;

beforeAll(async () => {
  oracle = await Oracle.open([table]);
  await own.add('args', [batchOf(table)]);
});

for (const [family, calls] of Object.entries(CALLS)) {
  describe(`${family} functions answer as DuckDB's`, () => {
    for (const call of calls) {
      it(call, async () => {
        const inputs = COLUMNS.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(call)).map(({ name }) => name);
        const sql = `SELECT ${call}, ${inputs.join(', ')} FROM args`;
        const theirs = (await oracle.query(sql)).rows.map((row) => row.join(' | '));
        const { schema, rows } = await own.run(sql);
        const ours = rows.map((row) => row.map((value, i) => ownWord(value, schema[i].type)).join(' | '));
        expect(ours.sort()).toEqual(theirs.sort());
      });
    }
  });
}
