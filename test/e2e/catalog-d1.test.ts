import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll } from 'vitest';
import { applyMigrations } from '../../scripts/launcher/migrations.ts';
import type { BoundStatement, SqlBinding, SqlValue } from '../../src/storage/sql.ts';
import { catalogSuite } from '../storage/catalog-suite.ts';

/** D1 where it runs in earnest, in workerd, for tests in Node to call: one call of theirs is one request. */
const WORKER = `
export default {
  async fetch(request, { DB }) {
    const { batch, statements } = await request.json();
    const bound = statements.map(({ text, values }) => DB.prepare(text).bind(...values));
    try {
      return Response.json(batch ? await DB.batch(bound) : await bound[0].all());
    } catch (error) {
      return new Response(error.message, { status: 500 });
    }
  },
};`;

let miniflare: Miniflare;
let url: URL;

beforeAll(async () => {
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      workers: [
        {
          name: 'd1',
          modules: [{ type: 'ESModule', path: 'd1.js', contents: WORKER }],
          compatibilityDate: '2026-08-15',
          d1Databases: { DB: 'catalog' },
        },
      ],
    }),
  );
  url = await miniflare.ready;
  const { DB } = await miniflare.getBindings<{ DB: D1Database }>();
  await applyMigrations(DB, 'migrations');
});
afterAll(async () => {
  await miniflare.dispose();
});

async function call<T>(statements: readonly RemoteStatement[], batch: boolean): Promise<T> {
  const body = JSON.stringify({ batch, statements });
  const response = await fetch(url, { method: 'POST', body });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as T;
}

class RemoteStatement implements BoundStatement {
  readonly text: string;
  readonly values: readonly SqlValue[];

  constructor(text: string, values: readonly SqlValue[] = []) {
    this.text = text;
    this.values = values;
  }

  bind(...values: SqlValue[]): BoundStatement {
    // As JSON carries them; the catalogue binds no bytes.
    if (values.some((value) => value instanceof Uint8Array)) throw new TypeError('bytes are not sent');
    return new RemoteStatement(this.text, values);
  }

  all: BoundStatement['all'] = () => call([this], false);
}

/** The binding as the adapter uses it, over HTTP. Miniflare's own proxy of it takes a blocking call for each part of one. */
const remote: SqlBinding = {
  prepare: (text) => new RemoteStatement(text),
  batch: (statements) => call(statements as RemoteStatement[], true),
};

catalogSuite('D1', async () => remote);
