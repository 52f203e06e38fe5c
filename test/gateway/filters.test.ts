import { describe, expect, test } from 'vitest';
import type { CompiledCors, CompiledRedirect, PathMatch } from '../../src/core/protocol/gateway.ts';
import type { CanonicalRequest } from '../../src/traffic/canonical.ts';
import { modifiedPath, redirectLocation } from '../../src/traffic/filters/address.ts';
import { corsHeaders, isAllowedOrigin, isPreflight, preflightHeaders } from '../../src/traffic/filters/cors.ts';
import { changeHeaders } from '../../src/traffic/filters/headers.ts';

const prefix = (value: string): PathMatch => ({ type: 'PathPrefix', value });

describe('ReplacePrefixMatch, by the table of the standard and beyond it', () => {
  test.each([
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/', '/foo', '', '/'],
    ['/foo', '/foo', '', '/'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo', '/foo', '/', '/'],
    ['/foo/bar', '/', '/xyz', '/xyz/foo/bar'],
    ['/', '/', '/xyz', '/xyz/'],
    ['/foo//bar', '/foo', '/xyz', '/xyz//bar'],
    ['/foo/a%2Fb', '/foo', '/', '/a%2Fb'],
  ])('%s matched by %s, with %j in its place: %s', (path, matched, value, expected) => {
    expect(modifiedPath(path, { type: 'ReplacePrefixMatch', value }, prefix(matched))).toBe(expected);
  });

  test('a full path is what it says, with a slash before it', () => {
    const full = (value: string) => modifiedPath('/foo/bar', { type: 'ReplaceFullPath', value }, prefix('/foo'));
    expect([full('/new'), full('new'), full('')]).toEqual(['/new', '/new', '/']);
  });
});

describe('RequestRedirect', () => {
  const request = (more: Partial<CanonicalRequest> = {}): CanonicalRequest => ({
    method: 'GET',
    scheme: 'http',
    host: 'example.com',
    port: null,
    path: '/a/b',
    search: '?q=1',
    ...more,
  });
  const NOTHING: CompiledRedirect = { scheme: null, hostname: null, path: null, port: null, statusCode: 302 };

  test.each<[string, Partial<CanonicalRequest>, Partial<CompiledRedirect>, string]>([
    ['nothing said: the request’s own address', {}, {}, 'http://example.com/a/b?q=1'],
    ['the port of the request stays without a scheme', { port: 8080 }, {}, 'http://example.com:8080/a/b?q=1'],
    ['a scheme brings its well-known port', { port: 8080 }, { scheme: 'https' }, 'https://example.com/a/b?q=1'],
    ['to http from https', { scheme: 'https', port: 8443 }, { scheme: 'http' }, 'http://example.com/a/b?q=1'],
    ['a port that is said', {}, { scheme: 'https', port: 8443 }, 'https://example.com:8443/a/b?q=1'],
    ['443 of https is not written', { scheme: 'https' }, { port: 443 }, 'https://example.com/a/b?q=1'],
    ['80 of http is not written', {}, { port: 80 }, 'http://example.com/a/b?q=1'],
    ['443 of http is written', {}, { port: 443 }, 'http://example.com:443/a/b?q=1'],
    ['80 of https is written', { scheme: 'https' }, { port: 80 }, 'https://example.com:80/a/b?q=1'],
    ['another host', {}, { hostname: 'example.org' }, 'http://example.org/a/b?q=1'],
    ['a path', { search: '' }, { path: { type: 'ReplacePrefixMatch', value: '/c' } }, 'http://example.com/c/b'],
    ['an IPv6 host', { host: '[::1]', port: 8080 }, {}, 'http://[::1]:8080/a/b?q=1'],
  ])('%s', (_name, asked, said, expected) => {
    expect(redirectLocation(request(asked), { ...NOTHING, ...said }, prefix('/a'))).toBe(expected);
  });
});

test('headers are removed, set and added in this order', () => {
  const headers = new Headers({ 'x-a': 'old', 'x-b': 'old', 'x-c': 'old' });
  changeHeaders(headers, {
    set: [
      { name: 'X-A', value: 'set' },
      { name: 'x-new', value: 'set' },
    ],
    add: [
      { name: 'x-a', value: 'added' },
      { name: 'X-B', value: 'added' },
    ],
    remove: ['X-C', 'x-absent'],
  });
  expect(Object.fromEntries(headers)).toEqual({ 'x-a': 'set, added', 'x-b': 'old, added', 'x-new': 'set' });
});

describe('CORS', () => {
  const filter = (more: Partial<CompiledCors> = {}): CompiledCors => ({
    allowOrigins: ['https://app.example.com'],
    allowCredentials: false,
    allowMethods: [],
    allowHeaders: [],
    exposeHeaders: [],
    maxAgeSeconds: 5,
    ...more,
  });
  const asked = { origin: 'https://app.example.com', method: 'PUT', headers: 'x-a, x-b' };
  const answer = (more: Partial<CompiledCors>) => Object.fromEntries(preflightHeaders(filter(more), asked));

  test.each([
    ['https://app.example.com', 'https://app.example.com', true],
    ['https://app.example.com', 'https://app.example.com:443', true],
    ['https://app.example.com:443', 'https://app.example.com', true],
    ['https://app.example.com', 'https://app.example.com:8443', false],
    ['https://app.example.com', 'http://app.example.com', false],
    ['https://app.example.com', 'HTTPS://APP.EXAMPLE.COM', true],
    ['https://*.example.com', 'https://a.b.example.com', true],
    ['https://*.example.com', 'https://example.com', false],
    ['https://*.example.com', 'https://evilexample.com', false],
    ['https://*.example.com', 'https://x.example.com.evil.org', false],
    ['https://*.example.com', 'https://evil.org/.example.com', false],
    ['https://*.example.com', 'https://evil.org#.example.com', false],
    ['https://*', 'https://anything.org', true],
    ['https://*', 'http://anything.org', false],
    ['*', 'null', true],
    ['https://*', 'null', false],
    ['https://app.example.com', 'https://app.example.com/', false],
  ])('of %s, %s: %s', (pattern, origin, allowed) => {
    expect(isAllowedOrigin(filter({ allowOrigins: [pattern] }), origin)).toBe(allowed);
  });

  test('an OPTIONS that asks nothing is no preflight', () => {
    expect(isPreflight('OPTIONS', 'https://a.example', 'PUT')).toBe(true);
    expect(isPreflight('OPTIONS', 'https://a.example', null)).toBe(false);
    expect(isPreflight('OPTIONS', null, 'PUT')).toBe(false);
    expect(isPreflight('PUT', 'https://a.example', 'PUT')).toBe(false);
  });

  test('without credentials a wildcard is said as it is', () => {
    const all = { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'] };
    expect(answer(all)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': '*',
      'access-control-allow-headers': '*',
    });
  });

  test('with credentials nothing is said but by name', () => {
    const all = { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], exposeHeaders: ['*'] };
    expect(answer({ ...all, allowCredentials: true })).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'x-a, x-b',
    });
    expect(corsHeaders(filter({ ...all, allowCredentials: true }), asked.origin)).toEqual([
      ['access-control-allow-origin', 'https://app.example.com'],
      ['access-control-allow-credentials', 'true'],
    ]);
  });

  test('what is not configured is not said, and another origin hears nothing that allows', () => {
    expect(answer({})).toEqual({
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-max-age': '5',
    });
    expect(preflightHeaders(filter(), { ...asked, origin: 'https://evil.example' }).map(([name]) => name)).toEqual([
      'vary',
    ]);
    expect(corsHeaders(filter(), 'https://evil.example')).toEqual([]);
    expect(corsHeaders(filter(), null)).toEqual([]);
  });
});
