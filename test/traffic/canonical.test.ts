import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalHost, canonicalPath, canonicalRequest, pathSegments } from '../../src/traffic/canonical.ts';
import { hostKeys } from '../../src/traffic/host-keys.ts';
import { sized } from '../scale.ts';

/** As workerd puts a URL together: nothing is resolved, the Host header stands in it as sent. */
function received(host: string, target: string, method = 'GET') {
  return canonicalRequest(method, `http://${host}${target}`, host);
}

const pathOf = (target: string): string | number => {
  const canonical = received('x', target);
  return canonical.ok ? canonical.request.path : canonical.fault.status;
};

const hostOf = (host: string): string | number => {
  const canonical = received(host, '/p');
  return canonical.ok ? canonical.request.host : canonical.fault.status;
};

describe('the canonical form of a path', () => {
  it.each([
    ['', '/'],
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['/a.b/c..d/...', '/a.b/c..d/...'],
    ['/.well-known/x', '/.well-known/x'],
    // Dot segments, whichever way they are spelled; never above the root.
    ['/public/../admin', '/admin'],
    ['/public/%2e%2e/admin', '/admin'],
    ['/public/.%2E/admin', '/admin'],
    ['/public/%2e./admin', '/admin'],
    ['/public/../admin/%2e%2e', '/'],
    ['/a/./b/%2e/c', '/a/b/c'],
    ['/a/..', '/'],
    ['/a/b/..', '/a/'],
    ['/a/.', '/a/'],
    ['/../../etc', '/etc'],
    ['/..', '/'],
    // Escapes once only.
    ['/%252e%252e/x', '/%252e%252e/x'],
    // Empty segments and escaped slashes stay.
    ['//a', '//a'],
    ['/a//b', '/a//b'],
    ['/a//../b', '/a/b'],
    ['/a%2fb', '/a%2Fb'],
    ['/a..%2f..b/', '/a..%2F..b/'],
    ['/a;..;b', '/a;..;b'],
    // Unreserved characters are themselves, everything else keeps its escape in upper case.
    ['/%41%7e%5f%2d%30', '/A~_-0'],
    ['/%c3%a9%3a', '/%C3%A9%3A'],
    ['/é', '/%C3%A9'],
    ['/😀', '/%F0%9F%98%80'],
    ["/a:@!$&'()*+,;=", "/a:@!$&'()*+,;="],
    ['/a"<>^`{|}[]', '/a%22%3C%3E%5E%60%7B%7C%7D%5B%5D'],
    // A byte that is no UTF-8 is a byte.
    ['/%e9', '/%E9'],
    // Refused: two readers would read two things.
    ['/a%00', 400],
    ['/a\\b', 400],
    ['/a%5cb', 400],
    ['/a%5Cb', 400],
    ['/a/..%2fb', 400],
    ['/a%2f..', 400],
    ['/a%2f.%2fb', 400],
    ['/a%2F%2e%2E/b', 400],
    ['/a;x=1/..;/b', 400],
    ['/a/.;x=1', 400],
    ['/a/..%3b/b', 400],
    ['/a%', 400],
    ['/a%4', 400],
    ['/a%zz', 400],
    ['/a%%41', 400],
    ['/a\u0001', 400],
    ['/a\u007f', 400],
    ['/a b', 400],
    ['/\ud800', 400],
    ['/%c0%ae%c0%ae/', 400],
    ['/%e0%80%ae', 400],
    ['/%f0%80%80%ae', 400],
    ['*', 400],
    [`/${'a'.repeat(20_000)}`, 414],
  ])('%j is %j', (target, path) => {
    expect(pathOf(target)).toBe(path);
  });

  it('is what the runtime makes of it when it is fetched, and stays as it is when taken again', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '/',
        '..',
        '.',
        '%2e',
        '%2E',
        '%2f',
        '//',
        'a',
        'B',
        '%41',
        '%7e',
        '%25',
        '%c3%a9',
        'é',
        ';',
        '[',
        '|',
      ),
      fc.string({ maxLength: 3, unit: 'grapheme' }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const raw = `/${pieces.join('')}`.replaceAll(/[?#]/g, '');
        const path = canonicalPath(raw);
        if (typeof path !== 'string') return;
        expect(new URL(`http://x${path}`).pathname).toBe(path);
        expect(canonicalPath(path)).toBe(path);
        expect(path).not.toMatch(/\/\.{1,2}(\/|$)/);
      }),
      { numRuns: sized(500) },
    );
  });

  it('goes with the target before the query and any fragment', () => {
    expect(received('x', '/p?a=/../b?c')).toMatchObject({ request: { path: '/p', search: '?a=/../b?c' } });
    expect(received('x', '?a')).toMatchObject({ request: { path: '/', search: '?a' } });
    expect(received('x', '/p?')).toMatchObject({ request: { path: '/p', search: '' } });
    expect(received('x', '/p#a?b')).toMatchObject({ request: { path: '/p', search: '' } });
  });

  it('is a star for OPTIONS alone', () => {
    expect(received('x', '*', 'OPTIONS')).toMatchObject({ request: { host: 'x', path: '*' } });
    expect(pathSegments('*')).toEqual([]);
    expect(pathSegments('/')).toEqual(['']);
    expect(pathSegments('/a//b/')).toEqual(['a', '', 'b', '']);
  });
});

