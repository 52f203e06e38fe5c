import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

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
    await database.batch([
      // A file in one statement: Node waits for each `prepare`, which is a call of its own to the runtime.
      database.prepare(await readFile(join(folder, name), 'utf8')),
      database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name),
    ]);
  }
  return pending;
}
