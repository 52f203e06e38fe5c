import { beforeAll, describe, expect, it } from 'vitest';
import { OrasiError } from '../../../src/core/errors.ts';
import { Oracle, ownWord } from '../duckdb.ts';
import { parser, SqlWorld } from '../sql.ts';
import { STATEMENTS, type Statement } from './statements.ts';
import { batchOf, TABLES } from './tables.ts';

/** A row is a line; without ORDER BY their order says nothing. */
function lines(rows: readonly (readonly string[])[], sql: string): string[] {
  const found = rows.map((row) => row.join(' | '));
  return parser.parse(sql).select.sortClause === undefined ? found.sort() : found;
}

const own = new SqlWorld();
const inFallback = new SqlWorld();
inFallback.fallbackOnly = true;
let oracle: Oracle;

beforeAll(async () => {
  oracle = await Oracle.open(TABLES);
  for (const table of TABLES) {
    await own.add(table.name, [batchOf(table)]);
    await inFallback.add(table.name, [batchOf(table)]);
  }
}, 60_000);

async function answer(world: SqlWorld, { sql, parameters }: Statement): Promise<string[]> {
  const { schema, rows } = await world.run(sql, parameters);
  return lines(
    rows.map((row) => row.map((value, i) => ownWord(value, schema[i].type))),
    sql,
  );
}

async function refusal(world: SqlWorld, { sql, parameters }: Statement): Promise<OrasiError> {
  try {
    await world.run(sql, parameters);
  } catch (error) {
    if (error instanceof OrasiError) return error;
    throw error;
  }
  throw new Error(`${sql} was answered`);
}

for (const [name, world] of [
  ['column operators', own],
  ['the fallback executor', inFallback],
] as const) {
  for (const [category, statements] of Object.entries(STATEMENTS)) {
    describe(`${category}, by ${name}`, () => {
      for (const statement of statements) {
        if (statement.refused !== undefined) {
          it(`refuses ${statement.sql}`, async () => {
            expect((await refusal(world, statement)).code).toBe(statement.refused);
          });
        } else if (statement.differs !== undefined) {
          it(`differs from DuckDB in ${statement.sql}`, async () => {
            const ours = await answer(world, statement);
            // DuckDB may also refuse what is answered here.
            const theirs = await oracle.query(statement.sql, statement.parameters).catch(() => undefined);
            expect(ours).not.toEqual(theirs === undefined ? undefined : lines(theirs.rows, statement.sql));
          });
        } else {
          it(`agrees with DuckDB on ${statement.sql}`, async () => {
            const theirs = lines((await oracle.query(statement.sql, statement.parameters)).rows, statement.sql);
            expect(await answer(world, statement)).toEqual(theirs);
          });
        }
      }
    });
  }
}
