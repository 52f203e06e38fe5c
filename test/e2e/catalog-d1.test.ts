import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll } from 'vitest';
import { applyMigrations } from '../../scripts/launcher/migrations.ts';
import type { SqlBinding } from '../../src/storage/sql.ts';
import { catalogSuite } from '../storage/catalog-suite.ts';

let miniflare: Miniflare;
let binding: SqlBinding;

beforeAll(async () => {
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      workers: [
        {
          name: 'd1',
          modules: [{ type: 'ESModule', path: 'd1.js', contents: 'export default { fetch: () => new Response() }' }],
          compatibilityDate: '2026-08-15',
          d1Databases: { DB: 'catalog' },
        },
      ],
    }),
  );
  const { DB } = await miniflare.getBindings<{ DB: D1Database }>();
  await applyMigrations(DB, 'migrations');
  binding = DB as unknown as SqlBinding;
});
afterAll(async () => {
  await miniflare.dispose();
});

catalogSuite('D1', async () => binding);
