import { DatabaseSync } from 'node:sqlite';

/** SQLite as a Durable Object has it, synchronous and with transactions that nest, over Node's own. */
export interface ObjectDatabase {
  readonly database: DatabaseSync;
  exec(query: string, ...bindings: (string | number | null | Uint8Array)[]): Record<string, unknown>[];
  transaction<T>(work: () => T): T;
}

export function objectDatabase(): ObjectDatabase {
  const database = new DatabaseSync(':memory:');
  let depth = 0;
  return {
    database,
    exec: (query, ...bindings) => database.prepare(query).all(...bindings) as Record<string, unknown>[],
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
