import type { AddressBlock } from '../core/address-blocks.ts';
import { outboundFault } from '../core/outbound.ts';
import type { UpstreamSource } from '../core/protocol/upstream.ts';

/** A request as it goes to one endpoint. */
export interface EndpointRequest {
  readonly method: string;
  /** With a leading slash, and the query behind it. */
  readonly pathAndQuery: string;
  /** The name asked for, where it is not the endpoint's own. */
  readonly host: string | null;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | Uint8Array | null;
  readonly signal: AbortSignal | null;
}

/** Sends a request to an endpoint; throws where there is no answer. `address` as of `Attempt`. */
export type SendToEndpoint = (source: UpstreamSource, address: string, request: EndpointRequest) => Promise<Response>;

/** An endpoint that may not be called: an address that the deployment does not allow, a binding that is not there. */
export class EndpointRefused extends Error {
  override readonly name = 'EndpointRefused';
}

/** What answers a request by `fetch`: the platform's own, or a service binding. */
export interface Fetcher {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

export interface EndpointParts {
  readonly origin: Fetcher;
  /** Private addresses that may be called: UPSTREAM_ALLOW_CIDRS. */
  readonly allowed: readonly AddressBlock[];
  /** A service binding of the deployment; undefined where it has none of that name. */
  readonly service: (binding: string) => Fetcher | undefined;
  /** Answers from R2, for upstreams of that source. */
  readonly files: (source: Extract<UpstreamSource, { type: 'r2' }>, request: EndpointRequest) => Promise<Response>;
}

/** More addresses than one isolate calls; then all are looked at again. */
const KNOWN_ADDRESSES = 10_000;

export function endpointSender({ origin, allowed, service, files }: EndpointParts): SendToEndpoint {
  const faults = new Map<string, string | null>();
  const faultOf = (address: string): string | null => {
    const known = faults.get(address);
    if (known !== undefined) return known;
    if (faults.size >= KNOWN_ADDRESSES) faults.clear();
    const fault = outboundFault(address, allowed);
    faults.set(address, fault);
    return fault;
  };
  return async (source, address, request) => {
    if (source.type === 'r2') return await files(source, request);
    if (source.type === 'serviceBinding') {
      const fetcher = service(source.binding);
      if (fetcher === undefined) throw new EndpointRefused(`the deployment has no service binding ${source.binding}`);
      // A Worker's address is any: it has the name that the client, or the route, asked for.
      return await fetcher.fetch(`https://${request.host ?? source.binding}${request.pathAndQuery}`, initOf(request));
    }
    const fault = faultOf(address);
    if (fault !== null) throw new EndpointRefused(fault);
    return await origin.fetch(address + request.pathAndQuery, initOf(request));
  };
}

/** Bytes, redirects and freshness are the client's business: nothing is decoded, followed or kept. */
function initOf({ method, headers, body, signal }: EndpointRequest): RequestInit {
  return { method, headers, body, signal, redirect: 'manual', cache: 'no-store', encodeResponseBody: 'manual' };
}
