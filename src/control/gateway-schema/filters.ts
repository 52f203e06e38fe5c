import * as z from 'zod';
import { duration, fieldName, fieldValue, int32, mapList, portNumber, preciseHostname, setList } from './names.ts';
import { backendReference, fraction, localReference } from './references.ts';

/** What a filter may be; each type has the member of its name. */
export const FILTER_TYPES = [
  'RequestHeaderModifier',
  'ResponseHeaderModifier',
  'RequestMirror',
  'RequestRedirect',
  'URLRewrite',
  'ExtensionRef',
  'CORS',
  'ExternalAuth',
] as const;

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const;

const ORIGIN = '(^\\*$)|(^(http(s)?):\\/\\/(((\\*\\.)?([a-zA-Z0-9\\-]+\\.)*[a-zA-Z0-9-]+|\\*)(:([0-9]{1,5}))?)$)';

/** Characters of a path (RFC 3986, section 3.3). */
export const PATH_CHARACTERS = "^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$";

/** A filter of an HTTPRoute's rule or backend. */
export function filter() {
  return z.object({
    type: z.enum(FILTER_TYPES),
    requestHeaderModifier: headerModifier()
      .optional()
      .describe('Changes headers of the request, before it is sent on.'),
    responseHeaderModifier: headerModifier().optional().describe('Changes headers of the answer.'),
    requestMirror: z
      .object({
        backendRef: z.object(backendReference()),
        percent: int32(0, 100).optional().describe('Of the requests; all where neither is said.'),
        fraction: fraction().optional(),
      })
      .optional()
      .describe('Sends a copy of the request somewhere else and forgets the answer.'),
    requestRedirect: z
      .object({
        scheme: z.enum(['http', 'https']).optional(),
        hostname: preciseHostname().optional(),
        path: pathModifier().optional(),
        port: portNumber().optional(),
        statusCode: z
          .int()
          .meta({ enum: [301, 302, 303, 307, 308] })
          .default(302),
      })
      .optional()
      .describe('Answers with another address; what is not said stays as the request has it.'),
    urlRewrite: z
      .object({ hostname: preciseHostname().optional(), path: pathModifier().optional() })
      .optional()
      .describe('Changes the address that the request is sent on to.'),
    cors: cors().optional().describe('Answers preflights, and says in answers which origins may read them.'),
    externalAuth: externalAuth().optional().describe('Not built: a rule with it answers 500.'),
    extensionRef: z.object(localReference()).optional().describe('No kind of ours is a filter: policies attach.'),
  });
}

function headerModifier() {
  const header = () => z.object({ name: fieldName(), value: fieldValue() });
  return z.object({
    set: mapList(header(), 'name').max(16).optional().describe('These have this value and no other.'),
    add: mapList(header(), 'name').max(16).optional().describe('These have this value beside those they have.'),
    remove: setList(z.string()).max(16).optional(),
  });
}

function pathModifier() {
  return z.object({
    type: z.enum(['ReplaceFullPath', 'ReplacePrefixMatch']),
    replaceFullPath: z.string().max(1_024).optional(),
    replacePrefixMatch: z.string().max(1_024).optional().describe('In place of the prefix that the rule matched.'),
  });
}

function cors() {
  return z.object({
    allowOrigins: setList(z.string().min(1).max(253).meta({ pattern: ORIGIN }))
      .max(64)
      .optional(),
    allowCredentials: z.boolean().optional(),
    allowMethods: setList(z.enum([...METHODS, '*']))
      .max(9)
      .optional(),
    allowHeaders: setList(fieldName()).max(64).optional(),
    exposeHeaders: setList(fieldName()).max(64).optional(),
    maxAge: int32(1).default(5).describe('Seconds for which a preflight may be remembered.'),
  });
}

function externalAuth() {
  const headers = () => setList(z.string()).max(64).optional();
  return z.object({
    protocol: z.enum(['HTTP', 'GRPC']),
    backendRef: z.object(backendReference()),
    grpc: z.object({ allowedHeaders: headers() }).optional(),
    http: z
      .object({
        path: z.string().max(1_024).meta({ pattern: PATH_CHARACTERS }).optional(),
        allowedHeaders: headers(),
        allowedResponseHeaders: headers(),
      })
      .optional(),
    forwardBody: z.object({ maxSize: z.int().optional() }).optional(),
  });
}

/** How requests of a client come to the same endpoint. */
export function sessionPersistence() {
  return z.object({
    sessionName: z.string().max(128).optional().describe('Of the cookie or the header.'),
    type: z.enum(['Cookie', 'Header']).default('Cookie'),
    absoluteTimeout: duration().optional().describe('After which a session begins anew.'),
    idleTimeout: duration().optional().describe('After which a session that was not used begins anew.'),
    cookieConfig: z
      .object({
        lifetimeType: z
          .enum(['Session', 'Permanent'])
          .default('Session')
          .describe('Whether the cookie goes with the browser, or stays until `absoluteTimeout`.'),
      })
      .optional(),
  });
}
