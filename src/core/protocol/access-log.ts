/** What a line of the gateway's access log may have, by the name that ACCESS_LOG_FIELDS chooses it by. */
const ACCESS_FIELDS = [
  'requestId',
  'traceId',
  'method',
  'scheme',
  'host',
  'path',
  'query',
  'protocol',
  'status',
  'elapsedMs',
  'upstreamMs',
  'requestBytes',
  'responseBytes',
  'whole',
  'clientIp',
  'country',
  'colo',
  'userAgent',
  'referer',
  'namespace',
  'route',
  'rule',
  'upstream',
  'endpoint',
  'tries',
  'identity',
  'user',
  'tenant',
  'limited',
  'stage',
  'code',
  'version',
] as const;
/** A field by its name. */
export type AccessField = (typeof ACCESS_FIELDS)[number];

/** Without what names a person or a browser: that is for a deployment to choose. */
const USUAL_ACCESS_FIELDS: readonly AccessField[] = [
  'requestId',
  'traceId',
  'method',
  'host',
  'path',
  'query',
  'status',
  'elapsedMs',
  'upstreamMs',
  'responseBytes',
  'clientIp',
  'namespace',
  'route',
  'rule',
  'upstream',
  'endpoint',
  'tries',
  'identity',
  'limited',
  'stage',
  'code',
];

/** What is logged of requests, and of how many. */
export interface AccessLogSettings {
  readonly fields: readonly AccessField[];
  /** Request headers that are logged as well, in lower case. */
  readonly headers: readonly string[];
  /** Of requests that went well, from 0 to 1; of others all. */
  readonly share: number;
}

/** Names of headers and parameters that hold secrets, wherever they are. */
const SECRET = /auth|cookie|credential|jwt|key|passw|secret|session|sig$|signature|token/i;

/** Whether a header or parameter of this name may hold a secret. */
export function isSecretName(name: string): boolean {
  return SECRET.test(name) || name.toLowerCase() === 'code';
}

/**
 * Reads `ACCESS_LOG_FIELDS`: names of fields, and `header:{name}` for request headers. Throws a RangeError that says what
 * is not one; headers that hold secrets cannot be chosen.
 */
export function readAccessFields(text: string): Pick<AccessLogSettings, 'fields' | 'headers'> {
  const fields: AccessField[] = [];
  const headers: string[] = [];
  for (const name of text.split(/[\s,]+/)) {
    if (name === '') continue;
    const header = /^header:([a-z0-9-]+)$/i.exec(name)?.[1]?.toLowerCase();
    const field = ACCESS_FIELDS.find((known) => known === name);
    if (header !== undefined && isSecretName(header)) throw new RangeError(`"${name}" may hold a secret`);
    if (header !== undefined) headers.push(header);
    else if (field !== undefined) fields.push(field);
    else throw new RangeError(`"${name}": expected header:{name} or one of ${ACCESS_FIELDS.join(', ')}`);
  }
  return fields.length + headers.length === 0 ? { fields: USUAL_ACCESS_FIELDS, headers } : { fields, headers };
}
