import type { AddressBlock } from '../core/address-blocks.ts';
import { clientAddress, LOCAL_PEER } from '../traffic/client-address.ts';
import type { Exchange } from './exchange.ts';
import { outgoingHeaders } from './headers.ts';
import { type ExchangeStart, newExchange } from './new-exchange.ts';

/** A request as it has come, with what it is to be known by. */
export type Incoming = Omit<ExchangeStart, 'clientIp' | 'place' | 'headers'>;

/** The exchange of a request, with who its client is and the headers that go on. */
export function beginExchange(incoming: Incoming, trustedProxies: readonly AddressBlock[]): Exchange {
  const { request, given, target, requestId, trace } = incoming;
  const peer = given.get('cf-connecting-ip') ?? LOCAL_PEER;
  const client = clientAddress(peer, given.get('x-forwarded-for'), trustedProxies);
  const place = (request.cf ?? {}) as IncomingRequestCfProperties;
  const headers = outgoingHeaders(given, {
    target,
    clientIp: client.ip,
    peer,
    byTrustedProxy: client.byTrustedProxy,
    requestId,
    trace,
    protocol: viaProtocol(place.httpProtocol),
  });
  return newExchange({ ...incoming, clientIp: client.ip, place, headers });
}

/** As `Via` names the protocol: `1.1`, `2.0`. */
function viaProtocol(protocol: string | undefined): string {
  if (protocol === undefined) return '1.1';
  const version = protocol.slice(protocol.indexOf('/') + 1);
  return version.includes('.') ? version : `${version}.0`;
}
