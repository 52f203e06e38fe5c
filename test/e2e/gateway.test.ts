import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { action, backend, NAMESPACE_UID, rule, upstream } from '../gateway/entries.ts';
import { type Backend, backendServer, echo, publish, send, sendRaw } from './gateway-world.ts';

const HOST = 'shop.localhost';
/** Paths whose next request is answered; others are cut off. */
const flaky = new Set<string>();
const GZIPPED = gzipSync('a body of text, again and again. '.repeat(200), { level: 1 });

let instance: Instance;
let origin: Backend;
let second: Backend;
/** Speaks what no server of node's would: a head, then whatever the path says. */
let crooked: { address: string; opened: string[]; closed: string[]; stop(): void };

beforeAll(async () => {
  origin = await backendServer((request, response, body) => {
    const path = request.url ?? '';
    if (path.startsWith('/flaky') && !flaky.delete(path)) {
      flaky.add(path);
      return request.socket.destroy();
    }
    if (path.startsWith('/redirects'))
      return response.writeHead(302, { location: 'https://elsewhere.example/x' }).end();
    if (path.startsWith('/gzip')) {
      response.writeHead(200, { 'content-encoding': 'gzip', etag: '"v1"', 'content-length': GZIPPED.length });
      return response.end(request.method === 'HEAD' ? undefined : GZIPPED);
    }
    if (path.startsWith('/status/')) return response.writeHead(Number(path.split('/')[2])).end();
    if (path.startsWith('/answer-headers')) {
      response.writeHead(
        200,
        'Fine',
        [
          ['Connection', 'keep-alive, X-Of-The-Connection'],
          ['Keep-Alive', 'timeout=99'],
          ['X-Of-The-Connection', '1'],
          ['Proxy-Authenticate', 'Basic'],
          ['Upgrade', 'h2c'],
          ['Set-Cookie', 'a=1; Path=/'],
          ['Set-Cookie', 'b=2'],
          ['Server', 'backend/9'],
          ['X-Powered-By', 'tests'],
          ['X-Taken-Out', 'secret'],
        ].flat(),
      );
      return response.end('ok');
    }
    return echo(request, response, body);
  });
  second = await backendServer();
  crooked = await crookedServer();
  instance = await launch({ vars: { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8', TRUSTED_PROXIES: '198.51.100.0/24' } });
  const [toOrigin, toCrooked] = [backend('origin'), backend('crooked')];
  await publish(instance, {
    upstreams: {
      origin: upstream([origin.address]),
      second: upstream([second.address]),
      patient: upstream([origin.address], {
        retry: {
          attempts: 1,
          on: ['ConnectFailure'],
          statuses: [],
          backoffMs: 1,
          maxBackoffMs: 1,
          budget: { share: 1, minimum: 3 },
        },
      }),
      narrow: upstream([crooked.address], { bulkhead: { maxInFlight: 1, maxQueued: 0, queueTimeoutMs: 0 } }),
      crooked: upstream([crooked.address], { timeouts: { requestMs: 30_000, tryMs: 0, idleMs: 400 } }),
      guarded: upstream([origin.address], { circuitBreaker: BREAKER }),
      swallowing: upstream([crooked.address], { circuitBreaker: BREAKER }),
      files: upstream([], {
        source: { type: 'r2', binding: null, prefix: 'site/', indexDocument: 'index.html' },
        endpoints: [{ address: 'r2', weight: 1, zone: null, draining: false }],
      }),
      nobody: upstream(['http://127.0.0.1:1']),
      metadata: upstream(['http://169.254.169.254']),
    },
    hosts: {
      [`http://${HOST}`]: [
        rule('/', 'origin'),
        rule('/public', 'second'),
        rule('/crooked', 'crooked'),
        rule('/narrow', 'narrow'),
        rule('/flaky', 'patient'),
        rule('/nobody', 'nobody'),
        rule('/files', 'files', [
          { type: 'URLRewrite', rewrite: { hostname: null, path: { type: 'ReplacePrefixMatch', value: '/' } } },
        ]),
        rule('/guarded', 'guarded'),
        rule('/guarded-stall', 'guarded', [], { timeouts: { requestMs: 0, backendRequestMs: 200 } }),
        rule('/swallowing', 'swallowing', [], { timeouts: { requestMs: 0, backendRequestMs: 200 } }),
        rule('/metadata', 'metadata'),
        rule('/slow-request', 'crooked', [], { timeouts: { requestMs: 150, backendRequestMs: 0 } }),
        rule('/slow-try', 'crooked', [], { timeouts: { requestMs: 0, backendRequestMs: 150 } }),
        rule('/unresolved', 'origin', [], {
          backends: [{ ...toOrigin, upstream: null, reason: 'BackendNotFound', name: 'default/gone' }],
        }),
        rule('/broken', 'origin', [], { broken: { status: 503, reason: 'x', message: 'the policy does not compile' } }),
        rule('/moved', 'origin', [
          {
            type: 'RequestRedirect',
            redirect: {
              scheme: 'https',
              hostname: 'www.example.com',
              path: { type: 'ReplacePrefixMatch', value: '/new' },
              port: null,
              statusCode: 301,
            },
          },
        ]),
        rule('/rewritten', 'origin', [
          { type: 'URLRewrite', rewrite: { hostname: null, path: { type: 'ReplacePrefixMatch', value: '/v2' } } },
          {
            type: 'RequestHeaderModifier',
            headers: {
              set: [{ name: 'x-set', value: 'gateway' }],
              add: [{ name: 'x-added', value: 'two' }],
              remove: ['x-secret'],
            },
          },
        ]),
        rule('/hidden', 'origin', [
          {
            type: 'RequestHeaderModifier',
            headers: {
              set: [{ name: 'Upgrade', value: 'websocket' }],
              add: [{ name: 'Connection', value: 'upgrade' }],
              remove: ['Via'],
            },
          },
        ]),
        rule('/answer-headers', 'origin', [
          {
            type: 'ResponseHeaderModifier',
            headers: { set: [{ name: 'x-answered', value: 'yes' }], add: [], remove: ['x-taken-out'] },
          },
        ]),
        rule('/mirrored', 'origin', [
          { type: 'RequestMirror', mirror: { backend: backend('second'), fraction: 1 } },
          { type: 'RequestMirror', mirror: { backend: backend('nobody'), fraction: 1 } },
        ]),
        rule('/cors', 'origin', [
          {
            type: 'CORS',
            cors: {
              allowOrigins: ['https://*.example.com'],
              allowCredentials: true,
              allowMethods: ['PUT'],
              allowHeaders: ['*'],
              exposeHeaders: ['x-total'],
              maxAgeSeconds: 60,
            },
          },
        ]),
        {
          path: '/split',
          action: action([
            { ...toOrigin, weight: 1 },
            { ...toCrooked, upstream: null, weight: 1 },
          ]),
        },
      ],
    },
  });
});

afterAll(async () => {
  await instance?.stop();
  await Promise.all([origin.stop(), second.stop()]);
  crooked.stop();
});

const get = (path: string, headers: Record<string, string | string[]> = {}) => send(instance, HOST, path, { headers });

describe('what goes to the upstream', () => {
  test('headers of the connection stay behind, those that Connection names too', async () => {
    const { headers } = (
      await get('/a', {
        connection: 'close, X-Only-Here',
        'x-only-here': '1',
        'keep-alive': 'timeout=5',
        'proxy-connection': 'keep-alive',
        'proxy-authorization': 'Basic eA==',
        te: 'trailers',
        'x-kept': '1',
      })
    ).json();
    expect(headers).toMatchObject({ 'x-kept': '1' });
    for (const name of ['x-only-here', 'proxy-connection', 'proxy-authorization', 'te', 'keep-alive']) {
      expect(headers).not.toHaveProperty(name);
    }
  });

  test('what a client says of itself is replaced by what the gateway knows', async () => {
    const { headers } = (
      await get('/a', {
        forwarded: 'for=6.6.6.6',
        'x-forwarded-for': '6.6.6.6',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        'x-forwarded-prefix': '/evil',
        x_forwarded_for: '6.6.6.6',
        cf_connecting_ip: '6.6.6.6',
        'x-forwarded-server': 'evil',
        'x-real-ip': '6.6.6.6',
        'true-client-ip': '6.6.6.6',
        'x-original-url': '/admin',
        'x-rewrite-url': '/admin',
        'cf-connecting-ip': '203.0.113.9',
        'cf-ipcountry': 'XX',
      })
    ).json();
    expect(headers).toMatchObject({
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-host': HOST,
      'x-forwarded-proto': 'http',
      'x-real-ip': '203.0.113.9',
      forwarded: `for=203.0.113.9;host=${HOST};proto=http`,
    });
    for (const name of [
      'x-forwarded-prefix',
      'x-forwarded-server',
      'true-client-ip',
      'x-original-url',
      'x-rewrite-url',
    ]) {
      expect(headers).not.toHaveProperty(name);
    }
    for (const name of ['cf-ipcountry', 'x_forwarded_for', 'cf_connecting_ip'])
      expect(headers).not.toHaveProperty(name);
  });

  test('a trusted proxy is believed, as far as it has seen for itself', async () => {
    const { headers } = (
      await get('/a', {
        'cf-connecting-ip': '198.51.100.7',
        'x-forwarded-for': '6.6.6.6, 203.0.113.5, 198.51.100.8',
        'x-forwarded-proto': 'https',
      })
    ).json();
    expect(headers).toMatchObject({
      'x-real-ip': '203.0.113.5',
      'x-forwarded-for': '6.6.6.6, 203.0.113.5, 198.51.100.8, 198.51.100.7',
      'x-forwarded-proto': 'https',
    });
  });

  test('the upstream sees its own address as Host, and the client’s in X-Forwarded-Host', async () => {
    const answer = await send(instance, 'SHOP.localhost.:8080', '/a');
    expect(answer.json().headers).toMatchObject({
      host: new URL(origin.address).host,
      'x-forwarded-host': `${HOST}:8080`,
      forwarded: `for=127.0.0.1;host="${HOST}:8080";proto=http`,
    });
  });

  test('path and query arrive as they were canonical, and Via says who passed them on', async () => {
    const answer = await get('/a/../b//c%2Fd;x=1?q=%20a&q=b+c', { via: '1.0 fred' });
    const { url, headers } = answer.json();
    expect(url).toBe('/b//c%2Fd;x=1?q=%20a&q=b+c');
    expect(headers.via).toBe('1.0 fred, 1.1 orasi-edge');
    expect(headers['x-request-id']).toBe(answer.headers['x-request-id']);
    expect(headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  });

  test('a request id and a trace that a client gives are taken up', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { headers } = (await get('/a', { 'x-request-id': 'mine-1', traceparent })).json();
    expect(headers['x-request-id']).toBe('mine-1');
    expect(headers.traceparent).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/);
  });

  test('a path that climbs is matched where it arrives', async () => {
    const answer = await get('/public/%2e%2e/a');
    expect(answer.json().headers.host).toBe(new URL(origin.address).host);
  });

  test('bodies arrive with their length, or in chunks where it is not known', async () => {
    const known = await send(instance, HOST, '/a', { method: 'POST', body: 'hello' });
    expect(known.json()).toMatchObject({ body: 'hello', headers: { 'content-length': '5' } });
    const chunked = await sendRaw(
      instance,
      `POST /a HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    );
    expect(chunked).toMatch(/"transfer-encoding":"chunked"/);
    expect(chunked).toMatch(/"body":"hello"/);
  });

  test('whoever waits for 100 Continue is told to go on', async () => {
    const request = http.request(`${instance.url}/a`, {
      method: 'POST',
      headers: { host: HOST, expect: '100-continue', 'content-length': '5' },
    });
    request.flushHeaders();
    await once(request, 'continue');
    request.end('hello');
    const [response] = await once(request, 'response');
    let text = '';
    for await (const piece of response) text += piece;
    expect(JSON.parse(text)).toMatchObject({ body: 'hello' });
  });
});

describe('what comes back', () => {
  test('a redirect, compressed bytes and an entity tag pass as they are', async () => {
    const redirect = await get('/redirects');
    expect([redirect.status, redirect.headers['location']]).toEqual([302, 'https://elsewhere.example/x']);
    const zipped = await get('/gzip', { 'accept-encoding': 'gzip' });
    expect(zipped.body.equals(GZIPPED)).toBe(true);
    expect(zipped.headers).toMatchObject({
      'content-encoding': 'gzip',
      etag: '"v1"',
      'content-length': String(GZIPPED.length),
    });
  });

  test('HEAD has the length and no body; 204 and 304 have neither', async () => {
    const head = await send(instance, HOST, '/gzip', { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, String(GZIPPED.length), 0]);
    for (const status of [204, 304]) {
      const answer = await get(`/status/${status}`);
      expect([answer.status, answer.body.length]).toEqual([status, 0]);
    }
  });

  test('every status of the upstream is the client’s', async () => {
    for (const status of [200, 201, 206, 300, 303, 307, 308, 400, 401, 403, 404, 418, 429, 451, 500, 502, 503, 599]) {
      expect((await get(`/status/${status}`)).status).toBe(status);
    }
  });

  test('headers of the connection stay behind, what the server says of itself does not', async () => {
    const { headers, rawHeaders } = await get('/answer-headers');
    expect(headers).toMatchObject({
      server: 'backend/9',
      'x-powered-by': 'tests',
      'set-cookie': ['a=1; Path=/', 'b=2'],
    });
    const raw = rawHeaders.join('\n').toLowerCase();
    for (const name of ['x-of-the-connection', 'timeout=99', 'proxy-authenticate', 'h2c', 'x-taken-out']) {
      expect(raw).not.toContain(name);
    }
    expect(headers['x-answered']).toBe('yes');
  });
});

describe('what the gateway answers itself', () => {
  const problem = async (path: string, host = HOST) => {
    const answer = await send(instance, host, path);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const body = answer.json<{ status: number; code: string; requestId: string }>();
    expect(body.requestId).toBe(answer.headers['x-request-id']);
    expect(body.status).toBe(answer.status);
    return `${answer.status} ${body.code}`;
  };

  test('unknown hosts, broken rules, upstreams that are not there', async () => {
    expect(await problem('/', 'unknown.localhost')).toBe('404 no_route');
    expect(await problem('/unresolved')).toBe('500 route_broken');
    expect(await problem('/broken')).toBe('503 route_broken');
    expect(await problem('/nobody')).toBe('502 upstream_failed');
    expect(await problem('/a%zz')).toBe('400 bad_request');
    expect(await problem('/a%00')).toBe('400 bad_request');
  });

  test('a private address that is not declared is not called', async () => {
    expect(await problem('/metadata')).toBe('502 upstream_failed');
  });

  test('an upstream that does not answer in time: of the request, of the try', async () => {
    expect(await problem('/slow-request')).toBe('504 upstream_timeout');
    expect(await problem('/slow-try')).toBe('504 upstream_timeout');
  });

  test('a request that comes by here again and again is a loop', async () => {
    const via = '1.1 orasi-edge, 1.1 other, 1.1 orasi-edge, HTTP/1.1 Orasi-Edge';
    const answer = await get('/a', { via });
    expect([answer.status, answer.json<{ code: string }>().code]).toEqual([508, 'loop_detected']);
    expect((await get('/a', { via: '1.1 orasi-edge' })).status).toBe(200);
  });

  test('no filter hides that a request has been here, or changes its connection', async () => {
    const { method, headers } = (await send(instance, HOST, '/hidden', { method: 'POST', body: 'x' })).json();
    expect([method, headers.via, headers.upgrade]).toEqual(['POST', '1.1 orasi-edge', undefined]);
  });

  test('a backend without an upstream keeps its share of the requests', async () => {
    const statuses = new Set<number>();
    for (let i = 0; i < 40; i++) statuses.add((await get('/split')).status);
    expect([...statuses].sort()).toEqual([200, 500]);
  });
});

describe('filters', () => {
  test('a redirect is answered without the upstream', async () => {
    const before = origin.received.length;
    const answer = await get('/moved/a?b=1');
    expect([answer.status, answer.headers['location']]).toEqual([301, 'https://www.example.com/new/a?b=1']);
    expect(origin.received.length).toBe(before);
  });

  test('paths are rewritten and headers changed', async () => {
    const { url, headers } = (
      await get('/rewritten/a?b=1', { 'x-secret': '1', 'x-added': 'one', 'x-set': 'client' })
    ).json();
    expect(url).toBe('/v2/a?b=1');
    expect(headers).toMatchObject({ 'x-set': 'gateway', 'x-added': 'one, two' });
    expect(headers).not.toHaveProperty('x-secret');
  });

  test('a mirror gets a copy, a long body goes to the upstream alone, and a mirror that fails is not seen', async () => {
    const before = second.received.length;
    const answer = await send(instance, HOST, '/mirrored/a', { method: 'POST', body: 'both' });
    expect(answer.json()).toMatchObject({ body: 'both', url: '/mirrored/a' });
    await expect
      .poll(() => second.received.slice(before).map(({ body, url }) => body + url))
      .toEqual(['both/mirrored/a']);
    const long = await send(instance, HOST, '/mirrored/long', { method: 'POST', body: 'x'.repeat(70_000) });
    expect(long.json().body).toHaveLength(70_000);
    expect(second.received.slice(before).map(({ url }) => url)).toEqual(['/mirrored/a']);
  });

  test('a preflight is answered here, and other origins get no word', async () => {
    const asked = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a' };
    const before = origin.received.length;
    const preflight = await send(instance, HOST, '/cors', {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example.com', ...asked },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'x-a',
      'access-control-max-age': '60',
    });
    expect(origin.received.length).toBe(before);
    const own = await get('/cors', { origin: 'https://app.example.com' });
    expect(own.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-expose-headers': 'x-total',
    });
    const other = await get('/cors', { origin: 'https://example.org' });
    expect(other.headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('files of the bucket', () => {
  const text = 'the first page, of some length';
  beforeAll(async () => {
    const { BUCKET } = instance.bindings;
    await BUCKET.put(`public/${NAMESPACE_UID}/site/index.html`, text);
    await BUCKET.put(`public/${NAMESPACE_UID}/site/a b.txt`, GZIPPED, {
      httpMetadata: { contentType: 'text/x-own', contentEncoding: 'gzip', cacheControl: 'max-age=60' },
    });
    await BUCKET.put('public/other/site/secret.txt', 'of another namespace');
  });

  test('a path that ends in a slash is its index document, typed by its name', async () => {
    const page = await get('/files/');
    expect(page.body.toString()).toBe(text);
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-length': String(text.length),
      'accept-ranges': 'bytes',
    });
    const head = await send(instance, HOST, '/files/index.html', { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.headers.etag]).toEqual([
      200,
      String(text.length),
      page.headers.etag,
    ]);
  });

  test('what was stored with a file comes with it, its bytes as they are', async () => {
    const file = await get('/files/a%20b.txt');
    expect(file.body.equals(GZIPPED)).toBe(true);
    expect(file.headers).toMatchObject({
      'content-type': 'text/x-own',
      'content-encoding': 'gzip',
      'cache-control': 'max-age=60',
    });
  });

  test('conditions hold for GET and HEAD', async () => {
    const { etag = '', 'last-modified': modified = '' } = (await get('/files/')).headers;
    for (const method of ['GET', 'HEAD']) {
      const status = async (headers: Record<string, string>) =>
        (await send(instance, HOST, '/files/', { method, headers })).status;
      expect(await status({ 'if-none-match': etag })).toBe(304);
      expect(await status({ 'if-none-match': '"other"' })).toBe(200);
      expect(await status({ 'if-modified-since': modified })).toBe(304);
      expect(await status({ 'if-match': '"other"' })).toBe(412);
      expect(await status({ 'if-match': etag })).toBe(200);
    }
  });

  test('one range is served, of the version that the client has', async () => {
    const part = await get('/files/', { range: 'bytes=4-8' });
    expect([part.status, part.body.toString(), part.headers['content-range'], part.headers['content-length']]).toEqual([
      206,
      'first',
      `bytes 4-8/${text.length}`,
      '5',
    ]);
    expect((await get('/files/', { range: 'bytes=-4' })).body.toString()).toBe('ngth');
    const beyond = await get('/files/', { range: 'bytes=99-' });
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, `bytes */${text.length}`]);
    expect((await get('/files/', { range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200);
    expect((await get('/files/', { range: 'bytes=0-1', 'if-range': String(part.headers.etag) })).status).toBe(206);
  });

  test('nothing else is there: other names, methods and namespaces', async () => {
    expect((await get('/files/absent')).status).toBe(404);
    expect((await get('/files/other%2Fsite%2Fsecret.txt')).status).toBe(404);
    expect((await get('/files/..%2F..%2Fother%2Fsite%2Fsecret.txt')).status).toBe(400);
    const post = await send(instance, HOST, '/files/', { method: 'POST', body: 'x' });
    expect([post.status, post.headers['allow']]).toEqual([405, 'GET, HEAD']);
  });
});

/** A request as bytes, on our host; `more` follows the first header. */
/** Opens with the second failure. */
const BREAKER = {
  failureThreshold: 2,
  errorRatio: null,
  recoveryMs: 60_000,
  halfOpenMaxRequests: 1,
  gradualRecoveryMs: 0,
  perEndpoint: true,
};

const raw = (line: string, more: string, body = '') => `${line} HTTP/1.1\r\nHost: ${HOST}\r\n${more}\r\n${body}`;
const SMUGGLED = `GET /smuggled HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;

describe('a request that two servers could read in two ways', () => {
  /** What is sent, the statuses that come back, and the bodies that reach the upstream. */
  const shapes: [name: string, bytes: string, statuses: number[], bodies: string[]][] = [
    [
      'both Content-Length and Transfer-Encoding: the latter is believed, and the connection ends',
      raw('POST /a', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${SMUGGLED}`),
      [200],
      [''],
    ],
    ['lengths that differ', raw('POST /a', 'Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!'), [400], []],
    ['one length twice', raw('POST /a', 'Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'), [200], ['hello']],
    ['a list of lengths', raw('POST /a', 'Content-Length: 5, 5\r\n', 'hello'), [400], []],
    ['a length with a sign', raw('POST /a', 'Content-Length: +5\r\n', 'hello'), [400], []],
    ['a coding that is not chunked', raw('POST /a', 'Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), [400], []],
    ['a coding nobody knows', raw('POST /a', 'Transfer-Encoding: xchunked\r\n', 'hello'), [400], []],
    [
      'two codings',
      raw('POST /a', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', SMUGGLED),
      [400],
      [],
    ],
    ['a vertical tab', raw('POST /a', 'Transfer-Encoding:\x0bchunked\r\n', '0\r\n\r\n'), [400], []],
    ['a space before the colon', raw('POST /a', 'Transfer-Encoding : chunked\r\n', '0\r\n\r\n'), [400], []],
    ['a folded header', raw('POST /a', 'X-A: 1\r\n 2\r\n'), [400], []],
    ['a lone carriage return', raw('GET /a', 'X-A: 1\rX-B: 2\r\n'), [400], []],
    ['a NUL', raw('GET /a', 'X-A: 1\x002\r\n'), [400], []],
    ['two hosts', raw('GET /a', 'Host: other.localhost\r\n'), [400], []],
    ['chunks of no size', raw('POST /a', 'Transfer-Encoding: chunked\r\n', '0x5\r\nhello\r\n0\r\n\r\n'), [502], []],
    ['a body of GET', raw('GET /a', 'Content-Length: 5\r\n', 'hello'), [200], ['hello']],
    ['requests one behind the other', raw('GET /a', '') + raw('GET /b', ''), [200, 200], ['', '']],
  ];
  test.each(shapes)('%s', async (_name, bytes, statuses, bodies) => {
    const before = origin.received.length;
    const text = await sendRaw(instance, bytes, statuses.length);
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => Number(match[1]))).toEqual(statuses);
    expect(origin.received.slice(before).map(({ body }) => body)).toEqual(bodies);
  });

  test('a body that the client breaks off does not count against the upstream', async () => {
    for (let i = 0; i < 8; i++) {
      const socket = connect(Number(new URL(instance.url).port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.end(
        raw('POST /guarded', i % 2 === 0 ? 'Content-Length: 50\r\n' : 'Transfer-Encoding: chunked\r\n', '5\r\nhe'),
      );
      await once(socket, 'data');
      socket.destroy();
    }
    expect((await get('/guarded')).status).toBe(200);
  });

  test('nor does one that the client does not go on with', async () => {
    const waiting = Array.from({ length: 4 }, () =>
      sendRaw(instance, raw('POST /guarded-stall', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n')),
    );
    for (const text of await Promise.all(waiting)) expect(text).toMatch(/^HTTP\/1\.1 504/);
    expect((await get('/guarded-stall')).status).toBe(200);
  });

  test('one that has come whole does, where the upstream then answers nothing', async () => {
    const swallowed = 'POST /swallowing/hold';
    for (const body of ['Transfer-Encoding: chunked', 'Content-Length: 70000']) {
      const chunks = body.startsWith('T') ? '5\r\nhello\r\n0\r\n\r\n' : 'x'.repeat(70_000);
      expect(await sendRaw(instance, raw(swallowed, `${body}\r\n`, chunks))).toMatch(/^HTTP\/1\.1 504/);
    }
    expect((await get('/swallowing/hold')).status).toBe(503);
  });
});

describe('an upstream that misbehaves', () => {
  test('whoever leaves takes the request to the upstream along', async () => {
    const request = http.get(`${instance.url}/crooked/hold`, { headers: { host: HOST } });
    request.on('error', () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // A connection that is merely closed on one side may still take the answer: the runtime goes on.
    request.socket?.resetAndDestroy();
    await expect.poll(() => crooked.closed, { timeout: 2_000 }).toContain('/crooked/hold');
  });

  test('a request is sent again with its body where both may be repeated, and else once', async () => {
    const sent = async (method: string, path: string, body: string) => {
      const before = origin.received.length;
      const { status } = await send(instance, HOST, path, { method, body });
      return [status, ...origin.received.slice(before).map((received) => received.body.length)];
    };
    expect(await sent('PUT', '/flaky/put', 'again')).toEqual([200, 5, 5]);
    expect(await sent('POST', '/flaky/post', 'once')).toEqual([502, 4]);
    expect(await sent('PUT', '/flaky/long', 'x'.repeat(70_000))).toEqual([502, 70_000]);
  });

  test('whoever leaves gives its place back', async () => {
    for (let i = 0; i < 4; i++) {
      const request = http.get(`${instance.url}/narrow/hold`, { headers: { host: HOST } });
      request.on('error', () => undefined);
      await expect.poll(() => crooked.opened.filter((path) => path === '/narrow/hold').length).toBe(i + 1);
      expect((await get('/narrow/fine')).status).toBe(503);
      request.socket?.resetAndDestroy();
      await expect.poll(() => crooked.closed.filter((path) => path === '/narrow/hold').length).toBe(i + 1);
    }
    expect((await get('/narrow/fine')).status).toBe(200);
  });

  test('a short body that comes to a halt is a 504, one of unknown length is broken off', async () => {
    expect((await get('/crooked/stall-short')).status).toBe(504);
    const started = Date.now();
    await expect(get('/crooked/stall-chunked')).rejects.toThrow(/aborted|hang up|ECONNRESET/);
    expect(Date.now() - started).toBeLessThan(3_000);
  });

  test('a body that is shorter than it said is not taken for a whole one', async () => {
    await expect(get('/crooked/truncated')).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  });

  test.each([
    '/crooked/garbage',
    '/crooked/status-999',
    '/crooked/another-protocol',
    '/crooked/closes',
    '/crooked/no-status',
    '/crooked/short-of-short',
  ])('%s is a 502', async (path) => {
    expect((await get(path)).status).toBe(502);
  });
});

/** Answers by its own hand; `opened` and `closed` are the paths of requests and of connections that went away. */
async function crookedServer(): Promise<NonNullable<typeof crooked>> {
  const opened: string[] = [];
  const closed: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let head = '';
    let path = '';
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      closed.push(path);
    });
    socket.on('data', (bytes) => {
      head += bytes.toString('latin1');
      if (path !== '' || !head.includes('\r\n\r\n')) return;
      path = head.split(' ')[1];
      opened.push(path);
      const kind = path.split('/').at(-1);
      if (kind === 'fine') socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      if (kind === 'stall-short') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
      if (kind === 'stall-chunked') socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
      if (kind === 'truncated') socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nshort');
      if (kind === 'short-of-short') socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
      if (kind === 'status-999') socket.end('HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n');
      if (kind === 'another-protocol') {
        socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n');
      }
      if (kind === 'garbage') socket.end('this is no HTTP\r\n\r\n');
      if (kind === 'closes') socket.destroy();
      if (kind === 'no-status') socket.end('HTTP/1.1 nope\r\n\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    opened,
    closed,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
