import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { HostKey, MatchConditions, RequestMatch } from '../../src/core/protocol/gateway.ts';
import { seededRandom } from '../../src/core/random.ts';
import { instructionsOf } from '../../src/traffic/match/expression.ts';
import { literalHead } from '../../src/traffic/match/literal-head.ts';
import { type MatchResult, matchRequest } from '../../src/traffic/match/match.ts';
import { sized } from '../scale.ts';
import { naiveMatch } from './reference.ts';
import { compiled, exact, expression, prefix, request, type StatedRule, sourceOf } from './rules.ts';

const HOST: HostKey = 'http://x';

/** The route that a request to the host x goes by. */
function routeOf(rules: readonly StatedRule[], facts: Parameters<typeof matchRequest>[0]): string | null {
  return nameOf(matchRequest(facts, sourceOf({ [HOST]: rules })));
}

function nameOf(result: MatchResult): string | null {
  if (result.type === 'missing') throw new Error(`not in memory: ${result.keys.join(', ')}`);
  return result.type === 'match' ? result.action.route.name : null;
}

const header = (name: string, value: string) => ({ headers: [{ type: 'Exact' as const, name, value }] });
const query = (name: string, value: string) => ({ query: [{ type: 'Exact' as const, name, value }] });

describe('what expressions may cost a request', () => {
  const HEAVY = Array.from({ length: 400 }, (_, i) => `/(a|b${i % 16}|c${i >> 4})*d(.*)*`);
  const ALL = prefix('/');
  // Which of the last 900 characters were an a: no two places of a text by chance look alike.
  const MANY_STATES = '.*a[xa]{900}z';
  const random = seededRandom(1);
  const BY_CHANCE = Array.from({ length: 8_000 }, () => (random.next() < 0.5 ? 'x' : 'a')).join('');

  it('is bounded: the request is refused, and goes by no other rule', () => {
    const source = sourceOf({
      [HOST]: [...HEAVY.map((value) => ({ path: expression(value), route: 'heavy' })), { path: ALL, route: 'all' }],
    });
    const typeOf = (path: string) => matchRequest(request(`GET http://x${path}`), source).type;
    const long = `/${'a'.repeat(15_000)}`;
    expect(typeOf(long)).toBe('costly');
    // When all is warm as well; and others are not touched.
    expect(typeOf(`${long}a`)).toBe('costly');
    expect(nameOf(matchRequest(request('GET http://x/short'), source))).toBe('all');
    expect(nameOf(matchRequest(request('GET http://x/aad'), source))).toBe('heavy');
  });

  it('of headers and query parameters too, and of named groups', () => {
    const value = MANY_STATES;
    const long = BY_CHANCE;
    const sources = [
      { path: ALL, match: { headers: [{ type: 'RegularExpression' as const, name: 'x-h', value }] } },
      { path: ALL, match: { query: [{ type: 'RegularExpression' as const, name: 'q', value }] } },
      { path: expression(`/(?P<n>${'()'.repeat(200)}[xa])*`) },
    ];
    const asked = [
      request('GET http://x/', { 'x-h': long }),
      request(`GET http://x/?q=${long}`),
      request(`GET http://x/${long}`),
    ];
    const types = sources.map((rule, i) => matchRequest(asked[i], sourceOf({ [HOST]: [rule, { path: ALL }] })).type);
    expect(types).toEqual(['costly', 'costly', 'costly']);
  });

  it('is bounded again for the same path: what was given up is not known', () => {
    const rules = [{ path: expression(`/(${MANY_STATES}|[xa]*)`) }, { path: ALL, route: 'all' }];
    const source = sourceOf({ [HOST]: rules });
    const typeOf = () => matchRequest(request(`GET http://x/${BY_CHANCE}`), source).type;
    expect([typeOf(), typeOf()]).toEqual(['costly', 'costly']);
  });

  it('is enough to make all that a host may have, and to be held against it', () => {
    const rules = [];
    for (let size = 0, i = 0; ; i++) {
      const value = `/orders/v${i}/[0-9]+/(items|lines)/[^/]+`;
      const path = expression(`/.*${value}`);
      size += instructionsOf(path, { method: null, headers: [], query: [], conditions: null });
      if (size > LIMITS.gatewayHostInstructions) break;
      rules.push({ path, route: `r${i}` });
    }
    expect(rules.length).toBeGreaterThan(100);
    const last = rules.length - 1;
    const found = matchRequest(request(`GET http://x/a/orders/v${last}/17/items/x`), sourceOf({ [HOST]: rules }));
    expect(nameOf(found)).toBe(`r${last}`);
  });
});

