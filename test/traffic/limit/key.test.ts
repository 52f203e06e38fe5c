import { describe, expect, test } from 'vitest';
import type { KeyPart } from '../../../src/core/protocol/rate-limit.ts';
import { addressKey, type KeyFacts, limitKey } from '../../../src/traffic/limit/key.ts';

function facts(given: Partial<KeyFacts> = {}, headers: Record<string, string> = {}): KeyFacts {
  return {
    clientIp: '203.0.113.9',
    identity: { apiKey: null, user: null, tenant: null },
    header: (name) => headers[name] ?? null,
    path: '/',
    pathVariables: {},
    ...given,
  };
}

const ids: KeyPart = { type: 'pathSegment', index: 1, literals: ['users'] };

describe('the key of a limit', () => {
  test('has all of its parts, in their order', () => {
    const given = facts({ identity: { apiKey: 'acme/web', user: 'ann', tenant: 'acme' } }, { 'x-client': 'a b' });
    const parts: KeyPart[] = [
      { type: 'ip' },
      { type: 'apiKey' },
      { type: 'user' },
      { type: 'tenant' },
      { type: 'header', name: 'x-client' },
    ];
    expect(limitKey(parts, given)).toBe('ip=203.0.113.9&apiKey=acme%2Fweb&user=ann&tenant=acme&header.x-client=a%20b');
    expect(limitKey([], given)).toBe('');
  });

  test('tells what is not there from what is empty', () => {
    const part: KeyPart = { type: 'header', name: 'x' };
    expect([limitKey([part], facts()), limitKey([part], facts({}, { x: '' }))]).toEqual(['header.x', 'header.x=']);
    expect(limitKey([{ type: 'user' }, { type: 'ip' }], facts({ clientIp: null }))).toBe('user&ip');
  });

  test('cannot be made by a value that holds the marks of another part', () => {
    const parts: KeyPart[] = [
      { type: 'header', name: 'a' },
      { type: 'header', name: 'b' },
    ];
    const keys = [
      { a: '1&header.b=2', b: '' },
      { a: '1', b: '2' },
      { a: '1&header.b', b: '2' },
    ].map((headers) => limitKey(parts, facts({}, headers)));
    expect(new Set(keys).size).toBe(3);
  });

  test('is short for a long value, and tells long values apart', () => {
    const of = (value: string) => limitKey([{ type: 'header', name: 'x' }], facts({}, { x: value }));
    const [a, b] = [of(`${'x'.repeat(5_000)}a`), of(`${'x'.repeat(5_000)}b`)];
    expect(a.length).toBeLessThan(200);
    expect(a).not.toBe(b);
  });

  test('takes half a surrogate for what it can only be', () => {
    expect(limitKey([{ type: 'header', name: 'x' }], facts({}, { x: '\ud800' }))).toBe('header.x=%EF%BF%BD');
  });

  test('names a segment of a path that begins as its template', () => {
    const of = (path: string) => limitKey([ids], facts({ path }));
    expect(['/users/7', '/users/7/orders', '/users', '/users/', '/teams/7', '/'].map(of)).toEqual([
      'path.1=7',
      'path.1=7',
      'path.1',
      'path.1',
      'path.1',
      'path.1',
    ]);
    const second: KeyPart = { type: 'pathSegment', index: 3, literals: ['users', null, 'orders'] };
    expect(limitKey([second], facts({ path: '/users/7/orders/9' }))).toBe('path.3=9');
  });

  test("names a group of the route's expression", () => {
    const part: KeyPart = { type: 'pathGroup', name: 'id' };
    expect(limitKey([part], facts({ pathVariables: { id: '7' } }))).toBe('path.id=7');
    expect(limitKey([{ type: 'pathGroup', name: 'toString' }], facts())).toBe('path.toString');
  });
});

describe('the key of an address', () => {
  test.each([
    ['203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
    ['2001:DB8:1:2::1', '2001:db8:1:2::'],
    ['2001:db8:1:3::1', '2001:db8:1:3::'],
    ['::1', '0:0:0:0::'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
  ])('of %s is %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