describe('the canonical form of a host', () => {
  it.each([
    ['Shop.Example.COM:8080', 'shop.example.com'],
    ['x.', 'x'],
    ['x.:80', 'x'],
    ['x:', 'x'],
    ['xn--mller-kva.de', 'xn--mller-kva.de'],
    ['a_b.example', 'a_b.example'],
    ['127.0.0.1:1', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[0:0:0:0:0:0:0:1]:80', '[::1]'],
    ['[2001:DB8::A]', '[2001:db8::a]'],
    ['', 400],
    ['.', 400],
    ['x..', 400],
    ['a..b', 400],
    ['x:99999', 400],
    ['x:ab', 400],
    ['x:-1', 400],
    ['a b', 400],
    ['a, b', 400],
    ['user@evil', 400],
    ['a/b', 400],
    ['a?b', 400],
    ['a#b', 400],
    ['a\\b', 400],
    ['a%41b', 400],
    ['müller.de', 400],
    ['[::1', 400],
    ['[::g]', 400],
    ['[1::2::3]', 400],
    ['::1', 400],
    ['*.example.com', 400],
    [`${'a'.repeat(64)}.b`, 400],
    [`${'a.'.repeat(127)}a`, 400],
  ])('%j is %j', (host, canonical) => {
    expect(hostOf(host)).toBe(canonical);
  });

  it('is the one of the target where both name it, and they have to agree', () => {
    expect(canonicalRequest('GET', 'http://shop.example.com/x', null)).toMatchObject({
      request: { host: 'shop.example.com', port: null },
    });
    expect(canonicalRequest('GET', 'https://shop.example.com/x', 'Shop.Example.com:443')).toMatchObject({
      request: { scheme: 'https', host: 'shop.example.com', path: '/x' },
    });
    expect(canonicalRequest('GET', 'http://a.b:8787/x', 'a.b')).toMatchObject({ request: { host: 'a.b', port: 8787 } });
    expect(canonicalRequest('GET', 'http://ab/x', 'a')).toMatchObject({ fault: { status: 400, part: 'host' } });
    expect(canonicalRequest('GET', 'http://evil/p', 'user@evil')).toMatchObject({
      fault: { status: 400, part: 'host' },
    });
    expect(canonicalRequest('GET', 'http://a/p', 'b')).toMatchObject({ fault: { status: 400, part: 'host' } });
    expect(canonicalRequest('GET', 'ftp://a/p', 'a')).toMatchObject({ fault: { status: 400, part: 'target' } });
  });

  it('is taken by nobody who has more than a name', () => {
    expect(canonicalHost('a:80')).toBeNull();
  });
});

describe('the keys of a host', () => {
  it('are the host, its parents under a wildcard, longest first, and any host', () => {
    expect(hostKeys('https', 'a.b.example.com')).toEqual([
      'https://a.b.example.com',
      'https://*.b.example.com',
      'https://*.example.com',
      'https://*.com',
      'https://',
    ]);
    expect(hostKeys('http', 'localhost')).toEqual(['http://localhost', 'http://']);
    expect(hostKeys('http', '[::1]')).toEqual(['http://[::1]', 'http://']);
    expect(hostKeys('http', '10.0.0.1')).toEqual(['http://10.0.0.1', 'http://']);
  });
});