describe('the path of a match', () => {
  it.each([
    [exact('/abc'), '/abc', true],
    [exact('/abc'), '/abc/', false],
    [exact('/abc/'), '/abc', false],
    [exact('/abc'), '/Abc', false],
    [exact('/abc'), '/abc/d', false],
    [prefix('/abc'), '/abc', true],
    [prefix('/abc'), '/abc/', true],
    [prefix('/abc'), '/abc/def', true],
    [prefix('/abc'), '/abc//def', true],
    [prefix('/abc'), '/abcd', false],
    [prefix('/abc'), '/abc%2Fd', false],
    [prefix('/abc'), '//abc', false],
    [prefix('/abc/'), '/abc', true],
    [prefix('/abc/'), '/abc/d', true],
    [prefix('/abc/'), '/abcd', false],
    [prefix('/'), '/', true],
    [prefix('/'), '//x', true],
    [expression('/a/[0-9]+'), '/a/12', true],
    [expression('/a/[0-9]+'), '/a/12/', false],
    [expression('/a|/b'), '/b', true],
    [expression('/a|/b'), '/ab', false],
    [expression('.*'), '/any/thing', true],
  ])('%j and %s: %s', (path, of, matches) => {
    expect(routeOf([{ path }], request(`GET http://x${of}`))).toBe(matches ? 'route' : null);
  });

  it('is of none for OPTIONS *', () => {
    const rules = [{ path: prefix('/') }, { path: expression('.*') }];
    expect(routeOf(rules, request('OPTIONS http://x*'))).toBeNull();
  });

  it('is what remains when dots are resolved: no public prefix reaches what lies beside it', () => {
    const rules = [
      { path: prefix('/public'), route: 'public' },
      { path: prefix('/admin'), route: 'admin' },
    ];
    for (const path of ['/public/../admin', '/public/%2e%2e/admin', '/public/.%2E/admin/.']) {
      expect(routeOf(rules, request(`GET http://x${path}`)), path).toBe('admin');
    }
  });

  it('gives the named groups of its expression', () => {
    const source = sourceOf({ [HOST]: [{ path: expression('/users/(?P<id>[^/]+)(/(?<tab>.*))?') }] });
    expect(matchRequest(request('GET http://x/users/7'), source)).toMatchObject({ pathVariables: { id: '7' } });
    expect(matchRequest(request('GET http://x/users/7/a'), source)).toMatchObject({
      pathVariables: { id: '7', tab: 'a' },
    });
  });
});

