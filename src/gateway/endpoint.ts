import type { AddressBlock } from '../core/address-blocks.ts';
import { outboundFault } from '../core/outbound.ts';
import { type CompiledUpstream, mayBind } from '../core/protocol/upstream.ts';
import { answerFile, type FilesBucket } from './files.ts';
import type { HeaderList } from './header-list.ts';

/** A request as it goes to one endpoint. */
export interface EndpointRequest {
  readonly method: string;
  /** With a leading slash, and the query behind it. */
  readonly pathAndQuery: string;
  /** The name that a filter asks for; null where none does. */
  readonly host: string | null;
  readonly clientHost: string;
  readonly headers: HeaderList;
  readonly body: ReadableStream<Uint8Array> | Uint8Array | null;
  /** The request that `body` is of. */
  readonly original: Request;
  readonly signal: AbortSignal | null;
}

/** Sends a request to an endpoint; throws where there is no answer. `address` as of `Attempt`. */
export type SendToEndpoint = (
  upstream: CompiledUpstream,
  address: string,
  request: EndpointRequest,
) => Promise<Response>;

/** An endpoint that may not be called: an address that the deployment does not allow, a binding that is not there. */
export class EndpointRefused extends Error {
  override readonly name = 'EndpointRefused';
}

/** Whether a call was not even sent: it says nothing of the endpoint, and no breaker may open by it. */
export function wasNotSent(error: unknown): boolean {
  return error instanceof EndpointRefused || error instanceof TypeError;
}

/** What answers a request by `fetch`: the platform's own, or a service binding. */
export interface Fetcher {
  fetch(url: string | Request, init?: RequestInit): Promise<Response>;
}

/** What endpoints are called by, and which of them may be. */
export interface EndpointParts {
  readonly origin: Fetcher;
  /** Private addresses that may be called: UPSTREAM_ALLOW_CIDRS. */
  readonly allowed: readonly AddressBlock[];
  /** A binding of the deployment by its name; undefined where it has none. */
  readonly binding: (name: string) => unknown;
  /** UPSTREAM_BINDINGS: `NAME` for every namespace, `namespace/NAME` for one. */
  readonly bindings: readonly string[];
  /** The platform's own bucket, of which a namespace's files are under `public/{namespaceUid}/`. */
  readonly bucket: FilesBucket;
}

/** More addresses than one isolate calls; then all are looked at again. */
const KNOWN_ADDRESSES = 10_000;

/**
 * Sends to whatever an upstream is: addresses, a service binding, files of a bucket. It throws `EndpointRefused`
 * before a call is made.
 */
export function endpointSender({ origin, allowed, binding, bindings, bucket }: EndpointParts): SendToEndpoint {
  const faults = new Map<string, string | null>();
  const faultOf = (address: string): string | null => {
    const known = faults.get(address);
    if (known !== undefined) return known;
    if (faults.size >= KNOWN_ADDRESSES) faults.clear();
    const fault = outboundFault(address, allowed);
    faults.set(address, fault);
    return fault;
  };
  /** What was allowed when the upstream was admitted may not be so now. */
  const named = <T>({ namespace }: CompiledUpstream, name: string, isSuch: (value: unknown) => value is T): T => {
    const present = mayBind(bindings, namespace, name) ? binding(name) : undefined;
    if (present === undefined) throw new EndpointRefused(`namespace ${namespace} may use no binding ${name}`);
    if (!isSuch(present)) throw new EndpointRefused(`the binding ${name} is of another kind`);
    return present;
  };
  return async (upstream, address, request) => {
    const { source } = upstream;
    if (source.type === 'r2') {
      if (source.binding !== null) {
        const own = named(upstream, source.binding, isBucket);
        return await answerFile(own, source.prefix, source.indexDocument, request);
      }
      const prefix = `public/${upstream.namespaceUid}/${source.prefix}`;
      return await answerFile(bucket, prefix, source.indexDocument, request);
    }
    if (source.type === 'serviceBinding') {
      const service = named(upstream, source.binding, isFetcher);
      // A Worker's address is any: it has the name that the route asks for, else the client's.
      return await sendTo(service, `https://${request.host ?? request.clientHost}${request.pathAndQuery}`, request);
    }
    const fault = faultOf(address);
    if (fault !== null) throw new EndpointRefused(fault);
    return await sendTo(origin, address + request.pathAndQuery, request);
  };
}

/** Bytes, redirects and freshness are the client's business: nothing is decoded, followed or kept. */
function sendTo(fetcher: Fetcher, url: string, { method, headers, body, original, signal }: EndpointRequest) {
  const init: RequestInit = {
    headers: headers.toInit(),
    signal,
    redirect: 'manual',
    cache: 'no-store',
    encodeResponseBody: 'manual',
  };
  if (body === null || (method !== 'GET' && method !== 'HEAD')) return fetcher.fetch(url, { ...init, method, body });
  // The Fetch standard has no body of GET; HTTP does, and the platform passes one on with the request that it came with.
  if (body !== original.body) throw new EndpointRefused(`the body of ${method} has been read`);
  return fetcher.fetch(new Request(new Request(url, original), init));
}

function isFetcher(value: unknown): value is Fetcher {
  return typeof value === 'object' && value !== null && 'fetch' in value && typeof value.fetch === 'function';
}

function isBucket(value: unknown): value is FilesBucket {
  return typeof value === 'object' && value !== null && 'get' in value && 'head' in value;
}
