import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseVars } from '../../scripts/launcher/secrets.ts';
import { freePort, freshCheckout, type Running, run } from './checkout.ts';

/** `npm run dev` is what a person works with: it has to do the main job as well, if slower. */

let checkout: ReturnType<typeof freshCheckout>;
let dev: Running;
let url: string;
let token: string;

beforeAll(async () => {
  checkout = freshCheckout();
  const port = await freePort();
  const offline = { CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false', CI: 'true' };
  dev = run('npm', ['run', 'dev', '--', '--port', String(port), '--inspector-port', '0'], checkout.path, offline);
  const [, address = ''] = await dev.waitFor(/Ready on (http:\/\/[\w.:]+)/);
  url = address;
  token = parseVars(readFileSync(join(checkout.path, '.dev.vars'), 'utf8'))['ADMIN_TOKEN'] ?? '';
});

afterAll(async () => {
  await dev?.end('SIGTERM');
  dev?.killGroup();
  checkout?.remove();
});

function call(path: string, init: RequestInit): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return fetch(`${url}/v1/namespaces/default${path}`, { ...init, headers });
}

test('wrangler dev takes in an object and answers a query over it', async () => {
  const body = '{"city":"Oslo","degrees":4}\n{"city":"Rome","degrees":17}\n';
  const put = await call('/datasets/weather/objects/today.ndjson?wait=60', { method: 'PUT', body });
  expect(await put.json()).toMatchObject({ state: 'committed', rowsCommitted: 2 });
  const sql = 'SELECT city, degrees FROM weather WHERE degrees > 10';
  const answer = await call('/query', { method: 'POST', body: JSON.stringify({ sql }) });
  expect(await answer.json()).toMatchObject({ rows: [['Rome', 17]] });
});