describe('precedence', () => {
  /** Each list in order of precedence; all match, whatever order they are declared in. */
  it.each<[string, StatedRule[]]>([
    [
      'an exact path before an expression before a prefix',
      [{ path: exact('/a/b') }, { path: expression('/a/.*') }, { path: prefix('/a/b') }],
    ],
    ['longer prefixes first', [{ path: prefix('/a/b') }, { path: prefix('/a/') }, { path: prefix('/') }]],
    ['longer expressions first', [{ path: expression('/a/[b]') }, { path: expression('/a/.*') }]],
    ['a method before headers', [{ match: { method: 'GET' } }, { match: header('h', '1') }]],
    ['a longer path before a method', [{ path: prefix('/a') }, { match: { method: 'GET' } }]],
    [
      'more headers first',
      [{ match: { headers: [...header('h', '1').headers, ...header('i', '2').headers] } }, { match: header('h', '1') }],
    ],
    ['headers before query parameters', [{ match: header('h', '1') }, { match: query('q', '1') }]],
    [
      'more query parameters first',
      [{ match: { query: [...query('q', '1').query, ...query('r', '2').query] } }, { match: query('q', '1') }, {}],
    ],
    [
      'the oldest route first',
      [
        { createdMs: 1, route: 'z' },
        { createdMs: 2, route: 'a' },
      ],
    ],
    ['then the first by name', [{ route: 'a' }, { route: 'b' }]],
    [
      'then the first in the route',
      [
        { index: 0, matchIndex: 5 },
        { index: 1, matchIndex: 0 },
      ],
    ],
    ['then the first match of the rule', [{ matchIndex: 0 }, { matchIndex: 1 }]],
    ['a priority before all of it', [{ priority: 1, path: prefix('/') }, { path: exact('/a/b') }]],
    [
      'the higher priority first',
      [
        { priority: 2, path: prefix('/') },
        { priority: 1, path: prefix('/a') },
        { path: exact('/a/b') },
        { priority: -1, path: exact('/a/b') },
      ],
    ],
    [
      'the standard’s order within one priority',
      [
        { priority: 1, path: prefix('/a') },
        { priority: 1, path: prefix('/'), match: { method: 'GET' } },
      ],
    ],
  ])('%s', (_, rules) => {
    const facts = request('GET http://x/a/b?q=1&r=2', { h: '1', i: '2' });
    for (let first = 0; first < rules.length; first++) {
      const rest = rules.slice(first);
      for (const order of [rest, rest.toReversed()]) {
        const result = matchRequest(facts, sourceOf({ [HOST]: order }));
        const { rule, action } = compiled(rest[0]);
        expect(result).toMatchObject({ rule: { ...rule, action: expect.anything() }, action });
      }
    }
  });

  it('takes no rule of a lower priority for one of its path that has a higher one', () => {
    const rules: StatedRule[] = [
      { path: exact('/a'), priority: 1, route: 'exact' },
      { path: prefix('/'), priority: 2, match: { method: 'PUT' }, route: 'put' },
      { path: prefix('/'), route: 'any' },
    ];
    expect(routeOf(rules, request('GET http://x/a'))).toBe('exact');
    expect(routeOf(rules, request('PUT http://x/a'))).toBe('put');
  });

  it('goes by the host first: exact, then wildcards, longest first, then routes without a host', () => {
    const hosts: Record<HostKey, StatedRule[]> = {
      'http://': [{ route: 'any', path: exact('/a') }],
      'http://*.com': [{ route: 'com' }],
      'http://*.example.com': [{ route: 'wild' }],
      'http://a.example.com': [{ route: 'exact', path: prefix('/only') }],
      'https://a.example.com': [{ route: 'tls' }],
    };
    const of = (line: string) => nameOf(matchRequest(request(line), sourceOf(hosts)));
    expect(of('GET http://a.example.com/only')).toBe('exact');
    // No rule of the more specific host matches, so the next one is asked.
    expect(of('GET http://a.example.com/a')).toBe('wild');
    expect(of('GET http://b.a.example.com/')).toBe('wild');
    expect(of('GET http://example.com/')).toBe('com');
    expect(of('GET http://other/a')).toBe('any');
    expect(of('GET http://other/b')).toBeNull();
    expect(of('GET https://a.example.com/')).toBe('tls');
    expect(of('GET https://b.example.com/')).toBeNull();
  });
});

