import { expect, test } from 'vitest';
import { blocksOf } from '../../src/core/address-blocks.ts';
import { outboundFault } from '../../src/core/outbound.ts';

test.each([
  'http://127.0.0.1/',
  'http://127.1:80/',
  'http://0x7f000001/',
  'http://2130706433/',
  'http://localhost:3000/x',
  'http://a.localhost/',
  'http://localhost./',
  'http://10.1.2.3/',
  'http://172.31.255.255/',
  'http://192.168.0.1/',
  'http://169.254.169.254/latest/meta-data',
  'http://100.64.0.1/',
  'http://0.0.0.0/',
  'http://[::1]/',
  'http://[::]/',
  'http://[fd00::1]/',
  'http://[fe80::1]/',
  'http://[::ffff:10.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::127.0.0.1]/',
  'http://[64:ff9b::169.254.169.254]/',
  'http://[2002:7f00:1::]/',
  'http://[2001:0:1::80ff:fffe]/',
  'http://[fec0::1]/',
  'http://224.0.0.1/',
  'http://localhost6/',
  'http://ip6-localhost/',
  'http://localhost.localdomain/',
  'http://metadata.google.internal/computeMetadata/v1/',
  'http://internal/',
  'http://printer.local./',
  'http://nas.home.arpa/',
  'http://metadata/',
  'http://INSTANCE-DATA:80/',
])('%s is private', (url) => {
  expect(outboundFault(url, [])).toMatch(/private/);
  expect(outboundFault(url, blocksOf('0.0.0.0/0, ::/0'))).toBeNull();
});

test.each([
  'https://example.com/hook',
  'http://8.8.8.8/',
  'http://172.32.0.1/',
  'http://172.15.0.1/',
  'http://11.0.0.1/',
  'http://[2606:4700::1111]/',
  'http://[2001:4860:4860::8888]/',
  'http://localhost.example.com/',
  'http://10.example.com/',
  'http://local.example.com/',
  'http://notinternal.com/',
  'http://my-local.example.com/',
])('%s is public', (url) => {
  expect(outboundFault(url, [])).toBeNull();
});

test.each([
  'ftp://example.com',
  'example.com',
  '',
  'https://user@example.com/',
  'javascript:1',
  'http://example.com:0',
])('"%s" is nothing to send to', (url) => {
  expect(outboundFault(url, blocksOf('0.0.0.0/0'))).toMatch(/expected/);
});

test('a block allows what is in it and nothing beside it', () => {
  const allowed = blocksOf('10.16.0.0/12, fd00:1::/32,192.168.1.7');
  const may = (host: string) => outboundFault(`http://${host}/`, allowed) === null;
  expect(['10.16.0.1', '10.31.255.255', '[fd00:1::9]', '192.168.1.7'].map(may)).toEqual([true, true, true, true]);
  expect(['10.15.255.255', '10.32.0.0', '[fd00:2::9]', '192.168.1.8'].map(may)).toEqual([false, false, false, false]);
});

test('names of this machine are its loopback address, other private names any address', () => {
  const under = (blocks: string) => (host: string) => outboundFault(`http://${host}/`, blocksOf(blocks)) === null;
  expect(['localhost', 'localhost6', 'ip6-localhost', 'nas.local'].map(under('127.0.0.0/8'))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(under('10.0.0.0/8, 192.168.0.0/16')('nas.local')).toBe(false);
  expect(under('0.0.0.0/0')('nas.local')).toBe(true);
});

test.each(['10.0.0.0/33', '10.0.0/8', '300.0.0.0/8', 'fd00::/129', 'a/8', '10.0.0.0/-1', '10.0.0.0/x'])(
  '"%s" is no block',
  (text) => {
    expect(() => blocksOf(text)).toThrow(/no block/);
  },
);
