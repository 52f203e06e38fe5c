import { describe, expect, test } from 'vitest';
import { blocksOf } from '../../src/core/address-blocks.ts';
import { clientAddress } from '../../src/traffic/client-address.ts';

describe('the client is the first from the right that is no trusted proxy', () => {
  test.each([
    ['nobody is trusted', '', '10.0.0.1', '1.1.1.1', '10.0.0.1'],
    ['a peer that is not trusted says nothing', '10.0.0.0/8', '203.0.113.1', '1.1.1.1', '203.0.113.1'],
    ['a trusted peer names the client', '10.0.0.0/8', '10.0.0.1', '203.0.113.5', '203.0.113.5'],
    ['what a client has made up stands further left', '10.0.0.0/8', '10.0.0.1', '1.1.1.1, 203.0.113.5', '203.0.113.5'],
    ['several trusted proxies', '10.0.0.0/8', '10.0.0.1', '1.1.1.1,203.0.113.5 , 10.9.9.9', '203.0.113.5'],
    ['all are trusted: the farthest', '10.0.0.0/8', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['no header', '10.0.0.0/8', '10.0.0.1', null, '10.0.0.1'],
    ['an entry that is no address ends the chain', '10.0.0.0/8', '10.0.0.1', '203.0.113.5, unknown', '10.0.0.1'],
    ['so does one that is out of range', '10.0.0.0/8', '10.0.0.1', '203.0.113.500', '10.0.0.1'],
    ['an empty header', '10.0.0.0/8', '10.0.0.1', '', '10.0.0.1'],
    ['ports are left out', '10.0.0.0/8', '10.0.0.1', '203.0.113.5:1234', '203.0.113.5'],
    ['IPv6, in brackets with a port', 'fd00::/8', 'fd00::1', '[2001:db8::5]:1234', '2001:db8::5'],
    ['IPv4 written as IPv6 is the same address', '10.0.0.0/8', '::ffff:10.0.0.1', '203.0.113.5', '203.0.113.5'],
  ])('%s', (_name, trusted, peer, header, expected) => {
    expect(clientAddress(peer, header, blocksOf(trusted)).ip).toBe(expected);
  });

  test('what stands before an untrusted peer is not kept', () => {
    expect(clientAddress('203.0.113.1', '1.1.1.1', blocksOf('10.0.0.0/8')).byTrustedProxy).toBe(false);
    expect(clientAddress('10.0.0.1', '1.1.1.1', blocksOf('10.0.0.0/8')).byTrustedProxy).toBe(true);
  });
});
