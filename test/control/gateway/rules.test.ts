import { describe, expect, test } from 'vitest';
import { GATEWAY_CLASS_RULES, GATEWAY_RULES } from '../../../src/control/gateway-rules/gateway.ts';
import { HTTP_ROUTE_RULES } from '../../../src/control/gateway-rules/http-route.ts';
import type { JsonObject } from '../../../src/control/json.ts';
import { testPlane } from '../fixture.ts';
import { GATEWAYS, gateway, ROUTES, route, verdicts } from './fixture.ts';

/** A rule of the standard's CustomResourceDefinitions: what it says, where, and a spec that keeps it beside one that does not. */
interface RuleCase {
  /** A part of the message, which is enough to tell the rule from others. */
  readonly says: string;
  /** The path of the fault. */
  readonly at: string;
  readonly taken: JsonObject;
  readonly refused: JsonObject;
}

const backend = { name: 'shop', port: 80 };
const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } });
const rule = (members: JsonObject): JsonObject => ({ rules: [members] });
const parents = (...parentRefs: JsonObject[]): JsonObject => ({ parentRefs });
const inPath = (value: string, type = 'Exact') => rule({ matches: [{ path: { type, value } }] });
const times = (request: string, backendRequest: string) => rule({ timeouts: { request, backendRequest } });
const matches = (...counts: number[]): JsonObject => ({
  rules: counts.map((count, r) => ({
    matches: Array.from({ length: count }, (_, i) => prefix(`/${r}/${i}`)),
  })),
});

/** Where filters may be: each of their rules is tried in both places. */
const FILTER_PLACES = [
  { path: 'spec.rules[0].filters', put: (...filters: JsonObject[]) => rule({ matches: [prefix('/')], filters }) },
  {
    path: 'spec.rules[0].backendRefs[0].filters',
    put: (...filters: JsonObject[]) => rule({ matches: [prefix('/')], backendRefs: [{ ...backend, filters }] }),
  },
];

const setHeader = { set: [{ name: 'a', value: 'b' }] };
const FILTERS: Readonly<Record<string, JsonObject>> = {
  RequestHeaderModifier: { requestHeaderModifier: setHeader },
  ResponseHeaderModifier: { responseHeaderModifier: setHeader },
  RequestMirror: { requestMirror: { backendRef: backend } },
  RequestRedirect: { requestRedirect: { scheme: 'https' } },
  URLRewrite: { urlRewrite: { hostname: 'a.example' } },
  ExtensionRef: { extensionRef: { group: 'orasi.io', kind: 'Filter', name: 'x' } },
  CORS: { cors: { allowOrigins: ['*'] } },
  ExternalAuth: { externalAuth: { protocol: 'HTTP', http: {}, backendRef: backend } },
};
const filter = (type: string, members: JsonObject = FILTERS[type]): JsonObject => ({ type, ...members });

interface FilterCase {
  readonly says: string;
  /** After the list's path. */
  readonly at: string;
  readonly taken: readonly JsonObject[];
  readonly refused: readonly JsonObject[];
}

function pathCases(type: string, member: string): FilterCase[] {
  const modifier = (path: JsonObject) => [filter(type, { [member]: { path } })];
  const at = `[0].${member}.path`;
  const full = { type: 'ReplaceFullPath', replaceFullPath: '/a' };
  const part = { type: 'ReplacePrefixMatch', replacePrefixMatch: '/a' };
  return [
    {
      says: "replaceFullPath must be specified when type is set to 'ReplaceFullPath'",
      at,
      taken: modifier(full),
      refused: modifier({ type: 'ReplaceFullPath' }),
    },
    {
      says: "type must be 'ReplaceFullPath' when replaceFullPath is set",
      at,
      taken: modifier(full),
      refused: modifier({ ...part, replaceFullPath: '/a' }),
    },
    {
      says: "replacePrefixMatch must be specified when type is set to 'ReplacePrefixMatch'",
      at,
      taken: modifier(part),
      refused: modifier({ type: 'ReplacePrefixMatch' }),
    },
    {
      says: "type must be 'ReplacePrefixMatch' when replacePrefixMatch is set",
      at,
      taken: modifier(part),
      refused: modifier({ ...full, replacePrefixMatch: '/a' }),
    },
  ];
}

