import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { BoundStatement, SqlBinding, SqlValue } from '../../src/storage/sql.ts';

interface SqliteStatement extends BoundStatement {
  execute(): { results: unknown[]; meta: { changes: number } };
}

/** D1's shape over an SQLite database in memory with the migrations applied. */
export function sqliteBinding(): SqlBinding & { readonly database: DatabaseSync } {
  const database = new DatabaseSync(':memory:');
  for (const name of readdirSync('migrations').sort()) database.exec(readFileSync(`migrations/${name}`, 'utf8'));

  // Half the time of a small statement would go to parsing it.
  const prepared = new Map<string, StatementSync>();
  const statementOf = (text: string): StatementSync => {
    const statement = prepared.get(text) ?? database.prepare(text);
    prepared.set(text, statement);
    return statement;
  };
  const prepare = (text: string, params: SqlValue[]): SqliteStatement => ({
    bind: (...values) => prepare(text, values),
    all: async () => prepare(text, params).execute(),
    execute: () => {
      const before = changes();
      // `all` steps the statement to its end whether or not it returns rows.
      const results = statementOf(text).all(...params);
      return { results, meta: { changes: changes() - before } };
    },
  });
  const changes = () => Number(statementOf('SELECT total_changes() AS n').get()?.['n']);

  return {
    database,
    prepare: (text) => prepare(text, []),
    async batch(statements) {
      database.exec('BEGIN IMMEDIATE');
      try {
        const answers = statements.map((statement) => (statement as SqliteStatement).execute());
        database.exec('COMMIT');
        return answers;
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    },
  };
}
