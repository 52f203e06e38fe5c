import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { type Issuer, keyPair, startIssuer, tokenOf } from '../access/issuer.ts';
import { signed } from '../access/signer.ts';
import { until } from '../discovery/until.ts';
import { applyAll, createNamespace, type Manifest, routeTo, upstreamOf } from './gateway-resources.ts';
import { type Backend, backendServer, type Received, type Sending, send } from './gateway-world.ts';

let instance: Instance;
let backend: Backend;
let issuer: Issuer;
let sockets: WebSocketServer;
/** The close code of a WebSocket whose key of the platform was revoked, and after how many milliseconds: a wait beside the rest. */
let revoked: Promise<[code: number, afterMs: number]>;

const ADA = 'the-key-of-ada-0001';
const BOB = 'the-key-of-bob-0001';
const CAT = 'the-key-of-cat-0001';
const ROBOT = randomBytes(32);
const RSA = keyPair('RS256', 'rsa-1');

const ONE_SECOND = { timeouts: { request: '1s' } };

/** A route of a host, and a policy on it. */
function guarded(
  host: string,
  kind: 'AuthPolicy' | 'SecurityPolicy',
  spec: object,
  upstream = 'echo',
  rule = {},
): Manifest[] {
  const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: host }];
  return [
    routeTo(upstream, host, [`${host}.example.com`], rule),
    { apiVersion: 'orasi.io/v1alpha1', kind, metadata: { name: host }, spec: { targetRefs, ...spec } },
  ];
}

function secret(name: string, stringData: Readonly<Record<string, string>>): Manifest {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData };
}

