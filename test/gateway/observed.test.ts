import { expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { manualClock } from '../../src/core/clock.ts';
import { readAccessFields } from '../../src/core/protocol/access-log.ts';
import { ANONYMOUS } from '../../src/core/protocol/auth-policy.ts';
import { accessLine, createAccessLog } from '../../src/gateway/access-log.ts';
import type { Exchange } from '../../src/gateway/exchange.ts';
import { HeaderList } from '../../src/gateway/header-list.ts';
import { outgoingHeaders } from '../../src/gateway/headers.ts';
import { spansOf } from '../../src/gateway/spans.ts';
import { createLogs } from '../../src/observe/log.ts';
import { action, backend } from './entries.ts';

const ACTION = action([backend('api')]);
const API_KEYS = {
  kind: 'AuthPolicy',
  name: 'keys',
  namespaceUid: 'ns-1',
  spec: {
    apiKey: {
      from: [
        { type: 'query', name: 'who' },
        { type: 'header', name: 'x-consumer', prefix: '' },
      ],
    },
    jwt: null,
  },
} as unknown as Exchange['policies']['auth'];

/** An exchange that is over, as far as it is logged. */
function exchange(
  more: Omit<Partial<Exchange>, 'headers'> & { url?: string; headers?: Record<string, string> } = {},
): Exchange {
  const { url = 'http://shop.example.com/items', headers = {}, ...rest } = more;
  const { pathname, search } = new URL(url);
  const request = new Request(url, { headers });
  const over = {
    request,
    given: HeaderList.of(request.headers),
    target: { method: 'GET', scheme: 'http', host: 'shop.example.com', port: null, path: pathname, search },
    requestId: 'r-1',
    trace: {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: '00f067aa0ba902b7',
      parentSpanId: 'b7ad6b7169203331',
      sampled: true,
    },
    clientIp: '192.0.2.1',
    place: {},
    action: ACTION,
    backend: ACTION.backends[0],
    policies: { auth: null, security: null, rateLimits: [] },
    identity: ANONYMOUS,
    calls: [
      {
        endpoint: 'http://10.0.0.1',
        startedMs: 1_010,
        spanId: '53995c3f42cd8ad8',
        outcome: { status: null, fault: 'connect', headMs: 5 },
      },
      {
        endpoint: 'http://10.0.0.2',
        startedMs: 1_020,
        spanId: '1d2c3b4a59687f6e',
        outcome: { status: 200, fault: null, headMs: 20 },
      },
    ],
    limits: [],
    refusal: null,
    status: 200,
    startedMs: 1_000,
    sentMs: 1_010,
    headMs: 1_040,
    endedMs: 1_100,
    requestBytes: 0,
    responseBytes: 12,
    bodyWhole: true,
  };
  return { ...over, ...rest } as unknown as Exchange;
}

const USUAL = readAccessFields('');

test('a line has the fields that were chosen, and nothing that is not there', () => {
  expect(accessLine(exchange(), USUAL)).toEqual({
    requestId: 'r-1',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    method: 'GET',
    host: 'shop.example.com',
    path: '/items',
    status: 200,
    elapsedMs: 100,
    upstreamMs: 30,
    responseBytes: 12,
    clientIp: '192.0.2.1',
    namespace: 'default',
    route: 'route',
    rule: '0',
    upstream: 'default/api',
    endpoint: 'http://10.0.0.2',
    tries: 2,
  });
  const refused = exchange({
    status: 429,
    refusal: { code: 'rate_limited', stage: 'rateLimit' },
    limits: [
      { policy: 'p', limit: 'minute', allowed: false, asked: true, dryRun: false },
      { policy: 'p', limit: 'day', allowed: true, asked: true, dryRun: false },
    ],
  });
  expect(accessLine(refused, readAccessFields('status, limited, stage, code'))).toEqual({
    status: 429,
    limited: 'p/minute',
    stage: 'rateLimit',
    code: 'rate_limited',
  });
});

test('secrets in queries and headers are not logged, whoever named them', () => {
  const query = (url: string) =>
    accessLine(exchange({ url, policies: { ...exchange().policies, auth: API_KEYS } }), USUAL)['query'];
  expect(query('http://h/?a=1&access_token=s3cret&B%61=2&api%5Fkey=s3cret&who=s3cret&sig=s3cret&code=s3cret')).toBe(
    '?a=1&access_token=[redacted]&B%61=2&api%5Fkey=[redacted]&who=[redacted]&sig=[redacted]&code=[redacted]',
  );
  const fields = readAccessFields('referer header:X-Consumer header:x-plan');
  const logged = exchange({
    headers: { referer: 'http://h/p?token=s3cret&b=2', 'x-consumer': 's3cret', 'x-plan': 'gold' },
    policies: { ...exchange().policies, auth: API_KEYS },
  });
  expect(accessLine(logged, fields)).toEqual({
    referer: 'http://h/p?token=[redacted]&b=2',
    'header:x-consumer': '[redacted]',
    'header:x-plan': 'gold',
  });
  for (const name of ['authorization', 'Cookie', 'x-api-key', 'x-session-id']) {
    expect(() => readConfig({ ACCESS_LOG_FIELDS: `status,header:${name}` })).toThrow('may hold a secret');
  }
  expect(() => readConfig({ ACCESS_LOG_FIELDS: 'status,pathh' })).toThrow('"pathh": expected header:{name} or one of');
});

test('of requests that went well a share is logged, by their trace; of those that failed every one', () => {
  const clock = manualClock(0);
  const lines: { level: string; status: number }[] = [];
  const logs = createLogs({ '*': 'info' }, (level, line) => lines.push({ ...JSON.parse(line), level }), clock);
  const log = createAccessLog({ ...USUAL, share: 0.5 }, logs('access'));
  const traced = (traceId: string, more: Omit<Partial<Exchange>, 'headers'> = {}) =>
    exchange({ ...more, trace: { ...exchange().trace, traceId: traceId.padEnd(32, '1') } });
  for (const traceId of ['00000000', '7fffffff', '80000000', 'ffffffff']) log.finished(traced(traceId));
  expect(lines.map(({ level }) => level)).toEqual(['info', 'info']);
  log.finished(traced('ffffffff', { status: 502 }));
  log.finished(traced('ffffffff', { bodyWhole: false }));
  log.finished(traced('ffffffff', { status: 404 }));
  expect(lines.slice(2).map(({ level, status }) => [level, status])).toEqual([
    ['warn', 502],
    ['warn', 200],
  ]);
});

test('an exchange is a server span below its caller, and each call of an endpoint a client span below that', () => {
  const [server, ...clients] = spansOf(exchange());
  expect(server).toMatchObject({
    spanId: '00f067aa0ba902b7',
    parentSpanId: 'b7ad6b7169203331',
    kind: 'SERVER',
    name: 'GET default/route',
    startTimeUnixNano: '1000000000',
    endTimeUnixNano: '1100000000',
    attributes: { 'http.response.status_code': 200, 'orasi.route': 'default/route' },
  });
  expect(clients).toMatchObject([
    {
      spanId: '53995c3f42cd8ad8',
      parentSpanId: '00f067aa0ba902b7',
      kind: 'CLIENT',
      status: 'ERROR',
      attributes: { 'error.type': 'connect', 'server.address': 'http://10.0.0.1' },
    },
    {
      spanId: '1d2c3b4a59687f6e',
      startTimeUnixNano: '1020000000',
      endTimeUnixNano: '1040000000',
      status: 'UNSET',
      attributes: { 'http.request.resend_count': 1 },
    },
  ]);
});

test('tracestate goes on with the trace it belongs to, and not with another', () => {
  const { target, trace } = exchange();
  const said = { target, clientIp: null, peer: null, byTrustedProxy: false, requestId: 'r', protocol: '1.1' };
  const incoming = HeaderList.of(new Headers({ tracestate: 'vendor=1' }));
  expect(outgoingHeaders(incoming, { ...said, trace }).get('tracestate')).toBe('vendor=1');
  const begun = { ...trace, parentSpanId: null };
  expect(outgoingHeaders(incoming, { ...said, trace: begun }).has('tracestate')).toBe(false);
});
