import { type AddressBlock, addressBytes, blocksOf, contains } from './address-blocks.ts';

/**
 * Where the platform may send requests that somebody else named: to public addresses, and to private ones that the
 * deployment allows. Names are not looked up, which a Worker cannot: in production Cloudflare's network reaches no
 * private address by a name either, and the local runtime, which does, is kept from names that are private by themselves.
 */

/** Blocks that are nobody's on the public internet (RFC 6890 and its registries). */
const PRIVATE = blocksOf(
  [
    '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24',
    '192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4',
    '64:ff9b:1::/48 100::/64 2001:db8::/32 fc00::/7 fe80::/10 fec0::/10 ff00::/8',
    // Within these stands an IPv4 address, of which it is not said that it is public: compatible, NAT64, Teredo, 6to4.
    '::/96 64:ff9b::/96 2001::/32 2002::/16',
  ].join(' '),
);

/**
 * Names that are of the machine or of its network, whoever asks: `localhost` (RFC 6761), `local` (6762), `home.arpa`
 * (8375), `internal` (ICANN's board, 2024), and what /etc/hosts of Linux systems spell. One label is for search lists.
 */
const PRIVATE_NAME = /^[^.]*$|(?:^|\.)(?:localhost|local|internal|home\.arpa|localdomain6?)$/;
/** Those of them that are this machine. */
const LOOPBACK_NAME = /^(?:localhost6?|ip6-localhost|ip6-loopback|(?:.*\.)?localhost|localhost6?\.localdomain6?)$/;
const [LOOPBACK, ALL_IPV4] = blocksOf('127.0.0.1 0.0.0.0/0');

/**
 * Why nothing could be sent to a URL wherever that is, or null: for one that is declared. Whether the deployment lets
 * a request to it out is known where it is sent.
 */
export function urlFault(url: string): string | null {
  if (!URL.canParse(url)) return 'expected a URL';
  const { protocol, username, password, port } = new URL(url);
  if (protocol !== 'https:' && protocol !== 'http:') return 'expected https or http';
  if (username !== '' || password !== '') return 'expected a URL without a user';
  if (port === '0') return 'expected a port from 1 to 65535';
  return null;
}

/** Why a request may not go to a URL, or null. */
export function outboundFault(url: string, allowed: readonly AddressBlock[]): string | null {
  const fault = urlFault(url);
  if (fault !== null) return fault;
  const { hostname } = new URL(url);
  // A URL's host has one spelling: 0x7f.1 and 127.1 have become 127.0.0.1.
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const bytes = LOOPBACK_NAME.test(host) ? LOOPBACK.bytes : addressBytes(host);
  if (bytes === null) return nameFault(host, allowed);
  if (!PRIVATE.some((block) => contains(block, bytes)) || allowed.some((block) => contains(block, bytes))) return null;
  return `${host} is a private address, which UPSTREAM_ALLOW_CIDRS does not name`;
}

/** What a private name stands for is not known: it is allowed where every private IPv4 address is. */
function nameFault(host: string, allowed: readonly AddressBlock[]): string | null {
  if (!PRIVATE_NAME.test(host)) return null;
  if (allowed.some((block) => block.bits <= ALL_IPV4.bits && contains(block, ALL_IPV4.bytes))) return null;
  return `${host} is a private name, which UPSTREAM_ALLOW_CIDRS lets in as 0.0.0.0/0 alone`;
}
