import { describe, expect, test } from 'vitest';
import { ANONYMOUS, type CompiledAuthorization } from '../../src/core/protocol/auth-policy.ts';
import { planRules, type RuleFacts, ruleFaults } from '../../src/traffic/rules/rules.ts';

const FACTS: RuleFacts = {
  method: 'GET',
  scheme: 'https',
  host: 'shop.example.com',
  path: '/orders/7',
  search: '?draft=1&draft=2&x=%2F&y=1',
  headers: new Headers({ 'x-team': 'red' }),
  clientIp: '203.0.113.9',
  country: 'DE',
  identity: {
    ...ANONYMOUS,
    method: 'jwt',
    id: 'login/ada',
    user: 'ada',
    tenant: 'acme',
    claims: { groups: ['dev', 'ops'], level: 3, constructor: 'odd', org: { id: 'acme' }, nothing: null },
  },
};

function policy(
  allow: readonly string[],
  deny: readonly string[] = [],
  otherwise: 'Allow' | 'Deny' = 'Deny',
): CompiledAuthorization {
  const rules = [...deny.map((e) => ['Deny', e] as const), ...allow.map((e) => ['Allow', e] as const)];
  return { rules: rules.map(([action, expression], at) => ({ name: `r${at}`, action, expression })), otherwise };
}

const isAllowed = (authorization: CompiledAuthorization, facts: RuleFacts = FACTS) =>
  planRules(authorization).decide(facts).allowed;

describe('what rules can see', () => {
  test.each([
    'request.method == "GET" && request.path.startsWith("/orders/")',
    'request.host == "shop.example.com" && request.scheme == "https"',
    'request.headers["x-team"] == "red" && !("x-none" in request.headers)',
    'request.query.y == "1" && request.query["x"] == "/" && !("z" in request.query)',
    'client.ip == "203.0.113.9" && client.country == "DE"',
    'inCidr(client.ip, "203.0.113.0/24") && !inCidr(client.ip, "10.0.0.0/8")',
    'identity.user == "ada" && identity.tenant == "acme" && identity.method == "jwt" && identity.id == "login/ada"',
    'claims.groups.exists(g, g == "ops") && "dev" in claims.groups && size(claims.groups) == 2',
    'claims.level >= 3 && claims.level == 3 && claims.org.id == "acme"',
    'claims["constructor"] == "odd" && claims.nothing == null',
    'request.path.matches("^/orders/[0-9]+$")',
    'request.path == "/orders/" + string(7)',
  ])('%s', (expression) => {
    expect(isAllowed(policy([expression]))).toBe(true);
    expect(isAllowed(policy([], [expression], 'Allow'))).toBe(false);
  });

  test('an address in the notation that IPv6 has for those of IPv4 is that address', () => {
    const mapped = { ...FACTS, clientIp: '::ffff:203.0.113.9' };
    expect(isAllowed(policy(['inCidr(client.ip, "203.0.113.0/24")']), mapped)).toBe(true);
  });
});

describe('who is let in', () => {
  test('nobody without a rule that allows it, unless the policy says otherwise', () => {
    expect(isAllowed(policy(['false']))).toBe(false);
    expect(isAllowed(policy(['false'], [], 'Allow'))).toBe(true);
    expect(isAllowed(policy(['false', 'true']))).toBe(true);
  });

  test('nobody whom a rule denies, whatever allows it', () => {
    expect(planRules(policy(['true'], ['identity.user == "ada"'])).decide(FACTS)).toEqual({
      allowed: false,
      rule: 'r0',
      failure: null,
    });
  });

  test('a rule that fails denies where it denies, and allows nothing', () => {
    expect(isAllowed(policy(['true'], ['claims.missing == 1']))).toBe(false);
    expect(isAllowed(policy(['claims.missing == 1']))).toBe(false);
    expect(isAllowed(policy(['claims.missing == 1', 'true']))).toBe(true);
    // Neither true nor false is neither.
    expect(planRules(policy(['claims.level'])).decide(FACTS)).toEqual({
      allowed: false,
      rule: null,
      failure: 'r0: is neither true nor false',
    });
    expect(isAllowed(policy(['true'], ['claims.level']))).toBe(false);
    // A type that does not fit fails as well: a text is not greater than a number.
    expect(isAllowed(policy(['claims.org > 3']))).toBe(false);
  });

  test('one of several that do not fail, where the failing one comes first', () => {
    const verdict = planRules(policy(['claims.missing', 'false'])).decide(FACTS);
    expect(verdict).toMatchObject({ allowed: false, rule: null, failure: expect.stringContaining('missing') });
  });
});

test('a parameter of the query that comes twice fails a rule that asks for it, however it asks', () => {
  for (const expression of [
    'request.query.draft == "1"',
    'request.query.draft != "2"',
    '!("draft" in request.query)',
    '!has(request.query.draft)',
  ]) {
    expect(isAllowed(policy([expression]))).toBe(false);
    expect(isAllowed(policy([], [expression], 'Allow'))).toBe(false);
  }
});

describe('refused before it is ever held against a request', () => {
  const cases: readonly [expression: string, offset: number, message: RegExp][] = [
    ['request.method = "GET"', 15, /./],
    ['user == "ada"', 0, /knows no "user"/],
    ['request.method == usr', 18, /knows no "usr"/],
    ['upper(request.method) == "GET"', 0, /no function "upper"/],
    ['request.path.matches("(")', 21, /\(/],
    ['request.path.matches("(a)\\\\1")', 21, /./],
    ['request.path.matches(claims.pattern)', 27, /as it stands here/],
    ['inCidr(client.ip, "10.0.0.0/40")', 18, /no block/],
    ['inCidr(client.ip, claims.block)', 24, /as it stands here/],
    ['claims.a.all(x, claims.b.all(y, x == y))', 24, /within going through/],
    ['"GET"', 0, /neither true nor false/],
    ['google.protobuf.Duration{seconds: 1} == 1', 0, /message/],
    [`${'('.repeat(33)}true${')'.repeat(33)}`, 32, /deeper/],
    [`${'true || '.repeat(300)}true`, 0, /more than 500 parts/],
    [`"${'a'.repeat(4_100)}" == "a"`, 4_096, /longer/],
  ];
  test.each(cases)('%s', (expression, offset, message) => {
    const [fault, ...rest] = ruleFaults(policy(['true', expression]));
    expect(rest).toEqual([]);
    expect(fault).toMatchObject({ index: 1, message: expect.stringMatching(message) });
    if (!/500/.test(String(message))) expect(fault.offset).toBe(offset);
  });
});

test('a pattern that other engines take ages for takes none', () => {
  const facts = { ...FACTS, path: `/${'a'.repeat(50_000)}!` };
  const begun = performance.now();
  expect(isAllowed(policy(['request.path.matches("^/(a+)+$")']), facts)).toBe(false);
  expect(performance.now() - begun).toBeLessThan(2_000);
});