beforeAll(async () => {
  [backend, issuer] = await Promise.all([backendServer(), startIssuer()]);
  issuer.answer = () => ({ body: JSON.stringify({ keys: [RSA.jwk] }) });
  sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
  instance = await launch({ vars: { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8' } });
  const from = [
    { type: 'Header', name: 'X-API-Key' },
    { type: 'Query', name: 'key' },
    { type: 'Cookie', name: 'key' },
  ];
  await applyAll(instance, 'default', [
    upstreamOf('echo', [backend.address]),
    upstreamOf('sockets', [`http://127.0.0.1:${(sockets.address() as AddressInfo).port}`]),
    ...guarded(
      'live',
      'SecurityPolicy',
      { profile: 'strict', webSocket: { origins: ['https://*.example.com'] } },
      'sockets',
    ),
    secret('consumers', { ada: ADA }),
    secret('partners', { bob: BOB, cat: CAT }),
    secret('robots', { r2: ROBOT.toString('base64') }),
    ...guarded('keys', 'AuthPolicy', {
      realm: 'shop',
      apiKey: { from, secrets: [{ name: 'consumers', tenant: 'acme' }] },
      identityHeaders: [
        { name: 'X-User', value: 'user' },
        { name: 'X-Tenant', value: 'tenant' },
      ],
    }),
    ...guarded('rotating', 'AuthPolicy', { apiKey: { secrets: [{ name: 'partners' }] } }),
    ...guarded(
      'chat',
      'AuthPolicy',
      { apiKey: { secrets: [{ name: 'partners' }], platformKeys: { roles: ['reader'] } } },
      'sockets',
    ),
    ...guarded('platform', 'AuthPolicy', { apiKey: { platformKeys: { roles: ['reader'] } } }),
    ...guarded('tokens', 'AuthPolicy', {
      jwt: {
        providers: [
          {
            name: 'login',
            issuer: 'https://login.example.com',
            audiences: ['shop'],
            keys: { url: `${issuer.origin}/keys` },
            tenantClaim: 'org.id',
            claimsToHeaders: [
              { claim: 'sub', header: 'X-User' },
              { claim: 'roles', header: 'X-Roles' },
            ],
          },
        ],
      },
      authorization: {
        rules: [
          { name: 'no-writes', action: 'Deny', expression: 'request.method != "GET" && !("admin" in claims.roles)' },
          { name: 'own-org', action: 'Allow', expression: 'request.path.startsWith("/orgs/" + identity.tenant + "/")' },
        ],
      },
    }),
    ...guarded('signed', 'AuthPolicy', { hmac: { secrets: [{ name: 'robots' }], maxBodyBytes: 1_000 } }),
    ...guarded('hurried', 'SecurityPolicy', { request: { jsonSchema: { type: 'object' } } }, 'echo', ONE_SECOND),
    ...guarded('hurried-signed', 'AuthPolicy', { hmac: { secrets: [{ name: 'robots' }] } }, 'echo', ONE_SECOND),
    ...guarded('broken', 'AuthPolicy', {
      authorization: { rules: [{ action: 'Allow', expression: 'user == "ada"' }] },
    }),
    ...guarded('checked', 'SecurityPolicy', {
      profile: 'api',
      responseHeaders: { set: [{ name: 'X-Frame-Options', value: 'DENY' }], remove: ['X-Backend'] },
      request: {
        methods: ['GET', 'POST', 'PUT'],
        maxUrlBytes: 100,
        maxHeaderBytes: 2_000,
        maxBodyBytes: 1_000,
        contentTypes: ['application/json', 'text/*'],
        requiredHeaders: ['X-Client'],
      },
      webSocket: { origins: ['https://*.example.com'] },
    }),
    ...guarded('orders', 'SecurityPolicy', {
      request: {
        jsonSchema: { type: 'object', required: ['sku'], properties: { sku: { type: 'string', pattern: '^[A-Z]+$' } } },
      },
    }),
    ...guarded('near', 'SecurityPolicy', {
      addresses: { allow: ['203.0.113.0/24', '2001:db8::/32'], deny: ['203.0.113.7'] },
    }),
  ]);
  for (const host of ['keys', 'near']) await until(host, async () => (await ask(host)).status !== 404);
  revoked = revokeOpened();
  revoked.catch(() => undefined);
});

afterAll(async () => {
  await instance?.stop();
  await backend?.stop();
  for (const socket of sockets?.clients ?? []) socket.terminate();
  sockets?.close();
  await issuer?.close();
});

const ask = (host: string, path = '/', sending: Sending = {}) => send(instance, `${host}.example.com`, path, sending);

/** What the backend got, with the status, or the code of the refusal. */
async function outcome(host: string, path = '/', sending: Sending = {}) {
  const sent = await ask(host, path, sending);
  if (sent.status !== 200)
    return { status: sent.status, code: sent.json<{ code: string }>().code, headers: sent.headers };
  return { status: 200, got: sent.json<Received>(), headers: sent.headers };
}

async function issueKey(namespace: string, role: string): Promise<{ token: string; keyId: string }> {
  const body = JSON.stringify({ role, label: 'test' });
  const headers = { 'content-type': 'application/json' };
  const answer = await instance.fetch(`/v1/namespaces/${namespace}/keys`, { method: 'POST', headers, body });
  return (await answer.json()) as { token: string; keyId: string };
}

/** An open WebSocket of the chat. */
async function chat(key: string): Promise<WebSocket> {
  const { port } = new URL(instance.url);
  const headers = { host: 'chat.example.com', 'x-api-key': key };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers });
  await once(socket, 'open');
  return socket;
}

async function revokeOpened(): Promise<[code: number, afterMs: number]> {
  const { token, keyId } = await issueKey('default', 'reader');
  const socket = await chat(token);
  const closed = once(socket, 'close');
  const answer = await instance.fetch(`/v1/namespaces/default/keys/${keyId}`, { method: 'DELETE' });
  if (!answer.ok) throw new Error(`the key is not revoked: ${answer.status}`);
  const sinceMs = Date.now();
  const [code] = await closed;
  return [code, Date.now() - sinceMs];
}

describe('API keys', () => {
  test('a key says who calls, and is not told to the upstream', async () => {
    for (const [path, headers] of [
      ['/a?b=c', { 'x-api-key': ADA }],
      [`/a?key=${ADA}&b=c`, {}],
      ['/a?b=c', { cookie: `theme=dark; key=${ADA}` }],
    ] as const) {
      const { status, got } = await outcome('keys', path, { headers });
      expect(status).toBe(200);
      expect(got).toMatchObject({ url: '/a?b=c', headers: { 'x-user': 'ada', 'x-tenant': 'acme' } });
      expect(JSON.stringify(got)).not.toContain(ADA);
    }
  });

  test('without one, or with a wrong one, the request is refused with what would open it', async () => {
    const wrong: Record<string, string>[] = [{}, ...['wrong', `${ADA}x`, ''].map((key) => ({ 'x-api-key': key }))];
    for (const headers of wrong) {
      const { status, code, headers: answered } = await outcome('keys', '/', { headers });
      expect([status, code]).toEqual([401, 'unauthenticated']);
      expect(answered['www-authenticate']).toContain('ApiKey realm="shop", in="header", name="x-api-key"');
    }
    // Which of two values counts would be anybody's guess.
    expect((await outcome('keys', `/?key=${ADA}&key=${ADA}`)).status).toBe(401);
  });

  test('nobody says by a header who he is', async () => {
    const spoofed = { 'x-api-key': ADA, 'x-user': 'root', 'X-Tenant': 'other', x_user: 'root' };
    const { got } = await outcome('keys', '/', { headers: spoofed });
    expect(got?.headers['x-user']).toBe('ada');
    expect(got?.headers['x-tenant']).toBe('acme');
    expect(got?.headers).not.toHaveProperty('x_user');
  });

  test('a key that is taken out of its Secret is dead in some seconds, and a new one opens', async () => {
    expect((await outcome('rotating', '/', { headers: { 'x-api-key': BOB } })).status).toBe(200);
    const [bobs, cats] = [await chat(BOB), await chat(CAT)];
    const closed = once(bobs, 'close');
    await applyAll(instance, 'default', [secret('partners', { bob: 'the-new-key-of-bob-2', cat: CAT })]);
    await until(
      'the old key is dead',
      async () => (await outcome('rotating', '/', { headers: { 'x-api-key': BOB } })).status === 401,
    );
    expect((await outcome('rotating', '/', { headers: { 'x-api-key': 'the-new-key-of-bob-2' } })).status).toBe(200);
    // So is what it had opened, though nothing passed; what another key opened goes on.
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([4006, 'its credentials are no longer right']);
    cats.send('still here');
    expect(String((await once(cats, 'message'))[0])).toBe('echo still here');
    cats.close();
  });

  test("the platform's keys open for the roles that the policy names, in their namespace", async () => {
    await createNamespace(instance, 'other');
    const issue = async (namespace: string, role: string) => (await issueKey(namespace, role)).token;
    const [reader, admin, foreign] = [
      await issue('default', 'reader'),
      await issue('default', 'admin'),
      await issue('other', 'reader'),
    ];
    const asked = async (key: string) => (await outcome('platform', '/', { headers: { 'x-api-key': key } })).status;
    expect([await asked(reader), await asked(admin), await asked(foreign)]).toEqual([200, 401, 401]);
    expect(await asked(`${reader.slice(0, -1)}${reader.endsWith('0') ? '1' : '0'}`)).toBe(401);
  });

  test('nothing that lies in the bucket has a key in it', async () => {
    const { objects } = await instance.bindings.BUCKET.list({ prefix: 'gateway/' });
    expect(objects.length).toBeGreaterThan(0);
    for (const { key } of objects) {
      const text = await (await instance.bindings.BUCKET.get(key))?.text();
      for (const value of [
        ADA,
        BOB,
        ROBOT.toString('base64'),
        Buffer.from(ROBOT.toString('base64')).toString('base64'),
      ])
        expect(text).not.toContain(value);
    }
  });
});

describe('tokens', () => {
  const now = () => Math.floor(Date.now() / 1_000);
  const claims = (changes: object = {}) => ({
    iss: 'https://login.example.com',
    aud: ['shop', 'other'],
    sub: 'ada',
    org: { id: 'acme' },
    roles: ['dev', 'ops'],
    exp: now() + 60,
    ...changes,
  });
  const bearer = (changes: object = {}, header: object = {}) => ({
    authorization: `Bearer ${tokenOf({ alg: 'RS256', kid: 'rsa-1', ...header }, claims(changes), RSA.privateKey, 'RS256')}`,
  });

  test('a token opens what the rules allow, and its claims reach the upstream in the place of what a client says', async () => {
    const headers = { ...bearer(), 'x-user': 'root', 'x-roles': 'admin' };
    const { status, got } = await outcome('tokens', '/orgs/acme/1', { headers });
    expect(status).toBe(200);
    expect(got?.headers).toMatchObject({ 'x-user': 'ada', 'x-roles': 'dev,ops' });
    expect(got?.headers.authorization).toMatch(/^Bearer /);
  });

  test('rules refuse what they do not allow, by path, method and claim', async () => {
    expect(await outcome('tokens', '/orgs/other/1', { headers: bearer() })).toMatchObject({
      status: 403,
      code: 'access_denied',
    });
    expect((await outcome('tokens', '/orgs/other/../acme/1', { headers: bearer() })).status).toBe(200);
    expect((await outcome('tokens', '/orgs/acme/../other/1', { headers: bearer() })).status).toBe(403);
    expect((await outcome('tokens', '/orgs/acme/1', { method: 'DELETE', headers: bearer() })).status).toBe(403);
    expect(
      (await outcome('tokens', '/orgs/acme/1', { method: 'DELETE', headers: bearer({ roles: ['admin'] }) })).status,
    ).toBe(200);
    // Without the claim that a Deny reads, it fails, and refuses.
    expect(
      (await outcome('tokens', '/orgs/acme/1', { method: 'DELETE', headers: bearer({ roles: undefined }) })).status,
    ).toBe(403);
  });

  test('tokens that are not right are refused, and say why', async () => {
    const unsigned = { authorization: `Bearer ${tokenOf({ alg: 'none' }, claims(), null)}` };
    const pem = RSA.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const confused = { authorization: `Bearer ${tokenOf({ alg: 'HS256', kid: 'rsa-1' }, claims(), pem)}` };
    for (const headers of [
      unsigned,
      confused,
      bearer({ exp: now() - 60 }),
      bearer({ aud: 'other' }),
      { authorization: 'Bearer x' },
    ]) {
      const { status, headers: answered } = await outcome('tokens', '/orgs/acme/1', { headers });
      expect(status).toBe(401);
      expect(answered['www-authenticate']).toMatch(
        /^Bearer realm="api", error="invalid_token", error_description=".+"$/,
      );
    }
    const { headers } = await outcome('tokens', '/orgs/acme/1');
    expect(headers['www-authenticate']).toBe('Bearer realm="api"');
  });

  test('the issuer was asked for its keys once', () => {
    expect(issuer.asked).toEqual(['/keys']);
  });
});

describe('signed requests', () => {
  const sign = (
    changes: { body?: string; nonce?: string; path?: string; method?: string; keyId?: string } = {},
  ): Sending => {
    const { body, nonce = randomBytes(8).toString('hex'), path = '/', method = 'POST', keyId = 'r2' } = changes;
    // By the value of the entry, which is text.
    const secretBytes = Buffer.from(ROBOT.toString('base64'));
    const created = Math.floor(Date.now() / 1_000);
    const headers = signed(
      { method, url: `http://signed.example.com${path}`, body },
      { keyId, secret: secretBytes, created, nonce },
    );
    return { method, headers, body };
  };

  test('a signature opens, once', async () => {
    const sending = sign({ body: '{"a":1}' });
    const first = await outcome('signed', '/', sending);
    expect(first).toMatchObject({ status: 200, got: { body: '{"a":1}' } });
    expect(first.got?.headers).not.toHaveProperty('signature');
    const again = await outcome('signed', '/', sending);
    expect([again.status, again.headers['www-authenticate']]).toEqual([401, 'Signature realm="api"']);
    expect(again.headers['accept-signature']).toContain('"content-digest"');
  });

  test('a request without a body needs no digest, whatever its method', async () => {
    expect((await outcome('signed', '/', sign())).status).toBe(200);
    const { headers, ...rest } = sign();
    expect((await outcome('signed', '/', { ...rest, headers: { ...headers, 'content-length': '0' } })).status).toBe(
      200,
    );
  });

  test('of ten that come with one signature at once, one passes', async () => {
    const sending = sign({ body: 'x' });
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async () => (await outcome('signed', '/', sending)).status),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 401)).toHaveLength(9);
  });

  test('what was changed on the way does not pass, nor what is too long to be compared', async () => {
    expect((await outcome('signed', '/', { ...sign({ body: 'a' }), body: 'b' })).status).toBe(401);
    expect((await outcome('signed', '/admin', sign())).status).toBe(401);
    expect((await outcome('signed', '/', { ...sign(), method: 'DELETE' })).status).toBe(401);
    expect((await outcome('signed', '/', sign({ keyId: 'nobody' }))).status).toBe(401);
    const long = sign({ body: 'x'.repeat(1_001) });
    const chunked = { ...long, headers: { ...long.headers, 'transfer-encoding': 'chunked' } };
    for (const sending of [long, chunked])
      expect(await outcome('signed', '/', sending)).toMatchObject({ status: 413, code: 'body_too_large' });
    expect((await outcome('signed', '/', {})).status).toBe(401);
  });
});

