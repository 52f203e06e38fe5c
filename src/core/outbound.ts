/**
 * Where the platform may send requests that somebody else named: to public addresses, and to private ones that the
 * deployment allows. Names are not looked up, which a Worker cannot: in production Cloudflare's network reaches no
 * private address by a name either, and `localhost` is refused here.
 */

/** An address with the number of its leading bits that count; IPv4 as the 16 bytes of its mapped IPv6 address. */
export interface AddressBlock {
  readonly bytes: readonly number[];
  readonly bits: number;
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

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

/** Blocks in CIDR notation, separated by commas or spaces. Throws an Error that names the one at fault. */
export function blocksOf(text: string): readonly AddressBlock[] {
  return text
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .map((word) => {
      const [address, length] = word.split('/');
      const bytes = addressBytes(address);
      const width = address.includes(':') ? 128 : 32;
      const bits = length === undefined ? width : Number(length);
      if (bytes === null || bytes.some((byte) => byte > 255) || !/^\d{1,3}$/.test(length ?? '0') || bits > width)
        throw new Error(`"${word}" is no block of addresses: expected 10.0.0.0/8 or fd00::/8`);
      return { bytes, bits: bits + 128 - width };
    });
}

/**
 * Why nothing could be sent to a URL wherever that is, or null: for one that is declared. Whether the deployment lets
 * a request to it out is known where it is sent.
 */
export function urlFault(url: string): string | null {
  if (!URL.canParse(url)) return 'expected a URL';
  const { protocol, username, password } = new URL(url);
  if (protocol !== 'https:' && protocol !== 'http:') return 'expected https or http';
  if (username !== '' || password !== '') return 'expected a URL without a user';
  return null;
}

/** Why a request may not go to a URL, or null. */
export function outboundFault(url: string, allowed: readonly AddressBlock[]): string | null {
  const fault = urlFault(url);
  if (fault !== null) return fault;
  const { hostname } = new URL(url);
  // A URL's host has one spelling: 0x7f.1 and 127.1 have become 127.0.0.1.
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const local = host === 'localhost' || host.endsWith('.localhost');
  const bytes = local ? addressBytes('127.0.0.1') : addressBytes(host);
  if (bytes === null) return null;
  if (!PRIVATE.some((block) => contains(block, bytes)) || allowed.some((block) => contains(block, bytes))) return null;
  return `${host} is a private address, which UPSTREAM_ALLOW_CIDRS does not name`;
}

function contains({ bytes, bits }: AddressBlock, address: readonly number[]): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== address[i]) return false;
  const rest = bits & 7;
  return rest === 0 || bytes[whole] >> (8 - rest) === address[whole] >> (8 - rest);
}

/** The 16 bytes of an address, or null for a name. */
function addressBytes(host: string): readonly number[] | null {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(host)) return [...MAPPED, ...host.split('.').map(Number)];
  if (!host.includes(':') || !URL.canParse(`http://[${host}]/`)) return null;
  const spelled = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const [head, tail] = spelled.split('::');
  const groups = (part: string | undefined) => (part ? part.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const left = groups(head);
  const right = groups(tail);
  const words = tail === undefined ? left : [...left, ...new Array(8 - left.length - right.length).fill(0), ...right];
  return words.flatMap((word) => [word >> 8, word & 0xff]);
}