describe('values', () => {
  it('of headers are found whatever case the name is sent in, and joined where it is sent twice', () => {
    const rules = [{ match: header('x-env', 'a, b') }];
    expect(
      routeOf(
        rules,
        request('GET http://x/', [
          ['X-Env', 'a'],
          ['x-eNV', 'b'],
        ]),
      ),
    ).toBe('route');
    expect(routeOf(rules, request('GET http://x/', { 'x-env': 'a' }))).toBeNull();
    expect(routeOf(rules, request('GET http://x/', { 'x-env': 'A, B' }))).toBeNull();
  });

  it('of query parameters are decoded, and the first of several counts', () => {
    const rules = [{ match: query('animal', 'blue whale') }];
    expect(routeOf(rules, request('GET http://x/?a=1&animal=blue%20whale&animal=x'))).toBe('route');
    expect(routeOf(rules, request('GET http://x/?animal=blue+whale'))).toBe('route');
    expect(routeOf(rules, request('GET http://x/?animal=x&animal=blue%20whale'))).toBeNull();
    expect(routeOf(rules, request('GET http://x/?Animal=blue%20whale'))).toBeNull();
    expect(routeOf(rules, request('GET http://x/'))).toBeNull();
  });

  it('of an expression match whole', () => {
    const rules = [{ match: { headers: [{ type: 'RegularExpression' as const, name: 'h', value: 'a+|b' }] } }];
    expect(routeOf(rules, request('GET http://x/', { h: 'aaa' }))).toBe('route');
    expect(routeOf(rules, request('GET http://x/', { h: 'aab' }))).toBeNull();
    expect(routeOf(rules, request('GET http://x/'))).toBeNull();
  });

  it('of a name declared twice count once, the first', () => {
    const headers = [...header('h', '1').headers, ...header('h', '2').headers];
    expect(routeOf([{ match: { headers } }], request('GET http://x/', { h: '1' }))).toBe('route');
  });
});

describe('conditions of a RouteMatchPolicy', () => {
  const meets = (conditions: MatchConditions, facts: Parameters<typeof matchRequest>[0]) =>
    routeOf([{ match: { conditions } }], facts) !== null;
  const from = (place: object, headers = {}) =>
    request('GET http://acme.example.com/v2/users?tenant=q', headers, place);
  const rules = (conditions: MatchConditions, facts: Parameters<typeof matchRequest>[0]) =>
    nameOf(matchRequest(facts, sourceOf({ 'http://': [{ match: { conditions } }] }))) !== null;

  it('hold by place', () => {
    expect(rules({ countries: ['DE', 'FR'] }, from({ country: 'FR' }))).toBe(true);
    expect(rules({ countries: ['DE', 'FR'] }, from({ country: 'US' }))).toBe(false);
    expect(rules({ countries: ['DE'] }, from({}))).toBe(false);
    expect(rules({ countries: ['DE'], continents: ['NA'] }, from({ country: 'DE', continent: 'EU' }))).toBe(false);
    expect(rules({ continents: ['EU'], colos: ['FRA'] }, from({ continent: 'EU', colo: 'FRA' }))).toBe(true);
  });

  it.each([
    [{ type: 'header', name: 'x-tenant' }, 'h'],
    [{ type: 'query', name: 'tenant' }, 'q'],
    [{ type: 'pathSegment', index: 0 }, 'v2'],
    [{ type: 'pathSegment', index: 1 }, 'users'],
    [{ type: 'hostLabel', index: 0 }, 'acme'],
  ] as const)('hold by what stands at %j', (source, value) => {
    const facts = from({}, { 'x-tenant': 'h' });
    expect(rules({ tenant: { from: source, values: ['other', value] } }, facts)).toBe(true);
    expect(rules({ apiVersion: { from: source, values: [value] } }, facts)).toBe(true);
    expect(rules({ tenant: { from: source, values: ['other'] } }, facts)).toBe(false);
  });

  it('hold by a certificate that was verified, and by no other', () => {
    const certificate = {
      certPresented: '1',
      certVerified: 'SUCCESS',
      certRevoked: '0',
      certSubjectDN: 'CN=a',
      certFingerprintSHA256: 'ab01',
    };
    const wanted = { clientCertificate: { subjects: ['CN=a'], fingerprintsSha256: ['AB:01'] } };
    expect(rules(wanted, from({ tlsClientAuth: certificate }))).toBe(true);
    expect(rules({ clientCertificate: { subjects: ['CN=b'] } }, from({ tlsClientAuth: certificate }))).toBe(false);
    for (const broken of [
      { ...certificate, certVerified: 'FAILED:self signed certificate' },
      { ...certificate, certRevoked: '1' },
      { ...certificate, certPresented: '0' },
      undefined,
    ]) {
      for (const member of [{ subjects: ['CN=a'] }, { fingerprintsSha256: ['AB:01'] }]) {
        expect(rules({ clientCertificate: member }, from({ tlsClientAuth: broken }))).toBe(false);
      }
      expect(rules({ clientCertificate: { verified: true } }, from({ tlsClientAuth: broken }))).toBe(false);
      expect(rules({ clientCertificate: { verified: false } }, from({ tlsClientAuth: broken }))).toBe(true);
    }
  });

  it.each([
    [{ accept: 'application/vnd.acme.v2+json' }, true],
    [{ accept: 'text/html, application/vnd.acme.users.v2;q=0.5' }, true],
    [{ accept: 'application/json; version=2' }, true],
    [{ accept: 'application/json; Version="v2"' }, true],
    [{ accept: '*/*', 'content-type': 'application/json;v=2' }, true],
    [{ 'content-type': 'application/vnd.acme.v2+json' }, true],
    [{ accept: 'application/vnd.acme.v1+json', 'content-type': 'application/json;v=2' }, false],
    [{ accept: 'application/vnd.acme.v2.users+json' }, false],
    [{ accept: 'application/json' }, false],
    [{}, false],
  ])('hold by the version of the media type in %j: %s', (headers, holds) => {
    const apiVersion = { from: { type: 'mediaType' as const }, values: ['v2'] };
    expect(meets({ apiVersion }, request('GET http://x/', headers as Record<string, string>))).toBe(holds);
  });
});