test('a policy with a rule that does not compile is not accepted, says where, and lets nobody in', async () => {
  const answer = await instance.fetch('/apis/orasi.io/v1alpha1/namespaces/default/authpolicies/broken');
  const { status } = (await answer.json()) as { status: { conditions: Record<string, string>[] } };
  expect(status.conditions).toContainEqual(
    expect.objectContaining({
      type: 'Accepted',
      status: 'False',
      message: expect.stringContaining('at character 1: knows no "user"'),
    }),
  );
  expect(await outcome('broken')).toMatchObject({ status: 500, code: 'route_broken' });
});

describe('requests that are checked', () => {
  const client = { 'x-client': 'test' };
  const json = { ...client, 'content-type': 'application/json' };
  const cases: readonly [name: string, path: string, sending: Sending, status: number][] = [
    ['as they should be', '/', { headers: client }, 200],
    [
      'with a body as it should be',
      '/',
      { method: 'POST', headers: { ...client, 'content-type': 'text/plain; charset=utf-8' }, body: 'x' },
      200,
    ],
    ['without a body, with its length', '/', { method: 'POST', headers: { ...client, 'content-length': '0' } }, 200],
    ['of another method', '/', { method: 'DELETE', headers: client }, 405],
    ['with a long query', `/?${'x'.repeat(100)}`, { headers: client }, 414],
    ['with long headers', '/', { headers: { ...client, 'x-long': 'x'.repeat(2_000) } }, 431],
    [
      'with a header that is asked for, and is to be dropped',
      '/',
      { headers: { ...client, connection: 'x-client' } },
      400,
    ],
    ['without a header that is asked for', '/', {}, 400],
    [
      'with a body of another type',
      '/',
      { method: 'POST', headers: { ...client, 'content-type': 'image/png' }, body: 'x' },
      415,
    ],
    ['with a body of no type', '/', { method: 'POST', headers: client, body: 'x' }, 415],
    ['with a long body', '/', { method: 'POST', headers: json, body: 'x'.repeat(1_001) }, 413],
    ['with a body of just that length', '/', { method: 'POST', headers: json, body: 'x'.repeat(1_000) }, 200],
    [
      'to open a WebSocket from elsewhere',
      '/',
      { headers: { ...client, connection: 'upgrade', upgrade: 'websocket', origin: 'https://example.com.evil.net' } },
      403,
    ],
    [
      'to open a WebSocket from nowhere',
      '/',
      { headers: { ...client, connection: 'upgrade', upgrade: 'websocket' } },
      403,
    ],
  ];
  test.each(cases)('%s', async (_, path, sending, status) => {
    const { headers, ...answered } = await outcome('checked', path, sending);
    expect(answered.status).toBe(status);
    if (status === 405) expect(headers.allow).toBe('GET, POST, PUT');
    // Ours, and the upstream's, alike.
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    });
    expect(headers).not.toHaveProperty('strict-transport-security');
  });

  test('a body without a length is ended where it is too long, before it has ended', async () => {
    const { hostname, port } = new URL(instance.url);
    const headers = { host: 'checked.example.com', 'transfer-encoding': 'chunked', ...json };
    const request = http.request({ hostname, port, method: 'POST', headers });
    request.on('error', () => undefined);
    const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
    // It never ends: whoever waits for its end waits for ever.
    const writing = setInterval(() => request.write('x'.repeat(300)), 5);
    const [response] = await answered;
    clearInterval(writing);
    expect(response.statusCode).toBe(413);
    request.destroy();
    expect(backend.received.some(({ body }) => body.length > 1_000)).toBe(false);
  });

  test('bodies are held against a JSON Schema before the upstream sees them', async () => {
    const post = (body: string, type = 'application/json') =>
      outcome('orders', '/', { method: 'POST', headers: { 'content-type': type }, body });
    expect(await post('{"sku":"ABC"}')).toMatchObject({ status: 200, got: { body: '{"sku":"ABC"}' } });
    expect((await post('{"sku":"ABC"}', 'application/vnd.shop+json; charset=utf-8')).status).toBe(200);
    expect(await post('{"sku":"abc"}')).toMatchObject({ status: 400, code: 'bad_request' });
    expect((await post('{"sku":')).status).toBe(400);
    expect((await post('')).status).toBe(400);
    expect((await post('{"sku":"ABC"}', 'text/plain')).status).toBe(415);
    expect((await post(`"${'x'.repeat(70_000)}"`)).status).toBe(413);
    expect((await outcome('orders')).status).toBe(200);
  });
});

