import type { ObjectDatabase } from '../src/core/object-database.ts';

/** The SQLite of an object, as machines know it. */
export function sqlDatabase(storage: DurableObjectStorage): ObjectDatabase {
  return {
    exec: (query, ...bindings) => storage.sql.exec(query, ...bindings).toArray(),
    transaction: (work) => storage.transactionSync(work),
  };
}
