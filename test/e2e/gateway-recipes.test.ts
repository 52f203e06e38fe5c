import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { keyPair, tokenOf } from '../access/issuer.ts';
import { signed } from '../access/signer.ts';
import { until } from '../discovery/until.ts';
import { namespaceOf, pluralOf, type RecipeObject, recipes } from '../gateway-recipes.ts';
import { type Backend, backendServer, type Sending, send, sendRaw } from './gateway-world.ts';

let instance: Instance;
/** Behind ports 3001 and 3002 of the examples. */
let first: Backend;
let second: Backend;
const applied = recipes();
/** In the place of the key set that an example has written down. */
const batch = keyPair('ES256', 'of-this-test');
/** What endpoints are asked by a check and not by a request. */
const HEALTH = '/health';
/** Of these nothing is said; what stands on them says so. */
const SILENT = ['Namespace', 'ReferenceGrant', 'Secret'];

beforeAll(async () => {
  [first, second] = [await backendServer(), await backendServer()];
  instance = await launch({ vars: { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8', UPSTREAM_BINDINGS: 'SHOP' } });
  const namespace = await read('/api/v1/namespaces/default');
  await instance.bindings.BUCKET.put(`public/${namespace.metadata.uid}/site/index.html`, '<h1>Site</h1>');
  for (const objects of applied.values()) {
    for (const object of objects) {
      const body = JSON.stringify(object, withOwnKeys)
        .replaceAll('http://127.0.0.1:3001', first.address)
        .replaceAll('http://127.0.0.1:3002', second.address);
      const headers = { 'content-type': 'application/json' };
      const response = await instance.fetch(pathOf(object), { method: 'POST', headers, body });
      if (response.status !== 201)
        throw new Error(`${object.kind}: ${await response.text()}\n${instance.logs.slice(-5).join('\n')}`);
    }
  }
  for (const objects of applied.values())
    for (const object of objects) if (!SILENT.includes(object.kind)) await conditionsOf(object);
  const hosts = [...applied.values()].flat().flatMap(({ spec }) => (spec?.hostnames ?? []) as readonly string[]);
  const last = hosts[hosts.length - 1];
  await until('the last route is in force', async () => (await send(instance, last, '/')).status !== 404);
});

afterAll(async () => {
  await instance.stop();
  await first.stop();
  await second.stop();
});

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

interface Stored {
  readonly metadata: { readonly uid: string; readonly generation: number };
  readonly status?: {
    readonly conditions?: readonly (Condition & { readonly observedGeneration?: number })[];
    readonly parents?: readonly { readonly conditions: readonly Condition[] }[];
  };
}

function withOwnKeys(name: string, value: unknown): unknown {
  return name === 'inline' ? JSON.stringify({ keys: [batch.jwk] }) : value;
}

function pathOf(object: RecipeObject): string {
  const root = object.apiVersion === 'v1' ? '/api/v1' : `/apis/${object.apiVersion}`;
  const namespace = namespaceOf(object);
  return `${root}${namespace === null ? '' : `/namespaces/${namespace}`}/${pluralOf(object)}`;
}

async function read(path: string): Promise<Stored> {
  return (await (await instance.fetch(path)).json()) as Stored;
}

/** What is said of an object, as soon as something is. */
async function conditionsOf(object: RecipeObject): Promise<readonly Condition[]> {
  const deadlineMs = Date.now() + 5_000;
  for (;;) {
    const { status } = await read(`${pathOf(object)}/${object.metadata.name}`);
    const conditions = object.kind === 'HTTPRoute' ? status?.parents?.[0]?.conditions : status?.conditions;
    if (conditions !== undefined && conditions.length > 0) return conditions;
    if (Date.now() > deadlineMs) throw new Error(`nothing is said of ${object.kind} ${object.metadata.name}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test.each([...applied.keys()])('the example %s is accepted, and what it refers to is found', async (name) => {
  for (const object of applied.get(name) ?? []) {
    if (SILENT.includes(object.kind)) continue;
    const conditions = await conditionsOf(object);
    const wanted = object.kind === 'HTTPRoute' ? ['Accepted', 'ResolvedRefs'] : ['Accepted'];
    for (const type of wanted) {
      const found = conditions.find((condition) => condition.type === type);
      expect(found, `${object.kind} ${object.metadata.name}: ${JSON.stringify(conditions)}`).toMatchObject({
        status: 'True',
      });
    }
  }
});

/** Which backend got a request, and what it saw of it. */
async function ask(host: string, path = '/', sending: Sending = {}) {
  const requests = ({ received }: Backend) => received.filter(({ url }) => url !== HEALTH).length;
  const before = [requests(first), requests(second)];
  const answer = await send(instance, `${host}.localhost`, path, sending);
  const by = requests(first) > before[0] ? 1 : requests(second) > before[1] ? 2 : null;
  return { status: answer.status, headers: answer.headers, by, body: answer.body.toString() };
}

describe('what the examples say they do, they do', () => {
  test('path-routing', async () => {
    expect(await ask('paths', '/cart/7')).toMatchObject({ status: 200, by: 2 });
    expect(await ask('paths', '/checkout')).toMatchObject({ status: 200, by: 2 });
    expect(await ask('paths', '/checkout/now')).toMatchObject({ status: 200, by: 1 });
    expect(await ask('paths', '/cartoons')).toMatchObject({ status: 200, by: 1 });
  });

  test('canary', async () => {
    expect(await ask('canary', '/', { headers: { 'x-canary': 'always' } })).toMatchObject({ status: 200, by: 2 });
    const by: (number | null)[] = [];
    for (let i = 0; i < 60; i++) by.push((await ask('canary')).by);
    expect(by.filter((backend) => backend === 1).length).toBeGreaterThan(40);
    expect(by).not.toContain(null);
  });

  test('mirror', async () => {
    const before = second.received.length;
    for (let i = 0; i < 40; i++) {
      const { status } = await send(instance, 'mirrored.localhost', '/m');
      expect(status).toBe(200);
    }
    await expect.poll(() => second.received.length - before).toBeGreaterThan(0);
    expect(second.received.length - before).toBeLessThan(30);
  });

  test('redirect', async () => {
    const plain = await ask('moved', '/a?b=c');
    expect([plain.status, plain.headers.location, plain.by]).toEqual([301, 'https://moved.localhost/a?b=c', null]);
    const blog = await ask('moved', '/blog/2026/x');
    expect([blog.status, blog.headers.location]).toEqual([
      308,
      `${new URL(instance.url).protocol}//blog.localhost/2026/x`,
    ]);
    // The instance speaks one of both schemes; of the other the gateway itself says what it would do.
    const explained = await instance.fetch('/v1/namespaces/default/gateway/explain', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ method: 'GET', url: 'https://moved.localhost/a' }),
    });
    expect(await explained.json()).toMatchObject({ match: { route: 'default/moved' } });
  });

  test('rewrite', async () => {
    const { status, body } = await ask('rewritten', '/api/items?x=1', { headers: { 'x-debug': 'yes' } });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ url: '/v2/items?x=1', headers: { 'x-from': 'gateway' } });
    expect(JSON.parse(body).headers).not.toHaveProperty('x-debug');
    expect((await ask('rewritten', '/other')).status).toBe(404);
  });

  test('cors', async () => {
    const origin = 'https://a.preview.example.com';
    const asked = { origin, 'access-control-request-method': 'PUT' };
    const preflight = await ask('cors', '/', { method: 'OPTIONS', headers: asked });
    expect(preflight).toMatchObject({
      by: null,
      headers: { 'access-control-allow-origin': origin, 'access-control-max-age': '600' },
    });
    const elsewhere = await ask('cors', '/', { headers: { origin: 'https://elsewhere.example.com' } });
    expect(elsewhere.by).toBe(1);
    expect(elsewhere.headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('header-match', async () => {
    const group = { 'x-group': 'beta-7' };
    expect(await ask('headers', '/', { method: 'POST', headers: group })).toMatchObject({ by: 2 });
    expect(await ask('headers', '/', { headers: group })).toMatchObject({ by: 1 });
    expect(await ask('headers', '/?preview=1')).toMatchObject({ by: 2 });
    expect(await ask('headers', '/', { method: 'POST', headers: { 'x-group': 'beta-x' } })).toMatchObject({ by: 1 });
  });

  test('geography', async () => {
    // Whoever calls from here is in no place that the platform knows.
    expect(await ask('geography')).toMatchObject({ status: 200, by: 1 });
  });

  test('several-namespaces', async () => {
    expect(await ask('www.store', '/')).toMatchObject({ status: 200, by: 1 });
    expect(await ask('www.store', '/login/form')).toMatchObject({ status: 200, by: 2 });
  });

  test('api-versions', async () => {
    const accept = (type: string) => ask('versions', '/', { headers: { accept: type } });
    expect(await accept('application/vnd.shop.v2+json')).toMatchObject({ by: 2 });
    expect(await accept('application/json; version=2')).toMatchObject({ by: 2 });
    expect(await accept('application/json')).toMatchObject({ by: 1 });
  });

  test('rate-limit', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask('limited')).status);
    // A window may end between two of them.
    expect([
      [200, 200, 200, 429],
      [200, 200, 200, 200],
    ]).toContainEqual(statuses);
  });

  test('rate-limit-quota', async () => {
    const { headers } = await ask('plans', '/', { headers: { 'x-client': 'a' } });
    expect(headers['ratelimit-policy']).toBe('"daily";q=10000;w=86400, "rate";q=10;w=1;orasi-burst=20');
    expect(headers.ratelimit).toMatch(/^"rate";r=19;t=1$/);
    const more = await Promise.all(
      Array.from({ length: 40 }, () => ask('plans', '/', { headers: { 'x-client': 'a' } })),
    );
    expect(more.map(({ status }) => status)).toContain(429);
    expect(await ask('plans', '/', { headers: { 'x-client': 'b' } })).toMatchObject({ status: 200 });
  });

  test('rate-limit-edge', async () => {
    const { status, headers } = await ask('rough');
    expect([status, headers['ratelimit-policy'], headers.ratelimit]).toEqual([200, '"rough";q=100;w=10', undefined]);
  });

  test('rate-limit-path', async () => {
    const remaining = async (path: string) => (await ask('accounts', path)).headers['x-ratelimit-remaining'];
    const seen: unknown[] = [];
    for (const path of ['/accounts/7', '/accounts/7/bills', '/accounts/8']) seen.push(await remaining(path));
    expect(seen).toEqual(['59', '58', '59']);
  });

  test('rate-limit-cost', async () => {
    expect((await ask('queries', '/', { headers: { 'x-client': 'a' } })).headers.ratelimit).toMatch(
      /^"spending";r=990;/,
    );
  });

  test('rate-limit-in-flight', async () => {
    const { headers } = await ask('reports', '/', { headers: { 'x-tenant': 'a' } });
    expect(headers['ratelimit-policy']).toBe(
      '"at-a-time";q=2;qu="concurrent-requests", "volume";q=100000000;qu="content-bytes";w=3600',
    );
  });

  test('rate-limit-dry-run', async () => {
    for (let i = 0; i < 4; i++) expect((await ask('rehearsed')).status).toBe(200);
  });

  test('jwt', async () => {
    expect(await ask('tokens')).toMatchObject({ status: 401, by: null });
  });

  test('jwt-inline-keys', async () => {
    const claims = {
      iss: 'https://batch.example.com',
      aud: 'shop',
      sub: 'nightly',
      exp: Math.ceil(Date.now() / 1_000) + 60,
    };
    const bearer = (key: typeof batch) => ({
      authorization: `Bearer ${tokenOf({ alg: 'ES256', kid: 'of-this-test' }, claims, key.privateKey)}`,
    });
    const { status, by, body } = await ask('pinned-keys', '/', { headers: bearer(batch) });
    expect([status, by]).toEqual([200, 1]);
    expect(JSON.parse(body).headers).toMatchObject({ 'x-user': 'nightly' });
    const forged = bearer(keyPair('ES256', 'of-this-test'));
    expect(await ask('pinned-keys', '/', { headers: forged })).toMatchObject({ status: 401, by: null });
  });

  test('mtls', async () => {
    // A certificate cannot be asked for by a challenge, so there is no 401.
    expect(await ask('partners')).toMatchObject({ status: 403, by: null });
  });

  test('api-keys', async () => {
    expect(await ask('keys')).toMatchObject({ status: 401, by: null });
    const { status, body } = await ask('keys', '/', {
      headers: { 'x-api-key': 'replace-this-key-of-ada', 'x-user': 'eve' },
    });
    expect(status).toBe(200);
    expect(JSON.parse(body).headers).toMatchObject({ 'x-user': 'ada', 'x-tenant': 'acme' });
  });

  test('signed-requests', async () => {
    const key = { keyId: 'robot-1', secret: Buffer.from('replace-this-secret-of-robot-1'), nonce: 'of-this-test' };
    const created = Math.floor(Date.now() / 1_000);
    const headers = signed({ method: 'GET', url: 'http://signed.localhost/' }, { ...key, created });
    expect(await ask('signed')).toMatchObject({ status: 401, by: null });
    expect(await ask('signed', '/', { headers })).toMatchObject({ status: 200, by: 1 });
    expect(await ask('signed', '/', { headers })).toMatchObject({ status: 401, by: null });
  });

  test('authorisation-rules', async () => {
    const key = { 'x-api-key': 'replace-this-key-of-the-writer' };
    expect(await ask('rules')).toMatchObject({ status: 200, by: 1 });
    expect(await ask('rules', '/', { method: 'POST' })).toMatchObject({ status: 401, by: null });
    expect(await ask('rules', '/', { method: 'POST', headers: key })).toMatchObject({ status: 200, by: 1 });
    expect(await ask('rules', '/internal/', { headers: key })).toMatchObject({ status: 403, by: null });
    const inside = { ...key, 'cf-connecting-ip': '10.1.2.3' };
    expect(await ask('rules', '/internal/', { headers: inside })).toMatchObject({ status: 200, by: 1 });
  });

  test('request-validation', async () => {
    const post = (body: string, type = 'application/json') =>
      ask('orders', '/', { method: 'POST', headers: { 'x-client': 'test', 'content-type': type }, body });
    expect(await post('{"sku":"ABC-1","count":2}')).toMatchObject({ status: 200, by: 1 });
    expect(await post('{"sku":"ABC-1","count":0}')).toMatchObject({ status: 400, by: null });
    expect(await post('sku=ABC-1', 'text/plain')).toMatchObject({ status: 415, by: null });
    expect(await ask('orders', '/', { method: 'PUT', headers: { 'x-client': 'test' } })).toMatchObject({ status: 405 });
    expect(await ask('orders')).toMatchObject({ status: 400, by: null });
  });

  test('upload-limits', async () => {
    const upload = (type: string, length: number) =>
      ask('uploads', '/', { method: 'PUT', headers: { 'content-type': type }, body: 'x'.repeat(length) });
    expect(await upload('image/png', 1_000)).toMatchObject({ status: 200, by: 1 });
    expect(await upload('text/html', 1_000)).toMatchObject({ status: 415, by: null });
    // The answer comes before the body, and a client that goes on writing may meet a closed connection.
    const head = ['PUT / HTTP/1.1', 'Host: uploads.localhost', 'Content-Type: image/png', 'Content-Length: 10000001'];
    expect(await sendRaw(instance, `${head.join('\r\n')}\r\n\r\n`)).toMatch(/^HTTP\/1.1 413 /);
  });

  test('security-headers', async () => {
    const { headers } = await ask('pages');
    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'self' https://cdn.example.com",
      'x-frame-options': 'SAMEORIGIN',
      'x-content-type-options': 'nosniff',
    });
  });

  test('address-lists', async () => {
    const from = (address: string) => ask('office', '/', { headers: { 'cf-connecting-ip': address } });
    expect(await from('203.0.113.7')).toMatchObject({ status: 200, by: 1 });
    expect(await from('203.0.113.66')).toMatchObject({ status: 403, by: null });
    expect(await from('198.51.100.7')).toMatchObject({ status: 403, by: null });
  });

  test('websocket-origins', async () => {
    const open = (origin: string) =>
      ask('sockets', '/', { headers: { connection: 'upgrade', upgrade: 'websocket', origin } });
    expect(await open('https://evil.example.com')).toMatchObject({ status: 403, by: null });
    expect(await ask('sockets')).toMatchObject({ status: 200, by: 1 });
  });

  test('timeouts-and-retries', async () => {
    expect(await ask('patient')).toMatchObject({ status: 200 });
  });

  test('sticky-sessions', async () => {
    const { by, headers } = await ask('sticky');
    const cookie = String(headers['set-cookie']).split(';')[0];
    for (let i = 0; i < 6; i++) expect(await ask('sticky', '/', { headers: { cookie } })).toMatchObject({ by });
  });

  test('static-files', async () => {
    const { status, headers, body } = await ask('site');
    expect([status, body]).toEqual([200, '<h1>Site</h1>']);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toBeTruthy();
  });
});