describe('pages', () => {
  const rules = Array.from({ length: 500 }, (_, i) => ({ path: prefix(`/team${i % 50}/service${i}`), route: `r${i}` }));

  it('of a host are asked for by the paths that the filter knows, and no others', () => {
    const source = sourceOf({ [HOST]: rules }, 16);
    expect(nameOf(matchRequest(request('GET http://x/team7/service107/a/b/c/d'), source))).toBe('r107');
    expect(source.reads.filter((key) => key.startsWith('page:'))).toHaveLength(1);
    source.reads.length = 0;
    expect(nameOf(matchRequest(request('GET http://x/nothing/here'), source))).toBeNull();
    expect(source.reads).toEqual(['host:http://x']);
    source.reads.length = 0;
    expect(nameOf(matchRequest(request('GET http://y/'), source))).toBeNull();
    expect(source.reads).toEqual([]);
  });

  it('that are not in memory are named all at once, and nothing is decided without them', () => {
    const both = { [HOST]: [...rules, { path: prefix('/team7'), route: 'team' }, { route: 'root' }] };
    const source = sourceOf(both, 64);
    const facts = request('GET http://x/team7/service107/a');
    const cold = new Set(source.entries.keys());
    const read = source.read;
    const partly = { ...source, read: (key: Parameters<typeof read>[0]) => (cold.has(key) ? undefined : read(key)) };
    expect(matchRequest(facts, partly as typeof source)).toEqual({ type: 'missing', keys: ['host:http://x'] });
    cold.delete('host:http://x');
    const missing = matchRequest(facts, partly as typeof source);
    if (missing.type !== 'missing') throw new Error('expected pages to be missing');
    expect(missing.keys.length).toBe(3);
    for (const key of missing.keys.slice(1)) cold.delete(key);
    expect(matchRequest(facts, partly as typeof source)).toEqual({ type: 'missing', keys: [missing.keys[0]] });
    cold.delete(missing.keys[0]);
    expect(nameOf(matchRequest(facts, partly as typeof source))).toBe('r107');
  });
});

describe('many rules of one path', () => {
  it('are found by the value that tells them apart, without asking the others', () => {
    let asked = 0;
    const rules = Array.from({ length: 2000 }, (_, i) => ({
      route: `r${i}`,
      match: { method: 'GET', headers: [...header('x-tenant', `t${i}`).headers, ...header('x-env', 'prod').headers] },
    }));
    const facts = request('GET http://x/', { 'x-tenant': 't1234', 'x-env': 'prod' });
    const counting = Object.create(facts, {
      header: {
        value(name: string) {
          asked++;
          return facts.header(name);
        },
      },
      target: { value: facts.target },
      place: { value: facts.place },
    });
    expect(routeOf(rules, counting)).toBe('r1234');
    expect(asked).toBeLessThan(10);
  });
});

