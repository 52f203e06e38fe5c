import { describe, expect, it } from 'vitest';
import {
  DATE,
  DOUBLE,
  decimal,
  type Field,
  INT64,
  JSON_TYPE,
  type Schema,
  STRING,
  TIMESTAMP,
  typeName,
} from '../../../src/columns/types.ts';
import { OrasiError } from '../../../src/core/errors.ts';
import { seededRandom } from '../../../src/core/random.ts';
import type { Expression } from '../../../src/query/expression.ts';
import type { Plan, ScanPlan } from '../../../src/query/plan.ts';
import { seedCount } from '../../scale.ts';
import { STATEMENTS } from '../conformance/statements.ts';
import { batchOf, TABLES } from '../conformance/tables.ts';
import { QueryGenerator } from '../generate.ts';
import { randomTables } from '../random-tables.ts';
import { plan } from '../sql.ts';
import { faultsOf } from './check-plan.ts';

const field = (name: string, type: Field['type']): Field => ({ name, type, nullable: true });

const SCHEMAS: Readonly<Record<string, Schema>> = {
  t: [
    field('id', INT64),
    field('name', STRING),
    field('price', DOUBLE),
    field('ts', TIMESTAMP),
    field('day', DATE),
    field('doc', JSON_TYPE),
    field('amount', decimal(10, 2)),
  ],
  u: [field('id', INT64), field('label', STRING)],
};

function scans(of: Plan): ScanPlan[] {
  switch (of.op) {
    case 'scan':
      return [of];
    case 'values':
      return [];
    case 'join':
      return [...scans(of.left), ...scans(of.right)];
    case 'union':
    case 'fallback':
      return of.inputs.flatMap(scans);
    default:
      return scans(of.input);
  }
}

/** An expression over a dataset, short enough to read. */
function words(expression: Expression | null, schema: Schema): string {
  if (expression === null) return '';
  const inner = (child: Expression) => words(child, schema);
  switch (expression.node) {
    case 'column':
      return schema[expression.index].name;
    case 'literal':
      return String(expression.value);
    case 'call':
      return expression.args.length === 2 && !/^\w/.test(expression.function)
        ? `${inner(expression.args[0])} ${expression.function} ${inner(expression.args[1])}`
        : `${expression.function}(${expression.args.map(inner).join(', ')})`;
    case 'and':
    case 'or':
      return `(${expression.args.map(inner).join(` ${expression.node} `)})`;
    case 'in':
      return `${inner(expression.arg)} ${expression.negated ? 'not in' : 'in'} ${expression.values.join(',')}`;
    case 'cast':
      return `cast(${inner(expression.arg)} as ${typeName(expression.type)})`;
    case 'case':
      return 'case';
  }
}

function filters(sql: string): string[] {
  return scans(plan(sql, SCHEMAS)).map((scan) => words(scan.filter, SCHEMAS[scan.dataset]));
}

function readColumns(sql: string): string[] {
  return scans(plan(sql, SCHEMAS)).map((scan) =>
    scan.columns.map((ordinal) => SCHEMAS[scan.dataset][ordinal].name).join(),
  );
}

function failure(sql: string): { code: string; path: string | undefined; message: string } {
  try {
    plan(sql, SCHEMAS);
  } catch (error) {
    if (error instanceof OrasiError) return { code: error.code, path: error.errors[0]?.path, message: error.message };
    throw error;
  }
  throw new Error(`${sql} was bound`);
}

describe('plans', () => {
  it('are sound: every column exists, every type is what it is said to be', { timeout: 120_000 }, () => {
    const schemas = Object.fromEntries(TABLES.map((table) => [table.name, batchOf(table).schema]));
    for (const { sql, parameters, refused } of Object.values(STATEMENTS).flat()) {
      if (refused !== undefined) continue;
      expect(faultsOf(plan(sql, schemas, parameters), schemas), sql).toEqual([]);
      expect(faultsOf(plan(sql, schemas, parameters, true), schemas), sql).toEqual([]);
    }
    for (let seed = 1; seed <= seedCount(3); seed++) {
      const tables = randomTables(seededRandom(seed), 5);
      const own = Object.fromEntries(tables.map((table) => [table.name, batchOf(table).schema]));
      const generator = new QueryGenerator(seededRandom(seed), tables);
      for (let i = 0; i < 100; i++) {
        const sql = generator.next();
        expect(faultsOf(plan(sql, own), own), sql).toEqual([]);
      }
    }
  });
});