function corsCase(member: string, says: string, values: readonly string[]): FilterCase {
  const cors = (...list: string[]) => [filter('CORS', { cors: { [member]: list } })];
  return { says, at: `[0].cors.${member}`, taken: cors(...values), refused: cors(...values, '*') };
}

function authCases(protocol: string, member: string, other: JsonObject): FilterCase[] {
  const auth = (members: JsonObject) => [filter('ExternalAuth', { externalAuth: { backendRef: backend, ...members } })];
  const at = '[0].externalAuth';
  const taken = auth({ protocol, [member]: {} });
  return [
    {
      says: `${member} must be specified when protocol is set to '${protocol}'`,
      at,
      taken,
      refused: auth({ protocol }),
    },
    {
      says: `protocol must be '${protocol}' when ${member} is set`,
      at,
      taken,
      refused: auth({ ...other, [member]: {} }),
    },
  ];
}

const mirror = (members: JsonObject) => [
  filter('RequestMirror', { requestMirror: { backendRef: backend, ...members } }),
];

const FILTER_CASES: readonly FilterCase[] = [
  {
    says: 'May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both',
    at: '',
    taken: [filter('URLRewrite'), filter('CORS')],
    refused: [filter('URLRewrite'), filter('RequestRedirect')],
  },
  ...['CORS', 'RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite'].map((type) => ({
    says: `${type} filter cannot be repeated`,
    at: '',
    taken: [filter(type), filter('RequestMirror'), filter('RequestMirror')],
    refused: [filter(type), filter(type)],
  })),
  ...Object.keys(FILTERS).flatMap((type): FilterCase[] => {
    const [member] = Object.keys(FILTERS[type]);
    const other = type === 'CORS' ? 'URLRewrite' : 'CORS';
    return [
      {
        says: `filter.${member} must be nil if the filter.type is not ${type}`,
        at: '[0]',
        taken: [filter(other), filter(type)],
        refused: [filter(other, { ...FILTERS[other], ...FILTERS[type] })],
      },
      {
        says: `filter.${member} must be specified for ${type} filter.type`,
        at: '[0]',
        taken: [filter(type)],
        refused: [{ type }],
      },
    ];
  }),
  corsCase('allowHeaders', "AllowHeaders cannot contain '*' alongside other methods", ['x-a', 'x-b']),
  corsCase('allowMethods', "AllowMethods cannot contain '*' alongside other methods", ['GET', 'PUT']),
  corsCase('allowOrigins', "AllowOrigins cannot contain '*' alongside other origins", ['https://a.example']),
  {
    says: 'Only one of percent or fraction may be specified in HTTPRequestMirrorFilter',
    at: '[0].requestMirror',
    taken: mirror({ percent: 10 }),
    refused: mirror({ percent: 10, fraction: { numerator: 1 } }),
  },
  {
    says: 'numerator must be less than or equal to denominator',
    at: '[0].requestMirror.fraction',
    taken: mirror({ fraction: { numerator: 100 } }),
    refused: mirror({ fraction: { numerator: 101 } }),
  },
  {
    says: 'Must have port for Service reference',
    at: '[0].requestMirror.backendRef',
    taken: mirror({ backendRef: { group: 'orasi.io', kind: 'Upstream', name: 'copy' } }),
    refused: mirror({ backendRef: { name: 'copy' } }),
  },
  ...pathCases('RequestRedirect', 'requestRedirect'),
  ...pathCases('URLRewrite', 'urlRewrite'),
  ...authCases('GRPC', 'grpc', { protocol: 'HTTP', http: {} }),
  ...authCases('HTTP', 'http', { protocol: 'GRPC', grpc: {} }),
  {
    says: 'Must have port for Service reference',
    at: '[0].externalAuth.backendRef',
    taken: [filter('ExternalAuth')],
    refused: [filter('ExternalAuth', { externalAuth: { protocol: 'HTTP', http: {}, backendRef: { name: 'auth' } } })],
  },
];

const replace = (type: string, member: string) =>
  filter(type, { [member]: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } });
const onRule = (type: string, member: string, ...found: JsonObject[]) =>
  rule({ matches: found, filters: [replace(type, member)] });
const onBackend = (type: string, member: string, ...found: JsonObject[]) =>
  rule({ matches: found, backendRefs: [{ ...backend, filters: [replace(type, member)] }] });