describe('many expressions of one host', () => {
  it('are found by the whole segments that they begin with', () => {
    const heads = (pattern: string) => [...(literalHead(pattern)?.values ?? [])];
    expect(heads('/orders/v[0-9]+/.*')).toEqual(['/orders']);
    expect(heads('^/a/b\\.c/(x|y)')).toEqual(['/a/b.c']);
    for (const none of [
      '/orders',
      '/orders.*',
      '/a/?x',
      '/a/b|/c/d',
      '(?i)/a/b',
      '.*',
      '[[:alpha:](]|/a/b',
      '/a/[[:alpha:](]|/b',
      '/a/\\Q(\\E|/b',
    ]) {
      expect(heads(none), none).toEqual([]);
    }
    const rules = Array.from({ length: 300 }, (_, i) => ({ route: `r${i}`, path: expression(`/s${i}/v[0-9]+(/x)?`) }));
    const others = [
      { route: 'any', path: expression('/.*') },
      { route: 'either', path: expression('/s1/a|/s2/b') },
    ];
    const of = (path: string) => routeOf([...rules, ...others], request(`GET http://x${path}`));
    expect(of('/s7/v1')).toBe('r7');
    expect(of('/s7/v1/x')).toBe('r7');
    expect(of('/s2/b')).toBe('either');
    expect(of('/s7')).toBe('any');
    expect(of('/s7/')).toBe('any');
  });
});

