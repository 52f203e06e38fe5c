import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { ObjectDatabase as Port } from '../src/core/object-database.ts';

/** SQLite as a Durable Object has it, synchronous and with transactions that nest, over Node's own. */
export interface ObjectDatabase extends Port {
  readonly database: DatabaseSync;
}

export function objectDatabase(): ObjectDatabase {
  const database = new DatabaseSync(':memory:');
  const prepared = new Map<string, StatementSync>();
  let depth = 0;
  return {
    database,
    exec(query, ...bindings) {
      const statement = prepared.get(query) ?? database.prepare(query);
      prepared.set(query, statement);
      return statement.all(...bindings) as Record<string, unknown>[];
    },
    transaction(work) {
      const name = `s${depth}`;
      database.exec(`SAVEPOINT ${name}`);
      depth += 1;
      try {
        const result = work();
        database.exec(`RELEASE ${name}`);
        return result;
      } catch (error) {
        database.exec(`ROLLBACK TO ${name}`);
        database.exec(`RELEASE ${name}`);
        throw error;
      } finally {
        depth -= 1;
      }
    },
  };
}