const exact = { path: { type: 'Exact', value: '/a' } };

const ROUTE_CASES: readonly RuleCase[] = [
  {
    says: 'sectionName or port must be specified when parentRefs includes 2 or more references to the same parent',
    at: 'spec.parentRefs',
    taken: parents({ name: 'a', sectionName: 'http' }, { name: 'a', sectionName: 'https' }, { name: 'b' }),
    refused: parents({ name: 'a', sectionName: 'http' }, { name: 'a' }),
  },
  {
    says: 'sectionName or port must be unique when parentRefs includes 2 or more references to the same parent',
    at: 'spec.parentRefs',
    taken: parents({ name: 'a', port: 80 }, { name: 'a', port: 443 }, { name: 'a', namespace: 'b', port: 80 }),
    refused: parents({ name: 'a', port: 80 }, { name: 'a', port: 80 }),
  },
  {
    says: 'the total number of matches across all rules in a route must be less than 128',
    at: 'spec.rules',
    taken: matches(64, 64),
    refused: matches(64, 64, 1),
  },
  {
    says: 'Rule name must be unique within the route',
    at: 'spec.rules',
    taken: { rules: [{ name: 'a' }, { name: 'b' }, {}, {}] },
    refused: { rules: [{ name: 'a' }, {}, { name: 'a' }] },
  },
  {
    says: 'RequestRedirect filter must not be used together with backendRefs',
    at: 'spec.rules[0]',
    taken: rule({ filters: [filter('RequestRedirect')], backendRefs: [] }),
    refused: rule({ filters: [filter('RequestRedirect')], backendRefs: [backend] }),
  },
  ...(
    [
      ['When using RequestRedirect filter', 'RequestRedirect', 'requestRedirect', onRule],
      ['When using URLRewrite filter', 'URLRewrite', 'urlRewrite', onRule],
      ['Within backendRefs, when using RequestRedirect filter', 'RequestRedirect', 'requestRedirect', onBackend],
      ['Within backendRefs, When using URLRewrite filter', 'URLRewrite', 'urlRewrite', onBackend],
    ] as const
  ).flatMap(([when, type, member, put]): RuleCase[] => {
    const says = `${when} with path.replacePrefixMatch, exactly one PathPrefix match must be specified`;
    const taken = put(type, member, prefix('/a'));
    return [
      { says, at: 'spec.rules[0]', taken, refused: put(type, member, prefix('/a'), prefix('/b')) },
      { says, at: 'spec.rules[0]', taken, refused: put(type, member, exact) },
    ];
  }),
  {
    says: 'Must have port for Service reference',
    at: 'spec.rules[0].backendRefs[0]',
    taken: rule({ backendRefs: [backend, { group: 'orasi.io', kind: 'Upstream', name: 'shop' }] }),
    refused: rule({ backendRefs: [{ name: 'shop' }] }),
  },
  ...(
    [
      ["value must be an absolute path and start with '/'", 'a'],
      ["must not contain '//'", '/a//b'],
      ["must not contain '/./'", '/a/./b'],
      ["must not contain '/../'", '/a/../b'],
      ["must not contain '%2f'", '/a%2fb'],
      ["must not contain '%2F'", '/a%2Fb'],
      ["must not contain '#'", '/a#b'],
      ["must not end with '/..'", '/a/..'],
      ["must not end with '/.'", '/a/.'],
    ] as const
  ).flatMap(([says, value]) =>
    ['Exact', 'PathPrefix'].map(
      (type): RuleCase => ({
        says: `${says} when type one of ['Exact', 'PathPrefix']`,
        at: 'spec.rules[0].matches[0].path',
        taken: inPath(value, 'RegularExpression'),
        refused: inPath(value, type),
      }),
    ),
  ),
  {
    says: "must only contain valid characters (matching ^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$)",
    at: 'spec.rules[0].matches[0].path',
    taken: inPath("/a-Z0._~!$&'()*+,;=:@%20"),
    refused: inPath('/a%2'),
  },
  {
    says: 'AbsoluteTimeout must be specified when cookie lifetimeType is Permanent',
    at: 'spec.rules[0].sessionPersistence',
    taken: rule({ sessionPersistence: { absoluteTimeout: '1h', cookieConfig: { lifetimeType: 'Permanent' } } }),
    refused: rule({ sessionPersistence: { cookieConfig: { lifetimeType: 'Permanent' } } }),
  },
  {
    says: 'cookieConfig can only be set with type Cookie',
    at: 'spec.rules[0].sessionPersistence',
    taken: rule({ sessionPersistence: { type: 'Cookie', cookieConfig: {} } }),
    refused: rule({ sessionPersistence: { type: 'Header', cookieConfig: {} } }),
  },
  {
    says: 'backendRequest timeout cannot be longer than request timeout',
    at: 'spec.rules[0].timeouts',
    taken: times('0s', '1h'),
    refused: times('1m', '60s1ms'),
  },
];