describe('conditions', () => {
  const cases: [string, string[]][] = [
    ['SELECT id FROM t WHERE id = 1 AND price > 2', ['(id = 1 and price > 2)']],
    ['SELECT id FROM t WHERE 5 < id', ['id > 5']],
    ["SELECT x FROM (SELECT id + 1 AS x, name FROM t) WHERE name = 'a'", ['name = a']],
    ["SELECT * FROM t JOIN u ON t.id = u.id WHERE label = 'x' AND price > 1", ['price > 1', 'label = x']],
    ['SELECT * FROM t, u WHERE t.id = u.id AND t.id = 5', ['id = 5', 'id = 5']],
    ["SELECT * FROM t LEFT JOIN u ON t.id = u.id AND label = 'x'", ['', 'label = x']],
    ['SELECT * FROM t LEFT JOIN u ON t.id = u.id WHERE price > 1', ['price > 1', '']],
    ["SELECT * FROM t LEFT JOIN u ON t.id = u.id WHERE label = 'x'", ['', 'label = x']],
    ['SELECT * FROM t FULL JOIN u ON t.id = u.id WHERE price > 1', ['price > 1', '']],
    ["SELECT name, count(*) FROM t GROUP BY name HAVING name > 'm' AND count(*) > 1", ['name > m']],
    ['SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY name) FROM t) WHERE id = 1', ['']],
    ["SELECT * FROM (SELECT name, row_number() OVER (PARTITION BY name) r FROM t) WHERE name = 'a'", ['name = a']],
    ['SELECT * FROM (SELECT id FROM t UNION ALL SELECT id FROM u) WHERE id > 3', ['id > 3', 'id > 3']],
    ['SELECT * FROM (SELECT id FROM t ORDER BY id LIMIT 3) WHERE id > 3', ['']],
    ['WITH x AS (SELECT * FROM t) SELECT id FROM x WHERE id = 2', ['id = 2']],
    [
      'SELECT id FROM t WHERE (id = 1 AND price > 2) OR (id = 1 AND price < 0)',
      ['(id = 1 and (price > 2 or price < 0))'],
    ],
    ["SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id AND label = 'x')", ['', 'label = x']],
    ["SELECT id FROM t WHERE id IN (SELECT id FROM u WHERE label = 'x')", ['', 'label = x']],
    ['SELECT id FROM t WHERE NOT id = 3', ['id <> 3']],
    ['SELECT id FROM t WHERE NOT (id < 3 OR price IS NULL)', ['(id >= 3 and is_not_null(price))']],
    ["SELECT id FROM t WHERE NOT (id = 1 AND NOT name LIKE 'a')", ['(id <> 1 or like(name, a))']],
    ['SELECT id FROM t WHERE id = 1 OR id = 2 OR 3 = id', ['id in 1,2,3']],
    ['SELECT id FROM t WHERE id = 1 OR price > 2 OR id IN (5, 6)', ['(id in 1,5,6 or price > 2)']],
    ['SELECT id FROM t WHERE NOT id IN (3, 4)', ['id not in 3,4']],
  ];
  for (const [sql, expected] of cases) {
    it(`reach the scans in ${sql}`, () => expect(filters(sql)).toEqual(expected));
  }

  it('compare the bare column with a constant of its own type', () => {
    const rewritten: [string, string][] = [
      ['id > 1.5', 'id > 1'],
      ['id >= 1.5', 'id > 1'],
      ['id < 1.5', 'id <= 1'],
      ['id <= -1.5', 'id <= -2'],
      ['id = 3.0', 'id = 3'],
      ['id < 1e3', 'id < 1000'],
      ['amount > 1.005', 'amount > 100'],
      ["day >= TIMESTAMP '2024-01-02 12:00:00'", 'day > 19724'],
      ["day = '2024-01-02'", 'day = 19724'],
      ["ts >= '2024-01-02'", 'ts >= 1704153600000000'],
      ['price > 1', 'price > 1'],
    ];
    for (const [condition, expected] of rewritten) {
      expect(filters(`SELECT id FROM t WHERE ${condition}`), condition).toEqual([expected]);
    }
    // Two integers beyond 2^53 are one double, so this cast has to stay.
    expect(filters('SELECT id FROM t WHERE id = 1e17')).toEqual(['cast(id as double) = 100000000000000000']);
  });
});

