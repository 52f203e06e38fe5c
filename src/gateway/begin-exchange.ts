import type { AddressBlock } from '../core/address-blocks.ts';
import type { TraceContext } from '../observe/trace-context.ts';
import type { CanonicalRequest } from '../traffic/canonical.ts';
import { clientAddress, LOCAL_PEER } from '../traffic/client-address.ts';
import type { EntryReader, Exchange } from './exchange.ts';
import type { HeaderList } from './header-list.ts';
import { outgoingHeaders } from './headers.ts';
import { newExchange } from './new-exchange.ts';

/** A request as it has come, with what it is to be known by. */
export interface Incoming {
  readonly request: Request;
  readonly given: HeaderList;
  readonly target: CanonicalRequest;
  readonly entries: EntryReader;
  readonly requestId: string;
  readonly trace: TraceContext;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly startedMs: number;
}

/** The exchange of a request, with who its client is and the headers that go on. */
export function beginExchange(incoming: Incoming, trustedProxies: readonly AddressBlock[]): Exchange {
  const { request, given, target, entries, requestId, trace, waitUntil, startedMs } = incoming;
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
  return newExchange({
    request,
    given,
    target,
    entries,
    clientIp: client.ip,
    place,
    requestId,
    trace,
    headers,
    waitUntil,
    startedMs,
  });
}

/** As `Via` names the protocol: `1.1`, `2.0`. */
function viaProtocol(protocol: string | undefined): string {
  if (protocol === undefined) return '1.1';
  const version = protocol.slice(protocol.indexOf('/') + 1);
  return version.includes('.') ? version : `${version}.0`;
}
