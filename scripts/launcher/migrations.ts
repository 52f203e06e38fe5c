import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unstable_splitSqlQuery as splitStatements } from 'wrangler';

/**
 * Applies the D1 migrations of a folder that the database has not seen, each in one transaction together with its
 * entry in `d1_migrations`. The table is wrangler's own, so `wrangler d1 migrations apply --local` agrees with it.
 * Returns the names of those applied.
 */
export async function applyMigrations(database: D1Database, folder: string): Promise<string[]> {
  await database
    .prepare(
      'CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, ' +
        'applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)',
    )
    .run();
  const seen = await database.prepare('SELECT name FROM d1_migrations').all<{ name: string }>();
  const known = new Set(seen.results.map((row) => row.name));
  const pending = (await readdir(folder)).filter((name) => name.endsWith('.sql') && !known.has(name)).sort();
  for (const name of pending) {
    const statements = splitStatements(await readFile(join(folder, name), 'utf8'));
    await database.batch([
      ...statements.map((statement) => database.prepare(statement)),
      database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name),
    ]);
  }
  return pending;
}
