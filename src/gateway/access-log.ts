import { type AccessField, type AccessLogSettings, isSecretName } from '../core/protocol/access-log.ts';
import type { CredentialPlace } from '../core/protocol/auth-policy.ts';
import type { Log } from '../observe/log.ts';
import type { Exchange } from './exchange.ts';

/** Where requests that are over are written down. */
export interface AccessLog {
  finished(exchange: Exchange): void;
}

const REDACTED = '[redacted]';

/**
 * A line for each exchange that failed, and for a share of the others: by its trace's id, so that what belongs together
 * is logged together, in other services too where they do the same.
 */
export function createAccessLog(settings: AccessLogSettings, log: Log): AccessLog {
  const { share } = settings;
  return {
    finished(exchange) {
      if (hasFailed(exchange)) log.warn('request', accessLine(exchange, settings));
      else if (share >= 1 || (share > 0 && drawn(exchange.trace.traceId) < share)) {
        log.info('request', accessLine(exchange, settings));
      }
    },
  };
}

/** Failed here or at the upstream, or broken off: what is always logged. */
function hasFailed({ status, bodyWhole }: Exchange): boolean {
  return status >= 500 || bodyWhole === false;
}

/** A number in [0, 1) that a trace's id stands for. */
function drawn(traceId: string): number {
  return Number.parseInt(traceId.slice(0, 8), 16) / 0x1_0000_0000;
}

/** What is logged of an exchange. What it has nothing of is left out. */
export function accessLine(
  exchange: Exchange,
  { fields, headers }: Pick<AccessLogSettings, 'fields' | 'headers'>,
): Record<string, unknown> {
  const line: Record<string, unknown> = {};
  for (const field of fields) {
    const value = READ[field](exchange);
    if (value !== null && value !== undefined && value !== '') line[field] = value;
  }
  for (const name of headers) {
    const value = exchange.given.get(name);
    if (value !== null) line[`header:${name}`] = isCredential(exchange, 'header', name) ? REDACTED : value;
  }
  return line;
}

const READ: Readonly<Record<AccessField, (exchange: Exchange) => unknown>> = {
  requestId: ({ requestId }) => requestId,
  traceId: ({ trace }) => trace.traceId,
  method: ({ target }) => target.method,
  scheme: ({ target }) => target.scheme,
  host: ({ target }) => target.host,
  path: ({ target }) => target.path,
  query: (exchange) => redactedQuery(exchange, exchange.target.search),
  protocol: ({ place }) => place.httpProtocol,
  status: ({ status }) => status,
  elapsedMs: ({ startedMs, endedMs }) => endedMs - startedMs,
  upstreamMs: ({ sentMs, headMs }) => (headMs > 0 ? headMs - sentMs : null),
  requestBytes: ({ requestBytes }) => requestBytes,
  responseBytes: ({ responseBytes }) => responseBytes,
  whole: ({ bodyWhole }) => bodyWhole,
  clientIp: ({ clientIp }) => clientIp,
  country: ({ place }) => place.country,
  colo: ({ place }) => place.colo,
  userAgent: ({ given }) => given.get('user-agent'),
  referer: (exchange) => redactedAddress(exchange, exchange.given.get('referer')),
  namespace: ({ action }) => action?.route.namespace,
  route: ({ action }) => action?.route.name,
  rule: ({ action }) => (action === null ? null : (action.rule.name ?? String(action.rule.index))),
  upstream: ({ backend }) => backend?.name,
  endpoint: ({ calls }) => calls.at(-1)?.endpoint,
  tries: ({ calls }) => (calls.length > 0 ? calls.length : null),
  identity: ({ identity }) => (identity.method === 'anonymous' ? null : `${identity.method}:${identity.id ?? ''}`),
  user: ({ identity }) => identity.user,
  tenant: ({ identity }) => identity.tenant,
  limited: ({ limits }) =>
    limits
      .filter(({ allowed }) => !allowed)
      .map(({ policy, limit, dryRun }) => `${policy}/${limit}${dryRun ? ' (dry run)' : ''}`)
      .join(', '),
  stage: ({ refusal }) => refusal?.stage,
  code: ({ refusal }) => refusal?.code,
  version: ({ entries }) => entries.version,
};

/** A query, `?` and all, whose secrets are not in it; the rest stays as it was written. */
function redactedQuery(exchange: Exchange, search: string): string {
  if (search === '') return search;
  const parts = search
    .slice(1)
    .split('&')
    .map((part) => {
      const [name] = new URLSearchParams(part).keys();
      if (name === undefined) return part;
      const isSecret = isSecretName(name) || isCredential(exchange, 'query', name);
      return isSecret ? `${part.split('=')[0]}=${REDACTED}` : part;
    });
  return `?${parts.join('&')}`;
}

function redactedAddress(exchange: Exchange, address: string | null): string | null {
  const query = address?.indexOf('?') ?? -1;
  if (address === null || query < 0) return address;
  return address.slice(0, query) + redactedQuery(exchange, address.slice(query).split('#')[0]);
}

/** Whether the policy in force takes credentials from there, right ones or wrong ones. */
function isCredential({ policies }: Exchange, type: CredentialPlace['type'], name: string): boolean {
  if (policies.auth === null) return false;
  const { apiKey, jwt } = policies.auth.spec;
  const isThere = (place: CredentialPlace) => place.type === type && place.name === name;
  return (apiKey?.from.some(isThere) ?? false) || (jwt?.from.some(isThere) ?? false);
}