const listener = (members: JsonObject = {}): JsonObject => ({ name: 'a', port: 80, protocol: 'HTTP', ...members });
const listeners = (...list: JsonObject[]): JsonObject => ({ gatewayClassName: 'orasi', listeners: list });
const addresses = (...list: JsonObject[]): JsonObject => ({ ...listeners(listener()), addresses: list });
const withKeys = (member: string, ...keys: string[]): JsonObject => ({
  ...listeners(listener()),
  infrastructure: { [member]: Object.fromEntries(keys.map((key) => [key, 'x'])) },
});
const options = { 'orasi.io/termination': 'cloudflare' };
const https = (tls: JsonObject) => listeners(listener({ protocol: 'HTTPS', tls }));

const GATEWAY_CASES: readonly RuleCase[] = [
  {
    says: 'IPAddress values must be unique',
    at: 'spec.addresses',
    taken: addresses({ value: '192.0.2.1' }, { value: '2001:db8::1' }),
    refused: addresses({ value: '192.0.2.1' }, { type: 'IPAddress', value: '192.0.2.1' }),
  },
  {
    says: 'Hostname values must be unique',
    at: 'spec.addresses',
    taken: addresses({ type: 'Hostname', value: 'a.example' }, { type: 'Hostname', value: 'b.example' }),
    refused: addresses({ type: 'Hostname', value: 'a.example' }, { type: 'Hostname', value: 'a.example' }),
  },
  {
    says: 'Hostname value must be empty or contain only valid characters',
    at: 'spec.addresses[0]',
    taken: addresses({ type: 'Hostname' }, { type: 'Hostname', value: '*.a.example' }),
    refused: addresses({ type: 'Hostname', value: 'a_b.example' }),
  },
  {
    says: 'value of an IPAddress must be an IPv4 or IPv6 address',
    at: 'spec.addresses[0]',
    taken: addresses({ value: '192.0.2.1' }, { type: 'NamedAddress', value: 'edge' }),
    refused: addresses({ value: '192.0.2.256' }),
  },
  ...['Label', 'Annotation'].flatMap((name): RuleCase[] => {
    const member = `${name.toLowerCase()}s`;
    const at = `spec.infrastructure.${member}`;
    const taken = withKeys(member, 'a.example/team', 'tier');
    return [
      {
        says: `${name} keys must be in the form of an optional DNS subdomain`,
        at,
        taken,
        refused: withKeys(member, 'a/'),
      },
      {
        says: `the ${name.toLowerCase()} key's prefix must be a DNS subdomain not longer than 253 characters in total`,
        at,
        taken,
        refused: withKeys(member, `${'a'.repeat(253)}/team`),
      },
    ];
  }),
  {
    says: "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
    at: 'spec.listeners',
    taken: listeners(listener()),
    refused: listeners(listener({ tls: { options } })),
  },
  {
    says: 'tls mode must be Terminate for protocol HTTPS',
    at: 'spec.listeners',
    taken: https({ options }),
    refused: https({ mode: 'Passthrough' }),
  },
  {
    says: 'tls mode must be set for protocol TLS',
    at: 'spec.listeners',
    taken: listeners(listener({ protocol: 'TLS', tls: { mode: 'Passthrough' } })),
    refused: listeners(listener({ protocol: 'TLS' })),
  },
  {
    says: "hostname must not be specified for protocols ['TCP', 'UDP']",
    at: 'spec.listeners',
    taken: listeners(listener({ protocol: 'TCP' })),
    refused: listeners(listener({ protocol: 'UDP', hostname: 'a.example' })),
  },
  {
    says: 'Combination of port, protocol and hostname must be unique for each listener',
    at: 'spec.listeners',
    taken: listeners(listener(), listener({ name: 'b', hostname: 'a.example' })),
    refused: listeners(listener(), listener({ name: 'b' })),
  },
  {
    says: 'certificateRefs or options must be specified when mode is Terminate',
    at: 'spec.listeners[0].tls',
    taken: https({ certificateRefs: [{ name: 'certificate' }] }),
    refused: https({ mode: 'Terminate', options: {} }),
  },
];