describe('joins', () => {
  const tablesOf = (of: Plan): string =>
    of.op === 'join'
      ? `(${tablesOf(of.left)} ${of.kind} ${tablesOf(of.right)})`
      : of.op === 'scan'
        ? of.dataset
        : 'input' in of
          ? tablesOf(of.input)
          : of.op;
  const cases: [string, string][] = [
    ['SELECT 1 FROM t, u WHERE t.id = u.id', '(t inner u)'],
    ['SELECT 1 FROM t a, u b, t c WHERE a.id = c.id AND b.id = c.id', '((t inner t) inner u)'],
    [
      'SELECT 1 FROM t a, u b, u c, t d WHERE a.id = d.id AND d.id = c.id AND c.label = b.label',
      '(((t inner t) inner u) inner u)',
    ],
    ['SELECT 1 FROM t a, u b, u c WHERE a.id + b.id = c.id', '((t cross u) inner u)'],
    ['SELECT 1 FROM t a, u b', '(t cross u)'],
    ['SELECT 1 FROM t a JOIN u b ON a.id = b.id, u c', '((t inner u) cross u)'],
    [
      'SELECT 1 FROM t a LEFT JOIN u b ON a.id = b.id, t c, u d WHERE a.id = d.id AND c.id = d.id',
      '(((t left u) inner u) inner t)',
    ],
  ];
  for (const [sql, expected] of cases) {
    it(`multiply no tables that a third connects: ${sql}`, () => expect(tablesOf(plan(sql, SCHEMAS))).toBe(expected));
  }
});

describe('columns', () => {
  const cases: [string, string[]][] = [
    ['SELECT count(*) FROM t', ['']],
    ['SELECT id FROM t WHERE price > 1', ['id']],
    ['SELECT id FROM t ORDER BY name', ['id,name']],
    ['SELECT x FROM (SELECT id AS x, upper(name) AS y FROM t)', ['id']],
    ['SELECT sum(price) FROM t GROUP BY name', ['name,price']],
    ['SELECT s FROM (SELECT name, sum(price) s, max(day) FROM t GROUP BY name)', ['name,price']],
    ['SELECT label FROM t JOIN u USING (id)', ['id', 'id,label']],
    ['SELECT id FROM (SELECT id, price FROM t UNION ALL SELECT id, 0 FROM u)', ['id', 'id']],
    ['SELECT r FROM (SELECT id, rank() OVER (ORDER BY price) r, name FROM t)', ['price']],
    ['SELECT count(*) FROM (SELECT DISTINCT name FROM t)', ['name']],
  ];
  for (const [sql, expected] of cases) {
    it(`are read only where they are used: ${sql}`, () => expect(readColumns(sql)).toEqual(expected));
  }
});

describe('full text', () => {
  it('is searched by the scan, beside its filter', () => {
    const [scan] = scans(plan("SELECT id FROM t WHERE MATCH(name, 'red fox') AND id > 1", SCHEMAS));
    expect(scan.matches).toMatchObject([{ column: 1, query: 'red fox' }]);
    expect(words(scan.filter, SCHEMAS.t)).toBe('id > 1');
    expect(scan.score).toBeNull();
  });

  it('is scored where SCORE() is asked for', () => {
    const bound = plan("SELECT id, SCORE() AS s FROM t WHERE MATCH(name, 'fox') ORDER BY s DESC LIMIT 10", SCHEMAS);
    const [scan] = scans(bound);
    expect(scan.score).toBe(0);
    expect(scan.schema.map(({ name }) => name)).toEqual(['id', '$score']);
    expect(bound).toMatchObject({ op: 'sort', limit: 10 });
  });

  it('reaches the scan of its table through joins', () => {
    const found = scans(plan("SELECT SCORE() FROM u JOIN t ON t.id = u.id WHERE MATCH(t.name, 'fox')", SCHEMAS));
    expect(found.map(({ dataset, matches }) => [dataset, matches.length])).toEqual([
      ['u', 0],
      ['t', 1],
    ]);
  });

  it('is refused where a scan cannot search', () => {
    expect(failure("SELECT id FROM t WHERE MATCH(name, 'a') OR id = 1").code).toBe('unsupported_sql');
    expect(failure("SELECT id FROM t WHERE NOT MATCH(name, 'a')").code).toBe('unsupported_sql');
    expect(failure("SELECT MATCH(name, 'a') FROM t").code).toBe('unsupported_sql');
    expect(failure('SELECT SCORE() FROM t').code).toBe('invalid_sql');
    expect(failure("SELECT id FROM t WHERE MATCH(id, 'a')").code).toBe('type_error');
    expect(failure('SELECT id FROM t WHERE MATCH(name, label) AND true').code).toBe('invalid_sql');
  });
});

