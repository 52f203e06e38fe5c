import { describe, expect, test } from 'vitest';
import { blocksOf } from '../../src/core/address-blocks.ts';
import type { UpstreamSource } from '../../src/core/protocol/upstream.ts';
import { EndpointRefused, endpointSender, type Fetcher } from '../../src/gateway/endpoint.ts';
import { readRange } from '../../src/gateway/files.ts';
import { HeaderList } from '../../src/gateway/header-list.ts';
import { passes } from '../../src/gateway/headers.ts';
import { upstream } from './entries.ts';

function world(bindings: readonly string[] = []) {
  const sent: string[] = [];
  const fetcher = (name: string): Fetcher => ({
    fetch: async (url, init) => {
      sent.push(`${name} ${init?.method} ${url}`);
      return new Response();
    },
  });
  const send = endpointSender({
    origin: fetcher('origin'),
    allowed: blocksOf('10.1.0.0/16'),
    binding: (name) => (name === 'SHOP' ? fetcher('SHOP') : undefined),
    bindings,
    bucket: { get: async () => null, head: async () => null } as never,
  });
  const call = (address: string, source: UpstreamSource = { type: 'static' }, host: string | null = null) =>
    send(upstream([address], { source }), address, {
      method: 'GET',
      pathAndQuery: '/a?b',
      host,
      clientHost: 'shop.example.com',
      headers: new HeaderList(),
      body: null,
      original: new Request('http://x/'),
      signal: null,
    });
  return { sent, call };
}

describe('where a request may go', () => {
  test.each([
    'http://169.254.169.254',
    'http://127.0.0.1:8080',
    'http://localhost',
    'http://sub.localhost:1',
    'http://[::1]',
    'http://[::ffff:10.0.0.1]',
    'http://0x7f.1',
    'http://2130706433',
    'http://10.2.0.1',
    'http://[fd00::1]',
    'ftp://example.com',
    'http://user@example.com',
  ])('not to %s', async (address) => {
    const { call, sent } = world();
    await expect(call(address)).rejects.toThrow(EndpointRefused);
    expect(sent).toEqual([]);
  });

  test('to public addresses and to those that are declared', async () => {
    const { call, sent } = world();
    await call('https://example.com');
    await call('http://10.1.2.3:8080');
    expect(sent).toEqual(['origin GET https://example.com/a?b', 'origin GET http://10.1.2.3:8080/a?b']);
  });

  test('to a Worker that the deployment lets the namespace use, by the name the route asks for', async () => {
    const source: UpstreamSource = { type: 'serviceBinding', binding: 'SHOP' };
    const { call, sent } = world(['default/SHOP']);
    await call('SHOP', source);
    await call('SHOP', source, 'inner.example.com');
    expect(sent).toEqual(['SHOP GET https://shop.example.com/a?b', 'SHOP GET https://inner.example.com/a?b']);
    await expect(world(['other/SHOP']).call('SHOP', source)).rejects.toThrow(/may use no binding SHOP/);
    await expect(world(['ABSENT']).call('ABSENT', { type: 'serviceBinding', binding: 'ABSENT' })).rejects.toThrow(
      EndpointRefused,
    );
    const asFiles: UpstreamSource = { type: 'r2', binding: 'SHOP', prefix: '', indexDocument: '' };
    await expect(world(['SHOP']).call('SHOP', asFiles)).rejects.toThrow('the binding SHOP is of another kind');
  });
});

describe('a range of 10 bytes', () => {
  test.each([
    ['bytes=0-3', { offset: 0, length: 4 }],
    ['bytes=4-', { offset: 4, length: 6 }],
    ['bytes=-3', { offset: 7, length: 3 }],
    ['bytes=-30', { offset: 0, length: 10 }],
    ['bytes=8-100', { offset: 8, length: 2 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', null],
    ['bytes=0-1,3-4', null],
    ['lines=0-1', null],
    ['bytes=-', null],
  ])('%s', (header, expected) => {
    expect(readRange(header, 10)).toEqual(expected);
  });
});

test('passes are counted by our own name in Via', () => {
  expect(passes(null)).toBe(0);
  expect(passes('1.1 other, 1.0 fred (orasi-edge)')).toBe(0);
  expect(passes('1.1 orasi-edge, 2.0 ORASI-EDGE ,HTTP/1.1 orasi-edge (comment)')).toBe(3);
});

test('names of headers are in any case, and values of one name add up', () => {
  const headers = HeaderList.of(new Headers({ 'X-A': '1', 'x-b': '2' }));
  headers.append('x-A', '2');
  headers.set('X-B', '3');
  headers.append('X-C', '4');
  expect(headers.get('X-a')).toBe('1, 2');
  expect(headers.toInit()).toEqual({ 'x-a': '1, 2', 'x-b': '3', 'x-c': '4' });
  const copy = headers.copy();
  copy.delete('X-A');
  expect([copy.has('x-a'), headers.has('x-a')]).toEqual([false, true]);
});