/** Rules that the schema keeps already, so that no object comes to them: lists of type map have each key once. */
const KEPT_BY_SCHEMA: readonly RuleCase[] = [
  {
    says: 'Duplicate value: {"name":"a"}',
    at: 'spec.listeners[1]',
    taken: listeners(listener(), listener({ name: 'b', port: 81 })),
    refused: listeners(listener(), listener({ port: 81 })),
  },
  {
    says: 'Duplicate value: {"port":443}',
    at: 'spec.tls.frontend.perPort[1]',
    taken: { ...listeners(listener()), tls: { frontend: { default: {}, perPort: [{ port: 443, tls: {} }] } } },
    refused: {
      ...listeners(listener()),
      tls: {
        frontend: {
          default: {},
          perPort: [
            { port: 443, tls: {} },
            { port: 443, tls: {} },
          ],
        },
      },
    },
  },
  {
    says: 'Unsupported value: "Glob": supported values: "Exact", "PathPrefix", "RegularExpression"',
    at: 'spec.rules[0].matches[0].path.type',
    taken: inPath('/a', 'Exact'),
    refused: inPath('/a', 'Glob'),
  },
];

const judge = verdicts();
const verdictOf = (spec: JsonObject): string =>
  spec.gatewayClassName === undefined ? judge(route('r', spec), ROUTES) : judge(gateway('g', spec), GATEWAYS);

function numbered<T extends { says: string }>(kind: string, cases: readonly T[]): (readonly [string, T])[] {
  return cases.map((item, i) => [`${kind} ${i + 1}: ${item.says}`, item] as const);
}

describe('the standard refuses', () => {
  test.each([
    ...numbered('HTTPRoute', ROUTE_CASES),
    ...numbered('Gateway', GATEWAY_CASES),
    ...numbered('schema', KEPT_BY_SCHEMA),
  ])('%s', (_, { says, at, taken, refused }) => {
    expect(verdictOf(taken)).toBe('');
    expect(
      verdictOf(refused)
        .split('\n')
        .filter((line) => line.startsWith(`${at}: `) && line.includes(says)),
    ).toHaveLength(1);
  });

  test.each(numbered('filter', FILTER_CASES))('%s', (_, { says, at, taken, refused }) => {
    for (const { path, put } of FILTER_PLACES) {
      expect(verdictOf(put(...taken))).toBe('');
      const faults = verdictOf(put(...refused)).split('\n');
      expect(faults.filter((line) => line.startsWith(`${path}${at}: `) && line.includes(says))).toHaveLength(1);
    }
  });
});

test('every rule that there is has its case', () => {
  const said = [...ROUTE_CASES, ...GATEWAY_CASES, ...FILTER_CASES].map(({ says }) => says);
  const withoutCase = [...HTTP_ROUTE_RULES, ...GATEWAY_RULES]
    .filter(({ path }) => !path.startsWith('status.'))
    .filter(({ message }) => !said.some((part) => message.includes(part)))
    .map(({ message }) => message);
  expect(withoutCase).toEqual([]);
  // The class's one rule is about two versions of it: test/control/gateway/default-gateway.test.ts.
  expect(GATEWAY_CLASS_RULES).toHaveLength(1);
});

test('an address of a status is a hostname or an IP address, as its type says', () => {
  const plane = testPlane();
  const status = (type: string, value: string) => {
    const change = { status: { addresses: [{ type, value }] } };
    const answer = plane.send('patch', change, { ...GATEWAYS, name: 'default', subresource: 'status' });
    return answer.status === 200 ? '' : String(answer.json.message);
  };
  expect(status('Hostname', 'a.example')).toBe('');
  expect(status('Hostname', 'a_b')).toContain('status.addresses[0]: Invalid value: "object": Hostname value must only');
  expect(status('IPAddress', '::1')).toBe('');
  expect(status('IPAddress', 'a.example')).toContain('must be an IPv4 or IPv6 address');
});