describe('errors', () => {
  const cases: [string, string, string][] = [
    ['SELECT nope FROM t', 'invalid_sql', 'nope'],
    ['SELECT naem FROM t', 'invalid_sql', 'naem'],
    ['SELECT id FROM t WHERE pirce > 1', 'invalid_sql', 'pirce'],
    ['SELECT id FROM nowhere', 'invalid_sql', 'nowhere'],
    ['SELECT t.nope FROM t', 'invalid_sql', 't.nope'],
    ['SELECT lower(id) FROM t', 'type_error', 'lower'],
    ['SELECT id + name FROM t', 'type_error', '+ name'],
    ["SELECT id FROM t WHERE day = 'yesterday'", 'type_error', "'yesterday'"],
    ["SELECT id FROM t WHERE id = 'x'", 'type_error', "'x'"],
    ['SELECT id, sum(price) FROM t', 'invalid_sql', 'id,'],
    ['SELECT id FROM t WHERE sum(price) > 1', 'invalid_sql', 'sum'],
    ['SELECT frobnicate(1)', 'invalid_sql', 'frobnicate'],
    ['SELECT CAST(id AS DATE) FROM t', 'type_error', 'CAST'],
    ['SELECT CAST(id AS UUID) FROM t', 'unsupported_sql', 'UUID'],
    ['SELECT id FROM t GROUP BY 7', 'invalid_sql', '7'],
    ['SELECT $1', 'invalid_sql', '$1'],
    ['SELECT row_number() FROM t', 'invalid_sql', 'row_number'],
  ];
  for (const [sql, code, at] of cases) {
    it(`point into the text: ${sql}`, () => {
      expect(failure(sql)).toMatchObject({ code, path: `sql@${sql.lastIndexOf(at)}` });
    });
  }

  it('name what was probably meant', () => {
    expect(failure('SELECT naem FROM t').message).toBe('there is no column naem; there is name');
    expect(failure('SELECT lenght(name) FROM t').message).toBe('there is no function lenght; there is length');
  });
});

describe('types', () => {
  const cases: [string, string][] = [
    ['1', 'int64'],
    ['9223372036854775807', 'int64'],
    ['9223372036854775808', 'decimal(38,0)'],
    ['-9223372036854775808', 'int64'],
    ['1.50', 'decimal(3,2)'],
    ['1e3', 'double'],
    ['id / 2', 'double'],
    ['id // 2', 'int64'],
    ['sum(id)', 'decimal(38,0)'],
    ['sum(amount)', 'decimal(38,2)'],
    ['sum(price)', 'double'],
    ['avg(id)', 'double'],
    ['count(*)', 'int64'],
    ['max(day)', 'date'],
    ["day + INTERVAL '1 day'", 'timestamp'],
    ['day + 1', 'date'],
    ['day - day', 'int64'],
    ['ts - ts', 'string'],
    ['amount * 2', 'decimal(29,2)'],
    ['amount + 1', 'decimal(22,2)'],
    ["doc -> 'a'", 'json'],
    ["doc ->> 'a'", 'string'],
    ['CASE WHEN true THEN 1 ELSE 2.5 END', 'decimal(20,1)'],
    ["coalesce(day, '2024-01-01')", 'date'],
    ['NULL', 'null'],
  ];
  for (const [sql, expected] of cases) {
    it(`${sql} is ${expected}`, () => {
      const grouped = /sum|avg|count|max/.test(sql) ? `SELECT ${sql} FROM t` : `SELECT ${sql} FROM t LIMIT 1`;
      expect(typeName(plan(grouped, SCHEMAS).schema[0].type)).toBe(expected);
    });
  }
});