describe('matching', () => {
  const segment = fc.constantFrom('a', 'b', 'ab', 'c', '%2F');
  const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
  const anyPath = fc.oneof(
    path.filter((value) => !value.includes('%')).map(exact),
    path.filter((value) => !value.includes('%')).map(prefix),
    fc
      .tuple(path, fc.constantFrom('', '/'))
      .filter(([value]) => !value.includes('%') && value !== '/')
      .map(([value, end]) => prefix(value + end)),
    fc
      .constantFrom('/a.*', '/(a|b)/[^/]*', '.*', '/a/b', '(/[a-c]+)+', '/a/[ab]*', '/a/b/?', '/b/a|/a', '/a/b(/.*)?')
      .map(expression),
  );
  const value = (names: string[]) =>
    fc.record({
      type: fc.constantFrom('Exact' as const, 'Exact' as const, 'RegularExpression' as const),
      name: fc.constantFrom(...names),
      value: fc.constantFrom('1', '2', '3'),
    });
  const from = fc.constantFrom(
    { type: 'header' as const, name: 'h' },
    { type: 'query' as const, name: 'q' },
    { type: 'pathSegment' as const, index: 1 },
    { type: 'hostLabel' as const, index: 0 },
  );
  const conditions: fc.Arbitrary<MatchConditions> = fc.record(
    {
      countries: fc.subarray(['DE', 'FR', 'US'], { minLength: 1 }),
      continents: fc.subarray(['EU', 'NA'], { minLength: 1 }),
      tenant: fc.record({ from, values: fc.subarray(['1', '2', 'a', 'b'], { minLength: 1 }) }),
    },
    { requiredKeys: [] },
  );
  const match: fc.Arbitrary<RequestMatch> = fc.record({
    method: fc.option(fc.constantFrom('GET', 'POST')),
    headers: fc.array(value(['h', 'i']), { maxLength: 2 }),
    query: fc.array(value(['q', 'r']), { maxLength: 2 }),
    conditions: fc.option(conditions, { freq: 4 }),
  });
  const everyRule = {
    path: anyPath,
    match,
    priority: fc.constant(0),
    createdMs: fc.constantFrom(0, 1),
    route: fc.constantFrom('r', 's'),
    index: fc.nat(2),
  };
  const rule = fc.record(everyRule);
  const hosts = fc.dictionary(
    fc.constantFrom('http://a.b.c', 'http://*.b.c', 'http://*.c', 'http://', 'http://b.c', 'https://a.b.c'),
    fc.array(rule, { maxLength: 40 }),
    { minKeys: 1 },
  );
  // Many rules of one path, so that they are looked up by what they want.
  const crowded = fc.record({
    'http://a.b.c': fc.array(
      fc.record({ ...everyRule, path: fc.constantFrom(prefix('/'), prefix('/a'), expression('/a.*')) }),
      {
        minLength: 20,
        maxLength: 60,
      },
    ),
  });
  const asked = fc.record({
    host: fc.constantFrom('a.b.c', 'b.c', 'x.a.b.c', 'c', 'z'),
    path: fc.tuple(path, fc.constantFrom('', '/', '//')).map(([most, end]) => most + end),
    search: fc.constantFrom('', '?q=1', '?q=2&r=1', '?r=3&q=1&q=2'),
    method: fc.constantFrom('GET', 'POST', 'PUT'),
    headers: fc.dictionary(fc.constantFrom('h', 'i'), fc.constantFrom('1', '2', '3', '11')),
    country: fc.constantFrom('DE', 'US', null),
  });

  it('does what the standard’s text says, on any routes and requests, paged or not, with and without priorities', () => {
    fc.assert(
      fc.property(
        fc.oneof(hosts, crowded),
        fc.array(asked, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(1, 4),
        fc.option(fc.array(fc.nat(2), { minLength: 1, maxLength: 5 })),
        (stated, requests, pages, priorities) => {
          // Rules that are equal in all that decides would tie; each has a place of its own.
          const numbered = Object.fromEntries(
            Object.entries(stated).map(([host, rules]) => [
              host,
              rules.map((one, i) => ({ ...one, matchIndex: i, priority: priorities?.[i % priorities.length] ?? 0 })),
            ]),
          );
          const source = sourceOf(numbered, pages);
          for (const { host, path, search, method, headers, country } of requests) {
            const facts = request(`${method} http://${host}${path}${search}`, headers, { country, continent: 'EU' });
            const expected = naiveMatch(numbered, facts);
            const result = matchRequest(facts, source);
            if (result.type === 'match') {
              const { hostKey, rule, action } = result;
              expect([hostKey, action.route.name, action.rule.index, rule.matchIndex]).toEqual([
                expected?.host,
                expected?.rule.route,
                expected?.rule.index,
                expected?.rule.matchIndex,
              ]);
            } else expect(expected).toBeNull();
          }
        },
      ),
      { numRuns: sized(150) },
    );
  });
});

describe('host keys of two namespaces', () => {
  const source = sourceOf({
    'http://shop.example.com': [{ route: 'shop', path: prefix('/shop') }],
    'http://*.example.com': [{ route: 'wild', path: prefix('/wild') }],
    'http://': [{ route: 'any' }],
  });
  const others = (...keys: HostKey[]) => ({
    ...source,
    read: ((key) => {
      const entry = source.read(key);
      const isOther = keys.some((other) => key === `host:${other}`);
      return isOther && entry !== null ? { ...entry, namespaceUid: 'another' } : entry;
    }) as typeof source.read,
  });
  const routeAt = (path: string, at: typeof source = source) =>
    nameOf(matchRequest(request(`GET http://shop.example.com${path}`), at));

  it('of one namespace are asked from the most specific on', () => {
    expect([routeAt('/shop'), routeAt('/wild'), routeAt('/')]).toEqual(['shop', 'wild', 'any']);
  });

  it('are not asked beyond those of the most specific one', () => {
    const any = others('http://');
    expect([routeAt('/shop', any), routeAt('/wild', any), routeAt('/', any)]).toEqual(['shop', 'wild', null]);
    const wild = others('http://*.example.com');
    expect([routeAt('/shop', wild), routeAt('/wild', wild)]).toEqual(['shop', 'any']);
  });
});
