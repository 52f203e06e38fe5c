import { type AddressBlock, addressBytes, blocksOf, contains } from '../core/address-blocks.ts';
import type { CompiledSecurity } from '../core/protocol/security-policy.ts';
import { type BodyCheck, planBodySchema } from '../traffic/body-schema.ts';
import { originMatches } from '../traffic/filters/cors.ts';
import { announcedBytes } from './body.ts';
import type { Check, Exchange, Soon } from './exchange.ts';
import { boundBody, mayHaveBody, NO_BODY, readBody, tooLarge } from './read-body.ts';
import { refuse } from './refusal.ts';

interface Prepared {
  readonly allow: readonly AddressBlock[];
  readonly deny: readonly AddressBlock[];
  readonly body: BodyCheck | null;
}

const prepared = new WeakMap<CompiledSecurity, Prepared>();

function preparedOf(security: CompiledSecurity): Prepared {
  const present = prepared.get(security);
  if (present !== undefined) return present;
  const { addresses, request } = security;
  const made = {
    allow: blocksOf(addresses.allow.join(' ')),
    deny: blocksOf(addresses.deny.join(' ')),
    body: request.body === null ? null : planBodySchema(request.body.schema),
  };
  prepared.set(security, made);
  return made;
}

/** Refuses clients by their address. One that is not known is in no block: it is let in by no list, and denied by none. */
export const checkAddress: Check = (exchange) => {
  const policy = exchange.policies.security;
  if (policy === null) return null;
  const { allow, deny } = preparedOf(policy.spec);
  if (allow.length === 0 && deny.length === 0) return null;
  const bytes = exchange.clientIp === null ? null : addressBytes(exchange.clientIp);
  const isIn = (blocks: readonly AddressBlock[]) => bytes !== null && blocks.some((block) => contains(block, bytes));
  if (isIn(deny) || (allow.length > 0 && !isIn(allow)))
    return refuse(exchange, 'addresses', 'access_denied', 'requests from this address are not let in');
  return null;
};

/** Refuses requests that are not as the policy in force wants them. */
export const checkRequest: Check = (exchange) => {
  const policy = exchange.policies.security;
  if (policy === null) return null;
  return (
    methodFault(exchange, policy.spec) ??
    sizeFault(exchange, policy.spec) ??
    headerFault(exchange, policy.spec) ??
    webSocketFault(exchange, policy.spec) ??
    bodyFault(exchange, policy.spec)
  );
};

function methodFault(exchange: Exchange, { request: { methods } }: CompiledSecurity): Response | null {
  const { method } = exchange.target;
  if (methods === null || methods.includes(method)) return null;
  // A preflight asks about another method, and says so; what it asks about is looked at when it comes.
  if (method === 'OPTIONS' && exchange.given.has('access-control-request-method')) return null;
  const allowed = methods.join(', ');
  return refuse(exchange, 'validation', 'method_refused', `expected one of ${allowed}`, {
    headers: { allow: allowed },
  });
}

function sizeFault(exchange: Exchange, { request }: CompiledSecurity): Response | null {
  const { maxUrlBytes, maxHeaderBytes, maxHeaders } = request;
  const { path, search } = exchange.target;
  // Both are ASCII: what is not comes percent-encoded.
  if (maxUrlBytes !== null && path.length + search.length > maxUrlBytes)
    return refuse(exchange, 'validation', 'uri_too_long', `path and query have more than ${maxUrlBytes} bytes`);
  if (maxHeaderBytes === null && maxHeaders === null) return null;
  let [bytes, count] = [0, 0];
  for (const [name, value] of exchange.given.entries()) {
    bytes += name.length + value.length;
    count += 1;
  }
  if (maxHeaderBytes !== null && bytes > maxHeaderBytes)
    return refuse(exchange, 'validation', 'headers_too_large', `the headers have more than ${maxHeaderBytes} bytes`);
  if (maxHeaders !== null && count > maxHeaders)
    return refuse(exchange, 'validation', 'headers_too_large', `there are more than ${maxHeaders} headers`);
  return null;
}

function headerFault(exchange: Exchange, { request: { requiredHeaders } }: CompiledSecurity): Response | null {
  // One that `Connection` names is not passed on: the upstream would not have it.
  const { given, headers } = exchange;
  const missing = requiredHeaders.filter((name) => !given.has(name) || !headers.has(name));
  if (missing.length === 0) return null;
  return refuse(exchange, 'validation', 'bad_request', `the request lacks ${missing.join(', ')}`);
}

/** Browsers say where a page is from that opens a WebSocket, and let every page open any (RFC 6455, section 10.2). */
function webSocketFault(exchange: Exchange, { webSocketOrigins }: CompiledSecurity): Response | null {
  if (webSocketOrigins === null) return null;
  const { headers } = exchange.request;
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket') return null;
  const origin = headers.get('origin');
  if (origin !== null && webSocketOrigins.some((allowed) => originMatches(allowed, origin))) return null;
  return refuse(exchange, 'validation', 'access_denied', 'WebSockets are not opened for pages of this origin');
}

function bodyFault(exchange: Exchange, security: CompiledSecurity): Soon<Response | null> {
  const { maxBodyBytes, contentTypes, body } = security.request;
  if (!mayHaveBody(exchange)) {
    // A schema that asks for something is not satisfied by nothing; methods without bodies are not asked.
    return body === null || isBodiless(exchange.target.method) ? null : schemaFault(exchange, security, body.maxBytes);
  }
  const type = mediaType(exchange.given.get('content-type'));
  if (contentTypes !== null && !contentTypes.some((allowed) => isType(allowed, type)))
    return refuse(exchange, 'validation', 'media_type_refused', `expected ${contentTypes.join(', ')}`, {
      headers: { accept: contentTypes.join(', ') },
    });
  if (maxBodyBytes !== null) {
    const announced = announcedBytes(exchange.given);
    if (announced === null) boundBody(exchange, maxBodyBytes);
    else if (announced > maxBodyBytes) return refuse(exchange, 'validation', 'body_too_large', tooLarge(maxBodyBytes));
  }
  if (body === null) return null;
  if (!isJson(type))
    return refuse(exchange, 'validation', 'media_type_refused', 'expected application/json', {
      headers: { accept: 'application/json' },
    });
  return schemaFault(exchange, security, Math.min(body.maxBytes, maxBodyBytes ?? body.maxBytes));
}

async function schemaFault(exchange: Exchange, security: CompiledSecurity, maxBytes: number): Promise<Response | null> {
  const { body: check } = preparedOf(security);
  if (check === null) return null;
  const bytes = await readBody(exchange, maxBytes);
  if (bytes === null) {
    const { code, detail } = exchange.bodyFault ?? NO_BODY;
    return refuse(exchange, 'validation', code, detail);
  }
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return refuse(exchange, 'validation', 'bad_request', 'the body is not JSON');
  }
  const [fault] = check.faults(body);
  if (fault === undefined) return null;
  return refuse(
    exchange,
    'validation',
    'bad_request',
    `${fault.path === '' ? 'the body' : fault.path}: ${fault.message}`,
  );
}

function isBodiless(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'DELETE' || method === 'OPTIONS' || method === 'TRACE';
}

/** In lower case, without parameters. */
function mediaType(contentType: string | null): string {
  return (contentType ?? '').split(';')[0].trim().toLowerCase();
}

function isType(allowed: string, type: string): boolean {
  return allowed.endsWith('/*') ? type.startsWith(allowed.slice(0, -1)) : type === allowed;
}

function isJson(type: string): boolean {
  return type === 'application/json' || (type.startsWith('application/') && type.endsWith('+json'));
}
