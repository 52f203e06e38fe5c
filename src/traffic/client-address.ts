import { type AddressBlock, addressBytes, contains } from '../core/address-blocks.ts';

/** Where a request comes from, as far as somebody trusted says so. */
export interface ClientAddress {
  /** IPv4 or IPv6. */
  readonly ip: string;
  /** Whether the peer itself is a trusted proxy: what it says in forwarding headers is then kept. */
  readonly byTrustedProxy: boolean;
}

/** The peer where the platform names none: the local one, which listens on the loopback alone. */
export const LOCAL_PEER = '127.0.0.1';

/**
 * The client's address: from the right, the first of `X-Forwarded-For` and the peer behind it that is no trusted proxy.
 * What stands further left a client may have made up. An entry that is no address ends the chain at the proxy that
 * let it through.
 *
 * @param peer who has connected; `forwardedFor` is the header, or null
 */
export function clientAddress(
  peer: string,
  forwardedFor: string | null,
  trusted: readonly AddressBlock[],
): ClientAddress {
  if (trusted.length === 0 || !isTrusted(peer, trusted)) return { ip: peer, byTrustedProxy: false };
  let ip = peer;
  const chain = forwardedFor === null ? [] : forwardedFor.split(',');
  for (let i = chain.length - 1; i >= 0; i--) {
    const entry = plainAddress(chain[i]);
    if (entry === null) break;
    ip = entry;
    if (!isTrusted(entry, trusted)) break;
  }
  return { ip, byTrustedProxy: true };
}

function isTrusted(address: string, trusted: readonly AddressBlock[]): boolean {
  const bytes = addressBytes(address);
  return bytes !== null && trusted.some((block) => contains(block, bytes));
}

/** An entry without its port and brackets, or null where it is no address. */
function plainAddress(entry: string): string | null {
  const text = entry.trim();
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text);
  const address = bracketed !== null ? bracketed[1] : text.replace(/^([\d.]+):\d+$/, '$1');
  const bytes = addressBytes(address);
  return bytes === null || bytes.some((byte) => byte > 255) ? null : address;
}