test('a body that has to be read whole, and does not come, is not waited for beyond the time of the rule', async () => {
  const { hostname, port } = new URL(instance.url);
  const created = Math.floor(Date.now() / 1_000);
  const key = { keyId: 'r2', secret: Buffer.from(ROBOT.toString('base64')), created, nonce: 'of-a-slow-one' };
  const target = { method: 'POST', url: 'http://hurried-signed.example.com/', body: '{"a":12345}' };
  const stalled = async (host: string, headers: Record<string, string>) => {
    const sent = { host: `${host}.example.com`, 'content-type': 'application/json', ...headers };
    const request = http.request({ hostname, port, method: 'POST', headers: sent });
    request.on('error', () => undefined);
    request.write('{"a');
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    request.destroy();
    return response.statusCode;
  };
  const statuses = await Promise.all([
    stalled('hurried', { 'content-length': '11' }),
    stalled('hurried', { 'transfer-encoding': 'chunked' }),
    stalled('hurried-signed', { ...signed(target, key), 'content-length': '11' }),
    stalled('hurried-signed', { ...signed(target, key), 'transfer-encoding': 'chunked' }),
  ]);
  expect(statuses).toEqual([408, 408, 408, 408]);
});

test('WebSockets are opened for the pages that the policy names, and for no others', async () => {
  const open = async (origin: string | undefined) => {
    const { port } = new URL(instance.url);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host: 'live.example.com' }, origin });
    return await new Promise<string>((resolve) => {
      socket.on('open', () => socket.send('hello'));
      socket.on('message', (data) => {
        resolve(String(data));
        socket.close();
      });
      socket.on('unexpected-response', (_, response) => resolve(String(response.statusCode)));
      socket.on('error', (error) => resolve(error.message));
    });
  };
  expect(await open('https://app.example.com')).toBe('echo hello');
  expect(await open('https://example.com.evil.net')).toBe('403');
  expect(await open('https://evil.net/.example.com')).toBe('403');
  expect(await open('http://app.example.com')).toBe('403');
  expect(await open(undefined)).toBe('403');
});

test('a WebSocket ends within ten seconds of the revocation of the key of the platform that opened it', async () => {
  const [code, afterMs] = await revoked;
  expect(code).toBe(4006);
  expect(afterMs).toBeLessThan(10_000);
});

test('addresses are let in by blocks, and kept out by blocks, however they are spelled', async () => {
  const from = async (address: string) =>
    (await outcome('near', '/', { headers: { 'cf-connecting-ip': address } })).status;
  expect(await from('203.0.113.9')).toBe(200);
  expect(await from('::ffff:203.0.113.9')).toBe(200);
  expect(await from('2001:db8::1')).toBe(200);
  expect(await from('203.0.113.7')).toBe(403);
  expect(await from('::ffff:cb00:7107')).toBe(403);
  expect(await from('198.51.100.1')).toBe(403);
  expect((await outcome('near')).status).toBe(403);
});
